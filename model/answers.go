package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/machine"
)

// answersTo returns the answers that a driver may give, the good one first. side is that of an
// acceptor, which its questions do not name.
func (w *World) answersTo(q gss.Question, side gss.Side) []gss.Answer {
	if f := w.setup.answers; f != nil {
		if all := f(q, side); len(all) > 0 {
			return all
		}
	}
	switch q := q.(type) {
	case gss.NeedCredential:
		if q.Mech == gss.Kerberos {
			return w.setup.kerberosCredentials(q)
		}
		user := q.Target.Identity
		all := []gss.Answer{gss.Password{User: user, Password: secretOf(user, q.Side)}, gss.Declined{}, gss.Unreachable{}}
		if w.setup.wrong {
			all = append(all, gss.Password{User: user, Password: wrongSecret(q.Side)})
		}
		return all
	case gss.NeedVerifier:
		if q.User == machine.ProbeUser { // a store that does not respond to one most often responds to none
			return []gss.Answer{gss.Unreachable{}, gss.Unknown{}}
		}
		if q.User == stranger {
			return []gss.Answer{gss.Unknown{}, gss.Unreachable{}}
		}
		verifier := gss.Password{Password: secretOf(q.User, side)}
		if q.Hashed { // then the answer has the name
			verifier.User = hashedUser(q.Kind, q.User)
			verifier.Password = secretOf(verifier.User, side)
		}
		return []gss.Answer{verifier, gss.Unknown{}, gss.Unreachable{}}
	case gss.NeedVerdict:
		if q.User == machine.ProbeUser {
			return []gss.Answer{gss.Unreachable{RetryAfter: 60}, gss.Unknown{}}
		}
		if q.User == stranger {
			return []gss.Answer{gss.Unknown{}, gss.Unreachable{RetryAfter: 60}}
		}
		return []gss.Answer{gss.Verdict{Accepted: q.Proof.Equal(secretOf(q.User, side))}, gss.Unknown{}, gss.Unreachable{RetryAfter: 60}}
	case gss.NeedReplayCheck:
		return w.setup.memoryAnswers(q)
	}
	return mechanismAnswers(q, side)
}

// choices returns how many answers answersTo has.
func (w *World) choices(q gss.Question) int {
	if w.setup.answers != nil {
		return len(w.answersTo(q, gss.Origin))
	}
	switch q := q.(type) {
	case gss.NeedCredential:
		if w.setup.wrong {
			return 4
		}
		return 3
	case gss.NeedVerifier, gss.NeedVerdict:
		if user, _ := userAskedFor(q); user == machine.ProbeUser || user == stranger {
			return 2
		}
		return 3
	case gss.NeedReplayCheck:
		return len(w.setup.memoryAnswers(q))
	}
	return len(mechanismAnswers(q, gss.Origin))
}

// userAskedFor returns the user that an acceptor's question is about, if it is about one.
func userAskedFor(q gss.Question) (string, bool) {
	switch q := q.(type) {
	case gss.NeedVerifier:
		return q.User, true
	case gss.NeedVerdict:
		return q.User, true
	}
	return "", false
}

// grants reports whether an answer gives a user's credentials.
func grants(a gss.Answer) bool {
	switch a.(type) {
	case gss.Password, kerberos.Tickets:
		return true
	}
	return false
}

// verifies reports whether an answer gives what a proof is verified with.
func verifies(a gss.Answer) bool {
	switch a.(type) {
	case gss.Password, kerberos.ServiceKeys:
		return true
	}
	return false
}

// stranger is a user that no store knows.
const stranger = "stranger"
