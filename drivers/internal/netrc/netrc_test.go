package netrc

import (
	"fmt"
	"strings"
	"testing"
)

const sample = `# logins
machine www.example login alice password "with a \"space\""
machine other.example
	login bob
	account x
	password "#hash"
macdef init
	machine macro.example login no password no

machine www.example login carol password second
MACHINE Upper.Example LOGIN dave PASSWORD pw # a comment
machine half.example login erin
machine half.example password nameless
machine "" login nowhere password no
default login anonymous password ""
`

func TestFind(t *testing.T) {
	f, err := Parse(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ host, login, name, password string }{
		{"www.example", "", "alice", `with a "space"`},
		{"WWW.example", "carol", "carol", "second"},
		{"other.example", "", "bob", "#hash"},
		{"upper.example", "", "dave", "pw"},
		{"half.example", "", "anonymous", ""}, // an entry without a password is none
		{"macro.example", "", "anonymous", ""},
	} {
		if name, password, ok := f.Find(row.host, row.login); !ok || name != row.name || password != row.password {
			t.Errorf("%s, %q: %q, %q, %v", row.host, row.login, name, password, ok)
		}
	}
	if _, _, ok := f.Find("www.example", "mallory"); ok {
		t.Error("a login that is not there was found")
	}
	if got := fmt.Sprintf("%v %+v %#v", f, f, f); strings.Contains(got, "second") {
		t.Error("a file prints its passwords")
	}
}

// A file that is wrong is refused as a whole, and the error has nothing of it.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"login a password b":                                "line 1: login before the first machine",
		"machine a\nlogin b\npassword":                      "line 3: password without a value",
		"machine a login b password \"c":                    "line 1: a quote does not end",
		"machine a login b password #c":                     "line 1: a comment in place of the password; put a value that begins with # in quotes",
		"machine a login b password c d":                    "line 1: expected machine, default, login, password, account or macdef",
		"machine":                                           "line 1: machine without a value",
		strings.Repeat("#\n", maxSize/2) + "# and a little": fmt.Sprintf("it is longer than %d bytes", maxSize),
	} {
		if _, err := Parse(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
	if f, err := Parse(strings.NewReader("")); err != nil || len(f.entries) > 0 {
		t.Errorf("an empty file: %v, %v", f, err)
	}
}
