package answer_test

import (
	"context"
	"fmt"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
)

// A client's credentials are bound to the origin that they are for.
func ExampleFor() {
	login, err := answer.For("https://intranet.example", `EXAMPLE\alice`, "wonder")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, host := range []string{"intranet.example", "attacker.example"} {
		a := login.Answer(context.Background(), gss.NeedCredential{
			Scheme: "Negotiate",
			Target: gss.Target{Scheme: "https", Host: host, Port: 443},
		})
		fmt.Printf("%s: %T\n", host, a)
	}
	// Output:
	// intranet.example: gss.Password
	// attacker.example: gss.Declined
}

// A server's store, and the memory that stops replays.
func ExampleChain() {
	source := answer.Chain(
		answer.NewUsers(map[string]string{"alice": "wonder"}),
		&answer.ReplayCache{Max: 100_000},
	)
	for _, q := range []gss.Question{
		gss.NeedVerifier{Scheme: "Digest", User: "alice"},
		gss.NeedVerifier{Scheme: "Digest", User: "mallory"},
		gss.NeedReplayCheck{Key: "nonce", Sequence: 1, Until: 1 << 62},
		gss.NeedExchange{Service: "kdc"},
	} {
		fmt.Printf("%T: %T\n", q, source.Answer(context.Background(), q))
	}
	// Output:
	// gss.NeedVerifier: gss.Password
	// gss.NeedVerifier: gss.Unknown
	// gss.NeedReplayCheck: gss.ReplayVerdict
	// gss.NeedExchange: gss.Declined
}

// A user store of an application's own answers one type of question.
func ExampleOn() {
	passwords := map[string]string{"alice": "wonder"} // in place of a database
	store := answer.On(func(_ context.Context, q gss.NeedVerifier) gss.Answer {
		password, known := passwords[q.User]
		if !known {
			return gss.Unknown{} // not an empty password
		}
		return gss.Password{Password: gss.NewSecret(password)}
	})
	source := answer.Chain(store, new(answer.ReplayCache))
	for _, q := range []gss.Question{
		gss.NeedVerifier{Scheme: "Digest", User: "alice"},
		gss.NeedVerifier{Scheme: "Digest", User: "mallory"},
		gss.NeedReplayCheck{Key: "nonce", Sequence: 1, Until: 1 << 62},
		gss.NeedVerdict{Scheme: "Basic", User: "alice"},
	} {
		fmt.Printf("%T: %T\n", q, source.Answer(context.Background(), q))
	}
	// Output:
	// gss.NeedVerifier: gss.Password
	// gss.NeedVerifier: gss.Unknown
	// gss.NeedReplayCheck: gss.ReplayVerdict
	// gss.NeedVerdict: gss.Declined
}
