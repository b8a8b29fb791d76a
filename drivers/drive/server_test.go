package drive

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A preview changes nothing until the next request, or until the status that was sent is
// known, and the observer sees that status alone.
func TestPreview(t *testing.T) {
	for name, row := range map[string]struct {
		statuses []int // previews
		sent     int   // 0: not known
		told     int   // the status that the machine was told
		kept     bool
	}{
		"supposed":     {[]int{200}, 0, 200, true},
		"changed":      {[]int{200, 404}, 0, 404, true},
		"sent":         {[]int{200}, 500, 500, true},
		"refused late": {[]int{200}, 401, 401, false},
		"supposed 401": {[]int{401}, 0, 401, false},
	} {
		var told []int
		toy := gsstoy.Toy{Legs: 1, Bound: true, Final: true, Secret: gss.NewSecret("secret")}
		server, err := NewServer(machine.ServerConfig{Schemes: []scheme.Server{scheme.NTLMServer(toy)}}, func(_ uint64, _ gss.Env, e machine.Event, _ machine.Actions) {
			if r, ok := e.(machine.Responding); ok {
				told = append(told, r.Status)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		conn := server.Connection()
		request := func(lines ...string) machine.Action {
			t.Helper()
			in := machine.Incoming{Method: "GET", Target: "/", Authority: "h", Binding: gss.NoBinding()}
			q, _ := in.AtOrigin()
			fields := func(name string) []string {
				if name == header.Authorization {
					return lines
				}
				return nil
			}
			act, err := conn.Run(machine.Received{Request: q, Header: header.ParseRequest(fields)}, decline)
			if err != nil {
				t.Fatal(err)
			}
			return act
		}
		if _, err := conn.Preview(200, decline); err == nil {
			t.Errorf("%s: a preview without a request", name)
		}
		if _, ok := request("NTLM dG95OmkxOnU9YWxpY2U6cD1zZWNyZXQ=").(machine.Accept); !ok { // toy:i1:u=alice:p=secret
			t.Fatalf("%s: not accepted", name)
		}
		for _, status := range row.statuses {
			f, err := conn.Preview(status, decline)
			if err != nil || f.Challenges.Len() != 1 || (f.PersistentAuth.Text() == "") != (status == 401) {
				t.Errorf("%s: the preview of %d is %v, %v", name, status, f, err)
			}
			if len(told) != 0 {
				t.Errorf("%s: the observer saw the preview", name)
			}
		}
		if row.sent != 0 {
			if _, err := conn.Run(machine.Responding{Status: row.sent}, decline); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, kept := request().(machine.Accept); kept != row.kept {
			t.Errorf("%s: the identity is kept: %t, want %t", name, kept, row.kept)
		}
		if len(told) != 1 || told[0] != row.told {
			t.Errorf("%s: the machine was told %v, want %d", name, told, row.told)
		}
		requirement.Held(t, "unit:supposed_status", "FRONT-9")
	}
}
