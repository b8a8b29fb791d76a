package kerberos

import (
	"encoding/binary"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/names"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/keytab"
)

// Answers as bytes, for sealed traces: package trace asks for it, since files and
// prepared keys are no plain values. They hold secrets in the clear.

// MarshalBinary implements encoding.BinaryMarshaler: the cache as a file.
func (t Tickets) MarshalBinary() ([]byte, error) { return t.Cache.Append(nil), nil }

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (t *Tickets) UnmarshalBinary(b []byte) error {
	c, fault := ccache.Parse(string(b))
	if !fault.IsZero() {
		return fault.Err()
	}
	t.Cache = c
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler: the name with its length before it,
// the realm likewise, and the keytab as a file.
func (k Keys) MarshalBinary() ([]byte, error) {
	name, err := k.Principal.Name.MarshalBinary()
	b := appendText(appendText(nil, string(name)), k.Principal.Realm)
	return k.Keytab.Append(b), err
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (k *Keys) UnmarshalBinary(b []byte) error {
	name, rest, ok := cutText(string(b))
	realm, rest, also := cutText(rest)
	if !ok || !also || !names.Valid(realm) {
		return unreadable("Keys")
	}
	t, fault := keytab.Parse(rest)
	if !fault.IsZero() {
		return fault.Err()
	}
	k.Principal.Realm, k.Keytab = realm, t
	return k.Principal.Name.UnmarshalBinary([]byte(name))
}

// MarshalBinary implements encoding.BinaryMarshaler: the keytab as a file.
func (k ServiceKeys) MarshalBinary() ([]byte, error) { return k.Keytab.Append(nil), nil }

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (k *ServiceKeys) UnmarshalBinary(b []byte) error {
	t, fault := keytab.Parse(string(b))
	k.Keytab = t
	return fault.Err()
}

// MarshalBinary implements encoding.BinaryMarshaler: a cache of the one ticket.
func (t Ticket) MarshalBinary() ([]byte, error) { return marshalCredential(t.Credential) }

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (t *Ticket) UnmarshalBinary(b []byte) error { return unmarshalCredential(&t.Credential, b) }

// MarshalBinary implements encoding.BinaryMarshaler: a cache of the one ticket.
func (d Delegated) MarshalBinary() ([]byte, error) { return marshalCredential(d.Credential) }

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (d *Delegated) UnmarshalBinary(b []byte) error { return unmarshalCredential(&d.Credential, b) }

// MarshalBinary implements encoding.BinaryMarshaler: the identity with its length before
// it, and a cache of the one ticket.
func (k KeepTicket) MarshalBinary() ([]byte, error) {
	b, err := marshalCredential(k.Credential)
	return append(appendText(nil, k.Identity), b...), err
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (k *KeepTicket) UnmarshalBinary(b []byte) error {
	identity, rest, ok := cutText(string(b))
	if !ok {
		return unreadable("KeepTicket")
	}
	k.Identity = identity
	return unmarshalCredential(&k.Credential, []byte(rest))
}

// A credential is a cache that holds it alone; no credential is no bytes.

func marshalCredential(c ccache.Credential) ([]byte, error) {
	if c.IsZero() {
		return nil, nil
	}
	return ccache.New(c.Client, c).Append(nil), nil
}

func unmarshalCredential(to *ccache.Credential, b []byte) error {
	*to = ccache.Credential{}
	if len(b) == 0 {
		return nil
	}
	c, fault := ccache.Parse(string(b))
	if !fault.IsZero() {
		return fault.Err()
	}
	n := 0
	for one := range c.All() {
		*to = one
		n++
	}
	if n != 1 {
		return unreadable("a ticket")
	}
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func cutText(s string) (text, rest string, ok bool) {
	n, size := binary.Uvarint([]byte(s[:min(len(s), binary.MaxVarintLen64)]))
	if size <= 0 || n > uint64(len(s)-size) {
		return "", "", false
	}
	return s[size : size+int(n)], s[size+int(n):], true
}

func unreadable(what string) error {
	return gss.Fault{Code: gss.Malformed, Detail: "kerberos: these bytes are not what MarshalBinary of " + what + " writes"}.Err()
}
