package machine

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// canary is the password, and canaries are the forms that it must not show in.
const canary = "c4nary-pa55"

var canaries = []string{
	canary, hex.EncodeToString([]byte(canary)), strings.ToUpper(hex.EncodeToString([]byte(canary))),
	base64.StdEncoding.EncodeToString([]byte(canary))[:12], base64.StdEncoding.EncodeToString([]byte("alice:" + canary))[8:16],
	fmt.Sprint([]byte(canary))[1:20],
}

// conceals fails if a value shows the canary in any way that fmt or JSON know.
func conceals(t testing.TB, what string, v any) {
	t.Helper()
	var shows []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shows = append(shows, fmt.Sprintf(verb, v), fmt.Sprintf(verb, &v), fmt.Sprintf(verb, []any{v}), fmt.Sprintf(verb, struct{ V any }{v}))
	}
	if j, err := json.Marshal(v); err == nil {
		shows = append(shows, string(j))
	}
	for _, s := range shows {
		for _, c := range canaries {
			if strings.Contains(s, c) {
				t.Errorf("%s (%T) shows the secret: %s", what, v, s)
				return
			}
		}
	}
}

// prop:no_secret_in_any_format (HTA-12, L10): no state, action or event of an exchange
// shows the password that is in it, nor does the configuration.
func TestNoSecretShows(t *testing.T) {
	for _, test := range []struct{ scheme, challenge string }{
		{"Basic", `Basic realm="r"`},
		{"Basic:verdict", `Basic realm="r"`},
		{"Digest", ""},
		{"NTLM:asks", "NTLM"},
		{"NTLM:secret=" + canary, "NTLM"},
		{"Negotiate:asks,final,mutual,legs=2", "Negotiate"},
		{"Nego2:asks,final,mutual,legs=2", "Nego2"},
	} {
		for _, side := range []gss.Side{gss.Origin, gss.Proxy} {
			if side == gss.Proxy && strings.HasPrefix(test.scheme, "Nego2") {
				continue
			}
			t.Run(test.scheme+" "+side.String(), func(t *testing.T) { secretExchange(t, test.scheme, side) })
		}
		requirement.Held(t, "prop:no_secret_in_any_format")
	}
}

func secretExchange(t *testing.T, spec string, side gss.Side) {
	r := newRig(t)
	r.password = canary
	r.users["alice"] = canary
	cs, ss := r.schemeOf(spec)
	cc := ClientConfig{Schemes: []scheme.Client{cs}, Policy: scheme.Policy{Cleartext: true}}
	sc := ServerConfig{Schemes: []scheme.Server{ss}, Keep: KeepAlways}
	c, err := NewClient(cc)
	if err != nil {
		t.Fatal(err)
	}
	conceals(t, "the client's configuration", cc)
	conceals(t, "the server's configuration", sc)

	see := func(what string, m any, acts Actions, e Event) {
		conceals(t, what, m)
		conceals(t, what+"'s event", e)
		conceals(t, what+"'s actions", acts)
		for a := range acts.All() {
			conceals(t, what+"'s action", a)
		}
	}
	client := func(e Event) Actions {
		for {
			next, acts := must(r, c, e)
			see("client", next, acts, e)
			for _, sd := range next.sides {
				if i := sd.Initiator; i != nil {
					conceals(t, "initiator", i)
				}
			}
			c = next
			a, ok := acts.At(0).(Ask)
			if !ok {
				return acts
			}
			answer := r.answer(a.Question)
			if p, ok := answer.(gss.Password); !ok || p.Password.Reveal() != canary {
				t.Fatal("the canary is not in the answer")
			}
			e = Answered{a.ID, answer}
		}
	}
	var server func(e Event) Actions
	if side == gss.Origin {
		s, err := NewServer(sc)
		if err != nil {
			t.Fatal(err)
		}
		server = stepper(r, &s, func(acts Actions, e Event) {
			see("server", s, acts, e)
			if s.half.ctx != nil {
				conceals(t, "acceptor", s.half.ctx)
			}
			if s.half.ctx != nil && s.half.ctx.Context() != nil {
				conceals(t, "context", s.half.ctx.Context())
			}
		})
	} else {
		p, err := NewProxy(ProxyConfig{Auth: sc})
		if err != nil {
			t.Fatal(err)
		}
		server = stepper(r, &p, func(acts Actions, e Event) { see("proxy", p, acts, e) })
	}

	o := r.orderOf([]string{"GET", "http://a.example/"})
	if side == gss.Proxy {
		o = r.orderOf([]string{"GET", "http://a.example/", "forwarded"})
	}
	acts := client(o.begin)
	for range 6 {
		send, ok := acts.At(0).(Send)
		if !ok {
			break
		}
		q := request{Request: o.begin.Request, creds: send.Authorization, pcreds: send.ProxyAuthorization}
		m := message{status: 200}
		got := server(q.received())
		switch a := got.At(0).(type) {
		case Reply:
			m.status = a.Status
			m.www, m.proxy = a.Challenges, a.Challenges
		case Accept:
			f := first[Finish](t, server(Responding{200}))
			m.www, m.info = f.Challenges, f.Info
		case Forward:
			f := first[Relay](t, server(Response{Status: 200}))
			m.proxy, m.pinfo = f.Challenges, f.Info
		}
		h := m.parsed()
		if side == gss.Origin {
			h.ProxyAuthenticate = header.Challenges{}
		} else {
			h.WWWAuthenticate = header.Challenges{}
		}
		// What the toys say is their own: they prove in plain sight, and the
		// challenge that carries a proof is no secret of ours to hide.
		acts = client(Response{Status: m.status, Header: header.Response{
			WWWAuthenticate: h.WWWAuthenticate, ProxyAuthenticate: h.ProxyAuthenticate,
			AuthenticationInfo: h.AuthenticationInfo, ProxyAuthenticationInfo: h.ProxyAuthenticationInfo}})
	}
	d := first[Deliver](t, acts)
	if side == gss.Origin && !d.Authenticated {
		t.Fatalf("not authenticated: %v", acts)
	}
	if d.Context != nil {
		conceals(t, "established context", d.Context)
	}
}

// stepper drives *m and answers its questions; see looks at each step.
func stepper[M Machine[M]](r *rig, m *M, see func(Actions, Event)) func(Event) Actions {
	return func(e Event) Actions {
		for {
			next, acts := must(r, *m, e)
			*m = next
			see(acts, e)
			a, ok := acts.At(0).(Ask)
			if !ok {
				return acts
			}
			e = Answered{a.ID, r.answer(a.Question)}
		}
	}
}
