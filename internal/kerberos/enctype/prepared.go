package enctype

import (
	"fmt"

	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Prepared is a key with derived and expanded keys for some usages: for keys that are used
// for long, such as a service's, so that nothing is derived when a ticket comes. It is
// immutable, and several goroutines may use it at once.
type Prepared struct {
	key     krb.Key
	usages  []Usage
	sealers []sealer
	sums    [][32]byte // Kc
}

// Prepare derives the keys of the given usages. The zero Key gives a Prepared that is
// as dead.
func Prepare(k krb.Key, usages ...Usage) *Prepared {
	p := &Prepared{key: k, usages: append([]Usage(nil), usages...)}
	if k.IsZero() {
		return p
	}
	profile := profileOf(k.Type())
	p.sealers, p.sums = make([]sealer, len(usages)), make([][32]byte, len(usages))
	for i, u := range usages {
		p.sealers[i].prepare(k, u)
		if profile.family != stream {
			profile.deriveOne(k.Reveal(), u, forChecksum, p.sums[i][:profile.mac])
		}
	}
	return p
}

// Key returns the key itself.
func (p *Prepared) Key() krb.Key { return p.key }

// find returns the index of the usage, -1 if it was not prepared or there is no key.
func (p *Prepared) find(u Usage) int {
	for i := range p.sealers {
		if p.usages[i] == u {
			return i
		}
	}
	return -1
}

// Decrypt does what [Decrypt] does. A usage that was not prepared is derived.
func (p *Prepared) Decrypt(u Usage, cipher string) (plain string, ok bool) {
	i := p.find(u)
	if i < 0 {
		return Decrypt(p.key, u, cipher)
	}
	return p.sealers[i].open(cipher)
}

// Verify does what [Verify] does. A usage that was not prepared is derived.
func (p *Prepared) Verify(u Usage, data, checksum string) bool {
	i, profile := p.find(u), profileOf(p.key.Type())
	if i < 0 || profile.family == stream {
		return Verify(p.key, u, data, checksum)
	}
	sum := profile.macString(p.sums[i][:profile.mac], data)
	return equal(sum[:profile.sum], checksum)
}

// Format implements fmt.Formatter: the key stays hidden.
func (p Prepared) Format(f fmt.State, _ rune) { p.key.Format(f, 'v') } // SECRET-1

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (p Prepared) MarshalText() ([]byte, error) { return fmt.Append(nil, p), nil }
