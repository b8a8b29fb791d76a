package krb5

import (
	"context"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// maxTickets bounds how many tickets a store keeps; beyond it those that end first go.
const maxTickets = 4096

// Tickets is a store of tickets in memory, for any number of users. Its zero value is
// empty and ready. Tickets belong to an identity (gss.Target), a client and a service.
type Tickets struct {
	opaque[Tickets] // no output shows what is in it

	mu   sync.Mutex
	kept map[place]ccache.Credential
}

type place struct{ identity, client, server string }

// Answer implements answer.Source.
func (t *Tickets) Answer(_ context.Context, q gss.Question) gss.Answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch q := q.(type) {
	case kerberos.NeedTicket:
		for _, c := range t.kept {
			if c.Client.Equal(q.Client) && c.EndTime > q.Until && fits(c.Server, q.Server) && t.kept[placeOf(q.Identity, c)] == c {
				return kerberos.Ticket{Credential: c}
			}
		}
		return gss.Unknown{}
	case kerberos.KeepTicket:
		if t.kept == nil {
			t.kept = make(map[place]ccache.Credential)
		}
		t.kept[placeOf(q.Identity, q.Credential)] = q.Credential
		t.drop()
		return kerberos.Kept{}
	}
	return gss.Declined{}
}

func placeOf(identity string, c ccache.Credential) place {
	return place{identity, c.Client.String(), c.Server.String()}
}

// fits reports whether a ticket's server is the one that is wanted; a wanted one
// without a realm may be in any.
func fits(has, wanted krb.Principal) bool {
	return has.Name.Equal(wanted.Name) && (wanted.Realm == "" || wanted.Realm == has.Realm)
}

// drop lets go of tickets that have ended, and of the ones that end first where there
// are too many.
func (t *Tickets) drop() {
	if len(t.kept) <= maxTickets {
		return
	}
	now := krb.Time(time.Now().Unix())
	var first place
	end := krb.Time(1<<62 - 1)
	for p, c := range t.kept {
		if c.EndTime <= now {
			delete(t.kept, p)
		} else if c.EndTime < end {
			first, end = p, c.EndTime
		}
	}
	if len(t.kept) > maxTickets {
		delete(t.kept, first)
	}
}
