package explain

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/bound"
)

var update = flag.Bool("update", false, "write the golden files anew")

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// cutInit is the start of a real NegTokenInit.
const cutInit = "\x60\x82\x01\xa4\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x82"

// golden are the texts of testdata/explain.golden.
var golden = []string{
	`WWW-Authenticate: Negotiate, NTLM, Digest realm="a \"b\"", nonce="n", qop="auth-int, auth", algorithm=SHA-256, Basic realm="b", charset="UTF-8"`,
	`www-authenticate: Digest realm="api",nonce="n",stale=true,algorithm=FOO,color=red`,
	`Proxy-Authenticate: Nego2 ` + b64(cutInit),
	`Authorization: Basic ` + b64("alice:open:sesame"),
	`Authorization: Basic ` + b64("alice\xe9:x"),
	`Authorization: Digest username="Mufasa", realm="r", nonce="n", uri="/dir?q", response="6629fae49393a05397450978507c4ef1", opaque="o", qop=auth, nc=0000000a, cnonce="c"`,
	`Proxy-Authorization: Digest username*=UTF-8''J%C3%A4s, realm="r", nonce="n", uri="a:443", algorithm=MD5, response="00", qop=auth, nc=1, cnonce="c"`,
	`Authentication-Info: nextnonce="m", rspauth="6629fae49393a05397450978507c4ef1", qop=auth, cnonce="c", nc=00000001`,
	`Persistent-Auth: false`,
	`Proxy-Support: Session-Based-Authentication`,
	// bare values
	`Negotiate`, `NTLM`, `true`, `Session-Based-Authentication`,
	`Basic realm="x"`,
	`Basic ` + b64("a:b"),
	`Digest username="u", realm="r", nonce="n", uri="/", response="6629fae49393a05397450978507c4ef1"`,
	`nextnonce="m"`,
	// bare tokens
	b64(cutInit),
	b64("\xa1\x07\x30\x05\xa0\x03\x0a\x01\x00"),
	`Authorization: Negotiate ` + curlInit, `WWW-Authenticate: Negotiate ` + mitChoice, mitFinal, sambaResponse,
	`WWW-Authenticate: NTLM ` + sambaChallenge, `Authorization: NTLM ` + curlAuthenticate,
	curlNegotiate, boundAuthenticate, wgetAuthenticate,
	b64("NTLMSSP\x00\x01\x00\x00\x00"), b64("NTLMSSP\x00\x02\x00\x00\x00"), b64("NTLMSSP\x00\x03\x00\x00\x00"),
	b64("\x60\x82\x02\x00\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00"),
	b64("\x60\x0b\x06\x07\x2b\x06\x01\x05\x02\x05\x01"),
	b64("\x6e\x82"), b64("\x7e\x82"),
	b64("alice:secret"),
	b64("toy:i2:u=alice:p=secret"),
	// broken
	``, `   `,
	`X-Other: a`,
	`WWW-Authenticate:`,
	`WWW-Authenticate: Digest realm="never closed`,
	`WWW-Authenticate: Digest realm="a", nonce="b" opaque="c", Basic realm="still here"`,
	`WWW-Authenticate: Digest realm="a", realm="b"`,
	`WWW-Authenticate: Digest nonce`,
	`WWW-Authenticate: Digest realm="a"`,
	`WWW-Authenticate: Digest =`,
	`WWW-Authenticate: Digest nonce=`,
	`WWW-Authenticate: realm="x"`,
	`WWW-Authenticate: Bearer realm="x"`,
	`WWW-Authenticate: Negotiate AAA`,
	`WWW-Authenticate: Negotiate AAAA BBBB`,
	`WWW-Authenticate: Negotiate AAAA, x=y`,
	"WWW-Authenticate: Dig\x01est",
	"WWW-Authenticate: Digest realm=\"a\x1b[31m\", nonce=n",
	`WWW-Authenticate: Digest realm="tail\`,
	`Authorization: Digest username="`,
	`Authorization: Digest ,,,`,
	`Authorization: Digest`,
	`Authorization: Basic`,
	`Authorization: Basic ` + b64("no colon"),
	`Authorization: Basic YTpi, Basic YTpi`,
	`Authorization: Digest username=u, username*=UTF-8''u, realm=r, nonce=n, uri="", response=zz, qop=odd, nc=1`,
	`Authentication-Info: rspauth`,
	`Authentication-Info: ;`,
	`Persistent-Auth: maybe`, `Persistent-Auth:`,
	`Proxy-Support: other`,
	`hello`,
	b64("\x01\x02\x03"),
	b64("toy:zz"),
}

func TestGolden(t *testing.T) {
	var got bytes.Buffer
	for _, text := range golden {
		fmt.Fprintf(&got, "> %q\n", text)
		e := Text(text)
		e.Print(&got)
		for _, f := range e.Faults {
			fmt.Fprintf(&got, "! %v\n", f)
		}
		got.WriteByte('\n')
	}
	file := filepath.Join("testdata", "explain.golden")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got.Bytes()) {
		t.Errorf("%s differs; look at what changed, and if it is right run go test -update\n%s", file, got.Bytes())
	}
}

// TestOffsets pins the offsets of some faults by a mark in the text: ^ stands
// before the byte that is to be reported.
func TestOffsets(t *testing.T) {
	for _, marked := range []string{
		`^X-Other: a`,
		`WWW-Authenticate:^`,
		`WWW-Authenticate: Digest realm=^"never closed`,
		`WWW-Authenticate: Digest realm="a", nonce="b" ^opaque="c"`,
		`WWW-Authenticate: Digest realm="a", ^REALM="b", nonce=x`,
		`WWW-Authenticate: ^Digest realm="a"`,
		`WWW-Authenticate: Basic realm="a", ^Bearer realm="x"`,
		`WWW-Authenticate: Negotiate AAA^`,
		"WWW-Authenticate: Dig^\x01est",
		"Authorization: Digest uri=\"\\^\x00\"",
		`Authorization: Basic ^` + b64("no colon"),
		`Authorization: Basic YTpi, ^Basic YTpi`,
		`Persistent-Auth: ^maybe`,
	} {
		at := strings.IndexByte(marked, '^')
		text := marked[:at] + marked[at+1:]
		if e := Text(text); len(e.Faults) == 0 || e.Faults[0].Offset != at {
			t.Errorf("%q: faults %v, want one at offset %d first", text, e.Faults, at)
		}
	}
}

// TestSecret looks for a password in every output of every way to spell it.
func TestSecret(t *testing.T) {
	const canary = "Canary-4711"
	pair := b64("alice:" + canary)
	for _, text := range []string{
		pair,
		"Basic " + pair,
		"Authorization: Basic " + pair,
		"Proxy-Authorization: basic " + pair,
		"Authorization: Basic " + pair + ", x",
		"WWW-Authenticate: Basic " + pair,
		"Authorization: Bearer " + pair,
		"Authorization: Bearer " + canary,
		"Authorization: Bearer token=" + canary,
		canary,
		b64(canary),
		b64("toy:i2:u=alice:p=" + canary),
	} {
		e := Text(text)
		var out bytes.Buffer
		e.Print(&out)
		j, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{out.String(), string(j)} {
			if strings.Contains(s, canary) || strings.Contains(s, pair) || strings.Contains(s, "Canary") && text != canary {
				t.Errorf("%q shows its secret:\n%s", text, s)
			}
		}
	}
}

// TestBounds: an explanation of a hostile text stays small.
func TestBounds(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("a,", bound.Text),
		"WWW-Authenticate: " + strings.Repeat(",@", bound.Text/3),
		"WWW-Authenticate: " + strings.Repeat("Basic @,", bound.Text/10),
		"WWW-Authenticate: Digest " + strings.Repeat("a=b,", bound.Text/5),
	} {
		e := Text(text)
		if e.OK() || len(e.Faults) > MaxFaults {
			t.Errorf("%.30q…: %d faults, want 1 to %d", text, len(e.Faults), MaxFaults)
		}
		if n := len(e.Tree.Children); n > bound.Challenges {
			t.Errorf("%.30q…: %d lines", text, n)
		}
	}
}

// FuzzText: no text breaks Text, its faults lie within the text, nothing that
// it prints is a control character, and its scanner agrees with package header.
func FuzzText(f *testing.F) {
	for _, text := range golden {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := Text(text)
		for _, fault := range e.Faults {
			if fault.Offset < 0 || fault.Offset > len(text) {
				t.Errorf("fault at %d of %d bytes", fault.Offset, len(text))
			}
		}
		var out bytes.Buffer
		e.Print(&out)
		for _, c := range out.Bytes() {
			if c < ' ' && c != '\n' || c == 0x7f {
				t.Errorf("a control character in the output: %q", out.String())
			}
		}
		if strings.Contains(text, "\n") || len(text) > bound.Text {
			return
		}
		var scan Explanation
		parts := scanList(&scan, text, 0)
		sound := true
		i := 0
		for c := range header.ParseChallenges(text).All() {
			if i >= len(parts) {
				t.Fatalf("header sees more than %d challenges", len(parts))
			}
			p := parts[i]
			i++
			sound = sound && c.Form() != header.Malformed
			if p.form != c.Form() || p.scheme != c.Scheme() {
				t.Fatalf("challenge %d: %q %v, header says %q %v", i, p.scheme, p.form, c.Scheme(), c.Form())
			}
			if p.form != header.Params {
				continue
			}
			j := 0
			for q := range c.Params() {
				if mine := p.params[j]; mine.name != q.Name || mine.value != q.Value || mine.quoted != q.Quoted {
					t.Fatalf("parameter %+v, header says %+v", mine, q)
				}
				j++
			}
			if j != len(p.params) {
				t.Fatalf("%d parameters, header says %d", len(p.params), j)
			}
		}
		if i != len(parts) {
			t.Fatalf("%d challenges, header says %d", len(parts), i)
		}
		if sound != (len(scan.Faults) == 0) && len(parts) < bound.Challenges {
			t.Fatalf("sound for header: %t, faults here: %v", sound, scan.Faults)
		}
	})
}
