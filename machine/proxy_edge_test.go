package machine

import (
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// askingProxy is a proxy that asks once more when a response is there: its Digest has
// auth-int, where the proof covers the response's body. alice has logged in there with a
// request to a.example that carries authorization for the origin.
func askingProxy(r *rig, authorization string) Proxy {
	r.t.Helper()
	s, err := digest.NewServer(digest.ServerConfig{
		Realm: "p", Keys: []gss.Secret{gss.NewSecret("0123456789abcdef0123456789abcdef")}, QOPs: []digest.QOP{digest.AuthInt}, AllowReplay: true,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		r.t.Fatal(err)
	}
	p, err := NewProxy(ProxyConfig{Auth: ServerConfig{Schemes: []scheme.Server{s}}})
	if err != nil {
		r.t.Fatal(err)
	}
	client, err := NewClient(ClientConfig{Schemes: []scheme.Client{c}})
	if err != nil {
		r.t.Fatal(err)
	}
	p, acts := must(r, p, proxied("a.example"))
	client, _ = must(r, client, begin(r, "GET http://a.example/ forwarded"))
	client, acts = must(r, client, Response{Status: 407, Header: header.Response{ProxyAuthenticate: first[Reply](r.t, acts).Challenges}})
	hash := func(q gss.Question) gss.Answer {
		switch q := q.(type) {
		case digest.NeedBodyHash:
			f, err := digest.For(q.Algorithm)
			if err != nil {
				r.t.Fatal(err)
			}
			return digest.BodyHash{Sum: f.BodyHash(nil).String()}
		case gss.NeedVerifier, gss.NeedCredential:
			return gss.Password{User: "alice", Password: gss.NewSecret("secret")}
		}
		return gss.Declined{}
	}
	for asked(acts) {
		ask := first[Ask](r.t, acts)
		client, acts = must(r, client, Answered{ask.ID, hash(ask.Question)})
	}
	e := proxied("a.example")
	e.Header.ProxyAuthorization = first[Send](r.t, acts).ProxyAuthorization
	if authorization != "" {
		e.Header.Authorization = header.ParseRequest(fieldsOf([]string{"Authorization: " + authorization})).Authorization
	}
	p, acts = must(r, p, e)
	for asked(acts) {
		ask := first[Ask](r.t, acts)
		p, acts = must(r, p, Answered{ask.ID, hash(ask.Question)})
	}
	first[Forward](r.t, acts)
	return p
}

// The upstream connection closes while the proxy asks what its own last word to the client
// is to be. The response is here, and goes on. Where the connection was the client's own,
// it says nothing of Proxy-Support any more, is not kept, and takes the client's along;
// nothing remains to be retired.
func TestUpstreamLostWhileRelaying(t *testing.T) {
	for _, test := range []struct {
		name, authorization string
		response            Response
		own                 bool
	}{
		{"shared", "", response(200), false},
		{"pinned by credentials", "NTLM <x>", response(200), true},
		{"pinned by a challenge", "", response(401, "WWW-Authenticate: NTLM"), true},
	} {
		r := newRig(t)
		p, acts := must(r, askingProxy(r, test.authorization), test.response)
		ask := first[Ask](t, acts)
		if _, calm := must(r, p, Answered{ask.ID, gss.Declined{}}); first[Relay](t, calm).SessionBased != test.own || first[Relay](t, calm).Close {
			t.Fatalf("%s: without a loss %v", test.name, calm)
		}
		p, acts = must(r, p, Closed{Upstream})
		if acts.Len() > 0 {
			t.Fatalf("%s: a response that is here is given up: %v", test.name, acts)
		}
		p, acts = must(r, p, Answered{ask.ID, gss.Declined{}})
		relay := first[Relay](t, acts)
		if relay.Close != test.own || relay.Keep || relay.SessionBased || (p.phase == dead) != test.own || (acts.At(1) == Retire{Downstream}) != test.own {
			t.Errorf("%s: after the loss %v, and %v is left", test.name, acts, p)
		}
		if _, acts := must(r, p, Closed{Downstream}); acts.Len() > 0 {
			t.Errorf("%s: the client goes, and a connection that is gone is to be retired: %v", test.name, acts)
		}
	}
}

// A pin that lost its connection with its first challenge has nothing that could be retired,
// neither when the client goes nor when it turns to another origin.
func TestVacantPinRetiresNothing(t *testing.T) {
	r := newRig(t)
	p, _ := must(r, proxyOf(r, ""), proxied("a.example"))
	closing := response(401, "WWW-Authenticate: NTLM")
	closing.Close = true
	p, acts := must(r, p, closing)
	if relay := first[Relay](t, acts); relay.Keep || relay.Close || !relay.SessionBased {
		t.Fatal(acts)
	}
	if _, acts := must(r, p, Closed{Downstream}); acts.Len() > 0 {
		t.Errorf("the client goes: %v", acts)
	}
	if _, acts := must(r, p, proxied("b.example")); first[Forward](t, acts).Pin != Shared {
		t.Errorf("a request for another origin: %v", acts)
	}
	if _, acts := must(r, p, proxied("a.example")); first[Forward](t, acts).Pin != Fresh {
		t.Errorf("the next request: %v", acts)
	}
}

// Strip removes what cannot be used, and nothing else: connection-bound challenges of a
// 401 that came over a connection which is not the client's own (C25).
func TestStrip(t *testing.T) {
	r := newRig(t)
	for _, strip := range []bool{false, true} {
		for _, test := range []struct {
			name, authorization string
			via                 bool // so that nothing can be pinned
			response            Response
			want                bool
		}{
			{"a bound challenge, nothing to be pinned", "", true, response(401, "WWW-Authenticate: NTLM"), true},
			{"a bound challenge that pins", "", false, response(401, "WWW-Authenticate: NTLM"), false},
			{"a bound challenge on a pinned connection", "NTLM <x>", false, response(401, "WWW-Authenticate: NTLM <y>"), false},
			{"another challenge", "", true, response(401, `WWW-Authenticate: Basic realm="r"`), false},
			{"no challenge", "", true, response(200, "WWW-Authenticate: NTLM"), false},
		} {
			p := proxyOf(r, "", func(c *ProxyConfig) { c.Strip, c.Reverse = strip, true })
			e := proxied("a.example")
			if test.authorization != "" {
				e = proxied("a.example", "Authorization: "+test.authorization)
			}
			e.Header.Via = test.via
			p, _ = must(r, p, e)
			_, acts := must(r, p, test.response)
			if relay := first[Relay](t, acts); relay.Strip != (test.want && strip) {
				t.Errorf("Strip %t, %s: the challenges are removed %t", strip, test.name, relay.Strip)
			}
		}
	}
}

// What the proxy's own server has to say goes out with the response: its last token, and
// nothing of a challenge where a chained proxy's 407 passes through.
func TestRelayHasTheFrontsLastWord(t *testing.T) {
	r := newRig(t)
	login := "Proxy-Authorization: Negotiate <toy:i1:u=alice:p=secret>"
	for _, status := range []int{200, 404, 407} {
		p := proxyOf(r, "Negotiate:final,mutual", func(c *ProxyConfig) { c.Chain, c.Auth.Keep = true, KeepAlways })
		p, acts := must(r, p, proxied("a.example", login))
		first[Forward](t, acts)
		p, acts = must(r, p, response(status, `Proxy-Authenticate: Basic realm="another proxy"`))
		relay := first[Relay](t, acts)
		n, token := 0, ""
		for c := range relay.Challenges.All() {
			n++
			token, _ = c.Token()
		}
		if n != 1 || token == "" {
			t.Errorf("%d: the front's last token expected, %v came", status, acts)
		}
		if p.front.kept.info.Peer != "alice" {
			t.Errorf("%d of another proxy ended what is known of the client: %v", status, p)
		}
	}
}
