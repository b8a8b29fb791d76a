package krb

import "fmt"

// Flags are TicketFlags, KDCOptions or APOptions (RFC 4120 section 5.2.8): bit 0 is the
// highest. Further bits than 32 are not kept.
type Flags uint32

// Ticket flags that matter to a client or a service, section 5.3; the same bits in KDCOptions ask for them.
const (
	Forwardable  Flags = 1 << (31 - 1)
	Forwarded    Flags = 1 << (31 - 2)
	Invalid      Flags = 1 << (31 - 7)
	Renewable    Flags = 1 << (31 - 8)
	Initial      Flags = 1 << (31 - 9)
	PreAuthent   Flags = 1 << (31 - 10)
	TransitedOK  Flags = 1 << (31 - 12) // transited-policy-checked
	OKAsDelegate Flags = 1 << (31 - 13)
	AnonymousTkt Flags = 1 << (31 - 16) // RFC 8062
)

// Renew asks a KDC to renew the ticket that a request shows, and is no flag of a ticket
// (section 5.4.1).
const Renew Flags = 1 << (31 - 30)

// Has reports whether all of f are set.
func (s Flags) Has(f Flags) bool { return s&f == f }

var flagNames = [...]string{1: "forwardable", "forwarded", "proxiable", "proxy", "may-postdate", "postdated", "invalid", "renewable", "initial",
	"pre-authent", "hw-authent", "transited-policy-checked", "ok-as-delegate", 15: "enc-pa-rep", 16: "anonymous"}

// String lists ticket flags by name, others by number.
func (s Flags) String() string {
	var b []byte
	for i := range 32 {
		if s&(1<<(31-i)) == 0 {
			continue
		}
		if len(b) > 0 {
			b = append(b, ' ')
		}
		if i < len(flagNames) && flagNames[i] != "" {
			b = append(b, flagNames[i]...)
		} else {
			b = fmt.Appendf(b, "flag%d", i)
		}
	}
	return string(b)
}
