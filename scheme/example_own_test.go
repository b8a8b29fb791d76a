package scheme_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Proof is a scheme of a user's own, as small as both halves can be. The server names a
// realm, and the client sends the user's name and a proof of the password:
//
//	WWW-Authenticate: Proof realm="staff"
//	Authorization: Proof user="alice", proof="0ff5…"
//
// It shows how a scheme is written, by the steps of ARCHITECTURE.md, and is no good on a
// network: what it sends can be sent again. Step 1: its traits.
var proofTraits = scheme.Traits{
	Name: "Proof", Form: header.Params, Opening: scheme.OpeningParams,
	Affinity: scheme.PerRequest, Strength: scheme.BasicStrength + 1, // preferred to Basic
}

// proofOf returns the proof that belongs to a user, a password and a realm.
func proofOf(user string, password gss.Secret, realm string) string {
	mac := hmac.New(sha256.New, []byte(password.Reveal()))
	fmt.Fprintf(mac, "%q %q", user, realm)
	return hex.EncodeToString(mac.Sum(nil))
}

// Step 2: proofClient is the scheme as configured for a client.
type proofClient struct{}

func (proofClient) Traits() scheme.Traits { return proofTraits }

func (proofClient) Initiate(x scheme.Exchange) scheme.Initiator { return proofInitiator{x: x} }

// proofStage is how far a half has come.
type proofStage uint8

const (
	opening proofStage = iota
	asking             // the question is open
	settled            // the proof was sent, or accepted
)

// proofInitiator is the client's half of one exchange.
type proofInitiator struct {
	x     scheme.Exchange
	realm string
	stage proofStage
	fault gss.Fault
}

func (proofInitiator) Info() gss.Info       { return gss.Info{} } // the server proves nothing
func (proofInitiator) Context() gss.Context { return nil }

func (i proofInitiator) Step(_ gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	switch {
	case !i.fault.IsZero(): // a half that failed stays failed
		return i, scheme.InitiatorOutput{Fault: i.fault}, nil
	case in.Event == scheme.Start || in.Event == scheme.Challenged:
		return i.challenged(in.Offer)
	case in.Event == scheme.Answered && i.stage == asking:
		return i.answered(in.Answer)
	case in.Event == scheme.Concluded && i.stage == settled:
		return i, scheme.InitiatorOutput{State: gss.Complete}, nil
	}
	return i, scheme.InitiatorOutput{}, gss.Misuse("Proof: this event cannot come now")
}

func (i proofInitiator) challenged(offer header.Challenges) (scheme.Initiator, scheme.InitiatorOutput, error) {
	if i.stage != opening {
		return i.fail(gss.Refused, "the server rejected the user name or password")
	}
	for c := range offer.Of("Proof") {
		if realm, ok := c.Param("realm"); ok {
			i.realm, i.stage = realm, asking
			// Step 3: the question.
			ask := gss.NeedCredential{Scheme: "Proof", Side: i.x.Side, Target: i.x.Target, Realm: realm}
			return i, scheme.InitiatorOutput{State: gss.Waiting, Ask: ask}, nil
		}
	}
	return i.fail(gss.Malformed, "no challenge has a realm")
}

func (i proofInitiator) answered(a gss.Answer) (scheme.Initiator, scheme.InitiatorOutput, error) {
	switch a := a.(type) {
	case gss.Password:
		i.stage = settled
		credentials := header.Build(nil, "Proof").Quoted("user", a.User).Quoted("proof", proofOf(a.User, a.Password, i.realm)).Credentials()
		return i, scheme.InitiatorOutput{State: gss.Complete, Credentials: credentials}, nil
	case gss.Unreachable:
		return i.fail(gss.QuestionFailed, "the source of credentials did not respond")
	}
	return i.fail(gss.NoCredentials, "no user name and password for this realm")
}

func (i proofInitiator) fail(code gss.Code, detail string) (scheme.Initiator, scheme.InitiatorOutput, error) {
	i.fault = gss.Fault{Code: code, Detail: "Proof: " + detail}
	return i, scheme.InitiatorOutput{Fault: i.fault}, nil
}

// Step 4: proofServer is the scheme as configured for a server.
type proofServer struct{ realm string }

func (proofServer) Traits() scheme.Traits { return proofTraits }

func (s proofServer) Offer(gss.Env, scheme.Exchange) (header.Challenges, gss.Fault) {
	return header.ListOf(header.Build(nil, "Proof").Quoted("realm", s.realm).Challenge()), gss.Fault{}
}

func (s proofServer) Accept(scheme.Exchange) scheme.Acceptor { return proofAcceptor{server: s} }

// proofAcceptor is the server's half of one exchange.
type proofAcceptor struct {
	server      proofServer
	user, proof string // as the client claims them
	stage       proofStage
	fault       gss.Fault
}

func (a proofAcceptor) Info() gss.Info {
	if a.stage != settled {
		return gss.Info{}
	}
	return gss.Info{Peer: a.user}
}

func (proofAcceptor) Context() gss.Context { return nil }

func (a proofAcceptor) Step(_ gss.Env, in scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	switch {
	case !a.fault.IsZero():
		return a, scheme.AcceptorOutput{Fault: a.fault}, nil
	case in.Event == scheme.Presented && a.stage == opening:
		return a.presented(in.Credentials)
	case in.Event == scheme.Answered && a.stage == asking:
		return a.replied(in.Answer)
	case in.Event == scheme.Responding && a.stage == settled:
		return a, scheme.AcceptorOutput{State: gss.Complete}, nil
	}
	return a, scheme.AcceptorOutput{}, gss.Misuse("Proof: this event cannot come now")
}

func (a proofAcceptor) presented(c header.Credentials) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	user, named := c.Param("user")
	proof, proven := c.Param("proof")
	if !named || !proven {
		return a.fail(gss.Malformed, "credentials need a user and a proof")
	}
	a.user, a.proof, a.stage = user, proof, asking
	ask := gss.NeedVerifier{Scheme: "Proof", Realm: a.server.realm, User: user}
	return a, scheme.AcceptorOutput{State: gss.Waiting, Ask: ask}, nil
}

func (a proofAcceptor) replied(answer gss.Answer) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	if _, ok := answer.(gss.Unreachable); ok { // for all users
		return a.fail(gss.Unavailable, "the user store did not respond")
	}
	stored, known := answer.(gss.Password)
	want := proofOf(a.user, stored.Password, a.server.realm) // the same work for an unknown user
	switch right := hmac.Equal([]byte(want), []byte(a.proof)); {
	case !known && answer == gss.Unknown{}:
		return a.fail(gss.UnknownUser, "no such user")
	case !known:
		return a.fail(gss.NoCredentials, "the user store has no answer")
	case !right || stored.Password == gss.Secret{}:
		return a.fail(gss.BadCredentials, "wrong proof")
	}
	a.stage = settled
	return a, scheme.AcceptorOutput{State: gss.Complete}, nil
}

func (a proofAcceptor) fail(code gss.Code, detail string) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	a.fault = gss.Fault{Code: code, Detail: "Proof: " + detail}
	return a, scheme.AcceptorOutput{Fault: a.fault}, nil
}

// ends are a client and a server, and what either of them answers.
type ends struct {
	client machine.Client
	server machine.Server
	answer func(gss.Question) gss.Answer
}

// get is one request: the client's loop.
func (e *ends) get(r machine.Request) {
	for event := machine.Event(machine.Begin{Request: r}); event != nil; {
		var actions machine.Actions
		e.client, actions, _ = e.client.Step(gss.Env{}, event) // an error is a mistake in this loop
		event = nil
		for action := range actions.All() {
			switch a := action.(type) {
			case machine.Send:
				event = e.serve(r, a)
			case machine.Ask:
				event = machine.Answered{ID: a.ID, Answer: e.answer(a.Question)}
			case machine.Deliver:
				fmt.Println("client delivers the response")
			case machine.Fail:
				fmt.Println("client fails:", a.Fault)
			}
		}
	}
}

// serve is the server's loop. It returns the response as the client's next event.
func (e *ends) serve(r machine.Request, sent machine.Send) machine.Event {
	event := machine.Event(machine.Received{Request: r, Header: header.Request{Authorization: sent.Authorization}})
	for {
		var actions machine.Actions
		e.server, actions, _ = e.server.Step(gss.Env{}, event)
		for action := range actions.All() {
			switch a := action.(type) {
			case machine.Ask:
				event = machine.Answered{ID: a.ID, Answer: e.answer(a.Question)}
			case machine.Reply:
				fmt.Println("server replies", a.Status)
				return machine.Response{Status: a.Status, Header: header.Response{WWWAuthenticate: a.Challenges}}
			case machine.Accept:
				fmt.Println("server accepts", a.Info.Name())
				event = machine.Responding{Status: 200}
			case machine.Finish:
				return machine.Response{Status: 200}
			}
		}
	}
}

// A scheme of one's own has a client, a server and their halves of an exchange. The
// machines take it as they take Digest, which is step 6.
func Example_ownScheme() {
	client, err := machine.NewClient(machine.ClientConfig{Schemes: []scheme.Client{proofClient{}, scheme.BasicClient()}})
	if err != nil {
		panic(err)
	}
	server, err := machine.NewServer(machine.ServerConfig{Schemes: []scheme.Server{proofServer{"staff"}}})
	if err != nil {
		panic(err)
	}
	wonder := gss.Password{User: "alice", Password: gss.NewSecret("wonder")}
	request := machine.Request{Method: "GET", URI: "/", Scheme: "https", Host: "www.example", Port: 443}

	e := ends{client, server, func(gss.Question) gss.Answer { return wonder }}
	e.get(request)

	guess := func(q gss.Question) gss.Answer { // by default a client asks for credentials twice
		if _, ok := q.(gss.NeedCredential); ok {
			return gss.Password{User: "alice", Password: gss.NewSecret("guess")}
		}
		return wonder
	}
	e = ends{client, server, guess}
	e.get(request)
	// Output:
	// server replies 401
	// server accepts alice
	// client delivers the response
	// server replies 401
	// server replies 401
	// server replies 401
	// client fails: refused by the peer: Proof: the server rejected the user name or password
}
