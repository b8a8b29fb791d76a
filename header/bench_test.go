package header

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/bound"
)

// The floor: one pass that cuts the text into scheme, token68 and parameters as
// substrings in an array of the caller's. It trusts its input, checks neither
// control characters, nor repeated names, nor base64, and resolves no escapes:
// less than a parser may do, so ours is measured against it and not made like it.
type cut struct {
	scheme, token string
	params        [16]struct{ name, value string }
	n             int
}

func cutAll(s string, out []cut) (n int) {
	var cur *cut
	for i := 0; i < len(s); {
		if b := s[i]; b == ' ' || b == ',' {
			i++
			continue
		}
		from := i
		for i < len(s) && class[s[i]]&tchar != 0 {
			i++
		}
		word := s[from:i]
		if word == "" {
			return -1
		}
		if i == len(s) || s[i] != '=' || cur == nil {
			if n == len(out) {
				return n
			}
			cur = &out[n]
			cur.scheme, cur.token, cur.n = word, "", 0
			n++
			if i < len(s) && s[i] == ' ' {
				from = i + 1
				j := from
				for j < len(s) && class[s[j]]&t68 != 0 {
					j++
				}
				digits := j
				for j < len(s) && s[j] == '=' {
					j++
				}
				if digits > from && (j == len(s) || s[j] == ',') {
					cur.token, i = s[from:j], j
				}
			}
			continue
		}
		i++
		from = i
		var value string
		if i < len(s) && s[i] == '"' {
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			if i >= len(s) {
				return -1
			}
			value = s[from+1 : i]
			i++
		} else {
			for i < len(s) && class[s[i]]&tchar != 0 {
				i++
			}
			value = s[from:i]
		}
		if cur.n < len(cur.params) {
			cur.params[cur.n].name, cur.params[cur.n].value = word, value
			cur.n++
		}
	}
	return n
}

var (
	benchDigest = `Digest realm="http-auth@example.org", domain="/private /api", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ` +
		`opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", stale=false, algorithm="MD5", qop="auth", charset="UTF-8"`
	benchFour = `Negotiate, NTLM, Digest realm="users, and \"staff\", only", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ` +
		`qop="auth,auth-int", algorithm=SHA-256, opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", Basic realm="a, b = c", charset="UTF-8"`
	benchToken = "Negotiate " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x60\x82\x05\xfa token", 200))[:1536])
	benchCreds = `Digest username="alice", realm="http-auth@example.org", uri="/private/index.html?a=1", algorithm=MD5, ` +
		`nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", ` +
		`qop=auth, response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", userhash=false`
)

// walk is what a user does with a field: parse, look at every challenge and every
// parameter.
func walk(s string) (n int) {
	for c := range ParseChallenges(s).All() {
		n += len(c.Scheme())
		for p := range c.Params() {
			n += len(p.Value)
		}
	}
	return n
}

func walkCredentials(s string) (n int) {
	c := ParseCredentials(s)
	n = len(c.Scheme())
	for p := range c.Params() {
		n += len(p.Value)
	}
	return n
}

var sink int

func BenchmarkHeader(b *testing.B) {
	floor := func(s string) int {
		var out [8]cut
		return cutAll(s, out[:])
	}
	for _, c := range []struct {
		name, text string
		ours       func(string) int
	}{
		{"token2k", benchToken, walk},
		{"digest8", benchDigest, walk},
		{"four", benchFour, walk},
		{"credentials11", benchCreds, walkCredentials},
	} {
		for _, impl := range []struct {
			name string
			f    func(string) int
		}{{"floor", floor}, {"ours", c.ours}} {
			b.Run("case="+c.name+"/impl="+impl.name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(c.text)))
				for b.Loop() {
					sink = impl.f(c.text)
				}
			})
		}
	}
}

// Decoding is apart from parsing: base64 into a fresh string is its floor.
func BenchmarkToken(b *testing.B) {
	text := strings.TrimPrefix(benchToken, "Negotiate ")
	b.Run("case=decode2k/impl=floor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t, _ := base64.StdEncoding.DecodeString(text)
			sink = len(t)
		}
	})
	b.Run("case=decode2k/impl=ours", func(b *testing.B) {
		c := ParseCredentials(benchToken)
		b.ReportAllocs()
		for b.Loop() {
			t, _ := c.Token()
			sink = len(t)
		}
	})
}

// hostile are texts that make a careless parser superlinear. Each is cut to a
// size: compare MB/s across the sizes.
var hostile = []struct{ name, head, unit string }{
	{"commas", `Digest a=b`, `,`},
	{"list", ``, `a,`},
	{"empty-params", `Digest `, `a=b,,,,,,,,`},
	{"params", `Digest `, `a=b,`},
	{"quotes", `Digest a=`, `"`},
	{"open-quotes", `Digest a="`, "\n" + `Digest a="`},
	{"escapes", `Digest a="`, `\"`},
	{"spaces", `Digest`, ` `},
	{"space-junk", `Digest `, " \t@"},
	{"padding", `Negotiate AAAA`, `=`},
	{"digits", `Negotiate `, `AAAA`},
	{"lines", `Negotiate`, "\n"},
	{"malformed-one", `Digest @,`, `b=c d="`},
}

func hostileText(head, unit string, size int) string {
	return (head + strings.Repeat(unit, size/len(unit)+1))[:size]
}

func BenchmarkHostile(b *testing.B) {
	for _, h := range hostile {
		for _, size := range []struct {
			name string
			n    int
		}{{"16KiB", 16 << 10}, {"128KiB", bound.Text}, {"256KiB", 256 << 10}} {
			text := hostileText(h.head, h.unit, size.n)
			b.Run("case="+h.name+"/size="+size.name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					sink = walk(text) + walkCredentials(text)
				}
			})
		}
	}
}
