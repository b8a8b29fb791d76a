package trace_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/machine/trace"
	"github.com/countersign-auth/countersign/scheme"
)

// A client answers a Basic challenge. Its steps are shown as they happen,
// written down sealed, and replayed.
func Example() {
	fresh, err := machine.NewClient(machine.ClientConfig{Schemes: []scheme.Client{scheme.BasicClient()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	config := trace.Config{Key: gss.NewSecret("32 random bytes, kept in a file.")}
	// A driver's seeds come from a cryptographic source, see package entropy.
	seed := func(n byte) gss.Env { return gss.Env{Now: int64(n), Seed: gss.Seed{n}} }
	encoder, out, err := trace.NewEncoder(config, seed(1))
	if err != nil {
		fmt.Println(err)
		return
	}

	var lines []trace.Line
	client := fresh
	for i, event := range []machine.Event{
		machine.Begin{Request: machine.Request{Method: "GET", URI: "/x?id=7", Scheme: "https", Host: "www.example.org", Port: 443}},
		machine.Response{Status: 401, Header: header.Response{WWWAuthenticate: header.ParseChallenges(`Basic realm="x"`)}},
		machine.Answered{ID: 1, Answer: gss.Password{User: "alice", Password: gss.NewSecret("secret")}},
		machine.Response{Status: 200},
	} {
		var record trace.Record
		client, record, _ = trace.Step(client, "conn-1", seed(byte(i+2)), event)
		if encoder, out, err = encoder.Append(out, record); err != nil {
			fmt.Println(err)
			return
		}
		lines = append(lines, trace.Redact(record))
	}
	out = encoder.End(out)
	fmt.Print(trace.Text(lines))

	read, err := trace.Decode(config, out)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, difference, err := trace.Replay(config.Vocabulary, fresh, trace.Of(read.Records, trace.Client, "conn-1"))
	fmt.Println(len(read.Records), "steps replayed:", difference, err)
	// Output:
	// application → client       GET /x?…
	// client      → origin       GET /x?…
	// origin      → client       401             WWW-Authenticate: Basic <1 parameter>
	//               client       asks NeedCredential (Basic)
	//               client       answer: Password
	// client      → origin       GET /x?…        Authorization: Basic <***>
	// origin      → client       200
	// client      → application  200, authenticated
	// 4 steps replayed: no difference <nil>
}

// A scheme's own questions and answers are handed in by value.
func ExampleVocab() {
	_, err := trace.Vocab(gss.Password{}, struct{ gss.Declined }{})
	fmt.Println(err)
	_, err = trace.Vocab("not an answer")
	fmt.Println(err)
	// Output:
	// <nil>
	// misuse: trace: a vocabulary holds values of types that implement gss.Question or gss.Answer
}
