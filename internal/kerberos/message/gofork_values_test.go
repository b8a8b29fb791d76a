package message_test

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/kerberos/names"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// values draws the parts of messages, each as we have it and as gofork has it.
type values struct {
	*rapid.T
	zero []string // optional fields that are present and zero, which gofork does not write
}

func (v values) text(label string) string {
	return rapid.OneOf(rapid.StringMatching(`[A-Za-z.0-9-]{0,20}`), rapid.SampledFrom([]string{"", "ü/@\\", "\xff\xfe", strings.Repeat("x", names.MaxText)})).Draw(v.T, label)
}

// octets have lengths at which the form of a length changes.
func (v values) octets(label string) string {
	n := rapid.OneOf(rapid.IntRange(0, 40), rapid.SampledFrom([]int{127, 128, 255, 256, 4000})).Draw(v.T, label)
	return strings.Repeat("\xA5", n)
}

func (v values) int32(label string) int32 {
	return rapid.OneOf(rapid.Int32(), rapid.SampledFrom([]int32{0, 127, 128, -128, -129, 32767, 32768, -1 << 31, 1<<31 - 1})).Draw(v.T, label)
}

func (v values) uint32(label string) uint32 {
	return rapid.OneOf(rapid.Uint32(), rapid.SampledFrom([]uint32{0, 127, 128, 1 << 31, 1<<32 - 1})).Draw(v.T, label)
}

func (v values) bool(label string) bool { return rapid.Bool().Draw(v.T, label) }
func (v values) micro(label string) int32 {
	return rapid.OneOf(rapid.Int32Range(0, 999_999), rapid.Just[int32](0)).Draw(v.T, label)
}

// some draws how many elements a list has.
func (v values) some(label string, least int) int {
	return rapid.SampledFrom([]int{least, 1, 1, 2, 2, 3, 3, message.MaxElements}).Draw(v.T, label)
}

func (v values) name(label string) (krb.Name, asnName) {
	kind, n := v.int32(label+" type"), rapid.IntRange(1, names.MaxComponents).Draw(v.T, label+" components")
	var list []string
	for i := range n {
		list = append(list, v.text(fmt.Sprint(label, i)))
	}
	return krb.NameOf(kind, list...), asnName{kind, list}
}

// optionalName draws no name, too.
func (v values) optionalName(label string) (krb.Name, asnName) {
	if v.bool(label + " absent") {
		return krb.Name{}, asnName{}
	}
	return v.name(label)
}

func (v values) key(label string) (krb.Key, asnTyped) {
	kind := rapid.SampledFrom([]krb.EType{krb.AES128SHA1, krb.AES256SHA1, krb.AES128SHA256, krb.AES256SHA384, krb.RC4, krb.Camellia256}).Draw(v.T, label)
	k, fault := krb.NewKey(kind, strings.Repeat("k", kind.KeySize()))
	if !fault.IsZero() {
		v.Fatal(fault)
	}
	return k, asnTyped{int32(kind), []byte(k.Reveal())}
}

func (v values) encrypted(label string) (message.EncryptedData, asnEncrypted) {
	e := message.EncryptedData{Type: krb.EType(v.int32(label + " type")), HasKvno: v.bool(label + " has kvno"), Cipher: v.octets(label + " cipher")}
	if e.HasKvno {
		e.Kvno = v.uint32(label + " kvno")
	}
	return e, asnEncrypted{int32(e.Type), int64(e.Kvno), []byte(e.Cipher)}
}

func (v *values) sometimesZero(field string, present bool, value int64) {
	if present && value == 0 {
		v.zero = append(v.zero, field)
	}
}

func (v values) checksum(label string) (message.Checksum, asnTyped) {
	c := message.Checksum{Type: enctype.ChecksumType(v.int32(label + " type")), Sum: v.octets(label + " sum")}
	return c, asnTyped{int32(c.Type), []byte(c.Sum)}
}

func (v values) flags(label string) (krb.Flags, asn1.BitString) {
	f := krb.Flags(v.uint32(label))
	return f, asn1.BitString{Bytes: binary.BigEndian.AppendUint32(nil, uint32(f)), BitLength: 32}
}

// time draws a time of the years that have four digits. The zero time is none.
func (v values) time(label string) (krb.Time, time.Time) {
	t := rapid.OneOf(rapid.Int64Range(1, 253402300799), rapid.Int64Range(-62135596799, -1)).Draw(v.T, label)
	return krb.Time(t), time.Unix(t, 0).UTC()
}

func (v values) optionalTime(label string) (krb.Time, time.Time) {
	if v.bool(label + " absent") {
		return 0, time.Time{}
	}
	return v.time(label)
}

func (v values) addresses(label string) (a message.Addresses, asn []asnTyped) {
	for i := range v.some(label, 0) {
		kind, data := v.int32(fmt.Sprint(label, i)), v.octets(fmt.Sprint(label, i))
		if len(data) > 40 {
			data = data[:40]
		}
		a, asn = a.Append(kind, data), append(asn, asnTyped{kind, []byte(data)})
	}
	return a, asn
}

func (v values) authData(label string) (message.AuthorizationData, []asnTyped) {
	a, asn := v.addresses(label)
	return message.AuthorizationData(a), asn
}

func (v values) padata(label string) (p message.PAData, asn []asnPAData) {
	_, list := v.addresses(label)
	for _, e := range list {
		p, asn = p.Append(e.Type, string(e.Value)), append(asn, asnPAData(e))
	}
	return p, asn
}

func (v values) ticket(label string) (message.Ticket, asnTicket) {
	name, asn := v.name(label)
	realm := v.text(label + " realm")
	e, enc := v.encrypted(label)
	return message.Ticket{Service: krb.Principal{Name: name, Realm: realm}, Enc: e}, asnTicket{5, realm, asn, enc}
}

// raw is [n] around DER that is looked into elsewhere.
func raw(n int, inside []byte) asn1.RawValue {
	r := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: n, IsCompound: true, Bytes: inside}
	full, err := asn1.Marshal(r)
	if err != nil {
		panic(err)
	}
	r.FullBytes = full
	return r
}

// sequence is SEQUENCE OF around DER.
func sequence(inside []byte) []byte {
	der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: inside})
	if err != nil {
		panic(err)
	}
	return der
}

// appended is what Append writes.
func appended(m interface{ Append([]byte) []byte }) []byte { return m.Append(nil) }

// production is a message that both have.
type production struct {
	name string
	// application is its tag, 0 for none.
	application int
	// draw returns our encoding of a message and the same message as gofork's.
	draw func(v *values) ([]byte, any)
	// parse is our parser.
	parse func(string) gss.Fault
}

// decode has gofork read DER as a message like the given one.
func (p production) decode(der []byte, like any) (any, []byte, error) {
	into := reflect.New(reflect.TypeOf(like))
	params := ""
	if p.application != 0 {
		params = fmt.Sprintf("application,explicit,tag:%d", p.application)
	}
	rest, err := asn1.UnmarshalWithParams(der, into.Interface(), params)
	if err == nil {
		err = tickets(into.Elem())
	}
	return into.Elem().Interface(), rest, err
}

// tickets has gofork read the tickets of a message. It cannot by itself, since they have a tag of their own
// within that of the field.
func tickets(m reflect.Value) error {
	if m.Kind() != reflect.Struct {
		return nil
	}
	for i := range m.NumField() {
		field, is := m.Field(i).Interface().(asn1.RawValue)
		switch name := m.Type().Field(i).Name; {
		case !is && m.Type().Field(i).Name == "Body":
			if err := tickets(m.Field(i)); err != nil {
				return err
			}
		case !is || len(field.Bytes) == 0:
		default:
			list := field.Bytes
			if name == "Tickets" {
				var all asn1.RawValue
				rest, err := asn1.Unmarshal(list, &all)
				if err != nil || len(rest) > 0 {
					return fmt.Errorf("tickets: %v, %d octets are left", err, len(rest))
				}
				list = all.Bytes
			}
			for len(list) > 0 {
				var err error
				if list, err = asn1.UnmarshalWithParams(list, new(asnTicket), "application,explicit,tag:1"); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
