package proptest

import "github.com/countersign-auth/countersign/gss"

// Answers returns answers for both sides of an exchange: those of a client that logs in
// as user with password, and those of a server with a store in which user has the
// password stored, and no other user exists. With password and stored alike they are the
// Answers of a [Pair], a [SchemePair] or a [Subject]; with another password they are its
// StrangerAnswers.
//
// They answer gss.NeedCredential, gss.NeedVerifier, gss.NeedVerdict and gss.NeedReplayCheck,
// the last from a memory that each call of Answers makes anew, and return nil, which a kit
// takes for gss.Declined, for any other question. A scheme with questions of its own wraps
// them:
//
//	known := proptest.Answers("alice", password, password)
//	return func(q gss.Question) gss.Answer {
//		if _, ok := q.(mine.NeedKey); ok {
//			return mine.Key{…}
//		}
//		return known(q)
//	}
func Answers(user, password, stored string) func(gss.Question) gss.Answer {
	seen := map[gss.NeedReplayCheck]bool{}
	return func(q gss.Question) gss.Answer {
		switch q := q.(type) {
		case gss.NeedCredential:
			return gss.Password{User: user, Password: gss.NewSecret(password)}
		case gss.NeedVerifier:
			if q.User == user {
				return gss.Password{Password: gss.NewSecret(stored)}
			}
			return gss.Unknown{}
		case gss.NeedVerdict:
			if q.User == user {
				return gss.Verdict{Accepted: q.Proof.Equal(gss.NewSecret(stored))}
			}
			return gss.Unknown{}
		case gss.NeedReplayCheck:
			// The times of a question say how long its entry is kept. They are not part of what
			// was seen: a copy that comes later is a copy all the same.
			q.Made, q.Until, q.Now = 0, 0, 0
			first := !seen[q]
			seen[q] = true
			return gss.ReplayVerdict{First: first}
		}
		return nil
	}
}
