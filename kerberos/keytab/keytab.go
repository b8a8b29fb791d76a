// Package keytab provides keytabs as values: the long-term keys of services, and the
// file that holds them (MIT's keytab file format).
//
// Keys are prepared when the keytab is made, so that nothing is derived when a ticket
// comes in. Reading and watching files is for drivers.
package keytab

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/kerberos/names"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Bounds on a file.
const (
	maxSize    = 1 << 24 // bytes
	maxEntries = 1 << 16
)

// Entry is one key of one principal.
type Entry struct {
	Principal krb.Principal
	Time      krb.Time // when it was written
	Kvno      uint32   // key version number
	Key       krb.Key
}

// IsVersion reports whether the key is of a version. Each one is of version 0, which a ticket
// has that does not say; and of a version that ends in the key's eight bits, if it has no
// more: old files store no others.
func (e *Entry) IsVersion(kvno uint32) bool {
	return kvno == 0 || e.Kvno == kvno || e.Kvno < 256 && e.Kvno == kvno&0xFF
}

// Prepared is a key from which those for tickets and PACs were derived beforehand. Its
// method Key returns the key itself.
type Prepared = enctype.Prepared

// Prepare prepares a key that is in no keytab, for verifying PACs.
func Prepare(key krb.Key) *Prepared {
	return enctype.Prepare(key, enctype.UsageTicket, enctype.UsageNonKerbChecksum)
}

// Keytab is an immutable list of entries. The nil Keytab is empty.
type Keytab struct {
	entries  []Entry
	prepared []*Prepared
}

// New makes a keytab.
func New(entries ...Entry) *Keytab {
	k := &Keytab{entries: append([]Entry(nil), entries...)}
	for _, e := range k.entries {
		k.prepared = append(k.prepared, Prepare(e.Key))
	}
	return k
}

// FromPassword returns the entries of a principal with keys from a password, one for each
// type. The salt "" is the default one, realm and components joined (RFC 4120 section 4).
func FromPassword(p krb.Principal, password gss.Secret, salt string, kvno uint32, types ...krb.EType) ([]Entry, gss.Fault) {
	if salt == "" {
		salt = enctype.DefaultSalt(p)
	}
	var list []Entry
	for _, t := range types {
		key, fault := enctype.StringToKey(t, password, salt, "")
		if !fault.IsZero() {
			return nil, fault
		}
		list = append(list, Entry{Principal: p, Kvno: kvno, Key: key})
	}
	return list, gss.Fault{}
}

// All iterates over the entries in the order of the file.
func (k *Keytab) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if k == nil {
			return
		}
		for _, e := range k.entries {
			if !yield(e) {
				return
			}
		}
	}
}

// Len returns the number of entries.
func (k *Keytab) Len() int {
	if k == nil {
		return 0
	}
	return len(k.entries)
}

// Candidates iterates over the keys that a ticket may be encrypted with: those of the type
// that belong to service, or to any principal if service is zero. Those of the version come
// first, in the order of the file, and the others behind them: a file that was written with
// another number, or with none, has the right key all the same, and the ticket's integrity
// says which one that is.
func (k *Keytab) Candidates(service krb.Principal, t krb.EType, kvno uint32) iter.Seq2[Entry, *Prepared] {
	return func(yield func(Entry, *Prepared) bool) {
		if k == nil {
			return
		}
		for _, named := range [...]bool{true, false} { // KRB-21
			for i := range k.entries {
				e := &k.entries[i]
				if e.Key.Type() != t || !service.IsZero() && !e.Principal.Equal(service) || e.IsVersion(kvno) != named {
					continue
				}
				if !yield(*e, k.prepared[i]) {
					return
				}
			}
		}
	}
}

// Latest returns a principal's key of a type with the highest version.
func (k *Keytab) Latest(p krb.Principal, t krb.EType) (best Entry, ok bool) {
	for e := range k.Candidates(p, t, 0) {
		if !ok || e.Kvno > best.Kvno {
			best, ok = e, true
		}
	}
	return best, ok
}

// Format implements fmt.Formatter: how many entries there are shows.
func (k Keytab) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "keytab(%d)", k.Len()) } // SECRET-1

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (k Keytab) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }

// Parse reads a file of version 1 or 2. Version 1 has no byte order of its own; it is
// taken to come from a little-endian machine. Keys of types that cannot be used here
// are passed over, and so are holes, entries that do not parse, and one that the end of the file cuts. Malformed for what is no keytab, and for more than 16 MiB or 65,536 entries.
func Parse(b string) (*Keytab, gss.Fault) {
	bad := func(what string) (*Keytab, gss.Fault) {
		return nil, gss.Fault{Code: gss.Malformed, Detail: "keytab: " + what}
	}
	if len(b) > maxSize {
		return bad("a file of more than 16 MiB")
	}
	if len(b) < 2 || b[0] != 5 || b[1] != 1 && b[1] != 2 {
		return bad("not a keytab of version 1 or 2")
	}
	first := b[1] == 1
	var order binary.ByteOrder = binary.BigEndian
	if first {
		order = binary.LittleEndian
	}
	var entries []Entry
	for rest := []byte(b[2:]); len(rest) >= 4; {
		n := int64(int32(order.Uint32(rest)))
		rest = rest[4:]
		if n == 0 {
			break // MIT writes zeros to the end of a file
		}
		hole := n < 0
		if hole {
			n = -n
		}
		if n > int64(len(rest)) { // KRB-67
			break
		}
		if !hole {
			if len(entries) == maxEntries {
				return bad("more than 65,536 entries")
			}
			if e, usable, ok := parseEntry(rest[:n], order, first); ok && usable { // KRB-67
				entries = append(entries, e)
			}
		}
		rest = rest[n:]
	}
	return New(entries...), gss.Fault{}
}

// parseEntry reads one entry. usable is false for keys that cannot be used here.
func parseEntry(b []byte, order binary.ByteOrder, first bool) (e Entry, usable, ok bool) {
	ok = true
	take := func(n int) []byte {
		if n > len(b) {
			ok = false
			return make([]byte, n)
		}
		part := b[:n]
		b = b[n:]
		return part
	}
	counted := func() string { return string(take(int(order.Uint16(take(2))))) }
	n := int(order.Uint16(take(2)))
	if first {
		n-- // the realm counts
	}
	if n < 1 || n > names.MaxComponents {
		return Entry{}, false, false
	}
	e.Principal.Realm = counted()
	components := make([]string, n)
	for i := range components {
		components[i] = counted()
	}
	kind := krb.NamePrincipal
	if !first {
		kind = int32(order.Uint32(take(4)))
	}
	e.Principal.Name = krb.NameOf(kind, components...)
	e.Time = krb.Time(order.Uint32(take(4)))
	e.Kvno = uint32(take(1)[0])
	t := krb.EType(int16(order.Uint16(take(2))))
	value := counted()
	if len(b) >= 4 {
		if v := order.Uint32(b); v != 0 {
			e.Kvno = v
		}
	}
	if !ok || e.Principal.IsZero() || !names.Valid(e.Principal.Realm) {
		return Entry{}, false, false
	}
	key, fault := krb.NewKey(t, value)
	e.Key = key
	return e, fault.IsZero(), true
}

// Append writes a file of version 2.
func (k *Keytab) Append(b []byte) []byte {
	b = append(b, 5, 2)
	for e := range k.All() {
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(e.Principal.Name.Len()))
		b = appendCounted(b, e.Principal.Realm)
		for c := range e.Principal.Name.Components() {
			b = appendCounted(b, c)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(e.Principal.Name.Type))
		b = binary.BigEndian.AppendUint32(b, message.Uint32(e.Time))
		b = append(b, byte(e.Kvno))
		b = binary.BigEndian.AppendUint16(b, uint16(e.Key.Type()))
		b = appendCounted(b, e.Key.Reveal())
		b = binary.BigEndian.AppendUint32(b, e.Kvno)
		binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	return b
}

func appendCounted(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}
