package header

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/bound"

	"pgregory.net/rapid"
)

func TestBuilder(t *testing.T) {
	full := Build(nil, "Digest").Quoted("username", `q"uo\te`).Ext("username", "jäsøn").Token("qop", "auth").
		Token("realm", "not a token").QuotedBytes("response", []byte("0af"))
	want := `Digest username="q\"uo\\te", username*=UTF-8''j%C3%A4s%C3%B8n, qop=auth, realm="not a token", response="0af"`
	if got := full.Credentials(); got.Text() != want || got != ParseCredentials(want) {
		t.Errorf("credentials\n got %s\nwant %s", got.Text(), want)
	}
	if full.Len() != len(want) {
		t.Errorf("Len is %d, want %d", full.Len(), len(want))
	}
	if got := full.Challenge(); got.Text() != want || got != ParamChallenge("Digest", strings.TrimPrefix(want, "Digest ")) {
		t.Errorf("challenge\n got %s\nwant %s", got.Text(), want)
	}
	info := Build(nil, "").Token("nc", "00000001").Quoted("cnonce", "a\r\nb").Info()
	if want := `nc=00000001, cnonce="a  b"`; info.Text() != want || info != ParseInfo(want) {
		t.Errorf("info is %q", info.Text())
	}
	if got := Build(nil, "Basic").Credentials(); got.Form() != Bare {
		t.Errorf("a scheme alone is %v", got.Form())
	}

	many := Build(nil, "X")
	for i := range bound.Params {
		many = many.Token("p"+strings.Repeat("x", i), "v")
	}
	if got := many.Challenge().Form(); got != Params {
		t.Errorf("MaxParams parameters are %v", got)
	}
	for name, bad := range map[string]Builder{
		"a name that comes twice":    Build(nil, "X").Token("a", "1").Token("A", "2"),
		"an ext-name twice":          Build(nil, "X").Ext("a", "1").Ext("a", "2"),
		"a name that is no token":    Build(nil, "X").Token("a b", "1"),
		"no name":                    Build(nil, "X").Quoted("", "1"),
		"a scheme that is no token":  Build(nil, "X Y").Token("a", "1"),
		"one parameter too many":     many.Token("last", "1"),
		"more text than may be sent": Build(nil, "X").Quoted("a", strings.Repeat("x", bound.Text)),
		"a line feed in the scheme":  Build(nil, "X\n").Token("a", "1"),
		"a line feed in the name":    Build(nil, "X").Token("a\n", "1"),
	} {
		if got := bad.Credentials(); got.Form() != Malformed || got.Text() != "" {
			t.Errorf("%s: credentials are %v", name, got.Form())
		}
	}
	if got := Build(nil, "").Token("a", "1").Token("a", "2").Info(); !got.Malformed() {
		t.Error("an info with a name twice is not malformed")
	}
	if got := full.Info(); !got.Malformed() {
		t.Error("an info with a scheme is not malformed")
	}
}

// What a Builder makes is what the text-based constructors make of the same
// parameters, and parses to itself.
func TestBuilderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, text := Build(make([]byte, 0, 16), "Digest"), []byte(nil)
		for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,9}`), 1, 12, rapid.ID[string]).Draw(t, "names") {
			value := string(rapid.SliceOf(rapid.Byte()).Draw(t, name))
			if rapid.Bool().Draw(t, "quoted") {
				b, text = b.Quoted(name, value), AppendQuoted(text, name, value)
			} else {
				b, text = b.Token(name, value), AppendToken(text, name, value)
			}
		}
		got := b.Credentials()
		if got != paramCredentials("Digest", string(text)) || got != ParseCredentials(got.Text()) {
			t.Fatalf("%q", got.Text())
		}
	})
}

func TestBuilderAllocations(t *testing.T) {
	var buf [512]byte
	if n := testing.AllocsPerRun(100, func() {
		Build(buf[:0], "Digest").Quoted("username", "alice").Quoted("realm", "r").Quoted("nonce", "n").Quoted("uri", "/").
			Token("algorithm", "MD5").QuotedBytes("response", buf[:4]).Quoted("opaque", "o").Token("qop", "auth").
			Token("nc", "00000001").Quoted("cnonce", "c").Token("userhash", "true").Credentials()
	}); n != 1 {
		t.Errorf("%v allocations, want the text alone", n)
	}
}
