package kerberos

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Keys answers gss.NeedCredential: a principal with long-term keys in a keytab.
type Keys struct {
	Principal krb.Principal
	Keytab    *keytab.Keytab
}

func (Keys) Answer() {}

// Subject implements [gss.Subject].
func (k Keys) Subject() string { return k.Principal.String() }

// Tickets answers gss.NeedCredential: a principal with tickets in a credential cache.
// Tickets that are obtained with them are offered to [KeepTicket].
type Tickets struct{ Cache *ccache.Cache }

func (Tickets) Answer() {}

// Subject implements [gss.Subject]: the cache's principal, and the clients of
// tickets that are another one's.
func (t Tickets) Subject() string {
	if t.Cache == nil {
		return ""
	}
	names := t.Cache.Principal().String()
	for c := range t.Cache.All() {
		if c.Client != t.Cache.Principal() {
			names += "\n" + c.Client.String()
		}
	}
	return names
}

// NeedTicket asks the store of tickets for one that is valid until a time.
//
// Asked by: kerberos, the initiator for the service's ticket and then for a
// ticket-granting ticket, where its credential cache has none.
//
// Answers: [Ticket], gss.Unknown, gss.Unreachable, gss.Declined.
//
// Declined: there is no store. The initiator asks neither this nor [KeepTicket] again in
// this exchange, and gets its tickets from the KDC.
type NeedTicket struct {
	// Identity as in gss.Target.
	Identity       string
	Client, Server krb.Principal
	// Until is when the ticket has to hold at least, in seconds since the epoch.
	Until krb.Time
}

func (NeedTicket) Question() {}

// Named implements [gss.Named].
func (q NeedTicket) Named() string { return q.Client.String() }

// Ticket is a ticket of a store, or one that was just got.
type Ticket struct{ Credential ccache.Credential }

func (Ticket) Answer() {}

// Subject implements [gss.Subject].
func (t Ticket) Subject() string { return t.Credential.Client.String() }

// NeedHostName asks for the canonical name of a service's host.
//
// Asked by: kerberos, the initiator with Config.Canonicalize: before it looks for the service's
// ticket, or under CanonicalizeFallback when no KDC knows the service as the URL names it.
//
// Answers: [HostName], gss.Unreachable, gss.Declined.
//
// Declined: the host has no other name. That changes nothing under CanonicalizeAlways, and
// under CanonicalizeFallback the context fails, as the KDC says.
type NeedHostName struct{ Host string }

func (NeedHostName) Question() {}

// Derived implements [gss.Derived]: the name is the same for all users.
func (NeedHostName) Derived() {}

// HostName answers [NeedHostName].
type HostName struct{ Host string }

func (HostName) Answer() {}

// KeepTicket offers a ticket to the store.
//
// Asked by: kerberos, the initiator when it has obtained a ticket from a KDC.
//
// Answers: [Kept], gss.Unreachable, gss.Declined.
//
// Declined: the ticket is not stored, which changes nothing for the exchange that asks.
type KeepTicket struct {
	Identity   string
	Credential ccache.Credential
}

func (KeepTicket) Question() {}

// Derived implements [gss.Derived]: what is answered changes nothing.
func (KeepTicket) Derived() {}

// Kept answers [KeepTicket].
type Kept struct{}

func (Kept) Answer() {}

// NeedServiceKey asks for keys that Config.Keys does not hold: of a keytab that was
// written since, or of another store.
//
// Asked by: kerberos, the acceptor for an AP-REQ, if no key of Config.Keys decrypts the ticket.
//
// Answers: [ServiceKeys], gss.Unknown, gss.Unreachable, gss.Declined.
//
// Declined: there is no such key, and the request is refused, as for gss.Unknown: with
// gss.BadCredentials if Config.Keys has a key of the type and version, else with
// gss.WrongTarget.
type NeedServiceKey struct {
	// Service is the name on the ticket, hostile input.
	Service krb.Principal
	Type    krb.EType
	// Kvno is 0 if the ticket does not say. It is not protected, and a key of another version is as good
	// as one of this, if it decrypts the ticket.
	Kvno uint32
}

func (NeedServiceKey) Question() {}

// ServiceKeys answers [NeedServiceKey] with keys, among which the acceptor looks as in
// Config.Keys: it tries 16 at most, those of the service and of the version first. keytab.New
// derives further keys, so that a store had better keep the answer than the keys.
type ServiceKeys struct{ Keytab *keytab.Keytab }

func (ServiceKeys) Answer() {}

// Delegated are credentials that an initiator delegated, in gss.Info.Delegated: a
// ticket-granting ticket with which the acceptor can act in the initiator's name. Its
// Client is the client that authenticated (C56).
type Delegated struct{ Credential ccache.Credential }

func (Delegated) Answer() {}

// Cache returns a credential cache of them.
func (d Delegated) Cache() *ccache.Cache { return ccache.New(d.Credential.Client, d.Credential) }

// Format implements fmt.Formatter: the client's name shows.
func (d Delegated) Format(f fmt.State, verb rune) { d.Credential.Format(f, verb) }

// noEntropy returns the fault of the zero seed (HTA-3).
func noEntropy() gss.Fault {
	return gss.Fault{Code: gss.NoEntropy, Detail: "kerberos: the seed of this step is zero, and a key or a number was to be derived from it"}
}
