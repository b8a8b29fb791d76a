package ntlm

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// pad appends bytes until b has a length.
func pad(b []byte, size int) string { return string(b) + strings.Repeat("p", size-len(b)) }

// Each bound on what is read: as many bytes or pairs as it says are taken, and one more is
// not (L9).
func TestBounds(t *testing.T) {
	pairs := func(n int) string {
		var b []byte
		for range n {
			b = ntlmssp.AppendAV(b, 0x1000, 0) // a kind that is not known may come again and again
		}
		return string(append(b, 0, 0, 0, 0))
	}
	name := func(n int) string { return strings.Repeat("n", n) }
	for _, test := range []struct {
		name  string
		bound int
		parse func(size int) gss.Fault
	}{
		{"MaxNegotiate", ntlmssp.MaxNegotiate, func(n int) gss.Fault {
			_, f := ntlmssp.ParseNegotiate(pad(ntlmssp.Negotiate{}.Append(nil), n))
			return f
		}},
		{"MaxChallenge", ntlmssp.MaxChallenge, func(n int) gss.Fault {
			_, f := ntlmssp.ParseChallenge(pad(ntlmssp.Challenge{}.Append(nil), n))
			return f
		}},
		{"MaxAuthenticate", ntlmssp.MaxAuthenticate, func(n int) gss.Fault {
			_, f := ntlmssp.ParseAuthenticate(pad(ntlmssp.Authenticate{}.Append(nil), n))
			return f
		}},
		{"MaxName, user", ntlmssp.MaxName, func(n int) gss.Fault {
			_, f := ntlmssp.ParseAuthenticate(string(ntlmssp.Authenticate{User: name(n)}.Append(nil)))
			return f
		}},
		{"MaxName, domain", ntlmssp.MaxName, func(n int) gss.Fault {
			_, f := ntlmssp.ParseAuthenticate(string(ntlmssp.Authenticate{Domain: name(n)}.Append(nil)))
			return f
		}},
		{"MaxName, workstation", ntlmssp.MaxName, func(n int) gss.Fault {
			_, f := ntlmssp.ParseAuthenticate(string(ntlmssp.Authenticate{Workstation: name(n)}.Append(nil)))
			return f
		}},
		{"MaxAVPairs", ntlmssp.MaxAVPairs, func(n int) gss.Fault { _, f := ntlmssp.ParseAVPairs(pairs(n)); return f }},
	} {
		if fault := test.parse(test.bound); !fault.IsZero() {
			t.Errorf("%s: as much as is allowed: %v", test.name, fault)
		}
		if fault := test.parse(test.bound + 1); fault.Code != gss.Malformed {
			t.Errorf("%s: one more: %v", test.name, fault)
		}
	}
	for size, ok := range map[int]bool{maxServerName: true, maxServerName + 1: false} {
		long := name(size)
		for what, c := range map[string]Config{
			"Workstation": {Workstation: long}, "Computer": {Computer: long}, "Domain": {Computer: "C", Domain: long},
			"DNSComputer": {Computer: "C", DNSComputer: long}, "DNSDomain": {Computer: "C", DNSDomain: long}, "DNSTree": {Computer: "C", DNSTree: long},
		} {
			if _, err := New(c); (err == nil) != ok {
				t.Errorf("a %s of %d bytes: %v", what, size, err)
			}
		}
	}
}

// MaxSkew is how far apart the clocks may be: as far, and not a tick more.
func TestSkewBound(t *testing.T) {
	const skew, tick = 3_600_000_000_000, 100
	c := &config{Config: Config{MaxSkew: skew, Computer: "C"}}
	ours := int64(1_700_000_000_000_000_000)
	for _, off := range []int64{0, skew, -skew, skew + tick, -skew - tick} {
		p := proof{v2: true, response: ntlmssp.Response{Time: ntlmssp.TimeOf(ours + off)}}
		want := gss.NoFault
		if max(off, -off) > skew {
			want = gss.ClockSkew
		}
		if fault := c.judge(&p, gss.Binding{}, ours); fault.Code != want {
			t.Errorf("%d ns apart: %v, want %v", off, fault, want)
		}
		p.v2 = false // which has no time
		if fault := c.judge(&p, gss.Binding{}, ours); !fault.IsZero() {
			t.Errorf("%d ns apart, before NTLMv2: %v", off, fault)
		}
	}
}

// What an AUTHENTICATE must not be, though all of its fields are where they should: names
// that are no text, a response that names no user, or one of a version that is not
// defined. It is refused before anything is asked about it.
func TestAuthenticateThatIsNone(t *testing.T) {
	const odd, high, low, pair = "a\x00b", "\x00\xd8", "\x00\xdc", "\x3d\xd8\x00\xde" // UTF-16LE
	named := func(change func(*ntlmssp.Authenticate)) func(m *ntlmssp.Authenticate) {
		return func(m *ntlmssp.Authenticate) { m.Flags |= ntlmssp.FlagUnicode; change(m) }
	}
	version := func(resp, hi byte) func(m *ntlmssp.Authenticate) {
		return func(m *ntlmssp.Authenticate) {
			nt := []byte(m.NT)
			nt[ntlmssp.ProofSize], nt[ntlmssp.ProofSize+1] = resp, hi
			m.NT = string(nt)
		}
	}
	for name, test := range map[string]struct {
		change func(*ntlmssp.Authenticate)
		want   gss.Code
	}{
		"as it was":                           {func(*ntlmssp.Authenticate) {}, gss.NoFault},
		"a user of an odd length":             {named(func(m *ntlmssp.Authenticate) { m.User = odd }), gss.Malformed},
		"a domain of an odd length":           {named(func(m *ntlmssp.Authenticate) { m.Domain = odd }), gss.Malformed},
		"a workstation of an odd length":      {named(func(m *ntlmssp.Authenticate) { m.Workstation = odd }), gss.Malformed},
		"a user of one byte":                  {named(func(m *ntlmssp.Authenticate) { m.User = "a" }), gss.Malformed},
		"a high surrogate alone":              {named(func(m *ntlmssp.Authenticate) { m.User = high }), gss.Malformed},
		"a high surrogate and a letter":       {named(func(m *ntlmssp.Authenticate) { m.User = high + "a\x00" }), gss.Malformed},
		"a low surrogate alone":               {named(func(m *ntlmssp.Authenticate) { m.User = low }), gss.Malformed},
		"surrogates the wrong way round":      {named(func(m *ntlmssp.Authenticate) { m.User = low + high }), gss.Malformed},
		"two high surrogates":                 {named(func(m *ntlmssp.Authenticate) { m.User = high + high }), gss.Malformed},
		"a domain with a surrogate alone":     {named(func(m *ntlmssp.Authenticate) { m.Domain = "E\x00" + high }), gss.Malformed},
		"a workstation with one":              {named(func(m *ntlmssp.Authenticate) { m.Workstation = low + "W\x00" }), gss.Malformed},
		"a pair of surrogates":                {named(func(m *ntlmssp.Authenticate) { m.User = pair }), gss.UnknownUser},
		"no user":                             {func(m *ntlmssp.Authenticate) { m.User = "" }, gss.Malformed},
		"no user, an LM response alone":       {func(m *ntlmssp.Authenticate) { m.User, m.NT, m.LM = "", "", strings.Repeat("l", ntlmssp.V1Size) }, gss.Malformed},
		"no user, one byte of LM":             {func(m *ntlmssp.Authenticate) { m.User, m.NT, m.LM = "", "", "l" }, gss.Malformed},
		"no user, no response":                {func(m *ntlmssp.Authenticate) { m.User, m.NT, m.LM = "", "", "" }, gss.NoCredentials},
		"no user, the empty LM of anonymous":  {func(m *ntlmssp.Authenticate) { m.User, m.NT, m.LM = "", "", "\x00" }, gss.NoCredentials},
		"version 0":                           {version(0, 1), gss.Malformed},
		"version 2":                           {version(2, 1), gss.Malformed},
		"highest version 0":                   {version(1, 0), gss.Malformed},
		"highest version 2":                   {version(1, 2), gss.Malformed},
		"both 2":                              {version(2, 2), gss.Malformed},
		"a response of 43 bytes":              {func(m *ntlmssp.Authenticate) { m.NT = m.NT[:ntlmssp.ProofSize+ntlmssp.TempPairs-1] }, gss.Malformed},
		"a response of 23 bytes":              {func(m *ntlmssp.Authenticate) { m.NT = m.NT[:ntlmssp.V1Size-1] }, gss.Malformed},
		"a response to the challenge alone":   {func(m *ntlmssp.Authenticate) { m.NT = m.NT[:ntlmssp.V1Size] }, gss.NotPermitted},
		"no response but LM's":                {func(m *ntlmssp.Authenticate) { m.NT, m.LM = "", strings.Repeat("l", ntlmssp.V1Size) }, gss.NotPermitted},
		"a session key of 15 bytes":           {func(m *ntlmssp.Authenticate) { m.SessionKey = m.SessionKey[:15] }, gss.Malformed},
		"a session key of 17 bytes":           {func(m *ntlmssp.Authenticate) { m.SessionKey += "k" }, gss.Malformed},
		"no session key, which was agreed on": {func(m *ntlmssp.Authenticate) { m.SessionKey = "" }, gss.Malformed},
	} {
		w := newWorld(t, Config{}, acceptorConfig)
		asked := false
		users := w.users
		w.users = func(q gss.Question) gss.Answer { asked = true; return users(q) }
		w.mangle = func(kind int, token string) string {
			if kind != ntlmssp.TypeAuthenticate {
				return token
			}
			m, fault := ntlmssp.ParseAuthenticate(token)
			if !fault.IsZero() {
				t.Fatal(fault)
			}
			test.change(&m)
			return string(m.Append(nil))
		}
		_, a := w.run()
		if a.Fault.Code != test.want || (a.State == gss.Complete) != (test.want == gss.NoFault) {
			t.Errorf("%s: %v %v, want %v", name, a.State, a.Fault, test.want)
		}
		if want := test.want == gss.NoFault || test.want == gss.UnknownUser; asked != want {
			t.Errorf("%s: a question was asked: %t", name, asked)
		}
	}
}

// In the OEM character set every byte is a letter, so that each name is text, and no two of
// them are one.
func TestOEMNamesAreText(t *testing.T) {
	seen := map[string]bool{}
	for b := range 256 {
		text, ok := ntlmssp.FlagOEM.Text("u" + string([]byte{byte(b)}))
		if !ok || seen[text] {
			t.Errorf("byte %#x: %q, text %t, seen before %t", b, text, ok, seen[text])
		}
		seen[text] = true
	}
}
