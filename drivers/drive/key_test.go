package drive

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
)

func keysOf(t *testing.T, w Destination) Keys {
	t.Helper()
	ks, err := NewKeys(w)
	if err != nil {
		t.Fatal(err)
	}
	return ks
}

func parse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Everything that a connection is opened or authenticated with is part of its key: two
// requests that differ in one of these never share a connection.
func TestKeysAreApart(t *testing.T) {
	one, two := new(int), new(int)
	home := Destination{Owner: one, Proxy: parse(t, "http://alice:pw@proxy.example:3128"), Scheme: "https", Authority: "host.example", Identity: "alice"}
	ways := map[string]func(*Destination){
		"nothing":              func(*Destination) {},
		"the configuration":    func(w *Destination) { w.Owner = two },
		"its absence":          func(w *Destination) { w.Owner = nil },
		"no proxy":             func(w *Destination) { w.Proxy = nil },
		"the proxy's scheme":   func(w *Destination) { w.Proxy = parse(t, "https://alice:pw@proxy.example:3128") },
		"SOCKS":                func(w *Destination) { w.Proxy = parse(t, "socks5://alice:pw@proxy.example:3128") },
		"the proxy's host":     func(w *Destination) { w.Proxy = parse(t, "http://alice:pw@other.example:3128") },
		"the proxy's port":     func(w *Destination) { w.Proxy = parse(t, "http://alice:pw@proxy.example:3129") },
		"the proxy's user":     func(w *Destination) { w.Proxy = parse(t, "http://bob:pw@proxy.example:3128") },
		"the proxy's password": func(w *Destination) { w.Proxy = parse(t, "http://alice:pw2@proxy.example:3128") },
		"an empty password":    func(w *Destination) { w.Proxy = parse(t, "http://alice:@proxy.example:3128") },
		"no password":          func(w *Destination) { w.Proxy = parse(t, "http://alice@proxy.example:3128") },
		"a shifted colon":      func(w *Destination) { w.Proxy = parse(t, "http://alic:e%3Apw@proxy.example:3128") },
		"no proxy user":        func(w *Destination) { w.Proxy = parse(t, "http://proxy.example:3128") },
		"the scheme":           func(w *Destination) { w.Scheme = "http" },
		"the host":             func(w *Destination) { w.Authority = "www.host.example" },
		"the port":             func(w *Destination) { w.Authority = "host.example:8443" },
		"the identity":         func(w *Destination) { w.Identity = "bob" },
		"no identity":          func(w *Destination) { w.Identity = "" },
		"own for the origin":   func(w *Destination) { w.Own[gss.Origin] = true },
		"own for the proxy":    func(w *Destination) { w.Own[gss.Proxy] = true },
		"forwarding":           func(w *Destination) { w.Route = machine.Forwarded },
	}
	seen := map[connKey]string{}
	for name, change := range ways {
		w := home
		change(&w)
		ks := keysOf(t, w)
		for also, k := range map[string]connKey{"": ks.connection, ", over HTTP/1": ks.connection.overHTTP1()} {
			if other, twice := seen[k]; twice {
				t.Errorf("%s%s: the same key as for %s", name, also, other)
			}
			seen[k] = name + also
		}
		again := keysOf(t, w)
		if again != ks {
			t.Errorf("%s: another key the second time", name)
		}
		if name != "nothing" && !strings.HasPrefix(name, "own") && name != "forwarding" && ks.Origin == keysOf(t, home).Origin {
			t.Errorf("%s: the same protection space of the origin", name)
		}
		if show := fmt.Sprintf("%v %+v %#v", ks, ks, ks); strings.Contains(show, "pw") {
			t.Errorf("%s: a password shows: %s", name, show)
		}
		requirement.Held(t, "unit:keys_are_apart", "CONN-1")
	}
	mixed := home
	mixed.Scheme, mixed.Authority, mixed.Proxy = "HTTPS", "HOST.example:443", parse(t, "HTTP://alice:pw@PROXY.example:3128/path")
	if keysOf(t, mixed) != keysOf(t, home) {
		t.Error("spelling makes another key")
	}
}

// A forwarding proxy leads to any origin over one connection, and each origin is a
// protection space of its own.
func TestKeysOfForwarding(t *testing.T) {
	p := parse(t, "http://alice:pw@proxy.example:3128")
	a := keysOf(t, Destination{Proxy: p, Route: machine.Forwarded, Scheme: "http", Authority: "a.example"})
	b := keysOf(t, Destination{Proxy: p, Route: machine.Forwarded, Scheme: "http", Authority: "b.example"})
	if a.connection != b.connection || a.Proxy != b.Proxy || a.Origin == b.Origin {
		t.Errorf("%+v and %+v", a, b)
	}
	if want := (machine.Route{Kind: machine.Forwarded, Scheme: "http", Host: "proxy.example", Port: 3128}); a.Route != want {
		t.Errorf("%+v, want %+v", a.Route, want)
	}
	c := keysOf(t, Destination{Proxy: parse(t, "http://bob:pw@proxy.example:3128"), Route: machine.Forwarded, Scheme: "http", Authority: "a.example"})
	if a.Proxy == c.Proxy {
		t.Error("two users of a proxy share its protection space")
	}
}

// A value that cannot be compared is no owner, and an invalid authority names no peer.
func TestKeysRefuse(t *testing.T) {
	for name, w := range map[string]Destination{
		"a function":           {Owner: func() {}, Scheme: "http", Authority: "h"},
		"a struct with one":    {Owner: struct{ f func() }{func() {}}, Scheme: "http", Authority: "h"},
		"a slice":              {Owner: []byte{}, Scheme: "http", Authority: "h"},
		"a port that is none":  {Scheme: "http", Authority: "h:99999"},
		"a proxy's port":       {Scheme: "http", Authority: "h", Proxy: &url.URL{Scheme: "http", Host: "p:0"}},
		"a proxy without host": {Scheme: "http", Authority: "h", Proxy: &url.URL{Scheme: "http", Host: ":3128"}},
	} {
		if ks, err := NewKeys(w); err == nil || ks != (Keys{}) {
			t.Errorf("%s: %+v, %v", name, ks, err)
		}
	}
}
