package digest

import (
	"fmt"
	"math"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

type phase uint8

const (
	failed       phase = iota // the zero initiator opens nothing
	opening                   // waits for Start or Challenged
	wantLogin                 // asked for a credential
	wantBody                  // asked for the hash of the request's body
	sent                      // the answer is on its way
	wantRespBody              // asked for the hash of the response's body
	done
)

var phaseNames = [...]string{"failed", "opening", "asking for a credential", "asking for a body hash", "sent", "asking for a body hash", "done"}

// initiator is the client's half of one exchange.
type initiator struct {
	c     *client
	x     scheme.Exchange
	phase phase
	qop   QOP
	// staleUsed: the one new nonce for the same password was taken (R7616-3.3-2).
	staleUsed bool
	least     QOP // what was answered before that nonce: nothing weaker is sent after it
	mutual    bool
	count     uint32
	offer     header.Challenges // as it came, to choose again from
	picked    header.Challenge  // the one of offer that is answered
	ch        challenge
	login     gss.Answer // the password or hashes, for a stale nonce
	key       Key
	nc        uint32 // as sent
	cnonce    string // as sent
	info      header.Info
	fault     gss.Fault
}

// Format implements fmt.Formatter: the phase shows, no secret does (HTA-12).
func (i initiator) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "digest initiator(%s)", phaseNames[i.phase])
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (i initiator) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", i), nil }

// Info implements [scheme.Initiator].
func (i initiator) Info() gss.Info {
	var info gss.Info
	if i.phase == done {
		info.Domain = i.ch.realm
		if i.mutual {
			info.Flags |= gss.Mutual
		}
		if i.qop == AuthInt {
			info.Flags |= gss.Integrity
		}
	}
	return info
}

// Context implements [scheme.Initiator]: Digest has none.
func (initiator) Context() gss.Context { return nil }

// Step implements [scheme.Initiator].
func (i initiator) Step(env gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	next := i
	out, err := next.step(&env, &in)
	if err != nil {
		return i, scheme.InitiatorOutput{}, err
	}
	return next, out, nil
}

// step dispatches on the phase and the event that it takes; any other pair is misuse.
func (i *initiator) step(env *gss.Env, in *scheme.InitiatorInput) (scheme.InitiatorOutput, error) {
	type when struct {
		phase phase
		event scheme.Event
	}
	switch (when{i.phase, in.Event}) {
	case when{opening, scheme.Start}:
		return i.start(in)
	case when{opening, scheme.Challenged}:
		return i.begin(in, false)
	case when{wantLogin, scheme.Answered}:
		return i.loginAnswered(env, in)
	case when{wantBody, scheme.Answered}:
		return i.bodyAnswered(env, in)
	case when{sent, scheme.Challenged}:
		return i.rechallenged(env, in)
	case when{sent, scheme.Concluded}:
		return i.concluded(in)
	case when{wantRespBody, scheme.Answered}:
		return i.respBodyAnswered(in)
	}
	if i.phase == failed { // HTA-8
		return scheme.InitiatorOutput{Fault: i.fault}, nil
	}
	return scheme.InitiatorOutput{}, gss.Misuse("digest: this event cannot come now for the initiator")
}

// fail ends the exchange. Nothing that could still be used stays behind.
func (i *initiator) fail(code gss.Code, detail string) (scheme.InitiatorOutput, error) {
	*i = initiator{phase: failed, fault: gss.Fault{Code: code, Detail: detail}}
	return scheme.InitiatorOutput{Fault: i.fault}, nil
}

func ask(q gss.Question) (scheme.InitiatorOutput, error) {
	return scheme.InitiatorOutput{State: gss.Waiting, Ask: q}, nil
}

// start begins without a challenge in this exchange, which is possible with a
// remembered nonce only.
func (i *initiator) start(in *scheme.InitiatorInput) (scheme.InitiatorOutput, error) {
	if in.Offer.Empty() {
		return i.fail(gss.Unexpected, "digest: no nonce to start with; send the request without credentials and wait for the challenge")
	}
	return i.begin(in, true)
}

// begin chooses a challenge, of this response or remembered, and asks for credentials.
func (i *initiator) begin(in *scheme.InitiatorInput, remembered bool) (scheme.InitiatorOutput, error) {
	i.offer, i.count = in.Offer, max(in.Count, 1)
	if !remembered {
		i.count = 1
	}
	if f := i.choose(i.c.algs, ""); !f.IsZero() {
		return i.fail(f.Code, f.Detail)
	}
	// A remembered challenge of a -sess algorithm has the cnonce that the session key
	// was made with. In a challenge from the server a cnonce is ignored.
	if !remembered || !i.ch.alg.Session() {
		i.ch.cnonce = "" // only our own memory names our cnonce: HTA-33
	}
	i.phase = wantLogin
	return ask(gss.NeedCredential{Scheme: scheme.Digest, Side: i.x.Side, Target: i.x.Target, Realm: i.ch.realm, UTF8: i.ch.utf8}) // MSDIG-9, NAMES-7
}

// choose takes the challenge of the strongest algorithm, and among equals the
// first that has a qop, or the first (R7616-5.6-1, C32). A realm that is not "" is the only one taken.
func (i *initiator) choose(algs set, realm string) gss.Fault {
	// The zero challenge has noAlgorithm, which every algorithm is stronger than.
	best := challenge{}
	why := gss.Fault{Code: gss.Unexpected, Detail: "digest: the response has no Digest challenge"}
	for hc := range i.offer.Of(scheme.Digest) {
		c, f := parseChallenge(hc)
		switch {
		case !f.IsZero():
			why = worse(why, f.Code, f.Detail)
		case i.c.fips && barred.has(c.alg):
			why = worse(why, gss.Unsupported, unusable(c.alg).Detail)
		case !i.c.algs.has(c.alg):
			why = worse(why, gss.Unsupported, "digest: the algorithm of the challenge is not among those configured")
		case !algs.has(c.alg):
			why = worse(why, gss.Unsupported, "digest: there is no stored hash for the algorithm of the challenge")
		case i.c.refuseLegacy && c.qops == 1<<Legacy:
			why = worse(why, gss.NotPermitted, "digest: the challenge has no qop, and RefuseLegacy is set")
		case realm != "" && c.realm != realm:
			why = worse(why, gss.Refused, "digest: the realm changed, and needs other credentials")
		// A challenge without qop lets the server choose all of the input except the
		// password, and makes precomputed tables possible, so that one with a qop is
		// preferred at equal strength.
		case c.alg.Stronger(best.alg), best.qops == 1<<Legacy && c.qops != best.qops && !best.alg.Stronger(c.alg):
			best, i.picked = c, hc
		}
	}
	if best.alg == noAlgorithm {
		return why
	}
	i.ch = best
	switch { // R7616-3.4-2: one qop among those offered
	case best.offers(AuthInt) && (i.c.preferAuthInt || !best.offers(Auth)):
		i.qop = AuthInt
	case best.offers(Auth):
		i.qop = Auth
	default:
		i.qop = Legacy
	}
	return gss.Fault{}
}

// worse keeps the reason that came closest to an answer.
func worse(old gss.Fault, code gss.Code, detail string) gss.Fault {
	rank := func(c gss.Code) int {
		for n, r := range [...]gss.Code{gss.Unexpected, gss.Malformed, gss.Unsupported, gss.NotPermitted, gss.Refused} {
			if r == c {
				return n
			}
		}
		return -1
	}
	if rank(code) > rank(old.Code) {
		return gss.Fault{Code: code, Detail: detail}
	}
	return old
}

// loginAnswered takes the credential. With hashes in place of a password it may have to
// choose another challenge, for which there is a hash.
func (i *initiator) loginAnswered(env *gss.Env, in *scheme.InitiatorInput) (scheme.InitiatorOutput, error) {
	switch a := in.Answer.(type) {
	case gss.Password:
	case HA1:
		if _, ok := a.key(i.ch.alg); ok {
			break
		}
		// The source stores hashes instead of the password, and has none for the chosen
		// algorithm.
		// Answer what there is a hash for, in the realm that was asked about.
		var stored set
		for alg := MD5; alg < algorithms; alg++ {
			if _, ok := a.key(alg); ok {
				stored |= setOf(alg)
			}
		}
		cnonce, realm := i.ch.cnonce, i.ch.realm
		if f := i.choose(i.c.algs&stored, realm); !f.IsZero() {
			return i.fail(f.Code, f.Detail)
		}
		// A hash contains the realm that it was made for.
		if i.ch.realm != realm {
			return i.fail(gss.Unsupported, "digest: there is no stored hash for an algorithm that this realm offers")
		}
		i.ch.cnonce = cnonce
	case gss.Declined:
		return i.fail(gss.NoCredentials, "digest: no user name and password for this realm")
	case gss.Unreachable:
		return i.fail(gss.QuestionFailed, "digest: the source of credentials did not answer")
	default:
		return scheme.InitiatorOutput{}, gss.Misuse("digest: a credential question takes gss.Password, digest.HA1, gss.Declined or gss.Unreachable")
	}
	// The answer is kept for a stale nonce, which must not cause a second question.
	i.login = in.Answer
	return i.proceed(env)
}

// proceed continues with the credential: it asks for the body's hash or answers.
func (i *initiator) proceed(env *gss.Env) (scheme.InitiatorOutput, error) {
	if i.qop == AuthInt {
		i.phase = wantBody
		return ask(NeedBodyHash{Algorithm: i.ch.alg.Base()})
	}
	return i.send(env, Sum{})
}

// bodyAnswered takes the hash of the request's body. A body that can be read only once
// has none before it is sent.
func (i *initiator) bodyAnswered(env *gss.Env, in *scheme.InitiatorInput) (scheme.InitiatorOutput, error) {
	switch a := in.Answer.(type) {
	case BodyHash:
		s, ok := a.sum(i.ch.alg)
		if !ok {
			return scheme.InitiatorOutput{}, gss.Misuse("digest: the body hash has not the length of the algorithm that was asked for")
		}
		return i.send(env, s)
	case gss.Declined:
		if i.ch.offers(Auth) && i.least <= Auth { // auth-int was a preference
			i.qop = Auth
			return i.send(env, Sum{})
		}
		if i.ch.offers(Auth) { // HTA-13
			return i.fail(gss.NotPermitted, "digest: the body was hashed for the nonce before, and cannot be for the new one: qop=auth would be weaker than what was answered")
		}
		return i.fail(gss.QuestionFailed, "digest: the server accepts only qop=auth-int, and the body cannot be hashed before it is sent; use a body that can be read twice")
	case gss.Unreachable:
		return i.fail(gss.QuestionFailed, "digest: the body's hash did not come")
	}
	return scheme.InitiatorOutput{}, gss.Misuse("digest: a body question takes digest.BodyHash, gss.Declined or gss.Unreachable")
}

// send renders the credentials (MSDIG-10, MSDIG-11).
func (i *initiator) send(env *gss.Env, body Sum) (scheme.InitiatorOutput, error) {
	// A count must not repeat or wrap: the server would take it for a replay.
	if i.count == math.MaxUint32 {
		return i.fail(gss.LimitExceeded, "digest: the nonce count is exhausted; wait for a new challenge")
	}
	var fresh [32]byte
	cnonce := i.ch.cnonce
	if i.qop == Legacy {
		cnonce = ""
	} else if cnonce == "" {
		// A predictable cnonce would let the server choose the whole input of the hash.
		if !newCNonce(env, &fresh) {
			return i.fail(gss.NoEntropy, "digest: the step needs entropy for its cnonce, and got the zero seed") // HTA-3
		}
	}
	cred, at, ok := i.render(cnonce, fresh[:], body)
	switch {
	case !ok:
		return i.fail(gss.Unsupported, "digest: there is no stored hash for the algorithm of the challenge")
	case cred.Form() != header.Params:
		return i.fail(gss.Malformed, "digest: the answer does not fit into a header field; the challenge or the URI is too long")
	}
	if i.qop != Legacy {
		if cnonce == "" {
			// The cnonce is kept as a part of the credentials, without another
			// allocation.
			cnonce = cred.Written()[at : at+len(fresh)]
		}
		i.nc = i.count
	}
	i.cnonce, i.phase = cnonce, sent
	return scheme.InitiatorOutput{State: gss.Ready, Credentials: cred}, nil
}

// newCNonce writes 128 bits of entropy in hex.
func newCNonce(env *gss.Env, dst *[32]byte) bool {
	const digits = "0123456789abcdef"
	var raw [16]byte
	if !env.Fill("digest cnonce", raw[:]) {
		return false
	}
	for n, b := range raw {
		dst[2*n], dst[2*n+1] = digits[b>>4], digits[b&15]
	}
	return true
}

// render computes the response and writes the credentials; at is where the cnonce
// stands in them. An empty cnonce with a qop stands for fresh. False if there is
// no key for the algorithm.
func (i *initiator) render(cnonce string, fresh []byte, body Sum) (cred header.Credentials, at int, ok bool) {
	ch, alg := &i.ch, i.ch.alg
	var id identity
	switch a := i.login.(type) {
	case gss.Password:
		// The hash is computed over the same bytes that are sent as the name: raw UTF-8
		// or ISO 8859-1, and UTF-8 for username*.
		id = i.c.names.encode(a.User, a.Password.Reveal(), ch.utf8)
		alg.ha1(&i.key.sum, id.name, ch.realm, id.password)
	case HA1:
		id = i.c.names.encode(a.User, "", ch.utf8)
		i.key, ok = a.key(alg)
		if !ok {
			return cred, 0, false
		}
	}
	// The count is hashed exactly as it is written: eight digits in lower case.
	var ncBuf [8]byte
	nc := appendNC(ncBuf[:0], i.count)
	if cnonce == "" {
		cnonce = string(fresh)
	}
	// URI is the request-target as it is sent, with its query: a server compares it
	// byte for byte.
	var response Sum
	alg.proof(&response, &i.key, &Params{
		Nonce: ch.nonce, CNonce: cnonce, NC: string(nc), QOP: i.qop,
		Method: i.x.Method, URI: i.x.URI, BodyHash: body,
	}, i.x.Method)

	// RFC 7616 section 3.4 fixes, because of old servers, which values are quoted: all
	// but algorithm, qop, nc and userhash.
	var buf [2 * stack]byte
	b := header.Build(buf[:0], scheme.Digest)
	switch {
	// The hash of the name is sent in username itself, never in username*, with the
	// algorithm of the response.
	case ch.userHash: // RFC 7616 section 3.4.4
		u := Function{alg}.UserHash(id.name, ch.realm)
		b = b.QuotedBytes("username", u.hex[:u.n])
	case id.ext:
		b = b.Ext("username", id.name)
	default:
		b = b.Quoted("username", id.name)
	}
	b = b.Quoted("realm", ch.realm)
	b = b.Quoted("nonce", ch.nonce)
	b = b.Quoted("uri", i.x.URI)
	if ch.hasAlgorithm { // R7616-3.4-1: as the challenge had it, and only then
		b = b.Token("algorithm", ch.algorithm)
	}
	b = b.QuotedBytes("response", response.hex[:response.n])
	if ch.hasOpaque { // R7616-3.4-1
		b = b.Quoted("opaque", ch.opaque)
	}
	if i.qop != Legacy { // R7616-3.4-2: cnonce and nc exactly with a qop
		// MS-DPSP has qop in quotes, against RFC 7616 section 3.4.
		if i.c.quotedQOP {
			b = b.Quoted("qop", qopNames[i.qop])
		} else {
			b = b.Token("qop", qopNames[i.qop])
		}
		b = b.Token("nc", string(nc))
		at = b.Len() + len(`, cnonce="`)
		b = b.Quoted("cnonce", cnonce)
	}
	if ch.userHash {
		b = b.Token("userhash", "true")
	}
	return b.Credentials(), at, true
}

// rechallenged: the challenge status came after an answer (R7616-3.3-2, C23).
func (i *initiator) rechallenged(env *gss.Env, in *scheme.InitiatorInput) (scheme.InitiatorOutput, error) {
	// choose overwrites the challenge. What was answered before is the least that may
	// be answered now.
	old, oldQOP := i.ch, i.qop
	i.offer, i.count = in.Offer, 1
	if f := i.choose(i.c.algs, ""); !f.IsZero() {
		return i.fail(f.Code, f.Detail)
	}
	switch {
	// Without stale=true the server judged the credentials themselves.
	case !i.ch.stale:
		return i.fail(gss.Refused, "digest: the server rejected the user name or password")
	case i.staleUsed:
		return i.fail(gss.LimitExceeded, "digest: the server called a second nonce stale in one exchange") // C23
	case i.ch.realm != old.realm:
		return i.fail(gss.Refused, "digest: the realm changed, and needs other credentials")
	// An attacker in the middle could add stale=true to a weaker challenge, and get a
	// proof that is easier to attack.
	case old.alg.Stronger(i.ch.alg), i.qop < oldQOP:
		return i.fail(gss.NotPermitted, "digest: with the new nonce came a weaker algorithm or qop than was answered before") // HTA-13
	}
	if h, isHA1 := i.login.(HA1); isHA1 {
		if _, ok := h.key(i.ch.alg); !ok {
			return i.fail(gss.Unsupported, "digest: there is no stored hash for the algorithm that came with the new nonce")
		}
	}
	// A new nonce starts a new session key, with a new cnonce.
	i.ch.cnonce = ""
	i.staleUsed, i.least = true, oldQOP
	return i.proceed(env)
}
