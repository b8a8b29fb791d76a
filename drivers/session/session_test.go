package session

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// One login is enough: a request with its cookie and without credentials has the identity that
// logged in, and no challenge; its response sets no cookie until the session is to be renewed.
func TestSession(t *testing.T) {
	r := newRig(t, Config{Groups: func(info gss.Info, c gss.Context) ([]string, error) {
		return []string{"S-1-5-32-544", info.Domain}, nil
	}})
	r.user.Flags, r.user.ConnectionBased = gss.ChannelBound|gss.Mutual, true
	o := r.request(origin, "login")
	if line, _, _ := strings.Cut(o.header.Get("Set-Cookie"), "="); o.text() != "login of alice@LAB.EXAMPLE" || line != "__Host-countersign" {
		t.Fatalf("%s, cookie %s", o.text(), line)
	}
	r.now += second
	again := r.want("with the cookie", known, origin, "other=1; "+o.cookie()+"; x=y")
	x := r.visit.Session(*again.accepted)
	if x == nil || x.Scheme != "Negotiate" || x.Login != began || fmt.Sprint(x.Groups) != "[S-1-5-32-544 LAB.EXAMPLE]" ||
		again.accepted.Info != (gss.Info{Mech: gss.Kerberos, Peer: "alice", Domain: "LAB.EXAMPLE", Expires: began + int64(8*time.Hour)}) {
		t.Errorf("the session is %+v of %+v", *x, again.accepted.Info)
	}
	if len(again.header["Set-Cookie"]) != 0 || again.header.Get("Cache-Control") != "private" {
		t.Errorf("its response has %v", again.header)
	}
	r.want("without the cookie", refused, origin)
	r.want("another cookie", refused, origin, "__Host-countersign2=1", "countersign=1", "")

	r.now = began + int64(time.Hour/4)
	r.handler = func(x *Session) { x.Info.Peer, x.Groups[0] = "root", "S-1-5-32-500" }
	renewed := r.request(origin, o.cookie())
	r.handler = nil
	r.want("renewed", known, origin, renewed.cookie())
	if x := r.visit.Session(*again.accepted); fmt.Sprint(x.Groups) != "[S-1-5-32-544 LAB.EXAMPLE]" {
		t.Errorf("after a handler changed its copy the session has the groups %q", x.Groups)
	}
	if s, err := New(nil, gss.Env{}); s != nil || err != nil {
		t.Errorf("without a Config: %v, %v", s, err)
	}
	requirement.Held(t, "unit:session_stands_for_a_login", "SESS-1", "SESS-9", "SESS-10")
}

// A cookie is good for one key, one host and port, one name and one client certificate.
func TestCookieIsBound(t *testing.T) {
	shared := ring(t, key(1))
	r := newRig(t, Config{Ring: shared})
	c := r.login(origin)
	r.want("at its host", known, origin, c)
	r.want("at its host and its scheme's port", known, "https://A.example:443", c)
	for _, url := range []string{"https://b.example", "https://a.example:8443", "https://x.a.example", "https://a.example.b.example"} {
		r.want(url, refused, url, c)
	}
	r.configure(Config{Ring: shared, Name: "other"})
	r.want("under another name", refused, origin, strings.Replace(c, "countersign", "other", 1))
	other := key(1)
	other.Secret = key(2).Secret
	r.configure(Config{Ring: ring(t, other)})
	if o := r.want("another key of that ID", refused, origin, c); o.reply.Fault.Code != gss.BadCredentials {
		t.Errorf("another key: %v", o.reply.Fault)
	}
	r.configure(Config{Ring: ring(t, key(2))})
	if o := r.want("a key that is not there", refused, origin, c); o.reply.Fault.Code != gss.Expired {
		t.Errorf("no key: %v", o.reply.Fault)
	}
	r.configure(Config{})
	r.want("a key of a process's own", refused, origin, c)

	r.configure(Config{Ring: shared, Domain: "example"})
	c = r.login(origin)
	if !strings.HasPrefix(c, "__Secure-") {
		t.Errorf("a cookie of a domain has the name %.12s", c)
	}
	r.want("another host of the domain", known, "https://b.example", c)
	r.want("the domain itself", known, "https://example", c)
	r.want("not of the domain", refused, "https://badexample", c)

	r.configure(Config{Ring: shared, Certificate: true})
	if o := r.request(origin, "login"); o.cookie() != "" {
		t.Error("a session that is bound to a certificate began without one")
	}
	r.cert = []byte("one")
	c = r.login(origin)
	r.want("with its certificate", known, origin, c)
	r.cert = []byte("two")
	r.want("with another certificate", refused, origin, c)
	r.cert = nil
	r.want("without a certificate", refused, origin, c)
	r.configure(Config{Ring: shared})
	r.want("where sessions are not bound", refused, origin, c)
	requirement.Held(t, "unit:session_cookie_is_bound", "SESS-2")
}

// Not a bit of a cookie may be changed, and no part of it is a cookie.
func TestCookieIsWhole(t *testing.T) {
	r := newRig(t, Config{Ring: ring(t, key(1), key(0x41))})
	c := r.login(origin)
	name, value, _ := strings.Cut(c, "=")
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(raw) * 8 {
		changed := append([]byte(nil), raw...)
		changed[i/8] ^= 1 << (i % 8)
		r.want(fmt.Sprintf("bit %d", i), refused, origin, name+"="+base64.RawURLEncoding.EncodeToString(changed))
	}
	for i := range value {
		for bit := range 7 {
			b := []byte(value)
			b[i] ^= 1 << bit
			r.want(fmt.Sprintf("bit %d of character %d", bit, i), refused, origin, name+"="+string(b))
		}
		r.want(fmt.Sprintf("%d characters", i), refused, origin, name+"="+value[:i])
	}
	for _, v := range []string{value + "A", value + "=", value + "\r\n", "\n" + value, `"` + value + `"`, value + value} {
		r.want(fmt.Sprintf("%q", v), refused, origin, name+"="+v)
	}
	r.want("unchanged", known, origin, c)
	requirement.Held(t, "unit:session_cookie_is_whole", "SESS-2")
}

// A session is no more than its login was: it ends where its scheme is no longer configured.
func TestPolicyOfASession(t *testing.T) {
	r := newRig(t, Config{Ring: ring(t, key(1))})
	r.user.Mech = ""
	r.schemes = []string{"Basic"}
	c := r.login(origin)
	r.want("where Basic is allowed", "session of alice", origin, c)
	r.schemes = []string{"Negotiate"}
	if o := r.want("where Negotiate alone is", refused, origin, c); o.reply.Fault.Code != gss.NotPermitted {
		t.Errorf("%v", o.reply.Fault)
	}
	r.optional = true
	r.want("where it is optional", "anonymous", origin, c)
	requirement.Held(t, "unit:session_of_another_scheme", "SESS-3")
}

// A session ends with its lifetime, with the context of its login, and when it is idle; and where
// the clock has gone back it has not begun.
func TestSessionEnds(t *testing.T) {
	r := newRig(t, Config{Ring: ring(t, key(1)), Lifetime: time.Hour, Idle: 16 * time.Minute})
	c := r.login(origin)
	at := func(after time.Duration, text string, code gss.Code) {
		t.Helper()
		r.now = began + int64(after)
		if o := r.want(after.String(), text, origin, c); o.reply.Fault.Code != code {
			t.Errorf("%v: %v", after, o.reply.Fault)
		}
	}
	at(16*time.Minute-1, known, gss.NoFault)
	at(16*time.Minute, refused, gss.Expired)
	at(-time.Minute, known, gss.NoFault)
	at(-time.Minute-1, refused, gss.ClockSkew)
	for after := 15 * time.Minute; after < time.Hour; after += 15 * time.Minute {
		r.now = began + int64(after)
		if c = r.want(after.String(), known, origin, c).cookie(); c == "" {
			t.Fatalf("after %v: the session was not renewed", after)
		}
	}
	at(time.Hour-1, known, gss.NoFault)
	at(time.Hour, refused, gss.Expired)
	at(45*time.Minute-time.Minute, known, gss.NoFault)
	at(45*time.Minute-time.Minute-1, refused, gss.ClockSkew)

	r.now = began
	c = r.login(origin)
	for after, renewed := range map[time.Duration]bool{0: false, -time.Second: false, 2*time.Minute - 1: false, 2 * time.Minute: true, 15 * time.Minute: true} {
		r.now = began + int64(after)
		if got := r.want(after.String(), known, origin, c).cookie() != ""; got != renewed {
			t.Errorf("after %v: renewed %t, want %t", after, got, renewed)
		}
	}

	r.now = began
	r.user.Expires = began + 5*second
	c = r.login(origin)
	at(5*time.Second-1, known, gss.NoFault)
	at(5*time.Second, refused, gss.Expired)

	r.user.Expires = 0
	r.now = began
	c = r.login(origin)
	r.configure(Config{Ring: r.sessions.conf.Ring, Lifetime: time.Minute})
	at(time.Minute-1, known, gss.NoFault)
	at(time.Minute, refused, gss.Expired) // a shorter lifetime counts for those that there are
	requirement.Held(t, "unit:session_ends", "SESS-4")
}

// A key seals from its time on and opens until its end. What an older one sealed is sealed again.
func TestRing(t *testing.T) {
	at := func(after time.Duration) time.Time { return time.Unix(0, began).Add(after) }
	old, next := key(1), key(2)
	old.Until, next.From = at(2*time.Hour), at(time.Hour)
	shared := ring(t, old, next)
	r := newRig(t, Config{Ring: shared, Lifetime: 8 * time.Hour, Idle: 8 * time.Hour})
	id := func(cookie string) byte {
		_, value, _ := strings.Cut(cookie, "=")
		raw, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil || len(raw) < 5 {
			t.Fatalf("%q, %v", value, err)
		}
		return raw[4]
	}
	c := r.login(origin)
	if id(c) != 1 {
		t.Errorf("key %d seals before the next begins", id(c))
	}
	r.now = began + int64(time.Hour) - 1
	if o := r.want("before the next begins", known, origin, c); o.cookie() != "" {
		t.Error("sealed again for no reason")
	}
	r.now++
	o := r.want("when it begins", known, origin, c)
	if id(o.cookie()) != 2 {
		t.Errorf("sealed again with key %d", id(o.cookie()))
	}
	r.now = began + int64(2*time.Hour) - 1
	r.want("the old key just before its end", known, origin, c)
	r.now++
	r.want("the old key at its end", refused, origin, c)
	r.want("the new one then", known, origin, o.cookie())

	if err := shared.Set(next); err != nil {
		t.Fatal(err)
	}
	r.want("after the old one was taken out", known, origin, o.cookie())
	ended := next
	ended.Until = at(90 * time.Minute)
	if err := shared.Set(ended); err != nil {
		t.Fatal(err)
	}
	r.want("after a leak", refused, origin, o.cookie())
	if o := r.request(origin, "login"); o.text() != "login of alice@LAB.EXAMPLE" || o.cookie() != "" {
		t.Errorf("without a key that seals: %s, %q", o.text(), o.cookie())
	}
	if o := newRig(t, Config{Ring: new(Ring)}).request(origin, "login"); o.cookie() != "" {
		t.Error("the zero Ring seals")
	}
	r.configure(Config{Ring: ring(t, Key{ID: 1, Secret: key(1).Secret, From: time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)})})
	r.want("a key of all times", known, origin, r.login(origin))
	r.configure(Config{Ring: shared, Lifetime: 8 * time.Hour, Idle: 8 * time.Hour})
	short, late := key(3), key(4)
	short.Secret = gss.NewSecret("short")
	late.From, late.Until = at(1), at(0)
	for name, keys := range map[string][]Key{"none": nil, "short": {key(1), short}, "twice": {key(1), key(2), key(1)}, "ends first": {late}} {
		err := shared.Set(keys...)
		if _, ok := err.(gss.Misuse); !ok || strings.Contains(err.Error(), key(1).Secret.Reveal()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := shared.Set(next); err != nil {
		t.Fatal(err)
	}
	r.want("after errors", known, origin, o.cookie())
	requirement.Held(t, "unit:session_keys_turn", "SESS-5")
}

// A logout removes the cookie. With a Store the session is over for each copy of it, and without
// one for the browser alone. A Store that does not answer fails closed, and lets logins pass.
func TestLogout(t *testing.T) {
	for _, store := range []Store{nil, new(Memory)} {
		r := newRig(t, Config{Ring: ring(t, key(1)), Store: store})
		c, other := r.login(origin), r.login(origin)
		r.want("before", known, origin, c)
		if err := r.visit.Logout(t.Context()); err != nil || !r.visit.Over() {
			t.Fatal(err)
		}
		h := http.Header{"Set-Cookie": {"a=b", "__Host-countersign=mine; Path=/"}}
		r.visit.Apply(t.Context(), h, 200, r.env)
		if got := h["Set-Cookie"]; len(got) != 2 || got[0] != "a=b" || got[1] != "__Host-countersign=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax" {
			t.Errorf("the response has %q", got)
		}
		after := known // it only forgets
		if store != nil {
			after = refused
		}
		r.want("a copy", after, origin, c)
		r.want("the other session of that user", known, origin, other)

		// A logout in the request that logs in leaves no session.
		o := r.request(origin, "login")
		r.visit.Logout(t.Context())
		r.visit.Apply(t.Context(), o.header, 200, r.env)
		if len(o.header["Set-Cookie"]) != 1 || !strings.Contains(o.header.Get("Set-Cookie"), "Max-Age=0") {
			t.Errorf("a logout of a login: %q", o.header["Set-Cookie"])
		}
	}

	r := newRig(t, Config{Ring: ring(t, key(1)), Store: new(Memory)})
	c := r.login(origin)
	r.configure(Config{Ring: r.sessions.conf.Ring, Store: new(down)})
	if o := r.want("a store that does not answer", "Service Unavailable", origin, c); o.reply.RetryAfter == 0 || o.reply.Fault.Code != gss.Unavailable || !errors.Is(r.visit.Err(), context.DeadlineExceeded) {
		t.Errorf("%+v, %v", o.reply, r.visit.Err())
	}
	r.want("with credentials", "login of alice@LAB.EXAMPLE", origin, "login", c)
	r.want("without a cookie", refused, origin)
	var none *Visit
	none.Apply(t.Context(), http.Header{}, 200, r.env)
	if none.Logout(t.Context()) != nil || none.Over() || none.Err() != nil {
		t.Error("a server without sessions")
	}
	requirement.Held(t, "unit:session_logout", "SESS-6")
}

// The cookie is for TLS, for HTTP alone and for one host, unless the configuration says otherwise;
// and no session is begun or accepted on a connection without TLS.
func TestAttributes(t *testing.T) {
	for _, row := range []struct {
		c           Config
		url, prefix string
		attributes  string
	}{
		{Config{}, origin, "__Host-countersign", "Path=/; Secure; HttpOnly; SameSite=Lax"},
		{Config{SameSite: http.SameSiteDefaultMode}, origin, "__Host-countersign", "Path=/; Secure; HttpOnly; SameSite=Lax"},
		{Config{SameSite: http.SameSiteStrictMode, Name: "x"}, origin, "__Host-x", "Path=/; Secure; HttpOnly; SameSite=Strict"},
		{Config{SameSite: http.SameSiteNoneMode}, origin, "__Host-countersign", "Path=/; Secure; HttpOnly; SameSite=None"},
		{Config{Domain: "example"}, origin, "__Secure-countersign", "Path=/; Domain=example; Secure; HttpOnly; SameSite=Lax"},
		{Config{FrontTLS: true}, "http://a.example", "__Host-countersign", "Path=/; Secure; HttpOnly; SameSite=Lax"},
		{Config{Insecure: true}, "http://a.example", "countersign", "Path=/; HttpOnly; SameSite=Lax"},
	} {
		r := newRig(t, row.c)
		line := r.request(row.url, "login").header.Get("Set-Cookie")
		name, rest, _ := strings.Cut(line, "=")
		if _, attributes, _ := strings.Cut(rest, "; "); name != row.prefix || attributes != row.attributes {
			t.Errorf("%q, want %s with %s", line, row.prefix, row.attributes)
		}
	}
	r := newRig(t, Config{})
	if o := r.request("http://a.example", "login"); o.cookie() != "" {
		t.Error("a session began without TLS")
	}
	r.want("without TLS", refused, "http://a.example", r.login(origin))

	for name, c := range map[string]Config{
		"lifetime": {Lifetime: -1}, "long lifetime": {Lifetime: 366 * 24 * time.Hour}, "idle": {Idle: -1}, "name": {Name: "a;b"}, "long name": {Name: strings.Repeat("a", 65)}, "domain": {Domain: ".Example"},
		"domain with a path": {Domain: "a/b"}, "both": {Insecure: true, FrontTLS: true}, "none": {Insecure: true, SameSite: http.SameSiteNoneMode},
		"same site": {SameSite: 9}, "certificate": {Certificate: true, FrontTLS: true},
	} {
		if _, err := New(&c, r.env()); err == nil {
			t.Errorf("%s: no error", name)
		} else if _, ok := err.(gss.Misuse); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(&Config{}, gss.Env{Now: 1}); err == nil {
		t.Error("a key without entropy")
	}
	requirement.Held(t, "unit:session_cookie_attributes", "SESS-7")
}

// Of several cookies of the name none is taken.
func TestSeveralCookies(t *testing.T) {
	r := newRig(t, Config{Ring: ring(t, key(1))})
	c := r.login(origin)
	for _, cookies := range [][]string{{c, c}, {c + "; " + c}, {"__Host-countersign=", c}, {"__Host-countersign=x; " + c}, {c + ";__Host-countersign=x"}} {
		if o := r.want("several", refused, origin, cookies...); o.reply.Fault.Code != gss.Malformed {
			t.Errorf("%v", o.reply.Fault)
		}
	}
	for _, cookies := range [][]string{{c}, {";;" + c + ";"}, {"\t" + c + " "}, {"a", "=", "==;" + c}} {
		r.want(fmt.Sprintf("%.9q", cookies), known, origin, cookies...)
	}
	requirement.Held(t, "unit:session_of_several_cookies", "SESS-8")
}

// A user's name and groups may be of any characters. An identity that a browser would not keep
// begins no session, and a longer cookie is not looked at.
func TestIdentityOfAnyCharacters(t *testing.T) {
	groups := []string{}
	var fails error
	r := newRig(t, Config{Store: new(Memory), Groups: func(gss.Info, gss.Context) ([]string, error) { return groups, fails }})
	for _, name := range []string{"alice", "a;b", "a=b, c", "a\x00b", "a\r\nSet-Cookie: x=y", "café", "\xff\xfe", `a"b\c`, "__Host-countersign=x", strings.Repeat("n", 2000)} {
		r.user.Peer, r.user.Domain, groups = name, "D"+name, []string{name, "", name}
		if len(name) > 100 {
			r.user.Domain, groups = "", nil
		}
		o := r.request(origin, "login")
		line := o.header.Get("Set-Cookie")
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) || len(o.header["Set-Cookie"]) != 1 || strings.Count(line, ";") != 4 {
			t.Errorf("%.20q: the cookie is %q", name, line)
		}
		again := r.request(origin, o.cookie())
		if again.accepted == nil || !again.accepted.Session || again.accepted.Info.Peer != name || again.accepted.Info.Domain != r.user.Domain {
			t.Errorf("%.20q: %s", name, again.text())
		} else if x := r.visit.Session(*again.accepted); fmt.Sprint(x.Groups) != fmt.Sprint(groups) {
			t.Errorf("%.20q: groups %q", name, x.Groups)
		}
	}
	r.user, groups = gss.Info{Peer: "alice"}, nil
	most := place{name: "__Host-countersign"}.room() - 8*3 - 16 - 2*4 - len("Negotiate")
	for size, begins := range map[int]bool{2900: true, most: true, most + 1: false, 4096: false, 4097: false, 1 << 16: false, 1 << 17: false} {
		r.user.Peer = strings.Repeat("n", size)
		c := r.request(origin, "login").cookie()
		if begins == (c == "") || len(c) > maxCookie+len("=") {
			t.Errorf("a name of %d bytes: a cookie of %d", size, len(c))
		}
		if begins {
			r.want("a long one", "session of "+r.user.Peer, origin, c)
		}
	}
	r.user.Peer, groups = "alice", make([]string, 5000)
	if o := r.request(origin, "login"); o.cookie() != "" || o.accepted == nil || !errors.Is(r.visit.Err(), errNoRoom) {
		t.Errorf("too many groups: %v", r.visit.Err())
	}
	groups, fails = nil, gss.Fault{Code: gss.Malformed}.Err()
	if o := r.request(origin, "login"); o.cookie() != "" || o.accepted == nil || !errors.Is(r.visit.Err(), fails) {
		t.Errorf("groups that are not known: %v", r.visit.Err())
	}
	for _, size := range []int{4096, 5000, 1 << 20} {
		if o := r.want("oversize", refused, origin, "__Host-countersign="+strings.Repeat("A", size)); o.reply.Fault.Code != gss.Malformed {
			t.Errorf("%v", o.reply.Fault)
		}
	}
	requirement.Held(t, "unit:session_of_any_identity", "SESS-9")
}

// Shared caches store the response to a request with a session no sooner than one with
// Authorization, and never one that sets the cookie.
func TestSharedCaches(t *testing.T) {
	for _, row := range []struct{ field, want string }{
		{"", "private"}, {"no-cache", "no-cache, private"}, {"max-age=60", "max-age=60, private"},
		{"private", "private"}, {"Private, max-age=1", "Private, max-age=1"}, {"no-store", "no-store"},
		{`private="x, public"`, `private="x, public", private`}, {`x="a\", private", y`, `x="a\", private", y, private`},
		{"public", ""}, {"s-maxage=1", ""}, {"max-age=1, MUST-revalidate", ""}, {"public, private", "public, private"},
	} {
		r := newRig(t, Config{})
		h := http.Header{}
		if row.field != "" {
			h.Set("Cache-Control", row.field)
		}
		o := r.respond(200, h, origin, "login")
		got := strings.Join(o.header["Cache-Control"], ", ")
		if want := row.want; want == "" && (got != row.field || o.cookie() != "") || want != "" && (got != want || o.cookie() == "") {
			t.Errorf("%q became %q, cookie set %t", row.field, got, o.cookie() != "")
		}
	}
	r := newRig(t, Config{})
	if o := r.respond(401, nil, origin, "login"); o.cookie() != "" {
		t.Error("a 401 of the handler began a session")
	}
	c := r.login(origin)
	if o := r.respond(401, http.Header{"Cache-Control": {"max-age=60"}}, origin, c); strings.Join(o.header["Cache-Control"], ", ") != "max-age=60, private" {
		t.Errorf("a 401 of the handler in a session has %v", o.header)
	}
	for field, want := range map[string]string{"max-age=60": "max-age=60, private", "public, max-age=60": "private", "no-store": "no-store"} {
		r.request(origin, c)
		r.visit.Logout(t.Context())
		h := http.Header{"Cache-Control": {field}}
		r.visit.Apply(t.Context(), h, 200, r.env)
		if got := strings.Join(h["Cache-Control"], ", "); got != want || len(h["Set-Cookie"]) != 1 {
			t.Errorf("a logout with %q: %v", field, h)
		}
	}
	r.optional = true
	if o := r.request(origin); len(o.header) != 0 {
		t.Errorf("an anonymous response has %v", o.header)
	}
	requirement.Held(t, "unit:session_and_shared_caches", "SESS-10")
}

// A login while there is a session of that user goes on with it; one of another user, or of another
// scheme, begins a new one. A session in early data has to come again.
func TestLoginWithASession(t *testing.T) {
	r := newRig(t, Config{Store: new(Memory)})
	c := r.login(origin)
	o := r.want("the same user", "login of alice@LAB.EXAMPLE", origin, "login", c)
	if o.cookie() != "" {
		t.Error("a session of the same user was begun anew")
	}
	r.user.Peer = "bob"
	o = r.want("another user", "login of bob@LAB.EXAMPLE", origin, "login", c)
	r.want("the new session", "session of bob@LAB.EXAMPLE", origin, o.cookie())
	r.early = true
	if o := r.request(origin, c); o.reply.Status != 425 {
		t.Errorf("early data: %s", o.text())
	}
	requirement.Held(t, "unit:session_stands_for_a_login", "SESS-1")
}

// One user's sessions, however many, are forgotten before another's.
func TestMemory(t *testing.T) {
	ctx := t.Context()
	id := func(n int) (x ID) { x[0], x[1] = byte(n>>8), byte(n); return }
	m := &Memory{Max: 20, PerOwner: 8}
	live := func(n int, now int64) bool {
		ok, err := m.Live(ctx, id(n), now)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if live(1, 1) || m.End(ctx, id(1)) != nil {
		t.Error("the zero Memory has a session")
	}
	m.Begin(ctx, id(1), "alice", 1, 100)
	m.Begin(ctx, id(2), "bob", 1, 100)
	for n := range 1000 {
		m.Begin(ctx, id(1000+n), "mallory", 1, 100)
	}
	if !live(1, 99) || !live(2, 99) || live(1991, 1) || !live(1992, 1) || !live(1999, 1) || live(1999, 100) {
		t.Error("an owner has at most 8, the newest")
	}
	for n := range 1000 {
		m.Begin(ctx, id(3000+n), fmt.Sprint("crowd", n%3), 1, 100)
	}
	if !live(1, 99) || !live(2, 99) || len(m.sessions) != 20 {
		t.Errorf("%d sessions; alice %t, bob %t", len(m.sessions), live(1, 99), live(2, 99))
	}
	m.End(ctx, id(1))
	if live(1, 99) || !live(2, 99) {
		t.Error("an end of one session")
	}
	m.Begin(ctx, id(2), "bob", 1, 100) // once more
	m.Begin(ctx, id(4), "bob", 200, 300)
	if live(2, 1) || !live(4, 200) {
		t.Error("what has expired stays")
	}
	for n := range 18 { // of users that do not come back
		m.Begin(ctx, id(5000+n), fmt.Sprint("gone", n), 1000, 1100)
	}
	for n := range 8 {
		m.Begin(ctx, id(6000+n), "dave", 1100, 1200)
	}
	if !live(6000, 1100) || len(m.sessions) != 8 || len(m.ends) != 8 {
		t.Errorf("%d sessions; those that have ended took the room of the others", len(m.sessions))
	}
	for n := range 7000 {
		m.End(ctx, id(n))
	}
	if len(m.sessions)+len(m.owners)+len(m.ends) != 0 {
		t.Errorf("%d sessions of %d owners and %d ends are left", len(m.sessions), len(m.owners), len(m.ends))
	}
	requirement.Held(t, "unit:session_memory", "SESS-11")
}

// FuzzOpen: whatever a client sends as its cookie, nothing opens that was not sealed, and what was
// sealed is read or refused, and never more than it was.
func FuzzOpen(f *testing.F) {
	x := Session{Scheme: "Basic", Info: gss.Info{Peer: "alice"}, Groups: []string{"a", ""}, Login: 1, Used: 2}
	plain, _ := x.encode(maxCookie)
	f.Add(plain, "AQAAAAE")
	f.Add([]byte{}, "")
	shared := ring(f, key(1))
	at := place{name: "n", audience: "a"}
	f.Fuzz(func(t *testing.T, plain []byte, value string) {
		if _, _, fault := shared.open(began, at, value); fault.IsZero() {
			t.Errorf("%q opens", value)
		}
		cookie([]string{value}, "n")
		if x := decode(plain); x != nil {
			if again, ok := x.encode(len(plain)); !ok || string(again) != string(plain) {
				t.Errorf("%q became %q", plain, again)
			}
		}
	})
}
