package kerberos

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// replayScope is the scope in the replay memory: one for all services, since a request can
// be shown to any of them that shares a key, under any name.
const replayScope = "Kerberos"

// judge checks an AP-REQ after its ticket was opened (RFC 4120 section 3.2.3) with a key of
// the service's realm, and asks whether it is new. Everything that follows from it is
// computed here, so that the state which waits for the answer is small.
func (r *request) judge(env gss.Env, ap *message.APReq, o opening) (gss.Context, gss.Output, error) {
	ticket, fault := message.ParseEncTicketPart(o.text)
	if !fault.IsZero() {
		return failWith(fault)
	}
	if fault := r.cfg.allows(ticket.Key.Type()); !fault.IsZero() {
		return r.refuse(env, message.ErrETypeNoSupport, fault)
	}
	text, ok := ap.Authenticator.Open(ticket.Key, enctype.UsageAPReqAuth)
	if !ok {
		return r.refuse(env, message.ErrBadIntegrity, gss.Fault{Code: gss.BadCredentials, Detail: "kerberos: the authenticator cannot be decrypted with the ticket's key: the client does not have that key"})
	}
	auth, fault := message.ParseAuthenticator(text)
	if !fault.IsZero() {
		return failWith(fault)
	}
	if code, fault := r.cfg.check(env.Now, &ticket, &auth, o.realm); !fault.IsZero() { // R4120-3.2.3-1
		return r.refuse(env, code, fault)
	}
	sum, fault := gssChecksum(&auth)
	if !fault.IsZero() {
		return failWith(fault)
	}
	done := established{peer: ticket.Client, expires: ticket.EndTime, key: ticket.Key, recv: auth.Sequence, send: auth.Sequence}
	bound, fault := r.bind(&auth, sum)
	if !fault.IsZero() {
		return failWith(fault)
	}
	if sum.present {
		done.flags = gss.Flags(sum.Flags) & (gss.Mutual | gss.ReplayDetect | gss.Sequence | gss.Confidential | gss.Integrity | gss.Delegate)
	}
	if bound {
		done.flags |= gss.ChannelBound
	}
	if !auth.Subkey.IsZero() {
		if fault := r.cfg.allows(auth.Subkey.Type()); !fault.IsZero() {
			return r.refuse(env, message.ErrETypeNoSupport, fault)
		}
		done.key = auth.Subkey
	}
	if sum.Delegation != "" {
		if done.delegated, fault = delegated(sum.Delegation, ticket.Client, done.key, ticket.Key); !fault.IsZero() {
			return failWith(fault)
		}
	} else {
		done.flags &^= gss.Delegate
	}
	if r.cfg.KeepPAC {
		done.pac = findPAC(&ticket, o.key)
	}
	if kindOf(ticket.Client) != namedClient { // KRB-2
		done.pac, done.delegated = signedPAC{}, nil
		done.flags &^= gss.Delegate
	}
	next := wantReplayCheck{framing: r.framing, service: ap.Ticket.Service, oldest: auth.Time.Nano() - r.cfg.skew}
	if done.flags&gss.Mutual != 0 || ap.Options.Has(message.MutualRequired) {
		done.flags |= gss.Mutual
		if next.answer, fault = r.answer(env, &ticket, &auth, &done); !fault.IsZero() {
			return failWith(fault)
		}
	}
	next.established = done
	// The authenticator's ciphertext is what cannot be changed. The name on the ticket
	// can, and is not in it (V21).
	seen := sha256.Sum256([]byte(ap.Authenticator.Cipher))
	return next, gss.Output{State: gss.Waiting, Ask: gss.NeedReplayCheck{ // R4120-3.2.3-2
		// REPLAY-1: the ticket's client, which the authenticator repeats: no other name for the
		// same request can be made up.
		Scope: replayScope, Owner: gss.OwnerOf(ticket.Client.Name.String(), ticket.Client.Realm), Key: string(seen[:]),
		Made: auth.Time.Nano(), Now: env.Now, Until: auth.Time.Nano() + 2*r.cfg.skew,
	}}, nil
}

// check does the checks of RFC 4120 section 3.2.3 on both decrypted parts. realm is the
// service's own.
func (c *config) check(now int64, ticket *message.EncTicketPart, auth *message.Authenticator, realm string) (message.ErrorCode, gss.Fault) {
	bad := func(code message.ErrorCode, kind gss.Code, detail string) (message.ErrorCode, gss.Fault) {
		return code, gss.Fault{Code: kind, Detail: "kerberos: " + detail}
	}
	theirs := message.Add(auth.Time.Nano(), int64(auth.Micro)*int64(time.Microsecond))
	client := kindOf(ticket.Client)
	switch {
	case !auth.Client.Equal(ticket.Client):
		return bad(message.ErrBadMatch, gss.BadCredentials, "the authenticator is another client's than the ticket")
	case message.Apart(theirs, now) > c.skew:
		return bad(message.ErrSkew, gss.ClockSkew, "the client's clock is further from ours than Config.MaxSkew")
	case ticket.Starts().Nano() > message.Add(now, c.skew) || ticket.Flags.Has(krb.Invalid):
		return bad(message.ErrTicketNotYet, gss.Expired, "the ticket is not valid yet")
	case ticket.EndTime.Nano() < message.Add(now, -c.skew):
		return bad(message.ErrTicketExpired, gss.Expired, "the ticket has expired; the client has to get another one")
	}
	switch {
	case client == reservedName: // R6111-3.1-1
		return bad(message.ErrPolicy, gss.NotPermitted, "the client has an unknown well-known name or realm")
	case client == namedClient && ticket.Flags.Has(krb.AnonymousTkt):
		return bad(message.ErrPolicy, gss.NotPermitted, "the ticket is flagged anonymous, but names a client")
	case client != namedClient && c.RefuseAnonymous: // KRB-1
		return bad(message.ErrPolicy, gss.NotPermitted, "the client is anonymous, which Config.RefuseAnonymous refuses")
	case len(c.ClientRealms) > 0 && !slices.Contains(c.ClientRealms, ticket.Client.Realm): // KRB-4
		return bad(message.ErrPolicy, gss.NotPermitted, "the client's realm is not in Config.ClientRealms")
	case c.RequireTransitedChecked && client != anonymousClient && !ticket.Flags.Has(krb.TransitedOK) &&
		(ticket.Client.Realm != realm || ticket.Transited != ""): // R4120-2.7-1; RFC 6112 section 4.3 excepts the anonymous realm
		return bad(message.ErrPathRejected, gss.NotPermitted, "the client is of another realm, and no KDC checked the path (TRANSITED-POLICY-CHECKED), as Config.RequireTransitedChecked requires")
	}
	// The ticket's addresses are not compared with the client's (C53).
	for _, list := range [...]message.AuthorizationData{ticket.AuthData, auth.AuthData} {
		for piece, ok := range list.All() {
			if !ok || !piece.Optional && !understood(piece.Type) { // R4120-5.2.6-1
				return bad(message.ErrPolicy, gss.NotPermitted, "the ticket has unknown authorization data that is not marked as optional")
			}
		}
	}
	return message.ErrNone, gss.Fault{}
}

// understood reports whether authorization data of a type may occur outside of
// AD-IF-RELEVANT: it describes the user, or is for KDCs alone.
func understood(kind int32) bool {
	switch kind {
	case message.ADPAC, message.ADAPOptions, message.ADTargetPrincipal, message.ADTokenRestrictions, message.ADLocal,
		message.ADETypeNegotiation, message.ADMandatoryForKDC, message.ADSignedPath:
		return true
	}
	return false
}

// checksum is the authenticator's, where there is one of the kind that GSS has.
type checksum struct {
	message.GSSChecksum
	present bool
}

// gssChecksum reads it. A client without any, or with one of another type as old ones
// send, asks for nothing and is bound to nothing (KILE-3.4.5-1).
func gssChecksum(auth *message.Authenticator) (checksum, gss.Fault) {
	if !auth.HasChecksum || auth.Checksum.Type != enctype.GSSChecksumNumber {
		return checksum{}, gss.Fault{}
	}
	sum, fault := message.ParseGSSChecksum(auth.Checksum.Sum) // R4121-4.1.1-1
	if fault.IsZero() && sum.Flags&message.DCEStyle != 0 {
		fault = gss.Fault{Code: gss.Unsupported, Detail: "kerberos: DCE style is not supported, since HTTP has no third message"}
	}
	return checksum{sum, true}, fault
}

// bind compares the client's Bnd with this side's channel (C30, R4121-4.1.1.2-2). A
// Bnd of zeros, which cannot be left out, and a missing checksum say nothing of
// bindings, unless the client says that it is aware of them (KILE-3.2.5.8-1).
func (r *request) bind(auth *message.Authenticator, sum checksum) (bound bool, fault gss.Fault) {
	said := sum.Binding != [16]byte{} || auth.AuthData.IsChannelBindingAware()
	bound, why := r.binding.Admit(r.cfg.ChannelBinding, r.cfg.fips, said, string(sum.Binding[:]))
	if why != "" {
		fault = gss.Fault{Code: gss.BadBinding, Detail: "kerberos: " + why}
	}
	return bound, fault
}

// answer returns the AP-REP (RFC 4120 section 3.2.4): the client's time, a number to count
// from, and a key for messages to which both sides contributed (RFC 4121 section 2).
func (r *request) answer(env gss.Env, ticket *message.EncTicketPart, auth *message.Authenticator, done *established) (gss.Token, gss.Fault) {
	kind := done.key.Type()
	var random [32 + 16 + 4]byte // subkey, confounder, number
	if !env.Fill("kerberos AP-REP", random[:]) {
		return gss.Token{}, noEntropy()
	}
	subkey, fault := krb.NewKey(kind, string(random[:kind.KeySize()]))
	if !fault.IsZero() {
		return gss.Token{}, fault
	}
	part := message.EncAPRepPart{Time: auth.Time, Micro: auth.Micro, HasSequence: true}
	part.Sequence = sequence(random[48:])
	if done.send = part.Sequence; kind != krb.RC4 { // its tokens cannot say which side's subkey it is
		part.Subkey, done.key, done.acceptorSubkey = subkey, subkey, true
	}
	var room [256]byte
	rep := message.APRep{Enc: message.Seal(ticket.Key, enctype.UsageAPRep, string(random[32:48]), part.Append(room[:0]))}
	return r.reply(message.TokenAPRep, rep.Append(nil)), gss.Fault{}
}

// sequence returns a random number to count from. It is also positive as a signed number,
// which is what old peers read.
func sequence(random []byte) uint32 {
	return uint32(random[0]&0x3F)<<24 | uint32(random[1])<<16 | uint32(random[2])<<8 | uint32(random[3])
}

// delegated reads the credentials that a client handed on (RFC 4121 section 4.1.1.1). They are
// encrypted under the session key or the subkey, or, by some, not at all, as they
// stand inside of what is encrypted. client is the one that authenticated.
func delegated(der string, client krb.Principal, keys ...krb.Key) (gss.Answer, gss.Fault) {
	cred, fault := message.ParseCred(der)
	if !fault.IsZero() {
		return nil, fault
	}
	text, ok := cred.Enc.Cipher, cred.Enc.Type == 0
	for _, key := range keys {
		if !ok {
			text, ok = cred.Enc.Open(key, enctype.UsageCred)
		}
	}
	if !ok {
		return nil, gss.Fault{Code: gss.BadCredentials, Detail: "kerberos: delegated credentials cannot be decrypted"}
	}
	part, fault := message.ParseEncCred(text)
	if !fault.IsZero() {
		return nil, fault
	}
	// The entries name the owner of the tickets, and the client wrote them: the only name
	// that can be believed is the one that the client proved to have.
	infos := part.Infos()
	for _, info := range infos {
		if !info.Client.Equal(client) { // KRB-5
			return nil, gss.Fault{Code: gss.BadCredentials, Detail: "kerberos: delegated credentials name another client than the one that authenticated, or none"}
		}
	}
	var got gss.Answer
	n := 0
	for _, ticket := range cred.Tickets.All() {
		if n < len(infos) && got == nil {
			if _, tgs := infos[n].Service.IsTGS(); tgs {
				got = delegatedOf(client, infos[n], ticket)
			}
		}
		n++
	}
	if n != len(infos) || got == nil {
		return nil, gss.Fault{Code: gss.Malformed, Detail: "kerberos: delegated credentials without a ticket-granting ticket, or not with one entry for each ticket"}
	}
	return got, gss.Fault{}
}

// delegatedOf makes a credential of a delegated ticket and its entry.
func delegatedOf(client krb.Principal, info message.CredInfo, ticket string) Delegated {
	return Delegated{ccache.Credential{
		Client: client, Server: info.Service, Key: info.Key,
		AuthTime: info.AuthTime, StartTime: info.StartTime, EndTime: info.EndTime, RenewTill: info.RenewTill,
		Flags: info.Flags, Addresses: info.Addresses, Ticket: ticket,
	}}
}
