package machine

import (
	"fmt"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// Mutual authentication is requested in every context (N2HT-5.1-1), and a scheme gets the name
// of its peer.
func TestTargets(t *testing.T) {
	r := newRig(t)
	var got []scheme.Exchange
	spy := spyClient{traitsOf(t, scheme.Digest), func(x scheme.Exchange) { got = append(got, x) }}
	c, err := NewClient(ClientConfig{Schemes: []scheme.Client{&spy}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		words, uri, authority, spn string
		status                     int
		binding                    gss.Binding
	}{
		{"GET https://a.example/x?y", "/x?y", "a.example", "HTTP/a.example", 401, gss.BindingOf("tls-server-end-point:a.example")},
		{"GET http://a.example:81/x", "/x", "a.example:81", "HTTP/a.example", 401, gss.NoBinding()},
		{"GET http://a.example/x forwarded", "http://a.example/x", "a.example", "HTTP/proxy.example", 407, gss.NoBinding()},
		{"GET http://a.example/x forwarded", "/x", "a.example", "HTTP/a.example", 401, gss.NoBinding()},
		{"GET https://a.example/x forwarded", "/x", "a.example", "HTTP/a.example", 401, gss.Binding{}},
		{"CONNECT a.example:443 tunneling", "a.example:443", "a.example", "HTTP/proxy.example", 407, gss.NoBinding()},
	} {
		got = nil
		m, _ := c.step2(r, begin(r, test.words))
		field := "WWW-Authenticate"
		if test.status == 407 {
			field = "Proxy-Authenticate"
		}
		m.step2(r, response(test.status, field+`: Digest realm="r"`))
		if len(got) == 0 {
			t.Fatalf("%s: no context was made", test.words)
		}
		x := got[0]
		if x.URI != test.uri || x.Authority != test.authority || x.Target.SPN() != test.spn || x.Target.Binding != test.binding {
			t.Errorf("%s, %d: %+v", test.words, test.status, x)
		}
		requirement.Held(t, "unit:channel_binding_input")
		requirement.Held(t, "unit:spn_from_target")
	}
	if want := scheme.MechanismClient(traitsOf(t, scheme.Negotiate), spyMech{}).Initiate(scheme.Exchange{}).Info().Flags; !want.Has(gss.Mutual) {
		t.Error("mutual authentication is not requested")
	}
	requirement.Held(t, "unit:default_flags")
}

// The service may have another name than the URL's host, at the origin and at the proxy, and the
// rest of the target does not change with it.
func TestServiceName(t *testing.T) {
	r := newRig(t)
	var got []scheme.Exchange
	spy := spyClient{traitsOf(t, scheme.Digest), func(x scheme.Exchange) { got = append(got, x) }}
	for _, test := range []struct {
		words, service, host, spn string
		status                    int
		side                      gss.Side
		seen                      string
	}{
		{"GET https://a.example/x", "", "", "HTTP/a.example", 401, gss.Origin, "https a.example 443"},
		{"GET https://a.example/x", "web", "", "web/a.example", 401, gss.Origin, "https a.example 443"},
		{"GET http://a.example:81/x", "", "b.example", "HTTP/b.example", 401, gss.Origin, "http a.example 81"},
		{"GET http://a.example:81/x", "web", "b.example:81", "web/b.example:81", 401, gss.Origin, "http a.example 81"},
		{"CONNECT a.example:443 tunneling", "", "cache.example", "HTTP/cache.example", 407, gss.Proxy, "http proxy.example 3128"},
	} {
		got = nil
		c, err := NewClient(ClientConfig{Schemes: []scheme.Client{&spy}, ServiceName: func(s gss.Side, at gss.Target) (service, host string) {
			if s != test.side || fmt.Sprint(at.Scheme, " ", at.Host, " ", at.Port) != test.seen || at.Service != "HTTP" {
				t.Errorf("%s: asked for the %v at %+v", test.words, s, at)
			}
			return test.service, test.host
		}})
		if err != nil {
			t.Fatal(err)
		}
		m, _ := c.step2(r, begin(r, test.words))
		field := "WWW-Authenticate"
		if test.status == 407 {
			field = "Proxy-Authenticate"
		}
		m.step2(r, response(test.status, field+`: Digest realm="r"`))
		if len(got) == 0 {
			t.Fatalf("%s: no context was made", test.words)
		}
		if x := got[0].Target; x.SPN() != test.spn || fmt.Sprint(x.Scheme, " ", x.Host, " ", x.Port) != test.seen {
			t.Errorf("%s: %s at %+v, want %s", test.words, x.SPN(), x, test.spn)
		}
		requirement.Held(t, "unit:service_name_of_the_application")
	}
}

// step2 is a step without the rig's checks, for schemes that take notes.
func (c Client) step2(r *rig, e Event) (Client, Actions) {
	next, acts, err := c.Step(r.env(), e)
	if err != nil {
		r.t.Fatal(err)
	}
	return next, acts
}

type spyClient struct {
	traits scheme.Traits
	note   func(scheme.Exchange)
}

func (s *spyClient) Traits() scheme.Traits { return s.traits }

func (s *spyClient) Initiate(x scheme.Exchange) scheme.Initiator {
	s.note(x)
	return manyInitiator{0, s.traits.Name}
}

// spyMech shows the flags that it was asked for.
type spyMech struct{ want gss.Flags }

func (spyMech) Mech() gss.OID { return gsstoy.OID }

func (spyMech) Traits() gss.Traits { return gss.Traits{} }

func (spyMech) Initiate(t gss.Target) gss.Context { return spyMech{t.Want} }

func (spyMech) Accept(t gss.Target) gss.Context { return spyMech{t.Want} }

func (m spyMech) Info() gss.Info { return gss.Info{Flags: m.want} }

func (m spyMech) Session() (gss.Session, bool) { return nil, false }

func (m spyMech) Step(gss.Env, gss.Input) (gss.Context, gss.Output, error) {
	return m, gss.Output{State: gss.Complete}, nil
}

// authority writes host and port as a URI does (RFC 9110 section 4.2).
func TestAuthority(t *testing.T) {
	for _, test := range []struct {
		scheme, host string
		port         uint16
		want         string
	}{
		{"http", "a.example", 80, "a.example"}, {"https", "a.example", 443, "a.example"}, {"http", "a.example", 443, "a.example:443"},
		{"https", "::1", 443, "[::1]"}, {"http", "::1", 8080, "[::1]:8080"}, {"http", "a.example", 0, "a.example"},
	} {
		if got := (&Request{Scheme: test.scheme, Host: test.host, Port: test.port}).authority(); got != test.want {
			t.Errorf("%v: %q", test, got)
		}
	}
}
