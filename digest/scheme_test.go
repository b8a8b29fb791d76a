package digest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/misuse/misusetest"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// R7616-3.5-1: the server's proof, and every way in which it can be wrong.
func TestDigestAuthInfo(t *testing.T) {
	for a := MD5; a < algorithms; a++ {
		w, x := newWorld(t), exchange("GET", "/path?q")
		s := newServer(t, ServerConfig{Algorithms: []Algorithm{a}})
		sent, acceptor := w.logIn(newClient(t, ClientConfig{RequireProof: true}), s, x)
		_, _, info := w.respond(sent, acceptor, 200)
		text := info.Text()
		rspauth, _ := info.Param("rspauth")
		cnonce, _ := info.Param("cnonce")
		want := fmt.Sprintf(`rspauth="%s", cnonce="%s", nc=00000001, qop=auth`, rspauth, cnonce)
		if text != want {
			t.Errorf("%v: Authentication-Info is %s, want %s", a, text, want)
		}
		for _, tt := range []struct {
			name, text string
			status     int
			want       gss.Code
		}{
			{"as sent", text, 200, gss.NoFault},
			{"on an error page", text, 500, gss.NoFault},
			{"in upper case", strings.Replace(text, rspauth, strings.ToUpper(rspauth), 1), 200, gss.NoFault},
			{"unquoted", strings.ReplaceAll(text, `"`, ""), 200, gss.NoFault},
			{"without qop", strings.Replace(text, ", qop=auth", "", 1), 200, gss.NoFault},
			{"wrong", strings.Replace(text, rspauth, strings.Repeat("0", len(rspauth)), 1), 200, gss.NotAuthentic},
			{"wrong, on an error page", strings.Replace(text, rspauth, strings.Repeat("0", len(rspauth)), 1), 404, gss.NotAuthentic},
			{"cut short", strings.Replace(text, rspauth, rspauth[2:], 1), 200, gss.NotAuthentic},
			{"empty", strings.Replace(text, rspauth, "", 1), 200, gss.NotAuthentic},
			{"another cnonce", strings.Replace(text, cnonce, "deadbeef", 1), 200, gss.NotAuthentic},
			{"no cnonce", strings.Replace(text, "cnonce", "xnonce", 1), 200, gss.NotAuthentic},
			{"another nc", strings.Replace(text, "nc=00000001", "nc=00000002", 1), 200, gss.NotAuthentic},
			{"nc too short", strings.Replace(text, "nc=00000001", "nc=1", 1), 200, gss.NotAuthentic},
			{"no nc", strings.Replace(text, ", nc=00000001", "", 1), 200, gss.NotAuthentic},
			{"unknown qop", strings.Replace(text, "qop=auth", "qop=auth-conf", 1), 200, gss.NotAuthentic},
			{"malformed", text + `, x="`, 200, gss.NotAuthentic},
			{"missing", "nextnonce=abc", 200, gss.NotAuthentic},
			{"missing, redirected", "nextnonce=abc", 302, gss.NotAuthentic},
		} {
			i, out := w.initiate(sent, scheme.InitiatorInput{Event: scheme.Concluded, Status: tt.status, Info: header.ParseInfo(tt.text)})
			wantFault(t, a.String()+" "+tt.name, out.Fault, tt.want)
			if i.Info().Flags.Has(gss.Mutual) != (tt.want == gss.NoFault) {
				t.Errorf("%v %s: flags %v", a, tt.name, i.Info().Flags)
			}
			if tt.want != gss.NoFault && out.Memory != (scheme.Memory{}) {
				t.Errorf("%v %s: remembered", a, tt.name)
			}
		}
		if _, out := w.initiate(sent, scheme.InitiatorInput{Event: scheme.Concluded, Status: 404}); out.State != gss.Ready {
			t.Errorf("%v: no proof on a 404: %v, want %v", a, out.State, gss.Ready)
		}
		requirement.Held(t, "golden:digest_auth_info")
	}
	// Without RequireProof a missing one is no failure, and no proof either.
	w, x := newWorld(t), exchange("GET", "/")
	sent, _ := w.logIn(newClient(t, ClientConfig{}), newServer(t, ServerConfig{}), x)
	i, out := w.initiate(sent, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200})
	if out.State != gss.Complete || i.Info().Flags.Has(gss.Mutual) {
		t.Errorf("no proof: %v, flags %v", out.State, i.Info().Flags)
	}
	// The handler's own challenge carries none.
	_, acceptor := w.logIn(newClient(t, ClientConfig{}), newServer(t, ServerConfig{}), x)
	if _, out := w.accept(acceptor, scheme.AcceptorInput{Event: scheme.Responding, Status: 401}); out.Info.Present() {
		t.Error("a 401 carries Authentication-Info")
	}
}

// R7616-3.7-1, C32, V10: best first, and the strongest is answered in any order.
func TestDigestTwoAlgorithms(t *testing.T) {
	w, x := newWorld(t), exchange("GET", "/")
	order := func(as ...Algorithm) (got []string) {
		for c := range w.offer(newServer(t, ServerConfig{Algorithms: as}), x).All() {
			v, _ := c.Param("algorithm")
			got = append(got, v)
		}
		return got
	}
	for _, tt := range []struct {
		in   []Algorithm
		want string
	}{
		{nil, "[SHA-256 MD5]"},
		{[]Algorithm{MD5, SHA256, MD5}, "[SHA-256 MD5]"},
		{[]Algorithm{MD5Sess, MD5, SHA256Sess, SHA512_256}, "[SHA-512-256 SHA-256-sess MD5-sess MD5]"},
	} {
		if got := fmt.Sprint(order(tt.in...)); got != tt.want {
			t.Errorf("offered %s for %v, want %s", got, tt.in, tt.want)
		}
		requirement.Held(t, "golden:digest_two_algorithms")
	}

	one := func(alg, realm string) string {
		return fmt.Sprintf(`Digest realm=%q, nonce="n-%s", qop="auth", algorithm=%s`, realm, alg, alg)
	}
	c := newClient(t, ClientConfig{})
	for _, tt := range []struct {
		name, want string
		client     scheme.Client
		lines      []string
	}{
		{"V10: MD5 and then SHA-256", "SHA-256", c, []string{one("MD5", "a"), one("SHA-256", "a")}},
		{"on one line", "SHA-256", c, []string{one("MD5", "a") + ", " + one("SHA-256", "a")}},
		{"V9: among others", "SHA-256", c, []string{`Basic realm="b", ` + one("SHA-256", "a") + `, Negotiate`}},
		{"of equals the first", "MD5-sess", c, []string{one("MD5-sess", "a"), one("MD5", "b")}},
		{"all", "SHA-512-256", c, []string{one("SHA-256", "a"), one("SHA-512-256", "a"), one("MD5", "a")}},
		{"of equals the one with a qop", "MD5-sess", c, []string{`Digest realm="a", nonce="n"`, one("MD5-sess", "a")}},
		{"an unknown one first", "MD5", c, []string{one("SHA-9", "a"), one("MD5", "a")}},
		{"a malformed one first", "MD5", c, []string{`Digest realm="`, one("MD5", "a")}},
		{"as configured", "MD5", newClient(t, ClientConfig{Algorithms: []Algorithm{MD5}}), []string{one("SHA-256", "a"), one("MD5", "a")}},
		{"as written", "sha-256", c, []string{one("sha-256", "a")}},
	} {
		_, out := w.challenged(tt.client.Initiate(x), header.ParseChallenges(tt.lines...))
		if got := param(t, out.Credentials, "algorithm"); got != tt.want || param(t, out.Credentials, "nonce") != "n-"+tt.want {
			t.Errorf("%s: answered %q, want %s (%v)", tt.name, got, tt.want, out.Fault)
		}
	}
	// A user with only an MD5 hash answers MD5, of the same realm.
	w.login = HA1{User: user, MD5: function(t, MD5).HA1(user, "a", password).Secret()}
	_, out := w.challenged(c.Initiate(x), header.ParseChallenges(one("SHA-256", "a"), one("MD5", "b"), one("MD5", "a")))
	if param(t, out.Credentials, "realm") != "a" || param(t, out.Credentials, "algorithm") != "MD5" {
		t.Errorf("with an MD5 hash: %v %v", out.Credentials.Text(), out.Fault)
	}
	_, out = w.challenged(c.Initiate(x), header.ParseChallenges(one("SHA-256", "a"), one("MD5", "b")))
	wantFault(t, "no hash for the realm that was asked about", out.Fault, gss.Refused)
}

func TestDigestAuthInt(t *testing.T) {
	w, x := newWorld(t), exchange("POST", "/upload")
	w.body, w.respBody = "the body", "the answer"
	s := newServer(t, ServerConfig{QOPs: []QOP{AuthInt}})
	c := newClient(t, ClientConfig{RequireProof: true})
	i, a := w.logIn(c, s, x)
	if n := count[NeedBodyHash](w); n != 2 {
		t.Errorf("asked for %d body hashes, want one on each side", n)
	}
	done, out, info := w.respond(i, a, 200)
	if out.State != gss.Complete || !done.Info().Flags.Has(gss.Mutual|gss.Integrity) || !a.Info().Flags.Has(gss.Integrity) {
		t.Errorf("auth-int: %v %+v", out.Fault, done.Info())
	}
	if q, _ := info.Param("qop"); q != "auth-int" {
		t.Errorf("the proof's qop is %q", q)
	}
	requirement.Held(t, "golden:digest_auth_int")
	w.respBody = "another answer"
	_, out = w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: info})
	wantFault(t, "a response that was changed", out.Fault, gss.NotAuthentic)
	_, out = w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: header.ParseInfo(strings.Replace(info.Text(), "auth-int", "auth", 1))})
	wantFault(t, "a proof with less than was asked for", out.Fault, gss.NotAuthentic)

	_, sent := w.challenged(c.Initiate(x), w.offer(s, x))
	w.body = "another body"
	_, refusal := w.presented(s, x, sent.Credentials)
	wantFault(t, "a request that was changed", refusal.Fault, gss.BadCredentials)

	// V11: both offered, in any spelling.
	for list, want := range map[string][2]string{
		`"auth-int, auth"`: {"auth", "auth-int"}, `"auth,auth-int"`: {"auth", "auth-int"}, `auth`: {"auth", "auth"},
		`"auth-int"`: {"auth-int", "auth-int"}, `auth-int`: {"auth-int", "auth-int"}, `"auth-conf , ,auth"`: {"auth", "auth"}, `"AUTH"`: {"auth", "auth"},
		`"auth-conf"`: {"", ""}, `token`: {"", ""},
	} {
		for n, prefer := range []bool{false, true} {
			_, out := w.challenged(newClient(t, ClientConfig{PreferAuthInt: prefer}).Initiate(x), challenge1(`Digest realm="r", nonce="n", qop=`+list))
			if got := param(t, out.Credentials, "qop"); got != want[n] {
				t.Errorf("qop=%s, preferred %v: %q, want %q", list, prefer, got, want[n])
			}
			if want[n] == "" {
				wantFault(t, list, out.Fault, gss.Unsupported)
			}
		}
	}

	// A body that cannot be hashed beforehand.
	for list, want := range map[string]gss.Code{`"auth-int"`: gss.QuestionFailed, `"auth,auth-int"`: gss.NoFault} {
		i, _, _ := newClient(t, ClientConfig{PreferAuthInt: true}).Initiate(x).Step(w.env(), scheme.InitiatorInput{Event: scheme.Challenged, Offer: challenge1(`Digest realm="r", nonce="n", qop=` + list)})
		i, out, _ := i.Step(w.env(), scheme.InitiatorInput{Event: scheme.Answered, Answer: w.login})
		if q, ok := out.Ask.(NeedBodyHash); !ok || q != (NeedBodyHash{Algorithm: MD5}) {
			t.Fatalf("asked %v", out.Ask)
		}
		_, _, err := i.Step(w.env(), scheme.InitiatorInput{Event: scheme.Answered, Answer: BodyHash{"abc"}})
		wantMisuse(t, "a hash of no length", err)
		_, out, _ = i.Step(w.env(), scheme.InitiatorInput{Event: scheme.Answered, Answer: gss.Declined{}})
		wantFault(t, list+" and a stream", out.Fault, want)
	}
}

// MS-DPSP, MSDIG-14, and its example of section 4.
func TestMicrosoftProfile(t *testing.T) {
	x := exchange("GET", "/ResourceA")
	w := newWorld(t)
	nonce := "91c121b4f47ec601a281ceefaa5d6f2b096897ea0797fdd2ea72bfeec7fda64433a98d4ae57186a1"
	_, out := w.challenged(newClient(t, ClientConfig{Microsoft: true}).Initiate(x),
		challenge1(`Digest qop="auth",algorithm=MD5-sess,nonce="`+nonce+`",charset=utf-8,realm="TestDomain"`))
	if text := out.Credentials.Text(); !strings.Contains(text, `qop="auth"`) || !strings.Contains(text, "algorithm=MD5-sess") || param(t, out.Credentials, "nonce") != nonce {
		t.Errorf("a Windows server gets %s (%v)", text, out.Fault)
	}

	s := newServer(t, ServerConfig{Microsoft: true})
	w = newWorld(t)
	i, a := w.logIn(newClient(t, ClientConfig{Microsoft: true}), s, x)
	if done, out, _ := w.respond(i, a, 200); out.State != gss.Complete || !done.Info().Flags.Has(gss.Mutual) {
		t.Errorf("%v", out.Fault)
	}
	if offer := text1(w.offer(s, x)); !strings.Contains(offer, "algorithm=MD5-sess") || !strings.Contains(offer, `qop="auth"`) || !strings.Contains(offer, "charset=UTF-8") {
		t.Errorf("offered %s", offer)
	}

	// DOM\user, escaped as it should be and as some clients do not.
	for _, tt := range []struct {
		written string
		profile bool
		want    gss.Code
		asked   int
	}{
		{`LAB\\alice`, true, gss.NoFault, 1},
		{`LAB\alice`, true, gss.NoFault, 2},
		{`LAB\alice`, false, gss.UnknownUser, 1},
		{`LAB\\alice`, false, gss.NoFault, 1},
		{`LAB\bob`, true, gss.UnknownUser, 2},
	} {
		w := newWorld(t)
		w.login = gss.Password{User: `LAB\alice`, Password: gss.NewSecret(password)}
		w.users = func(q gss.NeedVerifier) gss.Answer {
			if q.User != `LAB\alice` {
				return gss.Unknown{}
			}
			return gss.Password{Password: gss.NewSecret(password)}
		}
		s := newServer(t, ServerConfig{Microsoft: tt.profile, Algorithms: []Algorithm{MD5Sess}})
		_, sent := w.challenged(newClient(t, ClientConfig{Microsoft: true}).Initiate(x), w.offer(s, x))
		w.asked = nil
		a, out := w.presented(s, x, header.ParseCredentials(strings.Replace(sent.Credentials.Text(), `LAB\\alice`, tt.written, 1)))
		wantFault(t, tt.written, out.Fault, tt.want)
		if n := count[gss.NeedVerifier](w); n != tt.asked {
			t.Errorf("%s: the store was asked %d times, want %d", tt.written, n, tt.asked)
		}
		if tt.want == gss.NoFault && a.Info().Peer != `LAB\alice` {
			t.Errorf("%s is %q", tt.written, a.Info().Peer)
		}
		requirement.Held(t, "unit:microsoft_profile")
	}
}

// R7616-3.4.4: the name plain, hashed, extended, in UTF-8 and Latin-1.
func TestDigestNames(t *testing.T) {
	const accented, greek = "j\u00e4s\u00f8n", "\u03b1\u03b2"
	for _, tt := range []struct {
		name, challenge, user string
		names                 Names
		want                  string
	}{
		{"ASCII", ``, `lab\al "x"`, ExtNames, `username="lab\\al \"x\""`},
		{"announced", `, charset=utf-8`, accented, ExtNames, `username="` + accented + `"`},
		{"announced, quoted", `, charset="UTF-8"`, accented, Latin1Names, `username="` + accented + `"`},
		{"not announced", ``, accented, ExtNames, `username*=UTF-8''j%C3%A4s%C3%B8n`},
		{"not announced, Latin-1", ``, accented, Latin1Names, "username=\"j\xe4s\xf8n\""},
		{"does not fit Latin-1", ``, greek, Latin1Names, `username*=UTF-8''%CE%B1%CE%B2`},
		{"as curl does", ``, accented, UTF8Names, `username="` + accented + `"`},
		{"controls", `, charset=UTF-8`, "a\rb", ExtNames, `username*=UTF-8''a%0Db`},
		{"hashed", `, charset=UTF-8, userhash=true`, user, ExtNames, `username="` + function(t, MD5).UserHash(user, "r").String() + `"`},
		{"hash not wanted", `, userhash=false`, user, ExtNames, `username="alice"`},
	} {
		w := newWorld(t)
		w.login = gss.Password{User: tt.user, Password: gss.NewSecret(password)}
		_, out := w.challenged(newClient(t, ClientConfig{Names: tt.names}).Initiate(exchange("GET", "/")), challenge1(`Digest realm="r", nonce="n", qop="auth"`+tt.challenge))
		if text := out.Credentials.Text(); !strings.Contains(text, tt.want+", ") || strings.Contains(text, "userhash=true") != (tt.name == "hashed") {
			t.Errorf("%s: sent %s, want %s (%v)", tt.name, text, tt.want, out.Fault)
		}
	}
	for _, name := range []string{user, accented, greek, "a\tb", "a\x01b", `LAB\x`, `"`} {
		for _, hashed := range []bool{false, true} {
			for a := MD5; a < algorithms; a++ {
				w, x := newWorld(t), exchange("GET", "/")
				s := newServer(t, ServerConfig{UserHash: hashed, Algorithms: []Algorithm{a}})
				f := function(t, a.Base())
				w.login = gss.Password{User: name, Password: gss.NewSecret(password)}
				w.users = func(q gss.NeedVerifier) gss.Answer {
					if q.Hashed != hashed || hashed && q.User != f.UserHash(name, realm).String() || !hashed && q.User != name {
						return gss.Unknown{}
					}
					return gss.Password{User: name, Password: gss.NewSecret(password)}
				}
				if _, acceptor := w.logIn(newClient(t, ClientConfig{}), s, x); acceptor.Info().Peer != name {
					t.Errorf("%q is known as %q", name, acceptor.Info().Peer)
				}
			}
		}
	}
	// A store that finds a hash has to name its user.
	w, x := newWorld(t), exchange("GET", "/")
	s := newServer(t, ServerConfig{UserHash: true, Algorithms: []Algorithm{MD5}})
	for _, v := range []gss.Answer{gss.Password{Password: gss.NewSecret(password)}, HA1{MD5: function(t, MD5).HA1(user, realm, password).Secret()}} {
		w.users = func(gss.NeedVerifier) gss.Answer { return v }
		_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), w.offer(s, x))
		_, out := w.presented(s, x, sent.Credentials)
		wantFault(t, "nobody's hash", out.Fault, gss.QuestionFailed)
	}
	_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), w.offer(s, x))
	_, out := w.presented(newServer(t, ServerConfig{}), x, sent.Credentials)
	wantFault(t, "userhash that was not offered", out.Fault, gss.Unsupported)
	requirement.Held(t, "unit:digest_names", "R7616-4-1")
}

// V12 and other challenges.
func TestDigestChallenges(t *testing.T) {
	for _, tt := range []struct {
		offer string
		want  gss.Code
	}{
		{`Digest nonce`, gss.Malformed},
		{`Digest`, gss.Malformed},
		{`Digest realm="a"`, gss.Malformed},
		{`Digest realm="a", nonce=""`, gss.Malformed},
		{`Digest realm="a", nonce="x", nonce="y"`, gss.Malformed},
		{`Digest realm="a", nonce="` + strings.Repeat("n", maxValue+1) + `"`, gss.Malformed},
		{`Digest realm="a", nonce="` + strings.Repeat("n", maxValue) + `"`, gss.NoFault},
		{`Digest realm="a",nonce="x"`, gss.NoFault},
		{`DIGEST Realm="a",NONCE="x"`, gss.NoFault},
		{`Digest nonce="x"`, gss.NoFault},
		{`Digest realm="a", nonce="x", charset=UTF-8`, gss.NoFault},
		{`Digest realm="a", nonce="x", new=param, other="one"`, gss.NoFault},
		{`Digest realm="a", nonce="x", qop=""`, gss.NoFault},
		{`Digest realm="a", nonce="x", algorithm=SHA`, gss.Unsupported},
		{`Digest realm="a", nonce="x", algorithm=MD5-sess`, gss.Unsupported},
		{`Digest2 realm="a", nonce="x"`, gss.Unexpected},
		{`Negotiate, Basic realm="b"`, gss.Unexpected},
		{``, gss.Unexpected},
	} {
		w := newWorld(t)
		_, out := w.challenged(newClient(t, ClientConfig{}).Initiate(exchange("GET", "/")), challenge1(tt.offer))
		wantFault(t, tt.offer[:min(len(tt.offer), 60)], out.Fault, tt.want)
	}
	w := newWorld(t)
	_, out := w.challenged(newClient(t, ClientConfig{RefuseLegacy: true}).Initiate(exchange("GET", "/")), challenge1(`Digest realm="a",nonce="x"`))
	wantFault(t, "no qop, with RefuseLegacy", out.Fault, gss.NotPermitted)
	for answer, want := range map[gss.Answer]gss.Code{gss.Declined{}: gss.NoCredentials, gss.Unreachable{}: gss.QuestionFailed} {
		w.login = answer
		_, out := w.challenged(newClient(t, ClientConfig{}).Initiate(exchange("GET", "/")), challenge1(`Digest realm="a",nonce="x"`))
		wantFault(t, fmt.Sprintf("%T", answer), out.Fault, want)
	}
	requirement.Held(t, "unit:digest_challenges", "MSDIG-17")
}

// V1 and other credentials: refused without a question.
func TestDigestCredentials(t *testing.T) {
	w, x := newWorld(t), exchange("GET", "/")
	s := newServer(t, ServerConfig{})
	_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), w.offer(s, x))
	good := sent.Credentials.Text()
	w.asked = nil
	edit := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("%q is not in %s", from, good)
		}
		return strings.Replace(good, from, to, 1)
	}
	for _, tt := range []struct {
		text string
		want gss.Code
	}{
		{`Digest username="`, gss.Malformed}, {`Digest`, gss.Malformed}, {`Digest ,,,`, gss.Malformed}, {`Digest =`, gss.Malformed},
		{`Digest abc==`, gss.Malformed}, {`Basic YWxpY2U6eA==`, gss.Malformed}, {``, gss.Malformed},
		{good + `, nonce="x"`, gss.Malformed},
		{edit(`username=`, `user=`), gss.Malformed}, {edit(`realm=`, `r=`), gss.Malformed}, {edit(` nonce=`, ` n=`), gss.Malformed},
		{edit(`uri=`, `u=`), gss.Malformed}, {edit(`response=`, `r=`), gss.Malformed}, {edit(`response="`, `response="0`), gss.Malformed},
		{edit(`cnonce=`, `c=`), gss.Malformed}, {edit(`nc=00000001`, `n=1`), gss.Malformed}, {edit(`opaque=`, `o=`), gss.Malformed},
		{edit(`nc=00000001`, `nc=1`), gss.Malformed}, {edit(`nc=00000001`, `nc=00000000`), gss.Malformed}, {edit(`nc=00000001`, `nc=0000000g`), gss.Malformed},
		{edit(`nc=00000001`, `nc=000000001`), gss.Malformed}, {edit(`, qop=auth`, ``), gss.Unsupported}, {edit(`qop=auth`, `qop=auth-int`), gss.Unsupported},
		{edit(`qop=auth`, `qop=token`), gss.Unsupported}, {edit(`algorithm=SHA-256`, `algorithm=SHA-512-256`), gss.Unsupported},
		{edit(`algorithm=SHA-256`, `algorithm=X`), gss.Unsupported}, {edit(`, algorithm=SHA-256`, ``), gss.Malformed},
		{edit(`realm="lab"`, `realm="Lab"`), gss.BadCredentials}, {edit(`username="alice"`, "username=\"\xff\""), gss.Malformed},
		{edit(`username="alice"`, `username*=UTF-8''%FF`), gss.Malformed}, {edit(`username="alice"`, `username*="alice"`), gss.Malformed},
		{edit(`username="alice"`, `username="`+strings.Repeat("a", maxValue+1)+`"`), gss.Malformed},
		{good + `, userhash=true`, gss.Unsupported},
	} {
		_, out := w.presented(s, x, header.ParseCredentials(tt.text))
		wantFault(t, tt.text[:min(len(tt.text), 90)], out.Fault, tt.want)
		if len(w.asked) != 0 {
			t.Fatalf("%s: asked %v", tt.text, w.asked)
		}
		for _, leak := range []string{"alice", "lab", w.t.Name()} {
			if strings.Contains(strings.ReplaceAll(out.Fault.Detail, "available", ""), leak) {
				t.Errorf("the fault echoes %q: %v", leak, out.Fault)
			}
		}
	}
	// Each value may come quoted or not (R7616-3.3-1), and names in any case.
	for _, text := range []string{edit(`nc=00000001`, `nc="00000001"`), edit(`qop=auth`, `qop="auth"`), edit(`algorithm=SHA-256`, `algorithm="SHA-256"`),
		edit(`username="alice"`, `username=alice`), edit(`username=`, `UserName=`), edit(`Digest`, `dIGEST`), edit(`username="alice"`, `username*=UTF-8''alice`),
		edit(`username="alice"`, `username="\a\lice"`), good + `, more="of it"`} {
		w.seen = map[string]gss.Window{}
		if _, out := w.presented(s, x, header.ParseCredentials(text)); out.State != gss.Complete {
			t.Errorf("%s: %v", text, out.Fault)
		}
	}
	requirement.Held(t, "unit:digest_credentials", "R7616-3.4-2")
}

func TestStoreFaults(t *testing.T) {
	s, x := newServer(t, ServerConfig{QOPs: []QOP{AuthInt}}), exchange("GET", "/")
	w := newWorld(t)
	_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), w.offer(s, x))
	at := []scheme.Acceptor{}
	var a scheme.Acceptor = s.Accept(x)
	in := scheme.AcceptorInput{Event: scheme.Presented, Credentials: sent.Credentials}
	for {
		at = append(at, a)
		next, out, err := a.Step(w.env(), in)
		if err != nil {
			t.Fatal(err)
		}
		if out.State != gss.Waiting {
			break
		}
		a, in = next, scheme.AcceptorInput{Event: scheme.Answered, Answer: w.answer(out.Ask)}
	}
	if len(at) != 4 {
		t.Fatalf("%d stages, want 4", len(at))
	}
	// A store of users that declines may have declined this one alone; what is down, is
	// down for all, and without a memory of nonces no client can be judged.
	wants := [3][2]gss.Code{{gss.NoFault, gss.Unavailable}, {gss.QuestionFailed, gss.QuestionFailed}, {gss.Unavailable, gss.Unavailable}}
	for n, a := range at[1:] {
		for i, answer := range []gss.Answer{gss.Declined{}, gss.Unreachable{}} {
			_, out, err := a.Step(w.env(), scheme.AcceptorInput{Event: scheme.Answered, Answer: answer})
			if err != nil || out.Fault.Code != wants[n][i] || out.Challenges.Len() != 0 {
				t.Errorf("stage %d, %T: %v %v", n, answer, out.Fault, err)
			}
		}
		same, _, err := a.Step(w.env(), scheme.AcceptorInput{Event: scheme.Answered, Answer: gss.Reply{}})
		wantMisuse(t, "a foreign answer", err)
		if same != a {
			t.Error("misuse changed the state")
		}
		for _, e := range []scheme.Event{0, scheme.Presented, scheme.Responding, 99} {
			_, _, err := a.Step(w.env(), scheme.AcceptorInput{Event: e})
			wantMisuse(t, "an event that cannot come now", err)
		}
	}
	i := newClient(t, ClientConfig{}).Initiate(x)
	for _, e := range []scheme.Event{0, scheme.Answered, scheme.Concluded, 99} {
		same, _, err := i.Step(w.env(), scheme.InitiatorInput{Event: e})
		wantMisuse(t, "an event that cannot come now", err)
		if same != i {
			t.Error("misuse changed the state")
		}
	}
}

func TestZeroValuesAreDead(t *testing.T) {
	w := newWorld(t)
	if _, out, err := (initiator{}).Step(w.env(), scheme.InitiatorInput{Event: scheme.Start}); err != nil || out.State != gss.Failed {
		t.Error("the zero initiator does something")
	}
	if _, out, err := (acceptor{}).Step(w.env(), scheme.AcceptorInput{Event: scheme.Presented}); err != nil || out.State != gss.Failed {
		t.Error("the zero acceptor does something")
	}
	if c, s := newClient(t, ClientConfig{}), newServer(t, ServerConfig{}); s.Traits() != c.Traits() || c.Traits().Name != scheme.Digest {
		t.Error("the traits are not those of Digest")
	}
}

// MSDIG-5 (digest_acceptor_requires_config), MSDIG-6.
func TestDigestAcceptorRequiresConfig(t *testing.T) {
	key := []gss.Secret{nonceKeyOf('k')}
	nine := make([]gss.Secret, maxKeys+1)
	for i := range nine {
		nine[i] = key[0]
	}
	good := ServerConfig{Realm: realm, Keys: key}
	with := func(change func(*ServerConfig)) ServerConfig {
		c := good
		change(&c)
		return c
	}
	if _, err := NewServer(good); err != nil {
		t.Fatal(err)
	}
	misusetest.Run(t, "digest", func(c ServerConfig) error {
		s, err := NewServer(c)
		if s != nil && err != nil {
			t.Errorf("%v, and a server", err)
		}
		requirement.Held(t, "unit:digest_acceptor_requires_config")
		return err
	}, []misusetest.Row[ServerConfig]{
		{Field: "Realm"},
		{Field: "Realm", Config: ServerConfig{Keys: key}},
		{Field: "Realm", Config: with(func(c *ServerConfig) { c.Realm = "a\nb" })},
		{Field: "Realm", Config: with(func(c *ServerConfig) { c.Realm = strings.Repeat("r", maxValue+1) })},
		{Field: "Keys", Config: ServerConfig{Realm: realm}},
		{Field: "Keys", Config: with(func(c *ServerConfig) { c.Keys = []gss.Secret{gss.NewSecret("0123456789012345678901234567890")} })},
		{Field: "Keys[1]", Config: with(func(c *ServerConfig) { c.Keys = []gss.Secret{key[0], {}} })},
		{Field: "Keys", Config: with(func(c *ServerConfig) { c.Keys = nine })},
		{Field: "Algorithms", Config: with(func(c *ServerConfig) { c.Algorithms = []Algorithm{} })},
		{Field: "Algorithms", Config: with(func(c *ServerConfig) { c.Algorithms = []Algorithm{SHA256, 77} })},
		{Field: "QOPs", Config: with(func(c *ServerConfig) { c.QOPs = []QOP{} })},
		{Field: "QOPs", Config: with(func(c *ServerConfig) { c.QOPs = []QOP{Auth, Legacy} })},
		{Field: "Domain", Config: with(func(c *ServerConfig) { c.Domain = "/a\n/b" })},
		{Field: "Domain", Config: with(func(c *ServerConfig) { c.Domain = strings.Repeat("/", maxValue+1) })},
		{Field: "NonceLifetime", Config: with(func(c *ServerConfig) { c.NonceLifetime = -1 })},
		{Field: "Skew", Config: with(func(c *ServerConfig) { c.Skew = -1 })},
		{Field: "NextNonce", Config: with(func(c *ServerConfig) { c.NextNonce = NextAlways + 1 })},
		{Field: "Tolerate", Config: with(func(c *ServerConfig) { c.Tolerate = tolerances })},
		{Field: "StrictURI", Config: with(func(c *ServerConfig) { c.StrictURI, c.Tolerate = true, PathToProxy })},
	}, map[string]string{
		"BindHost": "both work", "BindURI": "both work", "UserHash": "both work", "AllowReplay": "both work", "Rewrite": "nil is none, and each pure function works",
		"Microsoft": "in FIPS-only mode it is an error without Algorithms, see TestInFIPSOnly",
	})
	misusetest.Run(t, "digest", func(c ClientConfig) error {
		client, err := NewClient(c)
		if client != nil && err != nil {
			t.Errorf("%v, and a client", err)
		}
		return err
	}, []misusetest.Row[ClientConfig]{
		{Field: "Algorithms", Config: ClientConfig{Algorithms: []Algorithm{}}},
		{Field: "Algorithms[1]", Config: ClientConfig{Algorithms: []Algorithm{SHA256, 99}}},
		{Field: "Names", Config: ClientConfig{Names: UTF8Names + 1}},
	}, map[string]string{
		"PreferAuthInt": "both work", "RefuseLegacy": "both work", "RequireProof": "both work", "Microsoft": "both work",
	})
}
