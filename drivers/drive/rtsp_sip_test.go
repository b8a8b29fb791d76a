package drive_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/prooftest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// TestRTSPAndSIP: the exchange of this package over sockets that speak another protocol with HTTP's authentication: RTSP
// (RFC 2326 section 1.6, as cameras have it) and SIP (RFC 3261 section 22). A second request has a proof at once.
func TestRTSPAndSIP(t *testing.T) {
	const password = "wonder"
	for _, row := range []struct {
		version, method, uri string
		challenges           []string
		fields               string // what each request of the protocol has
	}{
		{"RTSP/1.0", "DESCRIBE", "rtsp://%s/Streaming/Channels/101?transportmode=unicast",
			[]string{`Digest realm="IP Camera(C2345)", nonce="4a6f8c1d2e3b", stale="FALSE"`, `Basic realm="IP Camera(C2345)"`}, "Accept: application/sdp\r\n"},
		{"RTSP/1.0", "SETUP", "rtsp://%s/live/trackID=1", []string{`Digest realm="LIVE555 Streaming Media", nonce="0f1e2d3c4b5a"`}, "Transport: RTP/AVP/TCP;interleaved=0-1\r\n"},
		{"SIP/2.0", "REGISTER", "sip:registrar.example", []string{`Digest algorithm=MD5, realm="asterisk", nonce="1b3a5c7e9d"`}, "Call-ID: a84b4c76e66710\r\n"},
		{"SIP/2.0", "REGISTER", "sips:registrar.example;transport=tcp", []string{`Digest realm="sip", nonce="YWJj=", opaque="", qop="auth,auth-int", algorithm=md5`}, "Call-ID: 1@client\r\n"},
	} {
		t.Run(row.version+" "+row.method, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			uri := row.uri
			if strings.Contains(uri, "%s") {
				uri = fmt.Sprintf(uri, l.Addr())
			}
			asked := make(chan bool, 8) // for each request, whether it was proved
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				in := textproto.NewReader(bufio.NewReader(c))
				for {
					line, err := in.ReadLine()
					fields, err2 := in.ReadMIMEHeader()
					if err != nil || err2 != nil || line != row.method+" "+uri+" "+row.version {
						return
					}
					ok := prooftest.Proves(fields.Get("Authorization"), row.method, uri, "alice", password)
					asked <- ok
					status, challenges := "200 OK", ""
					if !ok {
						status = "401 Unauthorized"
						for _, challenge := range row.challenges {
							challenges += "WWW-Authenticate: " + challenge + "\r\n"
						}
					}
					fmt.Fprintf(c, "%s %s\r\nCSeq: %s\r\n%sContent-Length: 0\r\n\r\n", row.version, status, fields.Get("CSeq"), challenges)
				}
			}()

			d, err := digest.NewClient(digest.ClientConfig{})
			if err != nil {
				t.Fatal(err)
			}
			var client drive.Client[*line]
			if client.Machine, err = machine.NewClient(machine.ClientConfig{Schemes: []scheme.Client{d}}); err != nil {
				t.Fatal(err)
			}
			name, _, _ := strings.Cut(uri, ":")
			keys, err := drive.NewKeys(drive.Destination{Scheme: name, Authority: l.Addr().String()})
			if err != nil {
				t.Fatal(err)
			}
			sequence := 0
			run := func() {
				t.Helper()
				x := drive.Exchange[*line]{
					Client: &client, Keys: keys, Method: row.method, URI: uri,
					Source: answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
						if need, ok := q.(gss.NeedCredential); ok && !need.Rejected {
							return gss.Password{User: "alice", Password: gss.NewSecret(password)}
						}
						return gss.Declined{}
					}),
					Dial: func(context.Context, bool) (*line, error) {
						c, err := net.Dial("tcp", l.Addr().String())
						return &line{Conn: c, in: bufio.NewReader(c)}, err
					},
					Send: func(_ context.Context, l *line, a machine.Send) (machine.Response, error) {
						sequence++
						fields := http.Header{}
						hop.ApplySend(fields, a)
						fmt.Fprintf(l, "%s %s %s\r\nCSeq: %d\r\n%s", row.method, uri, row.version, sequence, row.fields)
						fields.Write(l)
						io.WriteString(l, "\r\n")
						in := textproto.NewReader(l.in)
						line, err := in.ReadLine()
						if err != nil {
							return machine.Response{}, &drive.Loss{Err: err}
						}
						got, err := in.ReadMIMEHeader()
						if err != nil {
							return machine.Response{}, &drive.Loss{Err: err, Heard: true}
						}
						status, err := strconv.Atoi(strings.Fields(line)[1])
						return machine.Response{Status: status, Header: header.ParseResponse(http.Header(got).Values)}, err
					},
				}
				d, on, err := x.Run(t.Context())
				if err != nil || !d.Authenticated {
					t.Fatalf("authenticated: %v, %v", d.Authenticated, err)
				}
				on.Keep(0)
			}
			run()
			run()
			client.CloseIdle()
			close(asked)
			var all []bool
			for ok := range asked {
				all = append(all, ok)
			}
			if fmt.Sprint(all) != "[false true true]" {
				t.Errorf("of the requests were proved %v, want the second and the third", all)
			}
		})
	}
}
