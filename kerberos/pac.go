package kerberos

import (
	"github.com/countersign-auth/countersign/kerberos/enctype"
	"github.com/countersign-auth/countersign/kerberos/message"
)

// signedPAC is a PAC as the ticket has it, and what it takes to believe it.
type signedPAC struct {
	data     string // "" if there is none
	service  *enctype.Prepared
	client   message.Principal
	authTime message.Time
}

// findPAC looks for it in the ticket (MS-PAC section 4.1.2).
func findPAC(ticket *message.EncTicketPart, service *enctype.Prepared) signedPAC {
	data, ok := ticket.AuthData.Find(message.ADPAC)
	if !ok {
		return signedPAC{}
	}
	return signedPAC{data, service, ticket.Client, ticket.AuthTime}
}
