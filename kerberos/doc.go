// Package kerberos is Kerberos (RFC 4120, by RFC 4121) as a gss.Mechanism: both sides
// as immutable contexts that do no I/O. What a KDC, a store of tickets or a memory of
// requests has to say is asked for.
//
//	mech, err := kerberos.New(kerberos.Config{Keys: keys, ChannelBinding: gss.Require})
//	ctx := mech.Accept(gss.Target{Binding: gss.EndPoint(certificate)})
//
// # A context
//
// An acceptor takes an AP-REQ, asks gss.NeedFirstSeen whether it is new, and is
// complete, with an AP-REP where the client wants the service to prove itself. Where
// Config.Keys has no key for the ticket it asks [NeedServiceKey] first.
//
// An initiator asks gss.NeedCredential (answers: gss.Password, [Keys], [Tickets]), gets
// the ticket that it needs from there, from the store behind [NeedTicket], or from KDCs
// by gss.NeedExchange, sends the AP-REQ, and is complete once the AP-REP has proved the
// service. Mutual authentication is asked for whatever Target.Want says, unless
// Config.OneWay is set.
//
// What holds for both:
//
//   - The channel binding is one of three values and none of them turns into another:
//     see Config.ChannelBinding.
//   - Names on a ticket are not protected. Whom a ticket is for is decided by the key
//     that opens it.
//   - Addresses in tickets are not looked at: the core does not know where a request
//     came from, and translated addresses made them useless (C53).
//   - A client is identified by its name and its realm: any realm that the service's KDC
//     trusts may have an alice. gss.Info.Name returns both; Config.ClientRealms lists the
//     realms whose clients are accepted (C51).
//   - The anonymous principal (RFC 6112) is gss.Info.Anonymous and has no name, see
//     Config.RefuseAnonymous (C52).
//   - FAST (RFC 6113) is not implemented: a KDC that takes no pre-authentication outside
//     of it cannot be used with a password (C55).
//   - What a ticket says of the user's groups (the PAC) never decides whether the user
//     is let in, and is shown only with a signature that verified, see [PAC].
//   - Whatever is refused is refused with a gss.Fault that says why. The client gets
//     a KRB-ERROR with a code and our time where RFC 4120 has one, nothing otherwise.
//   - rc4-hmac is off, see Config.AllowRC4. Under FIPS-only mode the types of RFC 8009
//     are left.
//
// # Where things are
//
//	file           what
//	acceptor.go    RFC 4120 section 3.2.3: the states of the service
//	verify.go      what the service checks, its reply, delegated credentials
//	pac.go         the PAC of an established context
//	initiator.go   RFC 4120 section 3.2.2: the client, its request and the proof that it wants
//	seeking.go     how the client gets its ticket
//	session.go     RFC 4121 section 4.2: MIC and Wrap tokens
//	session_rc4.go RFC 4757 section 7: those of rc4-hmac
//	context.go     the states that both sides share
//	answers.go     questions and answers of this mechanism
//	mechanism.go   configuration
//
// and in packages beside this one: enctype (cryptography), message (what goes over
// the wire), ticket (KDCs), pac, keytab, ccache, kdctest (a KDC for tests).
package kerberos
