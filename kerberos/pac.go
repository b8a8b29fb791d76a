package kerberos

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/pac"
)

// signedPAC is a PAC as the ticket has it, and what it takes to believe it.
type signedPAC struct {
	data     string // "" if there is none
	service  *enctype.Prepared
	client   krb.Name
	authTime krb.Time
}

// findPAC looks for it in the ticket (MS-PAC section 2.1).
func findPAC(ticket *message.EncTicketPart, service *enctype.Prepared) signedPAC {
	data, ok := ticket.AuthData.Find(message.ADPAC)
	if !ok {
		return signedPAC{}
	}
	return signedPAC{data, service, ticket.Client.Name, ticket.AuthTime}
}

// PAC returns the PAC in the ticket of an established acceptor's peer, verified with the
// service's key. It returns false for a ticket without a PAC, for a context that is no
// such acceptor, and without Config.KeepPAC, and a fault for a PAC that does not parse or
// verify. For a context of SPNEGO pass spnego.Leaf of it.
func PAC(c gss.Context) (v pac.Verified, ok bool, fault gss.Fault) { // KILE-3.4.5.3-1
	p, has := c.(interface {
		PAC() (pac.Verified, bool, gss.Fault)
	})
	if !has {
		return pac.Verified{}, false, gss.Fault{}
	}
	return p.PAC()
}

// PAC implements what the function [PAC] calls.
func (c established) PAC() (v pac.Verified, ok bool, fault gss.Fault) {
	if c.pac.data == "" {
		return pac.Verified{}, false, gss.Fault{}
	}
	p, fault := pac.Parse(c.pac.data)
	if !fault.IsZero() {
		return pac.Verified{}, false, fault
	}
	if v, fault = p.Verify(c.pac.service, c.pac.client, c.pac.authTime); !fault.IsZero() {
		return pac.Verified{}, false, fault
	}
	return v, true, gss.Fault{}
}
