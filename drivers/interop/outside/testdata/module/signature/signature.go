// Package signature is an authentication scheme that countersign does not have. A server gives
// a nonce, and each request is signed with the user's password:
//
//	WWW-Authenticate: Sig nonce="5a1e…"
//	Authorization: Sig user="alice", nonce="5a1e…", mac="0ff5…"
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

var traits = scheme.Traits{Name: "Sig", Form: header.Params, Opening: scheme.OpeningParams, Strength: scheme.DigestStrength}

// mac returns the HMAC of some texts.
func mac(key gss.Secret, texts ...string) string {
	m := hmac.New(sha256.New, []byte(key.Reveal()))
	m.Write([]byte(strings.Join(texts, "\n")))
	return hex.EncodeToString(m.Sum(nil))
}

// half is what both halves of an exchange have.
type half struct {
	x           scheme.Exchange
	user, nonce string
	mac         string // server: as the client sent it
	done        bool
	fault       gss.Fault // the half failed, and stays so
}

func failed(code gss.Code) gss.Fault { return gss.Fault{Code: code, Detail: "Sig"} }

func (half) Context() gss.Context { return nil }

// Client is the client's half.
type Client struct{}

func (Client) Traits() scheme.Traits                       { return traits }
func (Client) Initiate(x scheme.Exchange) scheme.Initiator { return initiator{half{x: x}} }

type initiator struct{ half }

func (initiator) Info() gss.Info { return gss.Info{} } // the server proves nothing

func (i initiator) Step(_ gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	switch login, _ := in.Answer.(gss.Password); {
	case !i.fault.IsZero():
	case in.Event == scheme.Concluded && i.done:
		return i, scheme.InitiatorOutput{State: gss.Complete}, nil
	case in.Event == scheme.Answered && login.User != "":
		i.done = true
		signed := header.Build(nil, "Sig").Quoted("user", login.User).Quoted("nonce", i.nonce).
			Quoted("mac", mac(login.Password, login.User, i.nonce, i.x.Method, i.x.URI))
		return i, scheme.InitiatorOutput{State: gss.Complete, Credentials: signed.Credentials()}, nil
	case in.Event == scheme.Answered:
		i.fault = failed(gss.NoCredentials)
	case i.done:
		i.fault = failed(gss.Refused)
	default: // scheme.Challenged
		for c := range in.Offer.Of("Sig") {
			i.nonce, _ = c.Param("nonce")
		}
		if i.nonce != "" {
			return i, scheme.InitiatorOutput{State: gss.Waiting, Ask: gss.NeedCredential{Scheme: "Sig", Side: i.x.Side, Target: i.x.Target}}, nil
		}
		i.fault = failed(gss.Malformed)
	}
	return i, scheme.InitiatorOutput{Fault: i.fault}, nil
}

// Server is the server's half.
type Server struct {
	Key   gss.Secret // of the nonces
	Plant Plant
}

// Plant is a bug to be found.
type Plant uint8

const (
	None Plant = iota
	AnyPassword
	AnotherName
	TooEarly
)

func (Server) Traits() scheme.Traits                      { return traits }
func (s Server) Accept(x scheme.Exchange) scheme.Acceptor { return acceptor{half{x: x}, s} }

func (s Server) Offer(env gss.Env, _ scheme.Exchange) (header.Challenges, gss.Fault) {
	return header.ListOf(header.Build(nil, "Sig").Quoted("nonce", s.nonce(env.Now)).Challenge()), gss.Fault{}
}

// nonce returns the nonce of the five minutes that now is in.
func (s Server) nonce(now int64) string { return mac(s.Key, strconv.FormatInt(now/300e9, 10)) }

type acceptor struct {
	half
	server Server
}

func (a acceptor) Info() gss.Info {
	switch {
	case !a.done:
		return gss.Info{}
	case a.server.Plant == AnotherName:
		return gss.Info{Peer: "admin"}
	}
	return gss.Info{Peer: a.user}
}

func (a acceptor) Step(env gss.Env, in scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	switch stored, known := in.Answer.(gss.Password); {
	case !a.fault.IsZero():
	case in.Event == scheme.Responding && a.done:
		return a, scheme.AcceptorOutput{State: gss.Complete}, nil
	case in.Event == scheme.Presented:
		a.user, _ = in.Credentials.Param("user")
		a.nonce, _ = in.Credentials.Param("nonce")
		a.mac, _ = in.Credentials.Param("mac")
		switch {
		case a.user == "" || a.nonce != a.server.nonce(env.Now) && a.nonce != a.server.nonce(env.Now-300e9):
			a.fault = failed(gss.BadCredentials)
		case a.server.Plant == TooEarly:
			a.done = true
			return a, scheme.AcceptorOutput{State: gss.Complete}, nil
		default:
			return a, scheme.AcceptorOutput{State: gss.Waiting, Ask: gss.NeedVerifier{Scheme: "Sig", User: a.user}}, nil
		}
	case in.Answer == gss.Answer(gss.Unreachable{}):
		a.fault = failed(gss.Unavailable)
	default: // the answer; an unknown user's costs the same work
		right := hmac.Equal([]byte(a.mac), []byte(mac(stored.Password, a.user, a.nonce, a.x.Method, a.x.URI)))
		if a.done = known && (right || a.server.Plant == AnyPassword); a.done {
			return a, scheme.AcceptorOutput{State: gss.Complete}, nil
		}
		a.fault = failed(gss.BadCredentials)
	}
	return a, scheme.AcceptorOutput{Fault: a.fault}, nil
}
