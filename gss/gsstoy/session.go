package gsstoy

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// session is message protection in shape only. A token is
//
//	toy:m:<sender><sequence>:<sum>               MIC
//	toy:w:<sender><sequence>:<sum>:<plain>       Wrap, in the clear
//	toy:s:<sender><sequence>:<sum>:<flipped>     Wrap, sealed: every bit flipped
//
// where sender is i or a, and the sum is eight hexadecimal digits.
type session struct {
	key       uint32
	initiator bool
	sent      uint32 // tokens made
	taken     uint32 // tokens checked
}

// key returns the key of both sides, with nonces another one for each context.
func key(user string, secret gss.Secret, initiator, acceptor string) uint32 {
	return sum(sumStart, user, secret.Reveal(), initiator, acceptor)
}

// MIC implements gss.Session.
func (s session) MIC(message string) (gss.Session, string, gss.Fault) { return s.make('m', message) }

// VerifyMIC implements gss.Session.
func (s session) VerifyMIC(message, mic string) (gss.Session, gss.Fault) {
	kind, rest, fault := s.open(mic)
	if fault.IsZero() && (kind != 'm' || rest.payload != "") {
		fault = gss.Fault{Code: gss.Malformed, Detail: "toy: not a MIC"}
	}
	if fault.IsZero() {
		fault = s.check(rest, message)
	}
	if !fault.IsZero() {
		return s, fault
	}
	s.taken++
	return s, gss.Fault{}
}

// Wrap implements gss.Session. It draws nothing from the Env.
func (s session) Wrap(_ gss.Env, plain string, seal bool) (gss.Session, string, gss.Fault) {
	kind := byte('w')
	if seal {
		kind = 's'
	}
	next, token, fault := s.make(kind, plain)
	if !fault.IsZero() {
		return s, "", fault
	}
	if seal {
		plain = flip(plain)
	}
	return next, token + ":" + plain, gss.Fault{}
}

// Unwrap implements gss.Session.
func (s session) Unwrap(token string) (gss.Session, string, bool, gss.Fault) {
	kind, rest, fault := s.open(token)
	if fault.IsZero() && (kind == 'm' || !rest.hasPayload) {
		fault = gss.Fault{Code: gss.Malformed, Detail: "toy: not a wrapped message"}
	}
	plain := rest.payload
	if kind == 's' {
		plain = flip(plain)
	}
	if fault.IsZero() {
		fault = s.check(rest, plain)
	}
	if !fault.IsZero() {
		return s, "", false, fault
	}
	s.taken++
	return s, plain, kind == 's', gss.Fault{}
}

// make returns the next token without a payload, and the session after it.
func (s session) make(kind byte, message string) (gss.Session, string, gss.Fault) {
	if s.sent == math.MaxUint32 {
		return s, "", gss.Fault{Code: gss.LimitExceeded, Detail: "toy: no sequence numbers left"}
	}
	head := string(kind) + ":" + side(s.initiator) + strconv.FormatUint(uint64(s.sent), 10)
	s.sent++
	return s, "toy:" + head + ":" + sumText(sum(s.key, head, message)), gss.Fault{}
}

// sealed is a session token taken apart.
type sealed struct {
	head       string // kind, sender and sequence number, as they stand
	sequence   uint32
	own        bool // made by this side
	sum        string
	payload    string
	hasPayload bool
}

func (s session) open(token string) (kind byte, t sealed, fault gss.Fault) {
	fault = gss.Fault{Code: gss.Malformed, Detail: "toy: message token does not parse"}
	rest, ours := strings.CutPrefix(token, "toy:")
	mark, rest, _ := strings.Cut(rest, ":")
	number, rest, _ := strings.Cut(rest, ":")
	if !ours || mark != "m" && mark != "w" && mark != "s" || number == "" {
		return 0, t, fault
	}
	from, digits := number[:1], number[1:]
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != digits || from != "i" && from != "a" {
		return 0, t, fault
	}
	t = sealed{head: mark + ":" + number, sequence: uint32(n), own: from == side(s.initiator)}
	t.sum, t.payload, t.hasPayload = strings.Cut(rest, ":")
	return mark[0], t, gss.Fault{}
}

// check tells whether t protects message and is the next one from the peer.
func (s session) check(t sealed, message string) gss.Fault {
	switch {
	case t.own:
		return gss.Fault{Code: gss.Unexpected, Detail: "toy: a message of our own came back"}
	case !gss.Equal(t.sum, sumText(sum(s.key, t.head, message))):
		return gss.Fault{Code: gss.NotAuthentic, Detail: "toy: the checksum does not match"}
	case t.sequence < s.taken:
		return gss.Fault{Code: gss.Replayed, Detail: "toy: a message that was taken already"}
	case t.sequence > s.taken:
		return gss.Fault{Code: gss.Unexpected, Detail: "toy: a message is missing before this one"}
	}
	return gss.Fault{}
}

func side(initiator bool) string {
	if initiator {
		return "i"
	}
	return "a"
}

func flip(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] ^= 0xff
	}
	return string(b)
}

// Format implements fmt.Formatter: the key stays hidden.
func (s session) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "toy session(sent %d, taken %d)", s.sent, s.taken)
}
