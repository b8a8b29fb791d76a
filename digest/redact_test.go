package digest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// V24, HTA-12: a canary as password, as stored hash and as nonce key shows in no
// state, output, answer or fault, whatever prints it.
func TestNoSecretInAnyFormat(t *testing.T) {
	const canary = "canary-7b1e-canary-7b1e-canary-7b1e"
	f := function(t, SHA256)
	key := f.HA1(user, realm, canary)
	hash := key.Secret().Reveal()
	secrets := []string{"canary", hash, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(hash)[:8])[1:20], fmt.Sprintf("%x", hash), fmt.Sprintf("%d", hash[0]) + " " + fmt.Sprintf("%d", hash[1]) + " "}

	type box struct{ V any }
	shown := 0
	check := func(what string, v any) {
		t.Helper()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			for _, text := range []string{fmt.Sprintf(verb, v), fmt.Sprintf(verb, box{v}), fmt.Sprintf(verb, []any{v})} {
				shown++
				for _, s := range secrets {
					if strings.Contains(text, s) {
						t.Errorf("%s shows a secret with %s: %s", what, verb, text)
					}
				}
			}
		}
		j, err := json.Marshal(box{v})
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		for _, s := range secrets {
			if strings.Contains(string(j), s) {
				t.Errorf("%s shows a secret in JSON: %s", what, j)
			}
		}
	}
	for _, h := range []gss.Answer{gss.Password{User: user, Password: gss.NewSecret(canary)}, HA1{User: user, SHA256: key.Secret()}} {
		w, x := newWorld(t), exchange("POST", "/")
		w.login = h
		w.users = func(gss.NeedVerifier) gss.Answer { return h }
		s, err := NewServer(ServerConfig{Realm: realm, Keys: []gss.Secret{gss.NewSecret(canary)}, QOPs: []QOP{AuthInt}})
		if err != nil {
			t.Fatal(err)
		}
		cfg := ServerConfig{Realm: realm, Keys: []gss.Secret{gss.NewSecret(canary)}}
		check("the configuration", cfg)
		check("the server", s)
		check("the answer", h)
		check("the key", key)
		i, in := newClient(t, ClientConfig{}).Initiate(x), scheme.InitiatorInput{Event: scheme.Challenged, Offer: w.offer(s, x)}
		var sent scheme.InitiatorOutput
		for {
			var out scheme.InitiatorOutput
			i, out, _ = i.Step(w.env(), in)
			check("an initiator", i)
			check("an initiator's output", out)
			if sent = out; out.State != gss.Waiting {
				break
			}
			in = scheme.InitiatorInput{Event: scheme.Answered, Answer: w.answer(out.Ask)}
			check("an initiator's input", in)
		}
		a, ain := s.Accept(x), scheme.AcceptorInput{Event: scheme.Presented, Credentials: sent.Credentials}
		for {
			var out scheme.AcceptorOutput
			a, out, _ = a.Step(w.env(), ain)
			check("an acceptor", a)
			check("an acceptor's output", out)
			if out.State == gss.Complete {
				break
			}
			if out.State != gss.Waiting {
				t.Fatal(out.Fault)
			}
			ain = scheme.AcceptorInput{Event: scheme.Answered, Answer: w.answer(out.Ask)}
			check("an acceptor's input", ain)
		}
		requirement.Held(t, "prop:no_secret_in_any_format")
	}
	if shown < 200 {
		t.Errorf("only %d texts were looked at", shown)
	}
}
