// Package broken makes mechanisms, schemes and machines that do one thing wrong, out of ones that do not: the tests of package proptest run its kits on
// each of them, so that no rule is one that cannot fail.
package broken

import (
	"errors"
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/bound"
)

// Defect is one thing that a mechanism may do wrong.
type Defect uint8

const (
	// ExtraLeg asks for one more leg than there is to the exchange.
	ExtraLeg Defect = iota
	// EmptyFinalToken completes with a token that is there and empty.
	EmptyFinalToken
	// FailsAtSecond fails at the second token.
	FailsAtSecond
	// Errs gives a Go error in place of a refusal.
	Errs
	// Panics panics in place of a refusal.
	Panics
	// AsksTwice asks every question a second time.
	AsksTwice
	// AsksForever answers an answer with a question, always.
	AsksForever
	// LiesAboutCompletion says Complete with its first token.
	LiesAboutCompletion
	// TalksForever answers every token with one more.
	TalksForever
	// NotComparable hides a slice behind an interface.
	NotComparable
	// Impure counts its steps, and says so in its tokens.
	Impure
	// Ages does so after the first forty only.
	Ages
	// UsesZeroSeed takes the zero seed for entropy.
	UsesZeroSeed
	// ShowsSecret prints the password that it was given.
	ShowsSecret
	// EchoesPeer repeats what the peer sent in its fault.
	EchoesPeer
	// Revives begins anew after it failed.
	Revives
	// TakesAnything completes where it should refuse.
	TakesAnything
	// EmptyIsAbsent takes an empty token for an absent one.
	EmptyIsAbsent
	// AbsentIsIgnored stays as it was where a token is missing.
	AbsentIsIgnored
	// GoesOnAfterComplete takes tokens after the end.
	GoesOnAfterComplete
	// TakesReflection completes with a token of its own.
	TakesReflection
	// HugeToken makes tokens longer than 65,536 bytes.
	HugeToken
	// FaultWithoutWords fails and does not say why.
	FaultWithoutWords
	// SessionTooEarly protects messages before it is complete.
	SessionTooEarly
	// NotMutual does not request mutual authentication.
	NotMutual
	// IgnoresBinding knows no channel.
	IgnoresBinding
	// TakesAnyBinding says ChannelBound whatever the peer named.
	TakesAnyBinding
	// HintKeepsState refuses the answer to its own hint.
	HintKeepsState
	// Nameless completes without a name.
	Nameless
	// MisuseMoves moves on where the caller made a mistake.
	MisuseMoves
	// MisuseFails fails where the caller made a mistake.
	MisuseFails
	// SessionTakesAnyOrder takes message tokens twice and out of order.
	SessionTakesAnyOrder
	// SessionMovesOnForgery moves on where a message token is forged.
	SessionMovesOnForgery
	// SessionTellsRefused returns a text with a message token that it refuses.
	SessionTellsRefused
	// SessionSealsNothing wraps in clear where it is to seal.
	SessionSealsNothing
	// OwnsNothing asks whether something is new and does not say for which client.
	OwnsNothing
	// Defects is how many there are.
	Defects
)

var defectNames = [Defects]string{
	"ExtraLeg", "EmptyFinalToken", "FailsAtSecond", "Errs", "Panics", "AsksTwice", "AsksForever", "LiesAboutCompletion", "TalksForever", "NotComparable",
	"Impure", "Ages", "UsesZeroSeed", "ShowsSecret", "EchoesPeer", "Revives", "TakesAnything", "EmptyIsAbsent", "AbsentIsIgnored",
	"GoesOnAfterComplete", "TakesReflection", "HugeToken", "FaultWithoutWords", "SessionTooEarly", "NotMutual", "IgnoresBinding",
	"TakesAnyBinding", "HintKeepsState", "Nameless", "MisuseMoves", "MisuseFails", "SessionTakesAnyOrder", "SessionMovesOnForgery",
	"SessionTellsRefused", "SessionSealsNothing", "OwnsNothing",
}

// String returns the name of the constant.
func (m Defect) String() string {
	if m < Defects {
		return defectNames[m]
	}
	return "unknown defect"
}

// Mechanism returns the mechanism m with a fault. Never use it to authenticate.
func Mechanism(m gss.Mechanism, how Defect) gss.Mechanism { return bent{m, how, new(int)} }

// bent is a mechanism with a fault. steps is what a pure one would not have.
type bent struct {
	gss.Mechanism
	how   Defect
	steps *int
}

func (b bent) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "mechanism that %v", b.how) }

func (b bent) Initiate(t gss.Target) gss.Context {
	return b.context(b.Mechanism.Initiate(t), false)
}

func (b bent) Accept(t gss.Target) gss.Context {
	if b.how == IgnoresBinding {
		t.Binding = gss.Binding{}
	}
	return b.context(b.Mechanism.Accept(t), true)
}

func (b bent) context(c gss.Context, acceptor bool) gss.Context {
	return bentContext{inner: c, first: c, acceptor: acceptor, how: b.how, steps: b.steps}
}

// bentContext is a context with a fault.
type bentContext struct {
	inner, first gss.Context
	acceptor     bool
	how          Defect
	steps        *int

	done   bool // what there was to do wrong is done
	taken  uint8
	sent   gss.Token // last
	last   gss.Output
	secret string
	slice  any
}

// Format hides what is inside, but for the one fault that shows it.
func (c bentContext) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "context that %v", c.how)
	if c.how == ShowsSecret {
		fmt.Fprint(f, " ", c.secret)
	}
}

func (c bentContext) Info() gss.Info {
	info := c.inner.Info()
	switch c.how {
	case NotMutual:
		info.Flags &^= gss.Mutual
	case TakesAnyBinding:
		info.Flags |= gss.ChannelBound
	case Nameless:
		info.Peer = ""
	}
	return info
}

func (c bentContext) Session() (gss.Session, bool) {
	s, ok := c.inner.Session()
	switch {
	case c.how == SessionTooEarly:
		return s, true
	case ok && (c.how == SessionTakesAnyOrder || c.how == SessionMovesOnForgery || c.how == SessionTellsRefused || c.how == SessionSealsNothing):
		return bentSession{s, c.how, 0}, true
	}
	return s, ok
}

var errBent = errors.New("broken: this peer is not to my liking")

// Step steps what is inside, and bends what goes in and what comes out.
func (c bentContext) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	*c.steps++
	old := c
	if over, out := c.before(&env, &in); over {
		return c, out, nil
	}
	next, out, err := c.inner.Step(env, in)
	if err != nil {
		switch c.how {
		case MisuseMoves:
			old.taken++
		case MisuseFails:
			return c, gss.Fail(gss.Unexpected, "the caller made a mistake"), nil
		}
		return old, gss.Output{}, err
	}
	c.inner = next
	if in.Token.Present() {
		c.taken++
	}
	if err := c.behind(in, &out); err != nil {
		return old, gss.Output{}, err
	}
	if out.State == gss.Failed && old.last != (gss.Output{}) && old.last.State == gss.Failed {
		return old, out, nil // a failed one stays as it is
	}
	if out.Token.Present() {
		c.sent = out.Token
	}
	c.last = out
	return c, out, nil
}

// before bends a step before it is taken. Where it is over, out is the result.
func (c *bentContext) before(env *gss.Env, in *gss.Input) (over bool, out gss.Output) {
	switch token := in.Token; c.how {
	case UsesZeroSeed:
		if env.Seed.IsZero() {
			env.Seed = gss.Seed{1}
		}
	case ShowsSecret:
		if p, ok := in.Answer.(gss.Password); ok {
			c.secret = p.Password.Reveal()
		}
	case Revives:
		if c.last != (gss.Output{}) && c.last.State == gss.Failed {
			c.inner = c.first
		}
	case EmptyIsAbsent:
		if token == gss.TokenOf("") {
			in.Token = gss.Token{}
		}
	case AbsentIsIgnored:
		if *in == (gss.Input{}) && (c.last.State == gss.Continue || c.last.State == gss.Ready) {
			return true, c.last
		}
	case GoesOnAfterComplete:
		if c.last.State == gss.Complete && token.Present() && in.Answer == nil {
			return true, gss.Output{State: gss.Complete}
		}
	case TakesReflection:
		if token.Present() && token == c.sent {
			return true, gss.Output{State: gss.Complete}
		}
	case FailsAtSecond:
		if token.Present() && c.taken == 1 {
			return true, gss.Fail(gss.Unsupported, "the second token is one too many")
		}
	case AsksTwice, AsksForever:
		if in.Answer != nil && c.last.State == gss.Waiting && (!c.done || c.how == AsksForever) {
			c.done = true
			return true, c.last
		}
	case ExtraLeg:
		if c.done && token.Present() {
			return true, gss.Output{State: gss.Complete}
		}
	case TalksForever:
		if c.taken > 0 && token.Present() {
			return true, gss.Output{State: gss.Continue, Token: gss.TokenOf("and another thing")}
		}
	case OwnsNothing:
		if c.done && in.Answer != nil && c.last.State == gss.Waiting {
			return true, gss.Output{State: gss.Complete}
		}
	case HintKeepsState:
		if c.done {
			return true, gss.Fail(gss.Unexpected, "a hint was given, and that was that")
		}
	}
	return false, out
}

// behind bends what came out of a step.
func (c *bentContext) behind(in gss.Input, out *gss.Output) error {
	refusal := out.State == gss.Failed
	switch c.how {
	case ExtraLeg:
		if out.State == gss.Complete {
			c.done, out.State = true, gss.Continue
			if !out.Token.Present() {
				out.Token = gss.TokenOf("one more")
			}
		}
	case EmptyFinalToken:
		if out.State == gss.Complete && !out.Token.Present() {
			out.Token = gss.TokenOf("")
		}
	case Errs:
		if refusal {
			return errBent
		}
	case Panics:
		if refusal {
			panic("a token that I do not know")
		}
	case LiesAboutCompletion:
		if out.State == gss.Continue || out.State == gss.Ready {
			out.State = gss.Complete
		}
	case TalksForever:
		if out.State == gss.Complete {
			*out = gss.Output{State: gss.Continue, Token: gss.TokenOf("by the way")}
		}
	case NotComparable:
		c.slice = []byte("x")
	case Impure, Ages:
		if n := *c.steps; out.Token.Present() && (c.how == Impure || n > 40) {
			out.Token = gss.TokenOf(fmt.Sprint(out.Token.Bytes(), n))
		}
	case EchoesPeer:
		if refusal {
			out.Fault.Detail += ": " + in.Token.Bytes()
		}
	case TakesAnything:
		if refusal {
			*out = gss.Output{State: gss.Complete}
		}
	case HugeToken:
		if out.Token.Present() {
			out.Token = gss.TokenOf(out.Token.Bytes() + strings.Repeat("x", bound.Token))
		}
	case FaultWithoutWords:
		if refusal {
			out.Fault = gss.Fault{Code: out.Fault.Code}
		}
	case OwnsNothing:
		if c.acceptor && out.State == gss.Complete {
			c.done, *out = true, gss.Output{State: gss.Waiting, Ask: gss.NeedReplayCheck{Scope: "everyone", Key: "k"}}
		}
	case HintKeepsState:
		c.done = c.acceptor && in == (gss.Input{}) && out.State == gss.Continue
	}
	return nil
}

// bentSession is a session with a fault.
type bentSession struct {
	gss.Session
	how   Defect
	moved uint8
}

func (s bentSession) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "session that %v", s.how) }

// bend makes the next session and the fault of taking a token.
func (s bentSession) bend(next gss.Session, fault gss.Fault) (gss.Session, gss.Fault) {
	s.Session = next
	switch {
	case s.how == SessionTakesAnyOrder && (fault.Code == gss.Replayed || fault.Code == gss.Unexpected):
		return s, gss.Fault{}
	case s.how == SessionMovesOnForgery && !fault.IsZero():
		s.moved++
	}
	return s, fault
}

func (s bentSession) Wrap(env gss.Env, plain string, seal bool) (gss.Session, string, gss.Fault) {
	next, token, fault := s.Session.Wrap(env, plain, seal && s.how != SessionSealsNothing)
	s.Session = next
	return s, token, fault
}

func (s bentSession) Unwrap(token string) (gss.Session, string, bool, gss.Fault) {
	next, plain, sealed, fault := s.Session.Unwrap(token)
	if s.how == SessionTellsRefused && !fault.IsZero() {
		plain = "what a session read"
	}
	bent, fault := s.bend(next, fault)
	return bent, plain, sealed, fault
}

func (s bentSession) MIC(message string) (gss.Session, string, gss.Fault) {
	next, token, fault := s.Session.MIC(message)
	s.Session = next
	return s, token, fault
}

func (s bentSession) VerifyMIC(message, mic string) (gss.Session, gss.Fault) {
	return s.bend(s.Session.VerifyMIC(message, mic))
}
