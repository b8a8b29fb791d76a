package answer

import (
	"context"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/ntlm"
)

// Stores joins user stores: those that come later have the users that the earlier ones do not
// know. The first answer that is neither gss.Unknown nor gss.Declined counts, where [Chain]
// takes gss.Unknown for an answer and does not go on. If there is none, the answer is
// gss.Unknown if a store gave it, and gss.Declined otherwise. Nil stores are left out.
//
//	users := answer.Stores(htdigest, directory)
//	source := answer.Chain(users, new(answer.ReplayCache))
//
// A user that several stores know is the first one's: a password that is wrong there is not
// tried at the others. A store that answers gss.Unreachable or gss.Unverifiable ends the search
// too, as with Apache's AuthBasicProvider: its own users cannot be told from those of later
// stores, and an attacker that keeps it from responding must not become a user of the same
// name there. Users of earlier stores log on all the same, and all others get 503 or 401;
// drive.Result.Err of the request says which store it was ([Explain]).
//
// Every store is asked about every user, by gss.NeedVerifier, gss.NeedVerdict and
// ntlm.NeedLogon, so that the time does not tell which stores know a user, and a refusal takes
// as long as the slowest store. Only proofs that a store accepts are not shown to those behind
// it; guesses are, which a directory that locks accounts counts. All other questions are asked
// of one store after the other until one has an answer.
func Stores(stores ...Source) Source {
	s := make([]Source, 0, len(stores)) // behind a function, into which no printer looks
	for _, one := range stores {
		if one != nil {
			s = append(s, one)
		}
	}
	return Func(func(ctx context.Context, q gss.Question) gss.Answer {
		var result gss.Answer = gss.Declined{}
		found := false
		for i, one := range s {
			a := one.Answer(ctx, q)
			if found { // it was asked for the time that it takes; HTA-30, HTA-34
				continue
			}
			switch a.(type) {
			case nil, gss.Declined:
				continue
			case gss.Unknown:
				result = a
				continue
			case gss.Unreachable, gss.Unverifiable:
				Explain(ctx, fmt.Errorf("answer: user store %d of %d (%T) has no answer: %T", i+1, len(s), one, a))
			}
			result, found = a, true
			if accepted(a) || !aboutUser(q) {
				return a
			}
			ctx = Explaining(ctx, func(error) {}) // the others' word does not count
		}
		return result
	})
}

// aboutUser reports whether the time of an answer could tell of a user.
func aboutUser(q gss.Question) bool {
	switch q.(type) {
	case gss.NeedVerifier, gss.NeedVerdict, ntlm.NeedLogon:
		return true
	}
	return false
}

// accepted reports whether an answer lets the user in. The time then tells nothing that the
// response does not.
func accepted(a gss.Answer) bool {
	switch a := a.(type) {
	case gss.Verdict:
		return a.Accepted
	case ntlm.Logon:
		return a.Accepted
	}
	return false
}
