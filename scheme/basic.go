package scheme

import (
	"crypto/subtle"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
)

var basicTraits = Traits{Name: Basic, Form: header.Token68, Opening: OpeningParams, Affinity: PerRequest, Strength: BasicStrength, Cleartext: true}

// BasicClient returns the client half of Basic (RFC 7617), which sends the password
// itself. [Policy] keeps it from running without TLS.
func BasicClient() Client { return basicClient{} }

type basicClient struct{}

func (basicClient) Traits() Traits { return basicTraits }

func (basicClient) Initiate(x Exchange) Initiator {
	return basicInitiator{side: x.Side, target: x.Target, uri: x.URI}
}

// basicInitiator asks once for credentials and sends them. A second challenge is
// a refusal.
type basicInitiator struct {
	side   gss.Side
	target gss.Target
	uri    string
	offer  header.Challenge
	stage  basicStage
}

// basicStage is how far a half of Basic has come.
type basicStage uint8

const (
	opening basicStage = iota
	asking             // for the password or its verifier
	settled
)

// Format implements fmt.Formatter.
func (i basicInitiator) Format(f fmt.State, _ rune) { fmt.Fprint(f, "Basic initiator") }

func (basicInitiator) Info() gss.Info       { return gss.Info{} }
func (basicInitiator) Context() gss.Context { return nil }

// Step implements [Initiator].
func (i basicInitiator) Step(env gss.Env, in InitiatorInput) (Initiator, InitiatorOutput, error) {
	return absorbInitiator(i.step(in))
}

func (i basicInitiator) step(in InitiatorInput) (Initiator, InitiatorOutput, error) {
	switch {
	case (in.Event == Start || in.Event == Challenged) && i.stage == settled:
		return i, basicFault(gss.Refused, "the peer refused the user name and password"), nil
	case (in.Event == Start || in.Event == Challenged) && i.stage == opening:
		return i.open(in.Offer)
	case in.Event == Answered && i.stage == asking:
		return i.answered(in.Answer)
	case in.Event == Concluded && i.stage == settled:
		return i, InitiatorOutput{State: gss.Complete, Memory: Memory{Offer: i.offer, Scope: directory(i.uri)}}, nil
	}
	return i, InitiatorOutput{}, gss.Misuse("Basic: this event cannot come now")
}

func (i basicInitiator) open(offers header.Challenges) (Initiator, InitiatorOutput, error) {
	for c := range offers.Of(Basic) {
		if c.Form() == header.Params || c.Form() == header.Bare { // a missing realm happens (C43)
			i.offer, i.stage = c, asking
			realm, _ := c.Param("realm")
			return i, InitiatorOutput{State: gss.Waiting, Ask: gss.NeedCredential{Scheme: Basic, Side: i.side, Target: i.target, Realm: realm, UTF8: i.utf8()}}, nil
		}
	}
	return i, basicFault(gss.Malformed, "no well-formed Basic challenge"), nil
}

func (i basicInitiator) answered(a gss.Answer) (Initiator, InitiatorOutput, error) {
	switch a := a.(type) {
	case gss.Password:
		name := a.User
		if a.Domain != "" {
			name = a.Domain + `\` + a.User
		}
		pair := name + ":" + a.Password.Reveal()
		switch { // RFC 7617 section 2
		case strings.Contains(name, ":"): // it would end up in the password
			return i, basicFault(gss.Unsupported, "a user name with a colon cannot be sent"), nil
		case hasControl(pair):
			return i, basicFault(gss.Unsupported, "a user name or password with a control character cannot be sent"), nil
		}
		i.stage = settled
		creds := header.TokenCredentials(Basic, i.encode(pair))
		return i, InitiatorOutput{State: gss.Complete, Credentials: creds}, nil
	case gss.Unreachable:
		return i, basicFault(gss.QuestionFailed, "the credential source did not answer"), nil
	}
	return i, basicFault(gss.NoCredentials, "no user name and password for this realm"), nil
}

// hasControl reports whether s has a control character (RFC 5234 appendix B.1).
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// encode returns user and password in the charset that the challenge asked for: UTF-8,
// else Latin-1 where that is possible (RFC 7617 appendix B.3).
func (i basicInitiator) encode(pair string) string {
	if i.utf8() {
		return pair
	}
	latin := make([]byte, 0, len(pair))
	for _, r := range pair {
		if r > 0xff {
			return pair
		}
		latin = append(latin, byte(r))
	}
	return string(latin)
}

// utf8 reports whether the challenge asks for UTF-8.
func (i basicInitiator) utf8() bool { // NAMES-7
	charset, _ := i.offer.Param("charset")
	return ascii.EqualFold(charset, "UTF-8")
}

// directory returns the path up to its last slash: resources there and below are in the
// same protection space (RFC 7617 section 2.2).
func directory(uri string) string {
	path, _, _ := strings.Cut(uri, "?")
	if path == "" || path[0] != '/' {
		return "" // an authority, or a proxy's absolute URI
	}
	return path[:strings.LastIndexByte(path, '/')+1]
}

func basicFault(code gss.Code, detail string) InitiatorOutput {
	return InitiatorOutput{Fault: gss.Fault{Code: code, Detail: "Basic: " + detail}}
}

// BasicServer returns the server half of Basic for a realm. A password of at most
// 1024 bytes is checked as check says: by asking for a verdict (htpasswd, LDAP,
// PAM), or against a verifier that is asked for.
func BasicServer(realm string, ask BasicCheck) Server { return basicServer{realm, ask} }

// BasicCheck is the way in which a [BasicServer] checks passwords.
type BasicCheck uint8

const (
	// AskVerifier asks gss.NeedVerifier for the user's password and compares.
	AskVerifier BasicCheck = iota
	// AskVerdict passes user and password on by gss.NeedVerdict.
	AskVerdict
)

type basicServer struct {
	realm string
	check BasicCheck
}

func (basicServer) Traits() Traits { return basicTraits }

// Offer implements [Server].
func (s basicServer) Offer(gss.Env, Exchange) (header.Challenges, gss.Fault) {
	p := header.AppendQuoted(nil, "realm", s.realm)
	p = header.AppendQuoted(p, "charset", "UTF-8") // RFC 7617 section 2.1
	return header.ListOf(header.ParamChallenge(Basic, string(p))), gss.Fault{}
}

func (s basicServer) Accept(x Exchange) Acceptor { return basicAcceptor{server: s} }

type basicAcceptor struct {
	server   basicServer
	user     string
	password gss.Secret
	stage    basicStage // settled: accepted
}

func (a basicAcceptor) Context() gss.Context { return nil }

// Format implements fmt.Formatter: the password stays hidden.
func (a basicAcceptor) Format(f fmt.State, _ rune) { fmt.Fprint(f, "Basic acceptor") }

func (a basicAcceptor) Info() gss.Info {
	if a.stage != settled {
		return gss.Info{}
	}
	return gss.Info{Peer: a.user}
}

// Step implements [Acceptor].
func (a basicAcceptor) Step(env gss.Env, in AcceptorInput) (Acceptor, AcceptorOutput, error) {
	return absorbAcceptor(a.step(in))
}

func (a basicAcceptor) step(in AcceptorInput) (Acceptor, AcceptorOutput, error) {
	switch {
	case in.Event == Presented && a.stage == opening:
		return a.presented(in.Credentials)
	case in.Event == Answered && a.stage == asking:
		return a.replied(in.Answer)
	case in.Event == Responding && a.stage == settled:
		return a, AcceptorOutput{State: gss.Complete}, nil
	}
	return a, AcceptorOutput{}, gss.Misuse("Basic: this event cannot come now")
}

func (a basicAcceptor) presented(c header.Credentials) (Acceptor, AcceptorOutput, error) {
	pair, ok := c.Token()
	user, password, colon := strings.Cut(pair, ":")
	if !ok || !colon || !utf8.ValidString(pair) || hasControl(pair) {
		return a, basicRefusal(gss.Malformed, "credentials need the base64 of name:password in UTF-8, without control characters"), nil
	}
	if len(password) > maxPassword {
		return a, basicRefusal(gss.LimitExceeded, "the password is longer than 1024 bytes"), nil
	}
	a.user, a.password, a.stage = user, gss.NewSecret(password), asking
	out := AcceptorOutput{State: gss.Waiting, Ask: gss.NeedVerifier{Scheme: Basic, Realm: a.server.realm, User: user}}
	if a.server.check == AskVerdict {
		out.Ask = gss.NeedVerdict{Scheme: Basic, Realm: a.server.realm, User: user, Proof: a.password}
	}
	return a, out, nil
}

func (a basicAcceptor) replied(answer gss.Answer) (Acceptor, AcceptorOutput, error) {
	presented := a.password
	a.password = gss.Secret{}
	if a.server.check == AskVerdict {
		return a.judged(answer)
	}
	var stored gss.Secret
	known := true
	switch answer := answer.(type) {
	case gss.Password:
		stored = answer.Password
	case gss.Verdict: // the answer to another question
	case gss.Unreachable: // REPLAY-3: for all users
		return a, unanswered(answer), nil
	default: // REPLAY-4: for this user, and so like an unknown one
		known = false
	}
	right := CheckPassword(stored, known, presented) // HTA-30: before anything depends on known
	switch {
	case !known:
		return a, unanswered(answer), nil
	case !right:
		return a, basicRefusal(gss.BadCredentials, "wrong password"), nil
	}
	a.stage = settled
	return a, AcceptorOutput{State: gss.Complete}, nil
}

// judged takes the verdict. The work for an unknown user is up to the source, too.
func (a basicAcceptor) judged(answer gss.Answer) (Acceptor, AcceptorOutput, error) {
	switch answer := answer.(type) {
	case gss.Verdict:
		if !answer.Accepted {
			return a, basicRefusal(gss.BadCredentials, "credentials rejected"), nil
		}
		if answer.User != "" {
			a.user = answer.User
		}
	case gss.Password: // the answer to another question
		return a, basicRefusal(gss.BadCredentials, "wrong password"), nil
	default:
		return a, unanswered(answer), nil
	}
	a.stage = settled
	return a, AcceptorOutput{State: gss.Complete}, nil
}

// unanswered refuses the request where there is neither a password nor a verdict.
func unanswered(answer gss.Answer) AcceptorOutput {
	switch answer.(type) {
	case gss.Unreachable: // REPLAY-3
		return basicRefusal(gss.Unavailable, "the user store did not respond; no client can log in until it does")
	case gss.Unknown:
		return basicRefusal(gss.UnknownUser, "no such user")
	case gss.Unverifiable: // REPLAY-4
		return basicRefusal(gss.QuestionFailed, "the user store could not verify this user")
	}
	return basicRefusal(gss.NoCredentials, "the user store has no answer")
}

// maxPassword bounds the password that Basic's server accepts, in bytes.
const maxPassword = 1 << 10

// CheckPassword reports whether presented is the stored password of a user; known tells
// whether there is such a user, and the result is false without one. The work is the
// same whether the user is known, however long both passwords are, and wherever they
// differ: 1024 bytes are compared each time. An empty password, and one that is
// longer, is never right.
//
// Sources that answer gss.NeedVerdict from passwords in the clear may use it.
func CheckPassword(stored gss.Secret, known bool, presented gss.Secret) bool {
	want, got := stored.Reveal(), presented.Reveal()
	var a, b [maxPassword]byte
	copy(a[:], want)
	copy(b[:], got)
	same := subtle.ConstantTimeCompare(a[:], b[:])
	return same == 1 && len(want) == len(got) && len(want) <= maxPassword && want != "" && known
}

func basicRefusal(code gss.Code, detail string) AcceptorOutput {
	return AcceptorOutput{Fault: gss.Fault{Code: code, Detail: "Basic: " + detail}}
}
