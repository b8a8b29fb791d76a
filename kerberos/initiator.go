package kerberos

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// initiator is the client before its first step (RFC 4120 section 3.2.2).
type initiator struct {
	cfg    *config
	target gss.Target
}

// Step asks for the user's credentials.
func (c initiator) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("kerberos", false); err != nil {
		return c, gss.Output{}, err
	}
	switch {
	case in.Token.Present():
		return fail(gss.Unexpected, "a message of the service came before the first of this side")
	case c.target.Host == "" || c.target.Service == "":
		return fail(gss.WrongTarget, "a target without a service or a host has no ticket")
	}
	if fault := c.cfg.bindable(c.target.Binding); !fault.IsZero() {
		return failWith(fault)
	}
	return wantCredential{cfg: c.cfg, target: c.target}, gss.Output{State: gss.Waiting, Ask: gss.NeedCredential{Mech: gss.Kerberos, Target: c.target}}, nil
}

// Info implements gss.Context.
func (initiator) Info() gss.Info { return pending{}.Info() }

// Session implements gss.Context.
func (initiator) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter.
func (initiator) Format(f fmt.State, _ rune) { fmt.Fprint(f, "kerberos initiator(start)") }

// bindable refuses to go on without a binding where there has to be one.
func (c *config) bindable(b gss.Binding) gss.Fault {
	if _, known := b.Data(); c.ChannelBinding == gss.Require && (!known || c.fips) {
		return gss.Fault{Code: gss.BadBinding, Detail: "kerberos: Config.ChannelBinding is Require, but there is no channel binding, or it cannot be computed"}
	}
	return gss.Fault{}
}

// wantCredential waits for the user's credentials.
type wantCredential struct {
	pending
	cfg    *config
	target gss.Target
}

// Step takes them, and looks for a ticket.
func (c wantCredential) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("kerberos", true); err != nil {
		return c, gss.Output{}, err
	}
	s := acquiring{cfg: c.cfg, target: c.target}
	switch a := in.Answer.(type) {
	case gss.Declined:
		return fail(gss.NoCredentials, "there are no credentials")
	case gss.Unreachable:
		return fail(gss.QuestionFailed, "the credential source did not answer")
	case gss.Password:
		var fault gss.Fault
		if s.client, fault = c.cfg.user(a.User, a.Domain); !fault.IsZero() {
			return failWith(fault)
		}
		s.password = a.Password
	case Keys:
		s.client, s.keys = a.Principal, a.Keytab
	case Tickets:
		s.client, s.cache, s.offset = a.Cache.Principal(), a.Cache, int64(a.Cache.Offset())
	default:
		return c, gss.Output{}, gss.Misuse("kerberos: gss.NeedCredential takes gss.Password, kerberos.Keys, kerberos.Tickets, gss.Declined or gss.Unreachable")
	}
	if s.client.IsZero() || s.client.Realm == "" {
		return fail(gss.NoCredentials, "a user without a name or a realm; expected user@REALM, or Config.Realm")
	}
	return s.named(env)
}

// Format implements fmt.Formatter.
func (wantCredential) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, "kerberos initiator(waiting for credentials)")
}

// user returns the principal of a name as it is typed: alice in the default realm,
// alice@REALM, or, with a suffix that is not in capitals, a user principal name that the
// KDC looks up (RFC 6806 section 5).
func (c *config) user(name, domain string) (krb.Principal, gss.Fault) {
	if domain != "" && !strings.Contains(name, "@") {
		name += "@" + domain
	}
	p, fault := krb.ParsePrincipal(name, c.Realm)
	if !fault.IsZero() {
		return p, gss.Fault{Code: gss.NoCredentials, Detail: fault.Detail}
	}
	if upper := strings.ToUpper(p.Realm); strings.Contains(name, "@") && upper != p.Realm {
		p.Name = krb.NameOf(krb.NameEnterprise, name)
		if p.Realm = c.Realm; p.Realm == "" {
			p.Realm = upper
		}
	}
	return p, gss.Fault{}
}

// service returns the principal that a ticket is needed for: a pure function of the
// target (R4559-4.1-13) and of the canonical name of its host, if that was asked for. Its
// realm is "" if only KDCs know it.
func (s *acquiring) service() krb.Principal {
	target := s.target
	if s.canonical != "" {
		target.ServiceHost = s.canonical
	}
	host := target.SPNHost() // NAMES-1
	p := krb.Principal{Name: krb.NameOf(krb.NameServiceHost, target.Service, host)}
	if s.cfg.Realms != nil {
		// A port in a name is no part of the host (NAMES-4); an IPv6 address has several colons.
		if name, _, ported := strings.Cut(host, ":"); ported && strings.Count(host, ":") == 1 {
			host = name
		}
		p.Realm = s.cfg.Realms.RealmOf(host)
	}
	return p
}

// login is the user's principal with its proof: a password, keys or tickets.
type login struct {
	client   krb.Principal
	password gss.Secret
	keys     *keytab.Keytab
	cache    *ccache.Cache
}

// send returns the AP-REQ for a ticket that was obtained (RFC 4120 section 3.2.2, RFC 4121
// section 4.1).
func (s acquiring) send(env gss.Env) (gss.Context, gss.Output, error) {
	cred := s.got
	if fault := s.cfg.allows(cred.Key.Type()); !fault.IsZero() {
		return failWith(fault)
	}
	subkey, fault := enctype.RandomKey(cred.Key.Type(), env, "kerberos initiator subkey")
	if !fault.IsZero() {
		return failWith(fault)
	}
	var random [4 + 32]byte
	if !env.Fill("kerberos AP-REQ", random[:]) {
		return failWith(noEntropy())
	}
	at := message.Add(env.Now, s.offset)
	next := wantAPRep{
		cfg: s.cfg, ifOffered: s.target.MutualIfOffered, service: cred.Server, key: cred.Key, subkey: subkey, expires: cred.EndTime,
		time: krb.TimeOf(at), micro: message.Micro(at), sequence: sequence(random[:4]),
		flags: gss.Mutual | gss.ReplayDetect | gss.Sequence | gss.Confidential | gss.Integrity, // N2HT-5.1-1
	}
	options := message.MutualRequired
	if s.cfg.OneWay {
		options, next.flags = 0, next.flags&^gss.Mutual
	}
	sum := message.GSSChecksum{}
	auth := message.Authenticator{Client: cred.Client, Time: next.time, Micro: next.micro, Subkey: subkey, HasSequence: true, Sequence: next.sequence, HasChecksum: true}
	if s.cfg.ChannelBinding != gss.Ignore {
		var aware bool
		if sum.Binding, aware = s.target.Binding.Hash(s.cfg.fips); aware && s.target.Binding.IsNone() { // KILE-3.2.5.8-1, C30
			auth.AuthData = message.ChannelBindingAware()
		}
		if aware && !s.target.Binding.IsNone() {
			next.flags |= gss.ChannelBound
		}
	}
	if !s.forwarded.IsZero() {
		if sum.Delegation = s.delegation(at, string(random[4:])); len(sum.Delegation) <= message.MaxDelegation {
			next.flags |= gss.Delegate
		}
	}
	sum.Flags = uint32(next.flags &^ gss.ChannelBound)
	auth.Checksum = message.Checksum{Type: enctype.GSSChecksumNumber, Sum: string(sum.Append(nil))} // R4121-4.1.1-1
	var room [1024]byte
	sealed := message.Seal(cred.Key, enctype.UsageAPReqAuth, string(random[4:20]), auth.Append(room[:0]))
	token := gss.TokenOf(message.Frame(gss.Kerberos, message.TokenAPReq, message.AppendAPReq(nil, options, cred.Ticket, sealed)))
	if s.cfg.OneWay {
		return next.done(), gss.Output{State: gss.Complete, Token: token}, nil
	}
	return next, gss.Output{State: gss.Ready, Token: token}, nil
}

// delegation returns a KRB-CRED with the forwarded ticket (RFC 4120 section 3.6).
func (s *acquiring) delegation(at int64, confounder string) string {
	fwd, key := s.forwarded, s.got.Key
	part := message.EncCred{Time: krb.TimeOf(at), Micro: message.Micro(at)}.With(message.CredInfo{
		Key: fwd.Key, Client: fwd.Client, Flags: fwd.Flags, AuthTime: fwd.AuthTime, StartTime: fwd.StartTime, EndTime: fwd.EndTime, RenewTill: fwd.RenewTill,
		Service: fwd.Server, Addresses: fwd.Addresses,
	})
	m := message.Cred{Tickets: message.TicketsOf(fwd.Ticket), Enc: message.Seal(key, enctype.UsageCred, confounder[16:], part.Append(nil))}
	return string(m.Append(nil))
}

// wantAPRep has sent its AP-REQ and waits for the AP-REP. It keeps what that is checked
// with and nothing else.
type wantAPRep struct {
	pending
	cfg       *config
	ifOffered bool // the AP-REP may be missing
	service   krb.Principal
	key       krb.Key // the session key
	subkey    krb.Key
	time      krb.Time
	micro     int32
	sequence  uint32
	flags     gss.Flags
	expires   krb.Time
}

// done returns the context if the service sends nothing more: it counts from the same
// number (RFC 4121 section 4.2.2), under the subkey that was sent to it.
func (c wantAPRep) done() established {
	return established{initiator: true, flags: c.flags, peer: c.service, expires: c.expires, key: c.subkey, send: c.sequence, recv: c.sequence}
}

// Step checks the AP-REP (RFC 4120 section 3.2.5).
func (c wantAPRep) Step(_ gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("kerberos", false); err != nil {
		return c, gss.Output{}, err
	}
	switch {
	case !in.Token.Present() && c.ifOffered:
		done := c.done()
		done.unproven, done.flags = true, done.flags&^gss.Mutual
		return done, gss.Output{State: gss.Complete}, nil
	case !in.Token.Present():
		return fail(gss.NotAuthentic, "the service did not prove itself: no AP-REP came")
	}
	mech, id, body, framed := message.Unframe(in.Token.Bytes())
	switch {
	case framed && mech != gss.Kerberos && mech != gss.MSKerberos:
		return fail(gss.Unexpected, "expected an AP-REP, a token of another mechanism came")
	case !framed: // the answer to a request in other framing than ours
		body, id = in.Token.Bytes(), message.TokenAPRep
		if message.IsError(body) {
			id = message.TokenError
		}
	}
	switch id {
	case message.TokenError:
		return c.refused(body)
	case message.TokenAPRep:
	default:
		return fail(gss.Unexpected, "expected an AP-REP, another message came")
	}
	rep, fault := message.ParseAPRep(body)
	if !fault.IsZero() {
		return failWith(fault)
	}
	text, ok := rep.Enc.Open(c.key, enctype.UsageAPRep)
	if !ok {
		return fail(gss.NotAuthentic, "the AP-REP cannot be decrypted with the ticket's key: it is not from the service that the ticket is for")
	}
	part, fault := message.ParseEncAPRepPart(text)
	if !fault.IsZero() {
		return failWith(fault)
	}
	if part.Time != c.time || part.Micro != c.micro { // R4120-3.2.4-1
		return fail(gss.NotAuthentic, "the AP-REP answers another request")
	}
	done := c.done()
	if part.HasSequence {
		done.recv = part.Sequence
	}
	// With rc4-hmac the tokens cannot say which side's subkey protects them, and peers use
	// the initiator's.
	if !part.Subkey.IsZero() && !(part.Subkey.Type() == krb.RC4 && c.subkey.Type() == krb.RC4) {
		if fault := c.cfg.allows(part.Subkey.Type()); !fault.IsZero() {
			return failWith(fault)
		}
		done.key, done.acceptorSubkey = part.Subkey, true
	}
	return done, gss.Output{State: gss.Complete}, nil
}

// refused takes a KRB-ERROR, which is not authenticated.
func (c wantAPRep) refused(body string) (gss.Context, gss.Output, error) {
	e, fault := message.ParseError(body)
	if !fault.IsZero() {
		return failWith(fault)
	}
	code, why := gss.Refused, "the service refused the ticket"
	switch e.Code {
	case message.ErrSkew:
		code, why = gss.ClockSkew, "the service's clock is too far from the client's"
	case message.ErrTicketExpired, message.ErrTicketNotYet:
		code, why = gss.Expired, "the ticket is not valid, by the service's clock"
	case message.ErrRepeat:
		code, why = gss.Replayed, "the service refused the request as a replay"
	case message.ErrModified, message.ErrNoKey, message.ErrBadKeyVersion, message.ErrNotUs:
		why = "the service cannot decrypt the ticket: its keytab lacks the key, or the host's name belongs to another account"
	}
	return fail(code, why+" ("+e.Code.String()+")")
}

// Format implements fmt.Formatter.
func (c wantAPRep) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kerberos initiator(waiting for %q to prove itself)", c.service.String())
}
