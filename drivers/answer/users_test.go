package answer_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

func TestUsers(t *testing.T) {
	s := answer.NewUsers(map[string]string{"alice": "wonder", "nobody": "", "": "nameless"})
	wonder := gss.Password{User: "alice", Password: gss.NewSecret("wonder")}
	sha, err := digest.For(digest.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha.UserHash("alice", "r").String()
	for _, c := range []struct {
		name string
		q    gss.Question
		want gss.Answer
	}{
		{"a user", gss.NeedVerifier{User: "alice"}, wonder},
		{"a stranger", gss.NeedVerifier{User: "mallory"}, gss.Unknown{}},
		{"another case", gss.NeedVerifier{User: "Alice"}, gss.Unknown{}},
		{"an empty password", gss.NeedVerifier{User: "nobody"}, gss.Unknown{}},
		{"an empty name", gss.NeedVerifier{User: ""}, gss.Unknown{}},
		{"by hash", gss.NeedVerifier{User: hash, Hashed: true, Realm: "r", Kind: "SHA-256"}, wonder},
		{"by hash in another realm", gss.NeedVerifier{User: hash, Hashed: true, Realm: "s", Kind: "SHA-256"}, gss.Unknown{}},
		{"by another hash", gss.NeedVerifier{User: hash, Hashed: true, Realm: "r", Kind: "MD5"}, gss.Unknown{}},
		{"by a hash that does not exist", gss.NeedVerifier{User: hash, Hashed: true, Realm: "r", Kind: "CRC"}, gss.Unknown{}},
		{"a name where a hash is due", gss.NeedVerifier{User: "alice", Hashed: true, Realm: "r", Kind: "SHA-256"}, gss.Unknown{}},
		{"the right password", gss.NeedVerdict{User: "alice", Proof: gss.NewSecret("wonder")}, gss.Verdict{Accepted: true}},
		{"a wrong password", gss.NeedVerdict{User: "alice", Proof: gss.NewSecret("wonde")}, gss.Verdict{}},
		{"no password", gss.NeedVerdict{User: "alice"}, gss.Verdict{}},
		{"an empty password for one without", gss.NeedVerdict{User: "nobody"}, gss.Unknown{}},
		{"by NTLM, of no domain", gss.NeedVerifier{Scheme: scheme.NTLM, User: "alice"}, gss.Password{User: "alice", Password: gss.NewSecret("wonder")}},
		{"by NTLM, of a domain that anybody can name", gss.NeedVerifier{Scheme: scheme.NTLM, Realm: "OTHER", User: "alice"}, gss.Declined{}},
		{"a question of others", gss.NeedCredential{}, gss.Declined{}},
	} {
		if got := ask(s, c.q); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(text, "wonder") {
		t.Errorf("a password shows in %s", text)
	}
}

func TestUsersAreSafeForConcurrentUse(t *testing.T) {
	s := answer.NewUsers(map[string]string{"alice": "wonder"})
	md5, err := digest.For(digest.MD5)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			realm := fmt.Sprint(i % 3)
			q := gss.NeedVerifier{User: md5.UserHash("alice", realm).String(), Hashed: true, Realm: realm, Kind: "MD5"}
			if got, ok := ask(s, q).(gss.Password); !ok || got.User != "alice" {
				t.Errorf("got %T", got)
			}
		})
	}
	wg.Wait()
}

// htdigestFile is what Apache's tool writes for alice in realm r:x, a name with a
// colon, and for bob, with both algorithms.
func htdigestFile(t *testing.T) string {
	t.Helper()
	line := func(a digest.Algorithm, user, realm, password string) string {
		f, err := digest.For(a)
		if err != nil {
			t.Fatal(err)
		}
		return user + ":" + realm + ":" + f.HA1(user, realm, password).Secret().Reveal() + "\n"
	}
	return "# users\n\n" +
		line(digest.MD5, "alice", "r:x", "wonder") +
		strings.ReplaceAll(line(digest.MD5, "bob", "r", "builder"), "\n", "\r\n") +
		line(digest.SHA256, "bob", "r", "builder") +
		strings.ToUpper(line(digest.SHA256, "CAROL", "R", "carrel"))
}

func TestHtdigest(t *testing.T) {
	s, err := answer.ReadHtdigest(strings.NewReader(htdigestFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v", s, s, s); text != "answer.Htdigest(***) answer.Htdigest(***) answer.Htdigest(***)" {
		t.Errorf("shown as %s", text)
	}
	verifier := func(realm, user string) gss.Question {
		return gss.NeedVerifier{Scheme: scheme.Digest, Realm: realm, User: user, Kind: "MD5"}
	}
	for _, c := range []struct {
		q           gss.Question
		md5, sha256 bool
	}{
		{verifier("r:x", "alice"), true, false},
		{verifier("r", "bob"), true, true},
		{verifier("R", "CAROL"), false, true},
	} {
		got, ok := ask(s, c.q).(digest.HA1)
		if !ok || got.MD5.IsEmpty() == c.md5 || got.SHA256.IsEmpty() == c.sha256 {
			t.Errorf("%+v: %+v", c.q, got)
		}
	}
	md5, err := digest.For(digest.MD5)
	if err != nil {
		t.Fatal(err)
	}
	hashed := gss.NeedVerifier{Scheme: scheme.Digest, Realm: "r", Hashed: true, Kind: "MD5", User: md5.UserHash("bob", "r").String()}
	if got, ok := ask(s, hashed).(digest.HA1); !ok || got.User != "bob" {
		t.Errorf("by hash: %+v", got)
	}
	for name, c := range map[string]struct {
		q    gss.Question
		want gss.Answer
	}{
		"another realm":     {verifier("r", "alice"), gss.Unknown{}},
		"a stranger":        {verifier("r", "mallory"), gss.Unknown{}},
		"for Basic":         {gss.NeedVerifier{Scheme: scheme.Basic, Realm: "r", User: "bob"}, gss.Declined{}},
		"right password":    {gss.NeedVerdict{Realm: "r", User: "bob", Proof: gss.NewSecret("builder")}, gss.Verdict{Accepted: true}},
		"right, MD5 only":   {gss.NeedVerdict{Realm: "r:x", User: "alice", Proof: gss.NewSecret("wonder")}, gss.Verdict{Accepted: true}},
		"wrong password":    {gss.NeedVerdict{Realm: "r", User: "bob", Proof: gss.NewSecret("wonder")}, gss.Verdict{}},
		"verdict, stranger": {gss.NeedVerdict{Realm: "r", User: "mallory"}, gss.Unknown{}},
		"another question":  {gss.NeedCredential{}, gss.Declined{}},
	} {
		if got := ask(s, c.q); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestHtdigestAlgorithms: a server offers what every user of its realm can be verified by, and what
// some can where there is no such algorithm.
func TestHtdigestAlgorithms(t *testing.T) {
	md5, sha256 := ":"+strings.Repeat("0", 32)+"\n", ":"+strings.Repeat("0", 64)+"\n"
	one, both := []digest.Algorithm{digest.MD5}, []digest.Algorithm{digest.SHA256, digest.MD5}
	for text, want := range map[string][]digest.Algorithm{
		"":                                   nil,
		"alice:other" + md5:                  nil,
		"alice:r" + md5:                      one,
		"alice:r" + sha256:                   both[:1],
		"alice:r" + md5 + "alice:r" + sha256: both,
		"alice:r" + md5 + "alice:r" + sha256 + "bob:r" + md5:         one,
		"alice:r" + md5 + "bob:r" + sha256:                           both,
		"alice:r" + md5 + "alice:r" + md5 + "bob:other" + sha256:     one,
		"alice:r" + sha256 + "bob:r" + md5 + "bob:r" + sha256:        both[:1],
		"alice:r" + md5 + "bob:r" + sha256 + "carol:r" + md5:         both,
		"alice:r" + md5 + "alice:r" + sha256 + "bob:R" + md5 + "#\n": both,
	} {
		h, err := answer.ReadHtdigest(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Algorithms("r"); !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if got := new(answer.Htdigest).Algorithms("r"); got != nil {
		t.Errorf("the zero Htdigest: %v, want none", got)
	}
	requirement.Held(t, "unit:offer_follows_store", "HTA-35")
}

func TestHtdigestRefuses(t *testing.T) {
	hash := strings.Repeat("0", 32)
	for _, text := range []string{
		"alice", "alice:r", ":r:" + hash, "alice:r:", "alice:r:" + hash[1:], "alice:r:" + hash + "0", "alice:r:" + hash[1:] + "g",
		strings.Repeat("x", 4096+1) + ":r:" + hash,
	} {
		s, err := answer.ReadHtdigest(strings.NewReader("bob:r:" + hash + "\n" + text + "\n"))
		if err == nil || s != nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "alice") {
			t.Errorf("%.40q: error %v", text, err)
		}
	}
}
