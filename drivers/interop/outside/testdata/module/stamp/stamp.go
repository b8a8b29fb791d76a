// Package stamp is an authentication scheme that countersign does not have: each request
// carries a stamp: the time, a random number, and a MAC of both, the method and the target
// under the user's password.
//
//	WWW-Authenticate: Stamp realm="staff"
//	Authorization: Stamp user="alice", at="1795608000000000000", number="1b0c…", mac="0ff5…"
package stamp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// Name is the name of the scheme.
const Name = "Stamp"

// Window is how far the time of a stamp may be from the server's, in nanoseconds.
const Window = 60e9

func traits() scheme.Traits {
	return scheme.Traits{
		Name: Name, Form: header.Params, Opening: scheme.OpeningParams,
		Affinity: scheme.PerRequest, Strength: scheme.BasicStrength + 1,
	}
}

// mac returns the stamp of a request.
func mac(password gss.Secret, user, realm, at, number string, x scheme.Exchange) string {
	m := hmac.New(sha256.New, []byte(password.Reveal()))
	fmt.Fprintf(m, "%q %q %q %q %q %q", user, realm, at, number, x.Method, x.URI)
	return hex.EncodeToString(m.Sum(nil))
}

type stage uint8

const (
	begun   stage = iota
	asking        // a question is open
	seeking       // the server asks whether the stamp is new
	done
)

// Client is the client half.
type Client struct{}

// Traits implements scheme.Client.
func (Client) Traits() scheme.Traits { return traits() }

// Initiate implements scheme.Client.
func (Client) Initiate(x scheme.Exchange) scheme.Initiator { return initiator{exchange: x} }

type initiator struct {
	exchange scheme.Exchange
	stage    stage
	offer    header.Challenge
	realm    string
	fault    gss.Fault
}

// Info implements scheme.Initiator. The server proves nothing.
func (initiator) Info() gss.Info { return gss.Info{} }

// Context implements scheme.Initiator.
func (initiator) Context() gss.Context { return nil }

// Step implements scheme.Initiator.
func (i initiator) Step(env gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	switch {
	case !i.fault.IsZero():
		return i, scheme.InitiatorOutput{Fault: i.fault}, nil
	case i.stage == begun && (in.Event == scheme.Start || in.Event == scheme.Challenged):
		return i.challenged(in.Offer)
	case in.Event == scheme.Challenged && i.stage == done:
		return i.fail(gss.Refused, "the server rejected the stamp")
	case in.Event == scheme.Answered && i.stage == asking:
		return i.answered(env, in.Answer)
	case in.Event == scheme.Concluded && i.stage == done:
		return i, scheme.InitiatorOutput{State: gss.Complete, Memory: scheme.Memory{Offer: i.offer}}, nil
	}
	return i, scheme.InitiatorOutput{}, gss.Misuse("stamp: an event that cannot come now")
}

func (i initiator) challenged(offers header.Challenges) (scheme.Initiator, scheme.InitiatorOutput, error) {
	for offer := range offers.Of(Name) {
		if realm, ok := offer.Param("realm"); ok {
			i.offer, i.realm, i.stage = offer, realm, asking
			need := gss.NeedCredential{Scheme: Name, Side: i.exchange.Side, Target: i.exchange.Target, Realm: realm}
			return i, scheme.InitiatorOutput{State: gss.Waiting, Ask: need}, nil
		}
	}
	return i.fail(gss.Malformed, "there is no challenge with a realm")
}

func (i initiator) answered(env gss.Env, a gss.Answer) (scheme.Initiator, scheme.InitiatorOutput, error) {
	switch a := a.(type) {
	case gss.Password:
		random, ok := env.Bytes(Name, 16)
		if !ok {
			return i.fail(gss.NoEntropy, "the seed of this step is zero")
		}
		at, number := strconv.FormatInt(env.Now, 10), hex.EncodeToString([]byte(random))
		credentials := header.Build(nil, Name).Quoted("user", a.User).Quoted("at", at).Quoted("number", number).
			Quoted("mac", mac(a.Password, a.User, i.realm, at, number, i.exchange)).Credentials()
		i.stage = done
		return i, scheme.InitiatorOutput{State: gss.Complete, Credentials: credentials}, nil
	case gss.Unreachable:
		return i.fail(gss.QuestionFailed, "the source of credentials did not respond")
	}
	return i.fail(gss.NoCredentials, "there is no password for this realm")
}

func (i initiator) fail(code gss.Code, detail string) (scheme.Initiator, scheme.InitiatorOutput, error) {
	i.fault = gss.Fault{Code: code, Detail: "stamp: " + detail}
	return i, scheme.InitiatorOutput{Fault: i.fault}, nil
}

// Server is the server half, for a realm.
type Server struct{ Realm string }

// Traits implements scheme.Server.
func (Server) Traits() scheme.Traits { return traits() }

// Offer implements scheme.Server.
func (s Server) Offer(gss.Env, scheme.Exchange) (header.Challenges, gss.Fault) {
	return header.ListOf(header.Build(nil, Name).Quoted("realm", s.Realm).Challenge()), gss.Fault{}
}

// Accept implements scheme.Server.
func (s Server) Accept(x scheme.Exchange) scheme.Acceptor {
	return acceptor{realm: s.Realm, exchange: x}
}

type acceptor struct {
	realm                 string
	exchange              scheme.Exchange
	stage                 stage
	user, at, number, mac string // what the client says
	made                  int64
	fault                 gss.Fault
}

// Info implements scheme.Acceptor.
func (a acceptor) Info() gss.Info {
	if a.stage != done {
		return gss.Info{}
	}
	return gss.Info{Peer: a.user}
}

// Context implements scheme.Acceptor.
func (acceptor) Context() gss.Context { return nil }

// Step implements scheme.Acceptor.
func (a acceptor) Step(env gss.Env, in scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	switch {
	case !a.fault.IsZero():
		return a, scheme.AcceptorOutput{Fault: a.fault}, nil
	case in.Event == scheme.Presented && a.stage == begun:
		return a.presented(env, in.Credentials)
	case in.Event == scheme.Answered && a.stage == asking:
		return a.verify(env, in.Answer)
	case in.Event == scheme.Answered && a.stage == seeking:
		return a.seen(in.Answer)
	case in.Event == scheme.Responding && a.stage == done:
		return a, scheme.AcceptorOutput{State: gss.Complete}, nil
	}
	return a, scheme.AcceptorOutput{}, gss.Misuse("stamp: an event that cannot come now")
}

func (a acceptor) presented(env gss.Env, c header.Credentials) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	user, named := c.Param("user")
	at, dated := c.Param("at")
	number, numbered := c.Param("number")
	sum, signed := c.Param("mac")
	made, err := strconv.ParseInt(at, 10, 64)
	switch {
	case !named || !dated || !numbered || !signed || err != nil || user == "":
		return a.fail(gss.Malformed, "a stamp has a user, a time, a number and a MAC")
	case made < env.Now-Window || made > env.Now+Window:
		return a.fail(gss.ClockSkew, "the time of the stamp is too far from the server's")
	}
	a.user, a.at, a.number, a.mac, a.made, a.stage = user, at, number, sum, made, asking
	return a, scheme.AcceptorOutput{State: gss.Waiting, Ask: gss.NeedVerifier{Scheme: Name, Realm: a.realm, User: user}}, nil
}

func (a acceptor) verify(env gss.Env, answer gss.Answer) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	if _, ok := answer.(gss.Unreachable); ok {
		return a.fail(gss.Unavailable, "the user store did not respond")
	}
	stored, known := answer.(gss.Password)
	right := gss.Equal(mac(stored.Password, a.user, a.realm, a.at, a.number, a.exchange), a.mac) // the same work for an unknown user
	switch {
	case !known && answer == gss.Answer(gss.Unknown{}):
		return a.fail(gss.UnknownUser, "there is no such user")
	case !known:
		return a.fail(gss.NoCredentials, "the user store has no answer")
	case !right || stored.Password.IsEmpty():
		return a.fail(gss.BadCredentials, "the MAC is wrong")
	}
	a.stage = seeking
	return a, scheme.AcceptorOutput{State: gss.Waiting, Ask: gss.NeedReplayCheck{
		Scope: Name + " " + a.realm, Owner: gss.OwnerOf(a.user, a.realm), Key: a.mac,
		Made: a.made, Now: env.Now, Until: a.made + Window,
	}}, nil
}

func (a acceptor) seen(answer gss.Answer) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	seen, ok := answer.(gss.ReplayVerdict)
	switch {
	case !ok || seen.Full:
		return a.fail(gss.Unavailable, "the replay memory has no answer")
	case !seen.First || a.made <= seen.Since:
		return a.fail(gss.Replayed, "the stamp was used before")
	}
	a.stage = done
	return a, scheme.AcceptorOutput{State: gss.Complete}, nil
}

func (a acceptor) fail(code gss.Code, detail string) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	a.fault = gss.Fault{Code: code, Detail: "stamp: " + detail}
	return a, scheme.AcceptorOutput{Fault: a.fault}, nil
}
