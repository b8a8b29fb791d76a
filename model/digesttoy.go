package model

import (
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// digestToy is Digest with everything left out that has many states: a proof
// for each request on its own, over a nonce that is the same one for an hour, with a
// count, which the server has looked up in a memory of what was seen. What it
// keeps of Digest is what machines can see: auth-params, no legs, a second
// chance with stale=true, memory for the next request.
type digestToy struct{}

func (digestToy) Traits() scheme.Traits { return traitsOf(scheme.Digest) }

func (digestToy) Initiate(x scheme.Exchange) scheme.Initiator { return digestInitiator{x: x} }

func (digestToy) Accept(x scheme.Exchange) scheme.Acceptor { return digestAcceptor{x: x} }

func (digestToy) Offer(env gss.Env, _ scheme.Exchange) (header.Challenges, gss.Fault) {
	return header.ListOf(header.ParamChallenge(scheme.Digest, `realm="r", nonce="`+nonceAt(env.Now)+`"`)), gss.Fault{}
}

// nonceAt returns the nonce of an hour. The one before it is stale.
func nonceAt(now int64) string {
	if now <= env.Now {
		return "n"
	}
	return "n" + strconv.FormatInt(now-env.Now, 10)
}

// scopeOfNonce is the path below which a nonce is good, where it was for one there.
const scopeOfNonce = "/a"

type digestInitiator struct {
	x        scheme.Exchange
	offer    header.Challenge
	user     string
	secret   gss.Secret
	count    uint32
	answered uint8 // credentials given, to see a refusal
	again    bool  // stale was answered once
	asking   bool
}

func (i digestInitiator) Info() gss.Info       { return gss.Info{} }
func (i digestInitiator) Context() gss.Context { return nil }

func (i digestInitiator) Step(_ gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	fault := func(code gss.Code, why string) (scheme.Initiator, scheme.InitiatorOutput, error) {
		return i, scheme.InitiatorOutput{Fault: gss.Fault{Code: code, Detail: "toy digest: " + why}}, nil
	}
	switch in.Event {
	case scheme.Start, scheme.Challenged:
		found := false
		before, _ := i.offer.Param("nonce")
		for c := range in.Offer.Of(scheme.Digest) {
			i.offer, found = c, true
			break
		}
		nonce, _ := i.offer.Param("nonce")
		if !found || nonce == "" {
			return fault(gss.Malformed, "no challenge to answer")
		}
		stale, _ := i.offer.Param("stale")
		switch {
		case i.answered > 0 && (stale != "true" || i.again):
			return fault(gss.Refused, "the server refused the credentials")
		case i.answered > 0:
			i.again = true
			if nonce != before {
				return i.answer(1)
			}
			return i.answer(i.count + 1)
		}
		i.count, i.asking = max(in.Count, 1), true
		return i, scheme.InitiatorOutput{State: gss.Waiting, Ask: gss.NeedCredential{Scheme: scheme.Digest, Realm: "r", Target: i.x.Target}}, nil
	case scheme.Answered:
		i.asking = false
		switch a := in.Answer.(type) {
		case gss.Password:
			i.user, i.secret = a.User, a.Password
			return i.answer(i.count)
		case gss.Unreachable:
			return fault(gss.QuestionFailed, "the credential source did not answer")
		}
		return fault(gss.NoCredentials, "the credential question was declined")
	default: // Concluded
		memory := scheme.Memory{Offer: i.offer, Count: i.count}
		if strings.HasPrefix(i.x.URI, scopeOfNonce+"/") {
			memory.Scope = scopeOfNonce
		}
		return i, scheme.InitiatorOutput{State: gss.Complete, Memory: memory}, nil
	}
}

func (i digestInitiator) answer(count uint32) (scheme.Initiator, scheme.InitiatorOutput, error) {
	i.count = count
	i.answered++
	p := header.AppendQuoted(nil, "username", i.user)
	p = header.AppendQuoted(p, "response", i.secret.Reveal())
	p = header.AppendToken(p, "nc", strconv.Itoa(int(count)))
	nonce, _ := i.offer.Param("nonce")
	p = header.AppendQuoted(p, "nonce", nonce)
	return i, scheme.InitiatorOutput{State: gss.Complete, Credentials: header.ParseCredentials(scheme.Digest + " " + string(p))}, nil
}

type digestAcceptor struct {
	x      scheme.Exchange
	user   string
	proof  gss.Secret
	count  uint32
	asked  uint8 // 1: the verifier, 2: the memory
	proven bool
}

func (a digestAcceptor) Info() gss.Info {
	if !a.proven {
		return gss.Info{}
	}
	return gss.Info{Peer: a.user}
}

func (a digestAcceptor) Context() gss.Context { return nil }

func (a digestAcceptor) Step(env gss.Env, in scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	fault := func(code gss.Code, why string) (scheme.Acceptor, scheme.AcceptorOutput, error) {
		return digestAcceptor{x: a.x}, scheme.AcceptorOutput{Fault: gss.Fault{Code: code, Detail: "toy digest: " + why}}, nil
	}
	switch in.Event {
	case scheme.Presented:
		a.user, _ = in.Credentials.Param("username")
		proof, _ := in.Credentials.Param("response")
		nc, _ := in.Credentials.Param("nc")
		nonce, _ := in.Credentials.Param("nonce")
		n, err := strconv.Atoi(nc)
		if a.user == "" || proof == "" || err != nil || n < 1 {
			return fault(gss.Malformed, "the credentials do not parse")
		}
		if nonce != nonceAt(env.Now) {
			return a.stale(env)
		}
		a.proof, a.count, a.asked = gss.NewSecret(proof), uint32(n), 1
		return a, scheme.AcceptorOutput{State: gss.Waiting, Ask: gss.NeedVerifier{Scheme: scheme.Digest, Realm: "r", User: a.user}}, nil
	case scheme.Answered:
		if a.asked == 1 {
			p, ok := in.Answer.(gss.Password)
			switch {
			case in.Answer == gss.Answer(gss.Unknown{}):
				return fault(gss.UnknownUser, "no such user")
			case !ok:
				return fault(gss.QuestionFailed, "the user store did not answer")
			case !p.Password.Equal(a.proof):
				return fault(gss.BadCredentials, "the proof does not match")
			}
			a.asked = 2
			return a, scheme.AcceptorOutput{State: gss.Waiting, Ask: gss.NeedReplayCheck{
				Scope: "r", Owner: gss.OwnerOf(a.user, "r"), Key: "n", Sequence: a.count, Made: env.Now, Now: env.Now, Until: env.Now, Forgettable: true,
			}}, nil
		}
		seen, ok := in.Answer.(gss.ReplayVerdict)
		switch {
		case !ok:
			return fault(gss.Unavailable, "the memory did not answer")
		case !seen.First:
			return a.stale(env)
		}
		a.proven, a.asked = true, 0
		return a, scheme.AcceptorOutput{State: gss.Complete}, nil
	default: // Responding
		return a, scheme.AcceptorOutput{State: gss.Complete, Info: header.ParseInfo("rspauth=toy")}, nil
	}
}

// stale refuses what would be good with another nonce or count.
func (a digestAcceptor) stale(env gss.Env) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	out := scheme.AcceptorOutput{Fault: gss.Fault{Code: gss.Replayed, Detail: "toy digest: seen before, or of another hour"}}
	out.Challenges = header.ListOf(header.ParamChallenge(scheme.Digest, `realm="r", nonce="`+nonceAt(env.Now)+`", stale=true`))
	return digestAcceptor{x: a.x}, out, nil
}
