package interop

import (
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// What NTLM calls the computers of these tests, and their domain.
const (
	computer = "INTEROP"
	domain   = "LAB"
)

// ntlmAccounts are the users that can log in by NTLM: plain, and with a password and a
// name that are not ASCII. Not every peer supports the third one.
var ntlmAccounts = []account{
	{alice, password},
	{"jason", "pässwörd"},
	{"jäsøn", "pässwörd"},
}

func ntlmServer(t testing.TB, c ntlm.Config) scheme.Server {
	t.Helper()
	c.Computer, c.Domain = computer, domain
	m, err := ntlm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return scheme.NTLMServer(m)
}

func ntlmClient(t testing.TB, c ntlm.Config) scheme.Client {
	t.Helper()
	m, err := ntlm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return scheme.NTLMClient(m)
}

// byNTLM is for clients that speak NTLM alone.
func byNTLM(t testing.TB) func(*nethttp.ClientConfig) {
	return func(conf *nethttp.ClientConfig) { conf.Machine.Schemes = []scheme.Client{ntlmClient(t, ntlm.Config{})} }
}

// ntlmSource knows the accounts, in our domain.
func ntlmSource(t testing.TB) answer.Source {
	t.Helper()
	passwords := make(map[string]string)
	for _, a := range ntlmAccounts {
		passwords[a.name] = a.password
	}
	s, err := answer.NewNTHashes(passwords, domain, computer, "lab.example")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
