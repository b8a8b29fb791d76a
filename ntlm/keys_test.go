package ntlm

import (
	"crypto/md5"
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// MS-NLMP section 3.4.5.3: how many bytes of the exported session key count follows from the flags.
func TestSealKeySizes(t *testing.T) {
	const client = "session key to client-to-server sealing key magic constant\x00"
	exported := Key{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	hashed := func(n int) string {
		sum := md5.Sum(append(exported[:n:n], client...))
		return string(sum[:])
	}
	for name, row := range map[string]struct {
		flags ntlmssp.Flags
		want  string
	}{
		"128 bits":                    {ntlmssp.FlagESS | ntlmssp.Flag128, hashed(16)},
		"128 bits before 56":          {ntlmssp.FlagESS | ntlmssp.Flag128 | ntlmssp.Flag56, hashed(16)},
		"56 bits":                     {ntlmssp.FlagESS | ntlmssp.Flag56, hashed(7)},
		"40 bits":                     {ntlmssp.FlagESS, hashed(5)},
		"LM key, 56 bits":             {ntlmssp.FlagLMKey | ntlmssp.Flag56, "\x01\x02\x03\x04\x05\x06\x07\xA0"},
		"LM key, 40 bits":             {ntlmssp.FlagLMKey, "\x01\x02\x03\x04\x05\xE5\x38\xB0"},
		"datagrams, 40 bits":          {ntlmssp.FlagDatagram, "\x01\x02\x03\x04\x05\xE5\x38\xB0"},
		"neither session nor LM key":  {ntlmssp.Flag56, string(exported[:])},
		"extended session and LM key": {ntlmssp.FlagESS | ntlmssp.FlagLMKey | ntlmssp.Flag56, hashed(7)},
	} {
		if k, n := sealKey(row.flags, exported, true); string(k[:n]) != row.want {
			t.Errorf("%s: %x, want %x", name, k[:n], row.want)
		}
	}
}

// LMOWFv1 knows letters in upper case alone, those of ISO 8859-1 too, and leaves every other character as it is.
func TestLMHashFoldsLettersOnly(t *testing.T) {
	hash := func(password string) Key {
		k, ok := lmowfv1(password)
		if !ok {
			t.Fatalf("%q has no hash", password)
		}
		return k
	}
	for _, pair := range [][2]string{{"a", "A"}, {"z", "Z"}, {"à", "À"}, {"þ", "Þ"}} {
		if hash(pair[0]) != hash(pair[1]) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"{", "["}, {"`", "@"}, {"~", "^"}, {"÷", "×"}, {"ÿ", "ß"}, {"\u00bf", "\u009f"}} {
		if hash(pair[0]) == hash(pair[1]) {
			t.Errorf("%q and %q are one", pair[0], pair[1])
		}
	}
}

// Only a client that speaks LM asks for its session key (MS-NLMP section 2.2.2.5).
func TestOnlyLMOffersItsKey(t *testing.T) {
	for level := V2; level < levels; level++ {
		w := newWorld(t, Config{Level: level}, acceptorConfig)
		w.login = gss.Password{User: "alice", Password: gss.NewSecret("short")} // LM has 14 characters at most
		m, fault := ntlmssp.ParseNegotiate(w.greet().Token.Bytes())
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		if got := m.Flags.Has(ntlmssp.FlagLMKey); got != (level == LM) {
			t.Errorf("level %d asks for the LM key: %t", level, got)
		}
	}
}

// A client that wants to be anonymous says so from its first message on, and no other does
// (MS-NLMP section 2.2.2.5).
func TestAnonymousIsAsked(t *testing.T) {
	for _, login := range []gss.Answer{Anonymous{}, gss.Password{User: "alice", Password: gss.NewSecret(userPassword)}, External{User: "alice"}} {
		server := acceptorConfig
		server.AllowAnonymous = true
		w := newWorld(t, Config{}, server)
		w.login = login
		w.run()
		hello, fault := ntlmssp.ParseNegotiate(w.hello.Bytes())
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		last, fault := ntlmssp.ParseAuthenticate(w.token.Bytes())
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		_, want := login.(Anonymous)
		if first, then := hello.Flags.Has(ntlmssp.FlagAnonymous), last.Flags.Has(ntlmssp.FlagAnonymous); first != want || then != want {
			t.Errorf("%T: the NEGOTIATE asks to be anonymous: %t, the AUTHENTICATE: %t", login, first, then)
		}
	}
}

// An established context says what was agreed upon, for logs.
func TestEstablishedContextPrints(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	c, a := w.run()
	for _, ctx := range []gss.Context{c.Context, a.Context} {
		if text := fmt.Sprint(ctx); !strings.Contains(text, "established") {
			t.Errorf("%q", text)
		}
	}
}
