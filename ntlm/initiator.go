package ntlm

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// initiator is the client before its first step (MS-NLMP section 3.1.5.1).
type initiator struct {
	cfg    *config
	target gss.Target
}

// Step asks for the user's credentials. They are asked for before the first
// message, which needs none, so that a user without any is not announced.
func (c initiator) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("ntlm", false); err != nil {
		return c, gss.Output{}, err
	}
	if in.Token.Present() {
		return fail(gss.Unexpected, "a token came before the first of this side")
	}
	ask := gss.NeedCredential{Scheme: "NTLM", Mech: gss.NTLM, Target: c.target}
	return wantCredential{c}, gss.Output{State: gss.Waiting, Ask: ask}, nil
}

// Info implements gss.Context.
func (initiator) Info() gss.Info { return pending{}.Info() }

// Session implements gss.Context.
func (initiator) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter.
func (initiator) Format(f fmt.State, _ rune) { fmt.Fprint(f, "ntlm initiator(start)") }

// wantCredential waits for the answer to gss.NeedCredential.
type wantCredential struct{ initiator }

// login is the user, as the answer named it.
type login struct {
	kind         loginKind
	user, domain string
	nt, lm       Key
}

type loginKind uint8

const (
	byHash     loginKind = iota
	byExternal           // another program computes the responses
	asAnonymous
)

// Step takes the credentials and sends the NEGOTIATE message.
func (c wantCredential) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("ntlm", true); err != nil {
		return c, gss.Output{}, err
	}
	var l login
	switch a := in.Answer.(type) {
	case gss.Password:
		l.user, l.domain = a.User, a.Domain
		if l.domain == "" {
			l.user, l.domain = ntlmssp.SplitUser(a.User)
		}
		if l.user == "" || a.Password.IsEmpty() {
			return fail(gss.NoCredentials, "user and password must not be empty; answer Anonymous for an anonymous login")
		}
		l.nt = ntowfv1(a.Password.Reveal())
		if c.cfg.Level == LM {
			var ok bool
			if l.lm, ok = lmowfv1(a.Password.Reveal()); !ok {
				return fail(gss.Unsupported, "the password has no LM hash: it is longer than 14 characters or not in the OEM character set")
			}
		}
	case Hash:
		l.user, l.domain, l.nt = a.User, a.Domain, a.NT
		if l.user == "" || l.nt.isZero() {
			return fail(gss.NoCredentials, "user and NT hash must not be empty; answer Anonymous for an anonymous login")
		}
		if c.cfg.Level == LM {
			return fail(gss.Unsupported, "an LM response needs the password, not its NT hash")
		}
	case External:
		l = login{kind: byExternal, user: a.User, domain: a.Domain}
		if l.user == "" {
			return fail(gss.NoCredentials, "the user must not be empty")
		}
		if c.cfg.Level != V2 {
			return fail(gss.Unsupported, "only NTLMv2 responses are computed elsewhere")
		}
	case Anonymous:
		l.kind = asAnonymous
	case gss.Declined:
		return fail(gss.NoCredentials, "the credential question was declined")
	case gss.Unreachable:
		return fail(gss.QuestionFailed, "the credential source did not answer")
	default:
		return c, gss.Output{}, gss.Misuse("ntlm: gss.NeedCredential takes gss.Password, ntlm.Hash, ntlm.External, ntlm.Anonymous, gss.Declined or gss.Unreachable")
	}
	next := wantChallenge{cfg: c.cfg, target: c.target, login: l}
	var room [ntlmssp.NegotiateFull]byte
	return next, gss.Output{State: gss.Continue, Token: gss.TokenOf(string(next.negotiate(room[:0])))}, nil
}

// Format implements fmt.Formatter.
func (wantCredential) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, "ntlm initiator(asking for credentials)")
}

// wantChallenge has sent its NEGOTIATE and waits for the CHALLENGE.
type wantChallenge struct {
	pending
	cfg    *config
	target gss.Target
	login  login
}

// protection are the services that need SIGN, SEAL and strong keys.
const protection = gss.Integrity | gss.ReplayDetect | gss.Sequence | gss.Confidential

// wants reports whether the application asked for message protection.
func (c wantChallenge) wants() bool { return c.target.Want&protection != 0 }

// offer returns the flags of our NEGOTIATE (section 3.1.5.1.1). It asks for SIGN and
// KEY_EXCH in any case: SPNEGO's mechListMIC needs them, and some acceptors require them.
func (c wantChallenge) offer() ntlmssp.Flags {
	f := ntlmssp.FlagUnicode | ntlmssp.FlagOEM | ntlmssp.FlagRequestTarget | ntlmssp.FlagNTLM | ntlmssp.FlagAlwaysSign | ntlmssp.FlagSign | ntlmssp.FlagVersion | ntlmssp.Flag128 | ntlmssp.FlagKeyExchange | ntlmssp.Flag56
	switch c.cfg.Level {
	case V2, V1Session:
		f |= ntlmssp.FlagESS
	case LM:
		f |= ntlmssp.FlagLMKey
	}
	if c.target.Want.Has(gss.Confidential) {
		f |= ntlmssp.FlagSeal
	}
	if c.login.kind == asAnonymous {
		f |= ntlmssp.FlagAnonymous
	}
	return f
}

// negotiate writes the NEGOTIATE. It is a function of the state, and so is not
// kept for the MIC.
func (c wantChallenge) negotiate(b []byte) []byte {
	return ntlmssp.Negotiate{Flags: c.offer(), Version: ntlmssp.Version(c.cfg.Version)}.Append(b)
}

// agree returns the flags of our AUTHENTICATE, those of both sides, or why the challenge
// is too weak to be answered (NLMP-3.1.5.1.2-1).
func (c wantChallenge) agree(ch ntlmssp.Challenge, pairs ntlmssp.AVPairs) (ntlmssp.Flags, gss.Fault) {
	f := c.offer() & ch.Flags &^ (ntlmssp.FlagUnicode | ntlmssp.FlagOEM)
	f |= ntlmssp.FlagRequestTarget | ntlmssp.FlagNTLM | ntlmssp.FlagAlwaysSign | ntlmssp.FlagVersion | ch.Flags&ntlmssp.FlagTargetInfo
	switch { // NLMP-2.2.2.5-1
	case ch.Flags.Has(ntlmssp.FlagUnicode):
		f |= ntlmssp.FlagUnicode
	case ch.Flags.Has(ntlmssp.FlagOEM):
		f |= ntlmssp.FlagOEM
	default:
		return 0, malformed("the CHALLENGE chooses no character set")
	}
	if c.cfg.Level == LM { // which offers LM_KEY, and extended session security never
		f |= ch.Flags & ntlmssp.FlagNonNTKey
	}
	if !f.Any(ntlmssp.FlagSign | ntlmssp.FlagSeal) {
		f &^= ntlmssp.FlagKeyExchange
	}
	weak := func(detail string) (ntlmssp.Flags, gss.Fault) {
		return 0, gss.Fault{Code: gss.NotPermitted, Detail: "ntlm: the server's CHALLENGE is too weak: " + detail}
	}
	_, computer := pairs.Get(ntlmssp.AVComputer)
	_, domain := pairs.Get(ntlmssp.AVDomain)
	_, timed := pairs.Timestamp()
	switch {
	case c.wants() && !f.Has(ntlmssp.FlagSign), c.target.Want.Has(gss.Confidential) && !f.Has(ntlmssp.FlagSeal):
		return weak("it does not grant the message protection that was asked for")
	case (c.cfg.Require128 || c.wants() && c.cfg.Level == V2) && !f.Has(ntlmssp.Flag128|ntlmssp.FlagESS):
		return weak("it does not grant 128-bit keys and extended session security")
	case c.cfg.Level == V1Session && !f.Has(ntlmssp.FlagESS):
		return weak("it does not grant extended session security")
	case c.cfg.Level == V2 && c.wants() && !(computer && domain):
		return weak("it does not name its computer and domain, as message protection with NTLMv2 demands")
	case c.cfg.RequireMIC && (c.cfg.Level != V2 || !timed):
		return weak("it has no timestamp, so that there is no MIC, which Config.RequireMIC demands")
	}
	return f, gss.Fault{}
}

// fresh is what an AUTHENTICATE needs of randomness.
type fresh struct {
	client   ntlmssp.Nonce
	exported Key
}

// draw returns the random values of a response, and false for the zero seed (HTA-3).
func draw(env gss.Env) (f fresh, ok bool) {
	var b [len(f.client) + len(f.exported)]byte
	ok = env.Fill("ntlm authenticate", b[:])
	copy(f.client[:], b[:])
	copy(f.exported[:], b[len(f.client):])
	return f, ok
}

// Step answers the CHALLENGE (section 3.1.5.1.2).
func (c wantChallenge) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("ntlm", false); err != nil {
		return c, gss.Output{}, err
	}
	token := in.Token.Bytes()
	switch t := ntlmssp.TypeOf(token); {
	case !in.Token.Present():
		return fail(gss.Refused, "the peer went on without a challenge")
	case t == ntlmssp.TypeNegotiate, t == ntlmssp.TypeAuthenticate:
		return fail(gss.Unexpected, "expected a CHALLENGE, a message of a client came")
	}
	random, ok := draw(env)
	if !ok {
		return failWith(noEntropy())
	}
	return c.answer(token, env.Now, random)
}

// answer makes the AUTHENTICATE, or asks for the response in it.
func (c wantChallenge) answer(token string, now int64, random fresh) (gss.Context, gss.Output, error) {
	ch, fault := ntlmssp.ParseChallenge(token)
	if !fault.IsZero() {
		return failWith(fault)
	}
	var pairs ntlmssp.AVPairs
	switch {
	case ch.TargetInfo == "" && ch.Flags.Has(ntlmssp.FlagTargetInfo): // NLMP-2.2.2.5-2
		// Not one of an old server: an offset may have been changed on its way, so that
		// the client misses the time, and sends no MIC.
		return failWith(malformed("the CHALLENGE announces target info, and has none"))
	case ch.TargetInfo != "":
		if pairs, fault = ntlmssp.ParseAVPairs(ch.TargetInfo); !fault.IsZero() {
			return failWith(fault)
		}
	}
	flags, fault := c.agree(ch, pairs)
	if !fault.IsZero() {
		return failWith(fault)
	}
	r := reply{wantChallenge: c, challenge: token, server: ch.Server, flags: flags}
	if c.login.kind == asAnonymous {
		return r.nameless()
	}
	if c.cfg.Level != V2 {
		return r.old(random)
	}
	var room [scratch]byte
	temp, mic, fault := c.temp(room[:0], ntlmssp.TimeOf(now), pairs, random.client)
	if !fault.IsZero() {
		return failWith(fault)
	}
	r.timed = mic
	if c.login.kind == byExternal {
		d := wantResponse{r, string(temp)}
		ask := NeedResponse{User: c.login.user, Domain: c.login.domain, Target: c.target, Server: ch.Server, Temp: d.temp}
		return d, gss.Output{State: gss.Waiting, Ask: ask}, nil
	}
	var names [scratch]byte
	both := ntlmssp.AppendUTF16(names[:0], c.login.user)
	user := len(both)
	key := ntowfv2(c.login.nt, ntlmssp.AppendUTF16(both, c.login.domain), user)
	proof := proofV2(key, ch.Server, temp)
	var lm [ntlmssp.V1Size]byte
	if !mic { // NLMP-3.1.5.1.2-2: otherwise 24 zero bytes
		sum := proofV2(key, ch.Server, random.client[:])
		copy(lm[:], sum[:])
		copy(lm[len(sum):], random.client[:])
	}
	return r.v2(random.exported, proof, hmacMD5(key, proof[:]), temp, lm[:])
}

// temp writes what NTProofStr covers beside the server's challenge (section
// 3.3.2), and tells whether there is to be a MIC: exactly when the challenge has
// a timestamp. The server's pairs are sent back but for those that are a
// client's to send.
func (c wantChallenge) temp(b []byte, now ntlmssp.Time, pairs ntlmssp.AVPairs, client ntlmssp.Nonce) (_ []byte, mic bool, _ gss.Fault) {
	if theirs, timed := pairs.Timestamp(); timed {
		now, mic = theirs, true
	}
	b = append(b, 1, 1, 0, 0, 0, 0, 0, 0)
	for i := range 8 {
		b = append(b, byte(now>>(8*i)))
	}
	b = append(b, client[:]...)
	b = append(b, 0, 0, 0, 0)
	flags, flagged := pairs.Flags()&^ntlmssp.AVFlagMIC, false
	if mic {
		flags |= ntlmssp.AVFlagMIC // NLMP-3.1.5.1.2-2
	}
	word := [4]byte{byte(flags), byte(flags >> 8), byte(flags >> 16), byte(flags >> 24)}
	for id, value := range pairs.All() {
		switch id {
		case ntlmssp.AVSingleHost, ntlmssp.AVTargetName, ntlmssp.AVChannelBindings:
			continue
		case ntlmssp.AVFlags: // never sent back as it was: the bit would promise a MIC
			b, flagged = append(ntlmssp.AppendAV(b, ntlmssp.AVFlags, 4), word[:]...), true
			continue
		}
		b = append(ntlmssp.AppendAV(b, id, len(value)), value...)
	}
	if mic && !flagged {
		b = append(ntlmssp.AppendAV(b, ntlmssp.AVFlags, 4), word[:]...)
	}
	if c.cfg.SingleHost != ([40]byte{}) {
		b = append(ntlmssp.AppendAV(b, ntlmssp.AVSingleHost, 48), 48, 0, 0, 0, 0, 0, 0, 0)
		b = append(b, c.cfg.SingleHost[:]...)
	}
	if c.cfg.ChannelBinding != gss.Ignore {
		sum, aware := c.target.Binding.Hash(false) // there is no FIPS-only mode here: New refused it
		if _, known := c.target.Binding.Data(); c.cfg.ChannelBinding == gss.Require && !known {
			return nil, false, gss.Fault{Code: gss.BadBinding, Detail: "ntlm: Config.ChannelBinding is Require, but there is no channel binding"}
		}
		if aware { // NLMP-3.1.5.1.2-3; left out when it is unavailable (HTA-19)
			b = append(ntlmssp.AppendAV(b, ntlmssp.AVChannelBindings, len(sum)), sum[:]...)
		}
	}
	name := len(b)
	b = ntlmssp.AppendAV(b, ntlmssp.AVTargetName, 0)
	start := len(b)
	if c.target.SPNHost() != "" { // NAMES-1
		b = ntlmssp.AppendUTF16(b, c.target.SPN())
	}
	if len(b)-start > ntlmssp.MaxName {
		b = b[:name]
	} else {
		b[start-2], b[start-1] = byte(len(b)-start), byte((len(b)-start)>>8)
	}
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0), mic, gss.Fault{} // the terminator, and the four bytes that end temp
}

// Format implements fmt.Formatter: the hashes stay hidden.
func (wantChallenge) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, "ntlm initiator(waiting for the challenge)")
}

// reply is an AUTHENTICATE in the making.
type reply struct {
	wantChallenge
	challenge string
	server    ntlmssp.Nonce
	flags     ntlmssp.Flags
	timed     bool // a MIC is required
}

// nameless sends the AUTHENTICATE of an anonymous user (section 3.3.2). Its session key is
// no secret, and it has no MIC.
func (r reply) nameless() (gss.Context, gss.Output, error) {
	if r.wants() || r.cfg.RequireMIC || r.cfg.ChannelBinding == gss.Require {
		return fail(gss.NotPermitted, "an anonymous user has no message protection, MIC or channel binding, but policy asks for it")
	}
	r.flags = r.flags&^ntlmssp.FlagKeyExchange | ntlmssp.FlagAnonymous
	return r.send([]byte{0}, nil, Key{}, Key{})
}

// old sends the AUTHENTICATE of the versions before NTLMv2 (section 3.3.1).
func (r reply) old(random fresh) (gss.Context, gss.Output, error) {
	if r.cfg.ChannelBinding == gss.Require {
		return fail(gss.NotPermitted, "responses before NTLMv2 have no room for the channel binding that policy requires")
	}
	nt, base := r.login.nt, baseKeyV1(r.login.nt)
	var response, lm [ntlmssp.V1Size]byte
	if r.flags.Has(ntlmssp.FlagESS) {
		copy(lm[:], random.client[:])
		mixed := sessionChallenge(r.server, random.client)
		response = desl(nt, mixed[:])
	} else {
		response = desl(nt, r.server[:])
		lm = response // NoLMResponseNTLMv1
		if r.cfg.Level == LM {
			lm = desl(r.login.lm, r.server[:])
		}
	}
	key := kxkeyV1(r.flags, base, r.login.lm, r.server, &lm)
	return r.exchange(random.exported, key, response[:], lm[:])
}

// v2 sends the AUTHENTICATE of NTLMv2.
func (r reply) v2(random, proof, base Key, temp, lm []byte) (gss.Context, gss.Output, error) {
	var room [scratch]byte
	nt := append(append(room[:0], proof[:]...), temp...)
	return r.exchange(random, base, nt, lm)
}

// exchange puts random in the place of the session key, if that is ours to
// choose, and sends.
func (r reply) exchange(random, key Key, nt, lm []byte) (gss.Context, gss.Output, error) {
	if !r.flags.Has(ntlmssp.FlagKeyExchange) {
		return r.send(lm, nt, key, Key{})
	}
	return r.send(lm, nt, random, rc4Once(key, random))
}

// send writes the AUTHENTICATE and its MIC.
func (r reply) send(lm, nt []byte, exported, encrypted Key) (gss.Context, gss.Output, error) {
	var names [scratch]byte
	b, okD := r.flags.AppendText(names[:0], r.login.domain)
	domain := len(b)
	b, okU := r.flags.AppendText(b, r.login.user)
	user := len(b)
	b, okW := r.flags.AppendText(b, r.cfg.Workstation)
	if !okD || !okU || !okW {
		return fail(gss.Unsupported, "the server chose the OEM character set, which lacks characters of the user's name")
	}
	payload := [...][]byte{b[:domain], b[domain:user], b[user:], lm, nt, nil}
	if max(domain, user-domain, len(b)-user) > ntlmssp.MaxName || len(nt) > ntlmssp.MaxAuthenticate/2 {
		return fail(gss.LimitExceeded, "a name, or what the server sent, is too long for an AUTHENTICATE message")
	}
	if r.flags.Has(ntlmssp.FlagKeyExchange) {
		payload[5] = encrypted[:]
	}
	var room [2 * scratch]byte
	out := ntlmssp.Authenticate{Flags: r.flags, Version: ntlmssp.Version(r.cfg.Version), HasMIC: true}.AppendWith(room[:0], payload)
	if r.timed {
		var hello [ntlmssp.NegotiateFull]byte
		mic := micOf(exported, r.negotiate(hello[:0]), r.challenge, out)
		copy(out[72:], mic[:])
	}
	done := established{initiator: true, anonymous: r.login.kind == asAnonymous, mic: r.timed, flags: r.flags, key: exported}
	return done, gss.Output{State: gss.Complete, Token: gss.TokenOf(string(out))}, nil
}

// wantResponse waits for the answer to [NeedResponse].
type wantResponse struct {
	reply
	temp string
}

// Step takes the response that was computed elsewhere.
func (c wantResponse) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("ntlm", true); err != nil {
		return c, gss.Output{}, err
	}
	switch a := in.Answer.(type) {
	case Computed:
		if a.Proof.isZero() || a.SessionKey.isZero() {
			return fail(gss.NoCredentials, "the computed response is empty")
		}
		random, ok := draw(env)
		if !ok {
			return failWith(noEntropy())
		}
		var lm [ntlmssp.V1Size]byte // the agent is not asked for an LMv2 response as well
		return c.v2(random.exported, a.Proof, a.SessionKey, []byte(c.temp), lm[:])
	case gss.Declined:
		return fail(gss.NoCredentials, "the computation of the response was declined")
	case gss.Unreachable:
		return fail(gss.QuestionFailed, "the source that computes the response did not answer")
	}
	return c, gss.Output{}, gss.Misuse("ntlm: ntlm.NeedResponse takes ntlm.Computed, gss.Declined or gss.Unreachable")
}

// Format implements fmt.Formatter.
func (wantResponse) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, "ntlm initiator(asking for the response)")
}
