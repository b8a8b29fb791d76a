package ntlm

import (
	"encoding/binary"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// acceptor is the server before its first message (MS-NLMP section 3.2.5.1).
type acceptor struct {
	cfg     *config
	binding gss.Binding
}

// Step answers the NEGOTIATE with a CHALLENGE (section 3.2.5.1.1).
func (c acceptor) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("ntlm", false); err != nil {
		return c, gss.Output{}, err
	}
	token := in.Token.Bytes()
	switch t := ntlmssp.TypeOf(token); {
	case !c.cfg.fault.IsZero():
		return failWith(c.cfg.fault)
	case !in.Token.Present():
		return fail(gss.Unexpected, "expected a NEGOTIATE message, none came")
	case t == ntlmssp.TypeChallenge, t == ntlmssp.TypeAuthenticate:
		return fail(gss.Unexpected, "expected a NEGOTIATE message, a later one came")
	}
	m, fault := ntlmssp.ParseNegotiate(token)
	if !fault.IsZero() {
		return failWith(fault)
	}
	flags, fault := c.cfg.grant(m.Flags)
	if !fault.IsZero() {
		return failWith(fault)
	}
	next := wantAuthenticate{cfg: c.cfg, binding: c.binding, hello: token, flags: flags, now: ntlmssp.TimeOf(env.Now)}
	if !env.Fill("ntlm server challenge", next.server[:]) { // NLMP-3.2.5.1.1-1
		return failWith(noEntropy())
	}
	var room [scratch]byte
	return next, gss.Output{State: gss.Continue, Token: gss.TokenOf(string(next.challenge(room[:0])))}, nil
}

// Info implements gss.Context.
func (acceptor) Info() gss.Info { return pending{}.Info() }

// Session implements gss.Context.
func (acceptor) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter.
func (acceptor) Format(f fmt.State, _ rune) { fmt.Fprint(f, "ntlm acceptor(start)") }

// grant returns the flags of our CHALLENGE to a client that asks for asked
// (NLMP-2.2.2.5-1). 128 and 56 are granted whenever they are asked for, as Windows does:
// its clients require them even if they sign nothing. KEY_EXCH is granted only if the
// key is used, LM_KEY never.
func (c *config) grant(asked ntlmssp.Flags) (ntlmssp.Flags, gss.Fault) {
	f := ntlmssp.FlagRequestTarget | ntlmssp.FlagNTLM | ntlmssp.FlagAlwaysSign | ntlmssp.FlagTargetInfo | c.targetType
	f |= asked & (ntlmssp.FlagSign | ntlmssp.FlagSeal | ntlmssp.FlagESS | ntlmssp.Flag128 | ntlmssp.Flag56 | ntlmssp.FlagVersion)
	if asked.Any(ntlmssp.FlagSign | ntlmssp.FlagSeal) {
		f |= asked & ntlmssp.FlagKeyExchange
	}
	switch {
	case asked.Has(ntlmssp.FlagUnicode):
		f |= ntlmssp.FlagUnicode
	case asked.Has(ntlmssp.FlagOEM):
		f |= ntlmssp.FlagOEM
	default:
		return 0, malformed("the NEGOTIATE message offers no character set")
	}
	if c.Require128 && !f.Has(ntlmssp.Flag128|ntlmssp.FlagESS) { // NLMP-3.2.5.1.1-1
		return 0, gss.Fault{Code: gss.NotPermitted, Detail: "ntlm: the client does not ask for 128-bit keys and extended session security, which Config.Require128 demands"}
	}
	return f, gss.Fault{}
}

// wantAuthenticate has sent its CHALLENGE and waits for the AUTHENTICATE. It keeps little,
// since any client can leave a server with any number of these: the CHALLENGE is
// written again when the MIC needs it.
type wantAuthenticate struct {
	pending
	cfg     *config
	binding gss.Binding
	hello   string        // the NEGOTIATE as it came
	flags   ntlmssp.Flags // of the CHALLENGE
	server  ntlmssp.Nonce
	now     ntlmssp.Time
}

// challenge writes the CHALLENGE, a function of the state. It has target info and
// time, and none of what makes peers stumble: no MsvAvFlags, which curl and
// Firefox send back, nor a target name or bindings, on which Chromium gives up
// (C28).
func (c wantAuthenticate) challenge(b []byte) []byte {
	name := c.cfg.oemName
	if c.flags.Has(ntlmssp.FlagUnicode) {
		name = c.cfg.unicodeName
	}
	var version ntlmssp.Version
	if c.flags.Has(ntlmssp.FlagVersion) {
		version = ntlmssp.Version(c.cfg.Version)
	}
	info := len(c.cfg.infoBefore) + 8 + 4
	b = ntlmssp.Challenge{Flags: c.flags, TargetName: name, Server: c.server, Version: version}.Append(b)
	copy(b[40:], ntlmssp.AppendSpan(nil, info, len(b)))
	b = append(b, c.cfg.infoBefore...)
	b = binary.LittleEndian.AppendUint64(b, uint64(c.now))
	return append(b, 0, 0, 0, 0)
}

// Step reads the AUTHENTICATE, and asks for its verification (section 3.2.5.1.2).
func (c wantAuthenticate) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("ntlm", false); err != nil {
		return c, gss.Output{}, err
	}
	token := in.Token.Bytes()
	switch t := ntlmssp.TypeOf(token); {
	case !in.Token.Present():
		return fail(gss.Unexpected, "expected an AUTHENTICATE message, none came")
	case t == ntlmssp.TypeNegotiate, t == ntlmssp.TypeChallenge:
		return fail(gss.Unexpected, "expected an AUTHENTICATE message, another one came")
	}
	var p proof
	if fault := p.read(c.cfg, c.flags, token); !fault.IsZero() {
		return failWith(fault)
	}
	if p.anonymous {
		if !c.cfg.AllowAnonymous {
			return fail(gss.NoCredentials, "the client asks to be anonymous, which Config.AllowAnonymous does not allow")
		}
		if fault := c.cfg.judge(&p, c.binding, 0); !fault.IsZero() {
			return failWith(fault)
		}
		return established{anonymous: true, flags: p.flags}, gss.Output{State: gss.Complete}, nil
	}
	user, okU := p.names.Text(p.m.User)
	domain, okD := p.names.Text(p.m.Domain)
	workstation, okW := p.names.Text(p.m.Workstation)
	if !okU || !okD || !okW {
		return failWith(malformed("a name in the AUTHENTICATE message is not valid text"))
	}
	next := wantVerifier{c, token, user, domain}
	var ask gss.Question
	if c.cfg.PassThrough {
		ask = NeedLogon{User: user, Domain: domain, Workstation: workstation, Server: c.server, NT: gss.NewSecret(p.m.NT), LM: gss.NewSecret(p.m.LM), Flags: uint32(p.flags)}
	} else {
		ask = gss.NeedVerifier{Scheme: "NTLM", Realm: domain, User: user} // HTA-14
	}
	return next, gss.Output{State: gss.Waiting, Ask: ask}, nil
}

// Format implements fmt.Formatter.
func (wantAuthenticate) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, "ntlm acceptor(waiting for the response)")
}

// wantVerifier waits for what verifies the AUTHENTICATE.
type wantVerifier struct {
	wantAuthenticate
	token        string // the AUTHENTICATE as it came
	user, domain string
}

// Step verifies, and completes.
func (c wantVerifier) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("ntlm", true); err != nil {
		return c, gss.Output{}, err
	}
	var p proof
	p.read(c.cfg, c.flags, c.token) // as before: the token was looked through when it came
	done := established{flags: p.flags, user: c.user, domain: c.domain}
	verify := c.compare
	if c.cfg.PassThrough {
		verify = c.passedThrough
	}
	base, fault, err := verify(&p, &done, in.Answer)
	switch {
	case err != nil:
		return c, gss.Output{}, err
	case !fault.IsZero():
		return failWith(fault)
	}
	if fault := c.cfg.judgeEcho(&p, c.now); !fault.IsZero() {
		return failWith(fault)
	}
	p.keys(c.server, base)
	if p.announced && p.m.HasMIC && !p.exported.isZero() { // NLMP-3.2.5.1.2-2
		var room [scratch]byte
		mic := micOf(p.exported, c.hello, c.challenge(room[:0]), c.token)
		p.intact = mic.equal(p.m.MIC)
	}
	if fault := c.cfg.judge(&p, c.binding, env.Now); !fault.IsZero() {
		return failWith(fault)
	}
	done.key, done.bound, done.mic = p.exported, p.bound, p.intact
	return done, gss.Output{State: gss.Complete}, nil
}

// compare computes the response with what the user store has, and gives the session
// base key. The work is the same for each answer about a user, also where there is
// none: an NT hash is computed where one is stored too, and one is compared where
// there is none (HTA-30).
func (c wantVerifier) compare(p *proof, done *established, answer gss.Answer) (Key, gss.Fault, error) {
	password, known := dummy, true
	var stored Key
	var missing gss.Fault
	switch a := answer.(type) {
	case gss.Unreachable: // REPLAY-3
		return Key{}, fault(gss.Unavailable, "the user store did not respond; no client can log in until it does"), nil
	case gss.Unverifiable, gss.Declined: // REPLAY-4: one user's, and so like an unknown one
		missing = fault(gss.QuestionFailed, "the user store could not verify this user")
	case gss.Unknown:
		known = false
	case gss.Password:
		password = a.Password.Reveal()
		done.account(a.User, a.Domain)
	case Hash:
		if stored = a.NT; stored.isZero() {
			missing = fault(gss.QuestionFailed, "the NT hash of the user store is empty; a locked user is gss.Unknown")
		}
		done.account(a.User, a.Domain)
	default:
		return Key{}, gss.Fault{}, c.misanswered()
	}
	nt := ntowfv1(password)
	if !stored.isZero() {
		nt = stored
	}
	base, right := p.verify(c.server, nt)
	switch {
	case !known:
		return Key{}, fault(gss.UnknownUser, "no such user"), nil
	case !missing.IsZero():
		return Key{}, missing, nil
	case !right:
		return Key{}, fault(gss.BadCredentials, wrongPassword), nil
	case nt == emptyHash && !c.cfg.AllowEmptyPassword:
		return Key{}, fault(gss.NotPermitted, emptyPassword), nil
	}
	return base, gss.Fault{}, nil
}

// dummy stands in for the password of an unknown user. What is computed with it
// counts as wrong whatever it equals.
const dummy = "a password of common length"

// passedThrough takes the word of a domain controller.
func (c wantVerifier) passedThrough(_ *proof, done *established, answer gss.Answer) (Key, gss.Fault, error) {
	switch a := answer.(type) {
	case gss.Unreachable: // REPLAY-3
		return Key{}, fault(gss.Unavailable, "the domain controller did not respond; no client can log in until it does"), nil
	case gss.Unverifiable, gss.Declined: // REPLAY-4
		return Key{}, fault(gss.QuestionFailed, "the domain controller could not verify this user"), nil
	case gss.Unknown:
		return Key{}, fault(gss.UnknownUser, "no such user"), nil
	case Logon:
		switch {
		case !a.Accepted:
			return Key{}, fault(gss.BadCredentials, wrongPassword), nil
		case a.Guest:
			return Key{}, fault(gss.NotPermitted, "the domain controller accepted the user as a guest"), nil
		}
		done.passedThrough, done.data = true, a.Data
		done.name(a.User, a.Domain)
		return a.SessionKey, gss.Fault{}, nil
	}
	return Key{}, gss.Fault{}, c.misanswered()
}

// account calls the peer what the user store calls it, where it has a name of its own for it: then
// what the client wrote counts for nothing, not even its domain if the store has none.
func (c *established) account(user, domain string) {
	if user != "" { // NAMES-6
		c.user, c.domain = user, domain
	}
}

// name calls the peer what its judge calls it, where that says anything.
func (c *established) name(user, domain string) {
	if user != "" {
		c.user = user
	}
	if domain != "" {
		c.domain = domain
	}
}

const (
	wrongPassword = "the response does not match the user's password"
	emptyPassword = "the user's password is empty, which Config.AllowEmptyPassword does not allow"
)

// emptyHash is the NT hash of the empty password.
var emptyHash = Key{0x31, 0xd6, 0xcf, 0xe0, 0xd1, 0x6a, 0xe9, 0x31, 0xb7, 0x3c, 0x59, 0xd7, 0xe0, 0xc0, 0x89, 0xc0}

func (c wantVerifier) misanswered() error {
	if c.cfg.PassThrough {
		return gss.Misuse("ntlm: ntlm.NeedLogon takes ntlm.Logon, gss.Unknown, gss.Unverifiable, gss.Declined or gss.Unreachable")
	}
	return gss.Misuse("ntlm: gss.NeedVerifier takes gss.Password, ntlm.Hash, gss.Unknown, gss.Unverifiable, gss.Declined or gss.Unreachable")
}

// Format implements fmt.Formatter: the response stays hidden.
func (wantVerifier) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, "ntlm acceptor(asking for the verifier)")
}
