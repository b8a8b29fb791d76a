package ccache

import (
	"encoding/binary"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/kerberos/names"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Bounds on a file.
const (
	maxSize        = 1 << 24 // bytes
	maxCredentials = 1 << 12
)

// offsetTag is the header's tag for the time offset (version 4).
const offsetTag = 1

// Parse reads a file of version 1 to 4. Versions 1 and 2 have no byte order of their own;
// they are taken to come from a little-endian machine. Credentials with a key of a type that
// cannot be used here are not shown, and are written again as they were. A credential that does not parse, as one that is being written, ends the
// cache, since nothing says where the next one begins. Malformed for what
// is no credential cache, and for more than 16 MiB or 4096 credentials.
func Parse(b string) (*Cache, gss.Fault) {
	bad := func(what string) (*Cache, gss.Fault) {
		return nil, gss.Fault{Code: gss.Malformed, Detail: "ccache: " + what}
	}
	if len(b) > maxSize {
		return bad("a file of more than 16 MiB")
	}
	if len(b) < 2 || b[0] != 5 || b[1] < 1 || b[1] > 4 {
		return bad("not a credential cache of version 1 to 4")
	}
	r := reader{s: b[2:], version: b[1], order: binary.BigEndian, ok: true}
	if r.version <= 2 {
		r.order = binary.LittleEndian
	}
	c := &Cache{}
	if r.version == 4 {
		r.header(c)
	}
	c.principal = r.principal()
	if !r.ok {
		return bad("the header does not parse")
	}
	for n := 0; r.s != ""; n++ {
		if n == maxCredentials {
			return bad("more than 4096 credentials")
		}
		cred := r.credential()
		if !r.ok { // KRB-68
			break
		}
		c.creds = append(c.creds, cred)
	}
	return c, gss.Fault{}
}

// reader reads the parts of a file. Once something is wrong, nothing is right.
type reader struct {
	s       string
	version byte
	order   binary.ByteOrder
	ok      bool
}

func (r *reader) take(n uint32) string {
	if uint64(n) > uint64(len(r.s)) {
		r.ok, r.s = false, ""
		return ""
	}
	part := r.s[:n]
	r.s = r.s[n:]
	return part
}

func (r *reader) fixed(n uint32) []byte {
	if s := r.take(n); s != "" {
		return []byte(s)
	}
	return make([]byte, n)
}

func (r *reader) uint16() uint16 { return r.order.Uint16(r.fixed(2)) }
func (r *reader) uint32() uint32 { return r.order.Uint32(r.fixed(4)) }
func (r *reader) data() string   { return r.take(r.uint32()) }

func (r *reader) time() krb.Time { return krb.Time(r.uint32()) }

// header reads the tagged fields of version 4.
func (r *reader) header(c *Cache) {
	fields := reader{s: r.take(uint32(r.uint16())), order: r.order, ok: true}
	for fields.s != "" && fields.ok {
		tag, value := fields.uint16(), fields.take(uint32(fields.uint16()))
		if tag == offsetTag && len(value) == 8 {
			seconds, micro := int32(r.order.Uint32([]byte(value))), int32(r.order.Uint32([]byte(value[4:])))
			c.offset, c.hasOffset = time.Duration(seconds)*time.Second+time.Duration(micro)*time.Microsecond, true
		}
	}
	r.ok = r.ok && fields.ok
}

func (r *reader) principal() krb.Principal {
	kind := krb.NameUnknown
	if r.version > 1 {
		kind = int32(r.uint32())
	}
	n := r.uint32()
	if r.version == 1 {
		n-- // the realm counts
	}
	realm := r.data()
	if n == 0 || n > names.MaxComponents {
		r.ok, r.s = false, ""
		return krb.Principal{}
	}
	components := make([]string, n)
	for i := range components {
		components[i] = r.data()
	}
	p := krb.Principal{Name: krb.NameOf(kind, components...), Realm: realm}
	r.ok = r.ok && !p.IsZero() && names.Valid(realm)
	return p
}

func (r *reader) credential() (c Credential) {
	c.Client = r.principal()
	c.Server = r.principal()
	kind := krb.EType(int16(r.uint16()))
	if r.version == 3 {
		r.uint16()
	}
	value := r.data()
	c.AuthTime, c.StartTime, c.EndTime, c.RenewTill = r.time(), r.time(), r.time(), r.time()
	c.SessionKeyed = r.fixed(1)[0] != 0
	c.Flags = krb.Flags(r.uint32())
	for range r.count() {
		kind := int32(int16(r.uint16()))
		c.Addresses = c.Addresses.Append(kind, r.data())
	}
	for range r.count() {
		kind := int32(int16(r.uint16()))
		c.AuthData = c.AuthData.Append(kind, r.data())
	}
	c.Ticket, c.SecondTicket = r.data(), r.data()
	if kind == 0 && value == "" { // a setting
		return c
	}
	key, fault := krb.NewKey(kind, value)
	if c.Key = key; !fault.IsZero() {
		c.foreign = foreignKey{int16(kind), gss.NewSecret(value)}
	}
	return c
}

// count returns the length of a list, at most what the rest of the file has room for.
func (r *reader) count() uint32 {
	n := r.uint32()
	if n > message.MaxElements {
		r.ok, r.s = false, ""
		return 0
	}
	return n
}

// Append writes a file of version 4.
func (c *Cache) Append(b []byte) []byte {
	b = append(b, 5, 4)
	if c != nil && c.hasOffset {
		seconds, micro := c.offset/time.Second, c.offset%time.Second/time.Microsecond
		b = append(b, 0, 12, 0, offsetTag, 0, 8)
		b = binary.BigEndian.AppendUint32(b, uint32(int32(seconds)))
		b = binary.BigEndian.AppendUint32(b, uint32(int32(micro)))
	} else {
		b = append(b, 0, 0)
	}
	b = appendPrincipal(b, c.Principal())
	for cred := range c.Entries() {
		b = cred.append(b)
	}
	return b
}

func (c Credential) append(b []byte) []byte {
	b = appendPrincipal(b, c.Client)
	b = appendPrincipal(b, c.Server)
	kind, value := uint16(c.Key.Type()), c.Key.Reveal()
	if c.foreign != (foreignKey{}) {
		kind, value = uint16(c.foreign.kind), c.foreign.value.Reveal()
	}
	b = appendData(binary.BigEndian.AppendUint16(b, kind), value)
	for _, t := range [...]krb.Time{c.AuthTime, c.StartTime, c.EndTime, c.RenewTill} {
		b = binary.BigEndian.AppendUint32(b, message.Uint32(t))
	}
	b = append(b, 0)
	if c.SessionKeyed {
		b[len(b)-1] = 1
	}
	b = binary.BigEndian.AppendUint32(b, uint32(c.Flags))
	list := len(b)
	b = append(b, 0, 0, 0, 0)
	n := uint32(0)
	for kind, data := range c.Addresses.All() {
		b = appendData(binary.BigEndian.AppendUint16(b, uint16(kind)), data)
		n++
	}
	binary.BigEndian.PutUint32(b[list:], n)
	list, n = len(b), 0
	b = append(b, 0, 0, 0, 0)
	for kind, data := range c.AuthData.Top() {
		b = appendData(binary.BigEndian.AppendUint16(b, uint16(kind)), data)
		n++
	}
	binary.BigEndian.PutUint32(b[list:], n)
	return appendData(appendData(b, c.Ticket), c.SecondTicket)
}

func appendPrincipal(b []byte, p krb.Principal) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(p.Name.Type))
	b = binary.BigEndian.AppendUint32(b, uint32(p.Name.Len()))
	b = appendData(b, p.Realm)
	for c := range p.Name.Components() {
		b = appendData(b, c)
	}
	return b
}

func appendData(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}
