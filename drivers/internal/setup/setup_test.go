package setup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

var key = NonceKey(gss.NewSecret("secret"), "a")

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		o    Options
		want string // names, or a part of the error
	}{
		{Options{Realm: "r", Computer: "C"}, "Nego2 Negotiate NTLM Digest Basic"},
		{Options{Schemes: []string{"ntlm"}, Computer: "C", Domain: "D", NTLMLevel: "v1", RequireMIC: true, ChannelBinding: "require"}, "NTLM"},
		{Options{Schemes: []string{"ntlm"}}, "computer name"},
		{Options{Schemes: []string{"nego2", "negotiate"}, Computer: "C"}, "Nego2 Negotiate"},
		{Options{Schemes: []string{"negotiate"}}, "computer name"},
		{Options{Schemes: []string{"ntlm"}, Computer: "C", NTLMLevel: "v3"}, "no NTLM level"},
		{Options{Schemes: []string{"ntlm"}, Computer: "C", ChannelBinding: "maybe"}, "no channel binding"},
		{Options{Schemes: []string{"ntlm"}, Computer: strings.Repeat("C", 256)}, "want up to 255"},
		{Options{Realm: "r", Schemes: []string{"BASIC"}}, "Basic"},
		{Options{Realm: "r", Schemes: []string{"digest"}, Algorithms: []string{"md5-SESS"}, QOPs: []string{"auth-int"}, Tolerances: Tolerances()}, "Digest"},
		{Options{Realm: "r", Schemes: []string{"digest"}, StrictURI: true}, "Digest"},
		{Options{Realm: "r", Schemes: []string{"digest"}, StrictURI: true, Tolerances: []string{"path-to-proxy"}}, "StrictURI"},
		{Options{Realm: "r", Schemes: []string{"x"}}, "expected nego2, negotiate, ntlm, digest, basic"},
		{Options{Realm: "r", Computer: "C", Algorithms: []string{"x"}}, "no Digest algorithm"},
		{Options{Realm: "r", Computer: "C", QOPs: []string{"x"}}, "no Digest qop"},
		{Options{Realm: "r", Computer: "C", Tolerances: []string{"x"}}, "no Digest tolerance"},
		{Options{Computer: "C"}, "Realm is empty"},
	} {
		servers, err := test.o.Servers(key)
		var names []string
		for _, s := range servers {
			names = append(names, s.Traits().Name)
		}
		got := strings.Join(names, " ")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, test.want) {
			t.Errorf("%+v: %s, want %s", test.o, got, test.want)
		}
	}
	if _, err := (&Options{Algorithms: []string{"x"}}).Clients(); err == nil {
		t.Error("a client takes an algorithm that does not exist")
	}
}

// TestMachine: a machine's setup survives its way through a trace.
func TestMachine(t *testing.T) {
	m := Machine{Options: Options{Schemes: []string{"digest"}, Realm: "r", Algorithms: []string{"MD5"}, QOPs: []string{"auth"},
		NonceLifetime: time.Second, Tolerances: []string{"short-nc"}, StrictURI: true,
		NTLMLevel: "v1", Computer: "C", Domain: "D", RequireMIC: true, ChannelBinding: "require"}, Label: "l", KeepAlways: true, Cleartext: true}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var again Machine
	if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(m, again) {
		t.Errorf("%+v became %+v, %v", m, again, err)
	}
}

func TestNonceKey(t *testing.T) {
	other := NonceKey(gss.NewSecret("secret"), "b")
	if key == other || len(key.Reveal()) != 32 || key != NonceKey(gss.NewSecret("secret"), "a") {
		t.Error("a nonce key must depend on its label, and on nothing else")
	}
}

// TestUserStore: a file that is not there is refused, and an unknown user is unknown.
func TestUserStore(t *testing.T) {
	for _, u := range []Users{{Htdigest: []string{"/does/not/exist"}}, {NTLM: true, NTHash: []string{"/does/not/exist"}}} {
		if _, err := u.Store(); err == nil {
			t.Error("a file that is not there was taken")
		}
	}
	s, err := (&Users{Passwords: map[string]string{"alice": "secret"}, NTLM: true, Domains: []string{"LAB"}}).Store()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		user, password string
		want           gss.Answer
	}{
		{"alice", "secret", gss.Verdict{Accepted: true}},
		{"alice", "", gss.Verdict{}},
		{"bob", "secret", gss.Unknown{}},
	} {
		q := gss.NeedVerdict{Scheme: scheme.Basic, Realm: "r", User: test.user, Proof: gss.NewSecret(test.password)}
		if got := s.Answer(t.Context(), q); got != test.want {
			t.Errorf("%s: %v, want %v", test.user, got, test.want)
		}
	}
	for _, test := range []struct {
		domain, user string
		known        bool
	}{{"", "ALICE", true}, {"lab", "alice", true}, {"other", "alice", false}, {"", "bob", false}} {
		q := gss.NeedVerifier{Scheme: scheme.NTLM, Realm: test.domain, User: test.user}
		if _, known := s.Answer(t.Context(), q).(ntlm.Hash); known != test.known {
			t.Errorf("%+v: known %v", test, known)
		}
	}
}

func TestComputerName(t *testing.T) {
	for host, want := range map[string]string{
		"www.example.com": "WWW", "a-b1": "A-B1", "": "SERVER", "ä_": "SERVER", "a-very-long-host-name": "A-VERY-LONG-HOS",
	} {
		if got := ComputerName(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

// TestComplete: options that say nothing of realm and algorithms follow the files of users.
func TestComplete(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "users")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	md5, sha256 := ":"+strings.Repeat("0", 32)+"\n", ":"+strings.Repeat("0", 64)+"\n"
	weak, strong, other := file("alice:r"+md5), file("bob:r"+sha256), file("alice:s"+md5)
	both := file("carol:r" + md5 + "carol:r" + sha256)
	for _, test := range []struct {
		files       []string
		o           Options
		realm, algs string
	}{
		{nil, Options{}, "countersign", ""},
		{nil, Options{Realm: "r"}, "r", ""},
		{[]string{weak}, Options{}, "r", "MD5"},
		{[]string{weak}, Options{Algorithms: []string{"SHA-256"}}, "r", "SHA-256"},
		{[]string{weak}, Options{Realm: "elsewhere"}, "elsewhere", ""},
		{[]string{weak, both}, Options{}, "r", "MD5"},
		{[]string{both, strong}, Options{}, "r", "SHA-256"},
		{[]string{weak, strong}, Options{}, "r", "MD5 SHA-256"},
		{[]string{both, weak, strong}, Options{}, "r", "MD5 SHA-256"},
		{[]string{strong, other}, Options{}, "countersign", ""},
		{[]string{strong, other}, Options{Realm: "s"}, "s", "MD5"},
	} {
		u := Users{Passwords: map[string]string{"dave": "secret"}, Htdigest: test.files}
		if _, err := u.Store(); err != nil {
			t.Fatal(err)
		}
		o := test.o
		if u.Complete(&o); o.Realm != test.realm || strings.Join(o.Algorithms, " ") != test.algs {
			t.Errorf("%d files, %+v: realm %q, algorithms %q; want %q, %q", len(test.files), test.o, o.Realm, o.Algorithms, test.realm, test.algs)
		}
	}
}

// A scheme that is named twice is there once: a script may add what the command line has already.
func TestSchemeNamedTwice(t *testing.T) {
	o := Options{Schemes: []string{"digest", "basic", "Digest"}}
	clients, err := o.Clients()
	if err != nil || len(clients) != 2 {
		t.Errorf("%d clients, %v; want 2", len(clients), err)
	}
}
