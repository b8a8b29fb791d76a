package digest

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

type stage uint8

const (
	refused      stage = iota // the zero acceptor refuses
	waiting                   // for credentials
	wantVerifier              // asked for what verifies them
	wantReqBody               // asked for the hash of the request's body
	wantSeen                  // asked whether the nonce count is new
	accepted
	wantOurBody // asked for the hash of the response's body
	finished
)

var stageNames = [...]string{"refused", "waiting", "asking for a verifier", "asking for a body hash", "asking for a replay", "accepted", "asking for a body hash", "finished"}

// acceptor is the server's half of one exchange.
type acceptor struct {
	s       *server
	stage   stage
	side    gss.Side
	age     age
	retried bool     // with the literal reading of the name
	code    gss.Code // why the verifier is a dummy, if it is one
	made    int64    // when the nonce was made
	method  string
	bind    string
	at      place     // until the credentials came
	p       presented // from then on
	literal string
	key     Key
	fault   gss.Fault
}

// Format implements fmt.Formatter: the stage shows, no secret does (HTA-12).
func (a acceptor) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "digest acceptor(%s)", stageNames[a.stage])
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (a acceptor) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", a), nil }

// Info implements [scheme.Acceptor]: the client's identity, once accepted.
func (a acceptor) Info() gss.Info {
	// Before the proof verifies, the name is only a claim.
	if a.stage < accepted {
		return gss.Info{}
	}
	info := gss.Info{Peer: a.user(), Domain: a.s.realm}
	// With AllowReplay the replay cache may not have been asked.
	if !a.s.allowReplay {
		info.Flags |= gss.ReplayDetect
	}
	if a.p.qop == AuthInt {
		info.Flags |= gss.Integrity
	}
	return info
}

// user returns the name in UTF-8.
func (a *acceptor) user() string {
	if a.p.latin1 {
		return fromLatin1(a.p.user)
	}
	return a.p.user
}

// Context implements [scheme.Acceptor]: Digest has none.
func (acceptor) Context() gss.Context { return nil }

// Step implements [scheme.Acceptor].
func (a acceptor) Step(env gss.Env, in scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	next := a
	out, err := next.step(&env, &in)
	if err != nil {
		return a, scheme.AcceptorOutput{}, err
	}
	return next, out, nil
}

// step dispatches on the stage and the event that it takes; any other pair is misuse.
func (a *acceptor) step(env *gss.Env, in *scheme.AcceptorInput) (scheme.AcceptorOutput, error) {
	type when struct {
		stage stage
		event scheme.Event
	}
	switch (when{a.stage, in.Event}) {
	case when{waiting, scheme.Presented}:
		return a.presented(env, in)
	case when{wantVerifier, scheme.Answered}:
		return a.verifierReplied(env, in)
	case when{wantReqBody, scheme.Answered}:
		return a.bodyReplied(env, in)
	case when{wantSeen, scheme.Answered}:
		return a.seenReplied(env, in)
	case when{accepted, scheme.Responding}:
		return a.responding(env, in)
	case when{wantOurBody, scheme.Answered}:
		return a.ourBodyReplied(env, in)
	}
	if a.stage == refused { // HTA-8
		return scheme.AcceptorOutput{Fault: a.fault}, nil
	}
	return scheme.AcceptorOutput{}, gss.Misuse("digest: this event cannot come now for the acceptor")
}

// refuse ends the exchange. Nothing that could still be used stays behind.
func (a *acceptor) refuse(f gss.Fault) (scheme.AcceptorOutput, error) {
	*a = acceptor{fault: f}
	return scheme.AcceptorOutput{Fault: f}, nil
}

// again rejects a valid response to an unusable nonce, with stale=true so that the
// client retries without asking its user (RFC 7616 section 3.3, C23). Without entropy
// there is no new nonce, and the scheme's first offer takes the challenge's place.
func (a *acceptor) again(env *gss.Env, code gss.Code, detail string) (scheme.AcceptorOutput, error) {
	// The challenge is made first, since refuse clears the side and the binding.
	cs, _ := a.s.challenges(env, a.side, a.bind, true)
	out, err := a.refuse(gss.Fault{Code: code, Detail: detail})
	out.Challenges = cs
	return out, err
}

func askDriver(q gss.Question) (scheme.AcceptorOutput, error) {
	return scheme.AcceptorOutput{State: gss.Waiting, Ask: q}, nil
}

// presented parses the credentials and judges the nonce. The result of the judgment is
// used in verify only.
func (a *acceptor) presented(env *gss.Env, in *scheme.AcceptorInput) (scheme.AcceptorOutput, error) {
	if f := a.s.parse(&a.p, in.Credentials, a.side, &a.at); !f.IsZero() {
		return a.refuse(f)
	}
	a.age, a.made = a.s.judge(env.Now, a.p.nonce, a.side, a.bind)
	// The opaque belongs to the key of the nonce: a foreign one means that the
	// challenge was not made here, or under a key that is no longer in use. The client
	// gets a new nonce, as if the nonce were foreign.
	if !a.p.opaque {
		a.age = alien
	}
	// Old clients send DOMAIN\user without escaping the backslash, so that it reads as
	// the escape of "u". Both readings are tried, since either may be the name of a
	// user.
	if a.s.tolerate&LoneBackslash != 0 && !a.p.hashed {
		a.literal = literalUser(in.Credentials, a.p.user)
	}
	a.at = place{} // served its purpose
	return a.askVerifier()
}

// askVerifier asks even when the nonce is invalid: how long a refusal takes must not
// depend on what was wrong (HTA-14).
func (a *acceptor) askVerifier() (scheme.AcceptorOutput, error) {
	a.stage = wantVerifier
	return askDriver(gss.NeedVerifier{
		Scheme: scheme.Digest, Realm: a.s.realm, User: a.user(), Hashed: a.p.hashed, Kind: a.p.alg.Base().String(),
	})
}

// dummy takes the place of an unknown user's password. A response computed with it
// counts as wrong even if it is equal.
const dummy = "a password of common length"

// dummyName stands in for the name of a user that is looked up by its hash.
const dummyName = "nobody"

// verifierReplied takes the password or HA1 of the user. That a user is unknown, or has
// no verifier, shows only in verify, after the same work as for a wrong password.
func (a *acceptor) verifierReplied(env *gss.Env, in *scheme.AcceptorInput) (scheme.AcceptorOutput, error) {
	// name and password are the input of HA1. If the store has no password for the user
	// they are placeholders, so that the same work is done.
	name, password := a.p.user, dummy
	if a.p.hashed {
		name = dummyName
	}
	a.code = gss.NoFault
	var stored Key
	switch v := in.Answer.(type) {
	case gss.Password:
		password = v.Password.Reveal()
		if a.p.hashed {
			name = v.User
			a.p.user, a.code = v.User, named(v.User)
		}
		if a.p.latin1 {
			// A client that sends its name in ISO 8859-1 hashes the password in it,
			// too. A password that does not fit is hashed as it is.
			if l1, ok := toLatin1(password); ok {
				password = l1
			}
		}
	case HA1:
		var ok bool
		// Stores hold a hash for each algorithm. That of another algorithm cannot be
		// converted.
		if stored, ok = v.key(a.p.alg); !ok { // V2: never an empty one
			a.code = gss.QuestionFailed
		} else if a.p.hashed {
			a.p.user, a.code = v.User, named(v.User)
		}
	// The exchange goes on with the dummy, and fails in verify as for a wrong password.
	case gss.Unknown:
		a.code = gss.UnknownUser
	case gss.Unverifiable, gss.Declined: // REPLAY-4: one user's, and so like an unknown one
		a.code = gss.QuestionFailed
	case gss.Unreachable: // REPLAY-3
		return a.refuse(gss.Fault{Code: gss.Unavailable, Detail: "digest: the user store did not respond; no client can log in until it does"})
	default:
		return scheme.AcceptorOutput{}, gss.Misuse("digest: a verifier question takes gss.Password, digest.HA1, gss.Unknown, gss.Unverifiable, gss.Unreachable or gss.Declined")
	}
	// HA1 is computed even where it is stored: an unknown user and a known one take
	// the same work, whichever kind of store answers (HTA-30).
	a.p.alg.ha1(&a.key.sum, name, a.s.realm, password)
	// The stored key replaces the one that was computed for its cost alone.
	if !stored.isZero() {
		a.key = stored
	}
	if a.p.qop == AuthInt { // MSDIG-15
		a.stage = wantReqBody
		return askDriver(NeedBodyHash{Algorithm: a.p.alg.Base()})
	}
	return a.verify(env, Sum{})
}

// named reports a fault if the store has no name for a user that it found by hash.
func named(user string) gss.Code {
	if user == "" {
		return gss.QuestionFailed
	}
	return gss.NoFault
}

// bodyReplied takes the hash of the request's body. Without it the proof cannot be
// checked, and the request is refused: a weaker qop must not be assumed in place of
// auth-int.
func (a *acceptor) bodyReplied(env *gss.Env, in *scheme.AcceptorInput) (scheme.AcceptorOutput, error) {
	switch v := in.Answer.(type) {
	case BodyHash:
		s, ok := v.sum(a.p.alg)
		if !ok {
			return scheme.AcceptorOutput{}, gss.Misuse("digest: the body hash has not the length of the algorithm that was asked for")
		}
		return a.verify(env, s)
	case gss.Declined, gss.Unreachable:
		return a.refuse(gss.Fault{Code: gss.QuestionFailed, Detail: "digest: qop=auth-int needs the hash of the body before the handler runs; buffer the body, or do not offer it"})
	}
	return scheme.AcceptorOutput{}, gss.Misuse("digest: a body question takes digest.BodyHash, gss.Declined or gss.Unreachable")
}

// verify computes what the client must have computed, and compares (MSDIG-12).
func (a *acceptor) verify(env *gss.Env, body Sum) (scheme.AcceptorOutput, error) {
	p := a.params(body)
	var want Sum
	// The proof is computed over the parameters as the client sent them: any
	// normalization would reject valid proofs.
	a.p.alg.proof(&want, &a.key, &p, a.method)
	ok := want.Equal(a.p.response)
	// Some old clients compute the proof of a POST as if it were a GET. Both are
	// computed whatever the result of the first, so that the time does not tell them
	// apart.
	if a.s.tolerate&GetForPost != 0 && a.method == "POST" {
		a.p.alg.proof(&want, &a.key, &p, "GET")
		ok = want.Equal(a.p.response) || ok
	}
	// A dummy must not verify, even if the client guessed it.
	if !ok || a.code != gss.NoFault {
		// The second reading of the name is another user, which the store must be asked
		// about.
		if a.literal != "" && !a.retried {
			a.retried, a.p.user = true, a.literal
			return a.askVerifier()
		}
		return a.refuse(wrong[a.code])
	}
	// stale=true is sent for a valid proof only, since a client then repeats the
	// request without asking its user (RFC 7616 section 3.3).
	switch a.age {
	case alien:
		return a.again(env, gss.Expired, "digest: the nonce or opaque was made with a key that is not in use; the client was told to use a new one")
	case stale:
		return a.again(env, gss.Expired, "digest: the nonce is past its lifetime; the client was told to use a new one")
	case future:
		return a.again(env, gss.ClockSkew, "digest: the nonce was made later than now; set the clocks of the nodes, or ServerConfig.Skew")
	}
	// Without a qop there is no count, so that a nonce is accepted once only, whatever
	// the configuration.
	if a.s.allowReplay && a.p.qop != Legacy {
		return a.accept()
	}
	// REPLAY-1, R7616-3.4-3: only now, so that no client uses up entries without the password, and
	// none but those of its own name. Nonces are not tied to users; their counts are.
	a.stage = wantSeen
	return askDriver(gss.NeedReplayCheck{
		Scope: a.s.realm, Owner: gss.OwnerOf(a.user(), a.s.realm), Key: a.p.nonce, Sequence: a.p.count,
		Made: a.made, Now: env.Now, Until: a.s.until(a.made), Forgettable: true,
	})
}

// wrong are the faults of a proof that does not verify, by what the store said.
// Outside they look the same.
var wrong = map[gss.Code]gss.Fault{
	gss.NoFault:        {Code: gss.BadCredentials, Detail: "digest: the response does not verify: a wrong password, or a request that was changed in transit"},
	gss.UnknownUser:    {Code: gss.UnknownUser, Detail: "digest: the user store knows no such user in this realm"},
	gss.QuestionFailed: {Code: gss.QuestionFailed, Detail: "digest: the user store could not verify this user: it declined, or gave no hash of the algorithm that was asked for (offer those that it has, with ServerConfig.Algorithms), or no name for a userhash"},
}

// params returns the input of response and rspauth, as received.
func (a *acceptor) params(body Sum) Params {
	return Params{Nonce: a.p.nonce, CNonce: a.p.cnonce, NC: a.p.nc, QOP: a.p.qop, URI: a.p.uri, BodyHash: body}
}

// seenReplied takes the answer of the replay cache. In doubt the client gets a new
// nonce, with which a valid client succeeds at the next attempt.
func (a *acceptor) seenReplied(env *gss.Env, in *scheme.AcceptorInput) (scheme.AcceptorOutput, error) {
	switch v := in.Answer.(type) {
	case gss.ReplayVerdict:
		switch {
		// An entry may have been dropped from the cache since the nonce was made, so
		// that its absence proves nothing.
		case v.Since != 0 && a.made <= v.Since: // C34, REPLAY-2
			return a.again(env, gss.Expired, "digest: the memory of this user's nonces is younger than this nonce; the client was told to use a new one")
		case v.Full: // REPLAY-2
			return a.again(env, gss.Unavailable, "digest: the user holds its full share of the memory of used nonces; the client was told to use a new one")
		case !v.First:
			return a.again(env, gss.Replayed, "digest: nonce and count were used before: a replay, or a client that does not count; it was told to use a new nonce")
		}
		return a.accept()
	case gss.Declined: // REPLAY-3: no client can be judged
		return a.refuse(gss.Fault{Code: gss.Unavailable, Detail: "digest: no memory of used nonce counts answered; add answer.ReplayCache to the Source, or set AllowReplay"})
	case gss.Unreachable: // REPLAY-3
		return a.refuse(gss.Fault{Code: gss.Unavailable, Detail: "digest: the memory of used nonce counts did not respond; no client can log in until it does"})
	}
	return scheme.AcceptorOutput{}, gss.Misuse("digest: a replay question takes gss.ReplayVerdict, gss.Unreachable or gss.Declined")
}

// accept lets the handler run. The key is kept for the proof in the response.
func (a *acceptor) accept() (scheme.AcceptorOutput, error) {
	a.stage = accepted
	return scheme.AcceptorOutput{State: gss.Complete}, nil
}

// responding makes Authentication-Info (RFC 7616 section 3.5), for any status but
// the handler's own challenge.
func (a *acceptor) responding(env *gss.Env, in *scheme.AcceptorInput) (scheme.AcceptorOutput, error) {
	// A handler that responds with its own challenge rejects the login, so that the
	// response must not carry a proof for it.
	challengeStatus := [...]int{gss.Origin: 401, gss.Proxy: 407}
	switch {
	case in.Status == challengeStatus[a.side]:
		a.stage = finished
		return scheme.AcceptorOutput{State: gss.Complete}, nil
	// rspauth then covers the response's body, so that its header can be written only
	// when the body is complete.
	case a.p.qop == AuthInt:
		a.stage = wantOurBody
		return askDriver(NeedBodyHash{Algorithm: a.p.alg.Base(), Response: true})
	}
	return a.finish(env, true, Sum{})
}

func (a *acceptor) ourBodyReplied(env *gss.Env, in *scheme.AcceptorInput) (scheme.AcceptorOutput, error) {
	switch v := in.Answer.(type) {
	case BodyHash:
		s, ok := v.sum(a.p.alg)
		if !ok {
			return scheme.AcceptorOutput{}, gss.Misuse("digest: the body hash has not the length of the algorithm that was asked for")
		}
		return a.finish(env, true, s)
	case gss.Declined, gss.Unreachable:
		return a.finish(env, false, Sum{}) // a response that is streamed proves nothing
	}
	return scheme.AcceptorOutput{}, gss.Misuse("digest: a body question takes digest.BodyHash, gss.Declined or gss.Unreachable")
}

// finish renders the proof (R7616-3.5-1) and, by policy, the next nonce.
func (a *acceptor) finish(env *gss.Env, prove bool, body Sum) (scheme.AcceptorOutput, error) {
	var buf [stack]byte
	b := header.Build(buf[:0], "")
	if prove {
		p := a.params(body)
		var proof Sum
		// A2 of the response has an empty method: ":" and the uri (RFC 7616 section
		// 3.5).
		a.p.alg.proof(&proof, &a.key, &p, "")
		b = b.QuotedBytes("rspauth", proof.hex[:proof.n])
		if a.p.qop != Legacy {
			// cnonce, nc and qop repeat those of the request, which lets the client see
			// that the proof is for this request. Without a qop they do not exist.
			b = b.Quoted("cnonce", a.p.cnonce)
			b = b.Token("nc", a.p.nc)
			b = b.Token("qop", qopNames[a.p.qop])
		}
	}
	// A next nonce spares the client the round trip of a stale one. Without entropy it
	// is left out; the client then continues with the old nonce.
	if a.nextNonceDue(env.Now) {
		if nonce, ok := a.s.mint(env, a.side, a.bind); ok {
			b = b.QuotedBytes("nextnonce", nonce[:])
		}
	}
	// The key is as good as the password and is not needed after the response.
	a.stage, a.key = finished, Key{}
	out := scheme.AcceptorOutput{State: gss.Complete}
	if b.Len() > 0 {
		out.Info = b.Info()
	}
	return out, nil
}

// nextNonceDue reports whether the response should name the next nonce. By default it
// does after three quarters of the nonce's lifetime, and always for a client without a
// qop, which can use a nonce only once.
func (a *acceptor) nextNonceDue(now int64) bool {
	switch a.s.next {
	case NextAlways:
		return true
	case NextNever:
		return false
	}
	return a.p.qop == Legacy || now-a.made >= a.s.lifetime/4*3
}
