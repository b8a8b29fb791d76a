// Package kerberos implements Kerberos (RFC 4120, RFC 4121) as a gss.Mechanism: both sides
// as immutable contexts that do no I/O. Anything that needs a KDC, a ticket store or a
// replay memory is asked as a question.
//
//	mech, err := kerberos.New(kerberos.Config{Keys: keys, ChannelBinding: gss.Require})
//	ctx := mech.Accept(gss.Target{Binding: gss.EndPoint(certificate)})
//
// # A context
//
// An acceptor takes an AP-REQ, asks gss.NeedReplayCheck whether it is new, and is
// complete, with an AP-REP if the client requires the service to prove itself. If
// Config.Keys has no key for the ticket it asks [NeedServiceKey] first.
//
// An initiator asks gss.NeedCredential (answers: gss.Password, [Keys], [Tickets]), gets
// the ticket that it needs from there, from the store behind [NeedTicket], or from KDCs
// by gss.NeedExchange, sends the AP-REQ, and is complete once the AP-REP has proved the
// service. It always requests mutual authentication, unless Config.OneWay is set.
//
// For both sides:
//
//   - The channel binding has one of three kinds and none is turned into another: see
//     Config.ChannelBinding.
//   - Names on a ticket are not protected. The key that opens a ticket decides which
//     service it is for.
//   - Addresses in tickets are not checked: the core does not know where a request came
//     from, and address translation made them useless.
//   - A client is identified by its name and its realm: any realm that the service's KDC
//     trusts may have an alice. gss.Info.Name returns both; Config.ClientRealms lists the
//     realms of accepted clients.
//   - The anonymous principal (RFC 6112) is gss.Info.Anonymous and has no name, see
//     Config.RefuseAnonymous.
//   - FAST (RFC 6113) is not implemented: a KDC that requires it for pre-authentication
//     cannot be used with a password.
//   - The user's groups in a ticket (the PAC) never decide whether the user is accepted,
//     and are returned only with a verified signature, see [PAC].
//   - Every refusal is a gss.Fault that says why. The client gets a KRB-ERROR with a code
//     and our time if RFC 4120 has one, otherwise nothing.
//   - rc4-hmac is off, see Config.AllowRC4. In FIPS-only mode only the types of RFC 8009
//     are available.
//
// # Files
//
//	file           contents
//	acceptor.go    RFC 4120 section 3.2.3: the states of the service
//	verify.go      what the service checks, its reply, delegated credentials
//	pac.go         the PAC of an established context
//	initiator.go   RFC 4120 section 3.2.2: the client, its request and the service's proof
//	acquiring.go   how the client obtains its ticket
//	session.go     RFC 4121 section 4.2: MIC and Wrap tokens
//	session_rc4.go RFC 4757 section 7: those of rc4-hmac
//	context.go     the states that both sides share
//	answers.go     questions and answers of this mechanism
//	mechanism.go   configuration
//
// Packages below this one: enctype (cryptography), message (encoding), ticket (KDC
// exchanges), pac, keytab, ccache, krb5conf, kdctest (a KDC for tests).
package kerberos
