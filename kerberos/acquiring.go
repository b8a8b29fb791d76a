package kerberos

import (
	"fmt"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// acquiring is an initiator on its way to a ticket. Its stages follow one another, and
// those that are not needed are skipped:
//
//	the canonical name of the service's host
//	the service's ticket from the cache or the store
//	a TGT from the cache, the store or the KDC; one from the KDC is stored
//	the service's ticket from KDCs, which is then stored
//	a forwarded ticket-granting ticket, to delegate
type acquiring struct {
	pending
	login
	cfg       *config
	target    gss.Target
	canonical string // the canonical name of the target's host, "" if it is not to be used
	stage     stage
	unknownAs gss.Fault // why no KDC knows the service as the URL names it, under CanonicalizeFallback
	storeless bool      // the store declined, and is asked no more
	exchange  ticket.Exchange
	offset    int64 // the KDC's clock minus ours, in nanoseconds
	tgt       ccache.Credential
	got       ccache.Credential // the service's
	forwarded ccache.Credential
}

type stage uint8

const (
	namingHost    stage = iota // waits for the canonical name
	storedService              // waits for the store
	storedTGT
	gettingTGT // waits for KDCs
	gettingService
	gettingForwarded
	keepingTGT // waits for the store to have taken it
	keepingService
)

func (s acquiring) ask(at stage, q gss.Question) (gss.Context, gss.Output, error) {
	s.stage = at
	return s, gss.Output{State: gss.Waiting, Ask: q}, nil
}

func (s *acquiring) now(env gss.Env) krb.Time {
	return krb.TimeOf(message.Add(env.Now, s.offset))
}

// named asks for the canonical name, where that is to be used always.
func (s acquiring) named(env gss.Env) (gss.Context, gss.Output, error) {
	if s.cfg.Canonicalize == krb.CanonicalizeAlways && s.target.ServiceHost == "" { // NAMES-3
		return s.ask(namingHost, NeedHostName{Host: s.target.SPNHost()})
	}
	return s.begin(env)
}

// unknown asks for the canonical name if the KDC does not know the service as the URL names it, or
// fails.
func (s acquiring) unknown(fault gss.Fault) (gss.Context, gss.Output, error) {
	if s.cfg.Canonicalize != krb.CanonicalizeFallback || s.target.ServiceHost != "" || s.canonical != "" { // NAMES-3
		return failWith(fault)
	}
	s.exchange, s.unknownAs = ticket.Exchange{}, fault
	return s.ask(namingHost, NeedHostName{Host: s.target.SPNHost()})
}

// renamed goes on under the canonical name, if that is another one.
func (s acquiring) renamed(env gss.Env, host string) (gss.Context, gss.Output, error) {
	before := s.service()
	s.canonical = host
	if fault := s.unknownAs; !fault.IsZero() && s.service().Name.Equal(before.Name) {
		return failWith(fault)
	}
	return s.begin(env)
}

// begin looks for the service's ticket.
func (s acquiring) begin(env gss.Env) (gss.Context, gss.Output, error) {
	service := s.service()
	var ok bool
	if s.got, ok = s.cache.Find(service, s.now(env)); ok {
		return s.withTicket(env)
	}
	if s.storeless {
		return s.withoutTicket(env)
	}
	return s.ask(storedService, NeedTicket{Identity: s.target.Identity, Client: s.client, Server: service, Until: s.now(env)})
}

// withoutTicket looks for a ticket-granting ticket.
func (s acquiring) withoutTicket(env gss.Env) (gss.Context, gss.Output, error) {
	if !s.tgt.IsZero() { // of the same exchange, before the host's canonical name was known
		return s.withTGT(env)
	}
	tgs := krb.TGS(s.client.Realm, s.client.Realm)
	var ok bool
	if s.tgt, ok = s.cache.Find(tgs, s.now(env)); ok {
		return s.withTGT(env)
	}
	if !s.storeless {
		return s.ask(storedTGT, NeedTicket{Identity: s.target.Identity, Client: s.client, Server: tgs, Until: s.now(env)})
	}
	return s.withoutTGT(env)
}

// withoutTGT asks the KDC for one.
func (s acquiring) withoutTGT(env gss.Env) (gss.Context, gss.Output, error) {
	switch {
	case s.cache == nil:
	case !s.got.IsZero(): // there is nothing to delegate from
		return s.send(env)
	default:
		return fail(gss.NoCredentials, "the credential cache has no valid ticket; get one with kinit")
	}
	options := krb.Flags(0)
	if s.target.Want.Has(gss.Delegate) {
		options = krb.Forwardable
	}
	return s.get(env, gettingTGT, ticket.Request{Client: s.client, Password: s.password, Keytab: s.keys, Options: options})
}

// withTGT asks for the service's ticket, or, when that is in hand, for what is to be
// delegated.
func (s acquiring) withTGT(env gss.Env) (gss.Context, gss.Output, error) {
	if s.got.IsZero() {
		options := krb.Flags(0)
		if s.target.Want.Has(gss.Delegate) && s.tgt.Flags.Has(krb.Forwardable) {
			options = krb.Forwardable
		}
		return s.get(env, gettingService, ticket.Request{Client: s.tgt.Client, Server: s.service(), TGT: s.tgt, Options: options})
	}
	home, _ := s.tgt.Server.IsTGS()
	return s.get(env, gettingForwarded, ticket.Request{Client: s.tgt.Client, Server: krb.TGS(home, home), TGT: s.tgt, Options: krb.Forwarded | krb.Forwardable})
}

// withTicket delegates where it is to be, and sends.
func (s acquiring) withTicket(env gss.Env) (gss.Context, gss.Output, error) {
	if !s.delegates() || !s.forwarded.IsZero() {
		return s.send(env)
	}
	if s.tgt.IsZero() {
		return s.withoutTicket(env)
	}
	if !s.tgt.Flags.Has(krb.Forwardable) {
		return s.send(env)
	}
	return s.withTGT(env)
}

// delegates reports whether the application asks for delegation and the policy allows it.
func (s *acquiring) delegates() bool {
	switch {
	case !s.target.Want.Has(gss.Delegate):
		return false
	case s.cfg.Delegate == DelegateIfTrusted:
		return s.got.Flags.Has(krb.OKAsDelegate)
	}
	return s.cfg.Delegate == DelegateAlways
}

// get starts an exchange with KDCs.
func (s acquiring) get(env gss.Env, at stage, r ticket.Request) (gss.Context, gss.Output, error) {
	r.Types, r.Offset, r.MinIterations = s.cfg.types, time.Duration(s.offset), s.cfg.MinIterations
	switch s.cfg.PAC {
	case PACInclude:
		r.PAC = 1
	case PACExclude:
		r.PAC = -1
	}
	s.stage, s.exchange = at, ticket.New(r)
	return s.hear(env, nil)
}

// hear goes on with the exchange.
func (s acquiring) hear(env gss.Env, answer gss.Answer) (gss.Context, gss.Output, error) {
	next, r, err := s.exchange.Step(env, answer)
	switch {
	case err != nil:
		return s, gss.Output{}, err
	case !r.Fault.IsZero() && s.stage == gettingForwarded: // the KDC does not want it
		return s.send(env)
	case r.Fault.Code == gss.WrongTarget && s.stage == gettingService:
		return s.unknown(r.Fault)
	case !r.Fault.IsZero():
		return failWith(r.Fault)
	case r.Ask != nil:
		s.exchange = next
		return s, gss.Output{State: gss.Waiting, Ask: r.Ask}, nil
	}
	s.exchange, s.offset = ticket.Exchange{}, int64(r.Offset)
	switch s.stage {
	case gettingTGT:
		s.tgt, s.client = r.Credential, r.Credential.Client
		return s.keep(env, keepingTGT, r.Credential)
	case gettingService:
		s.got = r.Credential
		return s.keep(env, keepingService, r.Credential)
	}
	s.forwarded = r.Credential
	return s.send(env)
}

// keep offers a new ticket to the store.
func (s acquiring) keep(env gss.Env, at stage, c ccache.Credential) (gss.Context, gss.Output, error) {
	if s.storeless {
		s.stage = at
		return s.kept(env)
	}
	return s.ask(at, KeepTicket{Identity: s.target.Identity, Credential: c})
}

func (s acquiring) kept(env gss.Env) (gss.Context, gss.Output, error) {
	if s.stage == keepingTGT {
		return s.withTGT(env)
	}
	return s.withTicket(env)
}

// Step takes the answers of the store and of KDCs.
func (s acquiring) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("kerberos", true); err != nil {
		return s, gss.Output{}, err
	}
	switch s.stage {
	case namingHost:
		switch a := in.Answer.(type) {
		case HostName:
			return s.renamed(env, a.Host)
		case gss.Declined, gss.Unreachable:
			return s.renamed(env, "")
		}
		return s, gss.Output{}, gss.Misuse("kerberos: NeedHostName takes HostName, gss.Declined or gss.Unreachable")
	case gettingTGT, gettingService, gettingForwarded:
		next, out, err := s.hear(env, in.Answer)
		if err != nil {
			return s, gss.Output{}, err
		}
		return next, out, nil
	case keepingTGT, keepingService:
		switch in.Answer.(type) {
		case Kept, gss.Declined, gss.Unreachable:
			return s.kept(env)
		}
		return s, gss.Output{}, gss.Misuse("kerberos: KeepTicket takes Kept, gss.Declined or gss.Unreachable")
	}
	switch a := in.Answer.(type) {
	case Ticket:
		wanted := s.service()
		if s.stage == storedTGT {
			wanted = krb.TGS(s.client.Realm, s.client.Realm)
		}
		c := a.Credential
		if c.IsZero() || c.Key.IsZero() || !c.Server.Name.Equal(wanted.Name) || wanted.Realm != "" && c.Server.Realm != wanted.Realm {
			return s, gss.Output{}, gss.Misuse("kerberos: a Ticket is for the server that NeedTicket names")
		}
		if c.EndTime <= s.now(env) {
			break
		}
		if s.stage == storedTGT {
			s.tgt = c
			return s.withTGT(env)
		}
		s.got = c
		return s.withTicket(env)
	case gss.Unknown, gss.Unreachable:
	case gss.Declined:
		s.storeless = true
	default:
		return s, gss.Output{}, gss.Misuse("kerberos: NeedTicket takes Ticket, gss.Unknown, gss.Declined or gss.Unreachable")
	}
	if s.stage == storedService {
		return s.withoutTicket(env)
	}
	return s.withoutTGT(env)
}

// Format implements fmt.Formatter: what is in hand does not show.
func (s acquiring) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kerberos initiator(getting a ticket for %q)", s.target.SPN())
}
