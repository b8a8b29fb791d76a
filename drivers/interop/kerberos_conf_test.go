package interop

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/kerberos/krb5conf"
)

// profileText draws a krb5.conf that MIT's library reads, in the ways that such files are written.
func profileText(r *rand.Rand) (lines []string) {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	indent := func() string { return pick("", "", "  ", "\t", " \t ") }
	value := func() string {
		return pick("a", "A.TEST", "two words", "true", "3600", "10h 5m", "a=b", "a # b", "x;y", "{ a }", "a {", "}", "[a]", "*", "äö",
			`"quoted"`, `" spaces "`, `"a\"b"`, `"a\\b"`, `"a\tb\nc\bd\xe"`, `""`, `"a" b`, `a "b"`, `"{"`, "tail  ", "back\\slash")
	}
	var body func(depth int, names ...string)
	body = func(depth int, names ...string) {
		for range r.IntN(6) {
			name, star := pick(names...), pick("", "", "", "", "*")
			switch r.IntN(8) {
			case 0:
				lines = append(lines, pick("", "  ", "# a = b", "  ; a = {", ";", "#}", "\t# [realms]"))
			case 1, 2:
				if depth == 3 {
					continue
				}
				head := indent() + name + star + pick(" = ", "=", " =", "\t=\t")
				if r.IntN(4) == 0 {
					lines = append(lines, head, indent()+"{")
				} else {
					lines = append(lines, head+"{")
				}
				body(depth+1, "kdc", "admin_server", "x")
				lines = append(lines, indent()+"}"+pick("", "", "", "*"))
			default:
				lines = append(lines, indent()+name+star+pick(" = ", "=", " =", "= ", "\t=\t")+value())
			}
		}
	}
	for range 1 + r.IntN(4) {
		section := pick("libdefaults", "realms", "domain_realm", "capaths", "appdefaults", "own section")
		lines = append(lines, "["+section+"]"+pick("", "", "", " ", "*"))
		switch section {
		case "libdefaults":
			body(1, "default_realm", "ticket_lifetime", "forwardable", "include_x", "modules")
		case "domain_realm":
			body(1, ".a.test", "b.test")
		default:
			body(1, "A.TEST", "B.TEST", "c-d/e")
		}
	}
	return lines
}

// slips are lines for which MIT's library reads nothing of a file.
var slips = []string{"no relation", "= a value", `name = "not ended`, "  =", "-----", "<<<<<<< HEAD"}

// TestConfAsMIT: of files that are drawn, package krb5conf reads what MIT's profile library reads: what it writes of them is
// the same to that library. A slip that costs MIT's users the file costs ours a line.
func TestConfAsMIT(t *testing.T) {
	t.Parallel()
	needFile(t, "/usr/lib/x86_64-linux-gnu/libkrb5.so.3", "libkrb5-3")
	library := startPython(t, "profile_dump.py", nil)
	dir := t.TempDir()
	mit := func(texts ...string) string {
		t.Helper()
		var files []string
		for i, text := range texts {
			files = append(files, filepath.Join(dir, fmt.Sprintf("krb5-%d.conf", i)))
			if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprintln(library.in, strings.Join(files, ":"))
		return library.line(t)
	}
	ours := func(text string) *krb5conf.Config {
		t.Helper()
		c, fault := krb5conf.Parse(text, nil)
		if !fault.IsZero() {
			t.Fatalf("%v\n%s", fault, text)
		}
		return c
	}
	read, refused := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		draw := func() (lines []string, text, end string) {
			lines = profileText(r)
			end = []string{"\n", "\n", "\r\n"}[r.IntN(3)]
			return lines, strings.Join(lines, end) + end, end
		}
		lines, text, end := draw()
		theirs := mit(text)
		if !strings.HasPrefix(theirs, "{") {
			t.Errorf("%d: MIT reads nothing: %s\n%s", seed, theirs, text)
			continue
		}
		own := ours(text)
		if again := mit(string(own.Append(nil))); again != theirs {
			t.Errorf("%d: of\n%s\nMIT reads\n%s\nand of ours\n%s\n%s", seed, text, theirs, again, own.Append(nil))
		}
		if len(theirs) > 4 {
			read++
		}
		compareRelations(t, own, theirs)

		_, later, _ := draw() // as KRB5_CONFIG names more than one
		if list, both := mit(text, later), mit(string(own.Before(ours(later)).Append(nil))); list != both {
			t.Errorf("%d: of\n%s\nbefore\n%s\nMIT reads\n%s\nand of ours\n%s", seed, text, later, list, both)
		}

		at, slip := r.IntN(len(lines)+1), slips[r.IntN(len(slips))]
		if at > 0 && strings.HasSuffix(strings.TrimSpace(lines[at-1]), "=") {
			continue // a brace may follow
		}
		slipped := strings.Join(slices.Insert(lines, at, slip), end) + end
		if said := mit(slipped); !strings.HasPrefix(said, "{") {
			refused++
		}
		if got := ours(slipped); !reflect.DeepEqual(got, own) {
			t.Errorf("%d: with a slip, %q, in\n%s\nwe read\n%s\nand without it\n%s", seed, slip, slipped, got.Append(nil), own.Append(nil))
		}
	}
	t.Logf("%d files have something to read; with a slip MIT's library reads nothing of %d", read, refused)
	if read < 150 || refused < 100 {
		t.Error("too few")
	}
}

// compareRelations compares what methods return with what MIT's library has of a file.
func compareRelations(t *testing.T, c *krb5conf.Config, theirs string) {
	t.Helper()
	var tree any
	if err := json.Unmarshal([]byte(theirs), &tree); err != nil {
		t.Fatal(err)
	}
	values := func(path ...string) (list []string) {
		at := tree
		for i, name := range path {
			kind := "section "
			if i == len(path)-1 {
				kind = "relation "
			}
			if at, _ = at.(map[string]any)[kind+name]; at == nil {
				return nil
			}
		}
		for _, v := range at.([]any) {
			list = append(list, latin1(v.(string)))
		}
		return list
	}
	fields := func(values []string) (list []string) {
		for _, v := range values {
			list = append(list, strings.Fields(v)...)
		}
		return list
	}
	for _, name := range []string{"default_realm", "ticket_lifetime", "forwardable", "include_x", "modules"} {
		want := ""
		if list := values("libdefaults", name); len(list) > 0 {
			want = list[0]
		}
		if got := c.Text(name, ""); got != want {
			t.Errorf("%s is %q, and MIT reads %q", name, got, want)
		}
	}
	for _, realm := range []string{"A.TEST", "B.TEST", "c-d/e"} {
		if got, want := c.KDCs(realm), fields(values("realms", realm, "kdc")); !slices.Equal(got, want) {
			t.Errorf("KDCs are %q, and MIT reads %q", got, want)
		}
		if got, want := c.CAPath(realm, "x"), fields(values("capaths", realm, "x")); !slices.Equal(got, want) {
			t.Errorf("the path is %q, and MIT reads %q", got, want)
		}
	}
	for _, host := range []string{"b.test", ".a.test"} {
		want := ""
		if list := values("domain_realm", host); len(list) > 0 {
			want = list[0]
		}
		if got := c.RealmOf(strings.Replace(host, ".a", "host.a", 1)); got != want {
			t.Errorf("the realm of %s is %q, and MIT reads %q", host, got, want)
		}
	}
}

// latin1 returns the octets of a text that was decoded as ISO 8859-1.
func latin1(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}
