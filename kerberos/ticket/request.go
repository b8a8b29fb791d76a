package ticket

import (
	"fmt"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Bounds on what a KDC can make a client do.
const (
	maxExchanges = 24 // messages to KDCs for one ticket
	maxReferrals = 8  // realms on the way to a service

	// maxIterations bounds the iterations of string-to-key that the KDCs of one exchange can
	// ask for together, over all realms and retries: a step cannot be interrupted, and the
	// KDCs are not authenticated yet. A key is derived once, however often it is used.
	maxIterations = enctype.MaxIterations
)

// Request says what ticket is wanted and what there is to get it with. It is
// comparable; it holds secrets and does not show them.
type Request struct {
	_ struct{}

	// Client is the client of the ticket. It needs a realm, except with the name type
	// NameEnterprise, which the KDC canonicalizes.
	Client krb.Principal
	// Server is the service that the ticket is for; the zero Principal is the
	// ticket-granting service of the client's realm. Without a realm, KDCs refer the
	// client to the right one.
	Server krb.Principal

	// Password or Keytab are for an AS exchange, TGT for a TGS exchange; TGT wins.
	Password gss.Secret
	Keytab   *keytab.Keytab
	TGT      ccache.Credential

	// Types are the encryption types to ask for, the best first; none stands for all that can
	// be used here, but those that are weak. One that is weak is as weak
	// as it is where a stronger one was asked for as well: an answer that is not
	// authenticated yet chooses among them.
	Types krb.ETypes
	// MinIterations is the least number of iterations of string-to-key that a KDC may ask
	// for with a password, for every type that has them; 0 is the type's own default. With
	// fewer, the client's first proof could be guessed at for less (RFC 3962 section 8), and
	// the KDC is not authenticated when it asks.
	MinIterations uint32
	// Options are flags of the ticket, krb.Forwarded for one to hand on, and krb.Renew.
	Options krb.Flags
	// Lifetime and RenewLifetime are in seconds; 0 is ten hours, and no renewal.
	Lifetime, RenewLifetime int64
	// PAC says whether to ask for a PAC (+1), or for none (-1).
	PAC int8
	// Offset is what to add to our clock to have the KDC's, as far as that is known.
	Offset time.Duration

	// For is the user of a service's request for a ticket to itself (S4U2Self, MS-SFU
	// section 3.1.5.1.1), with Server the service.
	For krb.Principal
	// Evidence is the user's ticket for the service that asks for one to Server in the
	// user's name (S4U2Proxy, section 3.1.5.2.1).
	Evidence ccache.Credential
}

const defaultLifetime = 10 * 3600

// Format implements fmt.Formatter: the names of client and service show.
func (r Request) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "request of a ticket of %q for %q", r.Client.String(), r.Server.String())
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (r Request) MarshalText() ([]byte, error) { return fmt.Append(nil, r), nil }

// Result is the result of a step: a question, a ticket, or a fault.
type Result struct {
	Ask        gss.Question
	Credential ccache.Credential
	// Offset as in Request, as the exchange found it.
	Offset time.Duration
	Fault  gss.Fault
}

// Done reports whether there is a ticket.
func (r Result) Done() bool { return !r.Credential.IsZero() }
