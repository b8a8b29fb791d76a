package ntlm

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// V24, HTA-12: neither a password nor its hash, nor any key made of them, shows
// in a state, an output, an answer or a fault, whatever prints it.
func TestNoSecretInAnyFormat(t *testing.T) {
	const canary = "canary-5f2c"
	nt := ntowfv1(canary)
	lm, _ := lmowfv1(canary)
	var secrets []string
	hide := func(b []byte) {
		decimal := fmt.Sprint(b[:6])
		secrets = append(secrets, string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), decimal[1:len(decimal)-1],
			strings.ReplaceAll(fmt.Sprintf("% #x", b[:6]), " ", ", "))
	}
	hide([]byte(canary))
	hide(nt[:])
	hide(lm[:])
	type box struct{ V any }
	shown := 0
	check := func(what string, v any) {
		t.Helper()
		texts := []string{}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%o", "%T"} {
			texts = append(texts, fmt.Sprintf(verb, v), fmt.Sprintf(verb, box{v}), fmt.Sprintf(verb, []any{v}), fmt.Sprintf(verb, map[string]any{"k": v}))
		}
		j, err := json.Marshal(box{v})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for _, text := range append(texts, string(j)) {
			shown++
			for _, s := range secrets {
				if strings.Contains(text, s) {
					t.Errorf("%s shows a secret: %s", what, text)
				}
			}
		}
	}
	password := gss.Password{User: "alice", Domain: "EXAMPLE", Password: gss.NewSecret(canary)}
	pass := acceptorConfig
	pass.PassThrough, pass.Level = true, LM
	for _, row := range []struct {
		client, server Config
		login, stored  gss.Answer
	}{
		{Config{}, acceptorConfig, password, gss.Password{Password: gss.NewSecret(canary)}},
		{Config{}, acceptorConfig, Hash{User: "alice", NT: nt}, Hash{NT: nt}},
		{Config{Level: LM}, pass, password, Logon{Accepted: true, SessionKey: nt}},
		{Config{}, acceptorConfig, External{User: "alice"}, gss.Unknown{}},
		{Config{}, acceptorConfig, password, gss.Password{Password: gss.NewSecret("other")}},
	} {
		w := newWorld(t, row.client, row.server)
		w.clientTarget.Want = gss.Confidential
		check("the mechanism", w.server)
		check("a login", row.login)
		check("a stored answer", row.stored)
		see := func(r reached) reached {
			t.Helper()
			switch c := r.Context.(type) {
			case established:
				hide(c.key[:])
			case wantChallenge:
				hide(c.login.nt[:])
			}
			check("a context", r.Context)
			check("a pointer to it", &r.Context)
			check("an output", r.Output)
			check("its info", r.Context.Info())
			if s, ok := r.Context.Session(); ok {
				in := s.(session)
				hide(in.out.sign[:])
				hide(in.out.seal[:])
				hide(in.in.seal[:])
				hide(in.out.stream.s[:])
				check("a session", s)
				s, _, _ = s.MIC("x")
				check("a session", s)
			}
			return r
		}
		c := see(take(t, w.client.Initiate(target), w.env(), gss.Input{}))
		c = see(take(t, c.Context, w.env(), gss.Input{Answer: row.login}))
		w.hello = c.Token
		a := see(w.accept())
		c = see(take(t, c.Context, w.env(), gss.Input{Token: w.challenge}))
		if c.State == gss.Waiting {
			answer := agent(c.Ask).(Computed)
			hide(answer.SessionKey[:])
			hide(answer.Proof[:])
			check("a computed answer", answer)
			c = see(take(t, c.Context, w.env(), gss.Input{Answer: answer}))
		}
		m, _ := ntlmssp.ParseAuthenticate(c.Token.Bytes())
		hide([]byte(m.NT)[:16])
		check("a parsed message", m)
		a = see(take(t, a.Context, w.env(), gss.Input{Token: c.Token}))
		check("a question", a.Ask)
		see(take(t, a.Context, w.env(), gss.Input{Answer: row.stored}))
		requirement.Held(t, "prop:no_secret_in_any_format")
	}
	if shown < 1000 {
		t.Errorf("only %d texts were looked at", shown)
	}
}
