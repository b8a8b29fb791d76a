package ntlm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/ntlm"
)

// negotiation is NTLM inside SPNEGO, and where its sides ended.
type negotiation struct {
	sides [2]gss.Context
	outs  [2]gss.Output
	sent  []string // the tokens, the initiator's first
}

// negotiate runs it until a side has nothing to say; change sees each token on its
// way, by its number.
func negotiate(t *testing.T, client, server gss.Mechanism, want gss.Flags, change func(n int, token string) string) (x negotiation) {
	t.Helper()
	asks := kitAnswers(kitSecret, false)
	target := kitTarget
	target.Want = want
	x.sides = [2]gss.Context{client.Initiate(target), server.Accept(target)}
	in := gss.Input{}
	for n := range 20 {
		turn := n % 2
		for {
			next, out, err := x.sides[turn].Step(gss.Env{Now: 1_700_000_000_000_000_000, Seed: gss.Seed{byte(n + 1), byte(len(x.sent) + 1), 3}}, in)
			if err != nil {
				t.Fatal(err)
			}
			x.sides[turn], x.outs[turn] = next, out
			if out.State != gss.Waiting {
				break
			}
			in = gss.Input{Answer: asks(out.Ask)}
		}
		if !x.outs[turn].Token.Present() || x.outs[turn].State == gss.Failed {
			break
		}
		token := x.outs[turn].Token.Bytes()
		x.sent = append(x.sent, token)
		if change != nil {
			token = change(n, token)
		}
		in = gss.Input{Token: gss.TokenOf(token)}
	}
	return x
}

// isHint reports whether a byte of a NegTokenResp may change. Fields with another tag
// are skipped, so these are the tag and the value of negState, which says how far the
// sender thinks the negotiation is (the mechanism and the MICs decide that), and the
// tag of supportedMech, which repeats the only mechanism there is.
func isHint(token string, at int) bool {
	state := strings.Index(token, "\xa0\x03\x0a\x01")
	mech := strings.Index(token, "\xa1\x0c\x06\x0a")
	return token[0] == 0xa1 && state >= 0 && (at == state || at == state+4 || at == mech)
}

// protection is what both sides came to.
func (x negotiation) protection() string {
	s := ""
	for i, c := range x.sides {
		s += fmt.Sprintf("%v %v %v;", x.outs[i].State, c.Info().Mech, c.Info().Flags)
	}
	return s
}

// Inside SPNEGO no bit of NTLM's messages can be changed either, and no bit of the
// tokens around them so that the acceptor takes less protection than both sides
// offered. What is taken all the same says the same in another way; it is listed by
// its reason.
func TestNoBitOfSPNEGOCanBeChanged(t *testing.T) {
	mech := func(c ntlm.Config, fallback bool) gss.Mechanism {
		m, err := ntlm.New(c)
		if err != nil {
			t.Fatal(err)
		}
		s, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{m}, Fallback: fallback})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, fallback := range []bool{false, true} {
		client, server := mech(ntlm.Config{}, fallback), mech(ntlm.Config{Computer: "WWW", Domain: "LAB"}, fallback)
		for _, want := range []gss.Flags{0, gss.Confidential} {
			sound := negotiate(t, client, server, want, nil)
			if sound.outs[0].State != gss.Complete || sound.outs[1].State != gss.Complete {
				t.Fatal(sound.outs)
			}
			for n, token := range sound.sent {
				for bit := range 8 * len(token) {
					x := negotiate(t, client, server, want, func(k int, token string) string {
						if k != n {
							return token
						}
						b := []byte(token)
						b[bit/8] ^= 1 << (bit % 8)
						return string(b)
					})
					complete := x.outs[0].State == gss.Complete || n < len(sound.sent)-1 && x.outs[1].State == gss.Complete
					if complete && (!isHint(token, bit/8) || x.protection() != sound.protection()) {
						t.Errorf("token %d, byte %d, bit %d was changed, and taken: %s", n, bit/8, bit%8, x.protection())
					}
				}
			}
			requirement.Held(t, "unit:ntlm_no_bit_changes", "NLMP-3.2.5.1.2-5")
		}
	}
}
