package message

import (
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/der"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Micro returns the part of ns below a second, in microseconds.
func Micro(ns int64) int32 {
	return int32((ns - floor(ns, int64(time.Second))*int64(time.Second)) / int64(time.Microsecond))
}

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Add returns a + b, or the number nearest to it that can be counted to: for times and
// spans in one unit.
func Add(a, b int64) int64 { // R4120-5.2.3-1
	sum := a + b
	switch {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	}
	return sum
}

// Apart returns how far two times are from each other, in their unit, or the largest
// number there is.
func Apart(a, b int64) int64 { // R4120-5.2.3-1
	return int64(min(uint64(max(a, b))-uint64(min(a, b)), math.MaxInt64))
}

// Uint32 returns t as files hold it: times before 1970 are 0, and those after 2106 the last
// that 32 bits count.
func Uint32(t krb.Time) uint32 { return uint32(min(max(t, 0), math.MaxUint32)) } // R4120-5.2.3-1

const timeSize = len("20060102150405Z")

// time reads a GeneralizedTime in the one form that Kerberos has: in UTC, without
// fractions.
func (r reader) time() krb.Time {
	s := r.primitive(der.GeneralizedTime)
	if len(s) != timeSize || s[timeSize-1] != 'Z' {
		r.broken("a time that is not YYYYMMDDHHMMSSZ")
		return 0
	}
	var n [6]int // year, month, day, hour, minute, second
	for i, at := 0, 0; i < len(n); i++ {
		width := 2
		if i == 0 {
			width = 4
		}
		for range width {
			c := s[at]
			if c < '0' || c > '9' {
				r.broken("a time that is not YYYYMMDDHHMMSSZ")
				return 0
			}
			n[i] = n[i]*10 + int(c-'0')
			at++
		}
	}
	if n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > daysIn(n[0], n[1]) || n[3] > 23 || n[4] > 59 || n[5] > 59 {
		r.broken("a time that does not exist")
		return 0
	}
	return krb.Time(daysBefore(n[0], n[1], n[2])*86400 + int64(n[3]*3600+n[4]*60+n[5]))
}

func daysIn(year, month int) int {
	switch {
	case month == 2 && (year%4 != 0 || year%100 == 0 && year%400 != 0):
		return 28
	case month == 2:
		return 29
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}

// daysBefore returns the days from the epoch to a date of the Gregorian calendar. Years
// begin in March, so that the leap day comes last.
func daysBefore(year, month, day int) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	return int64(365*year+floorInt(year, 4)-floorInt(year, 100)+floorInt(year, 400)+(153*(month-3)+2)/5+day-1) - 719468
}

func floorInt(a, b int) int { return int(floor(int64(a), int64(b))) }

// time writes [n] KerberosTime. A time that four digits of a year cannot hold is
// written as the nearest one.
func (w *writer) time(n byte, t krb.Time) {
	const first, last = -62167219200, 253402300799 // years 0 and 9999
	t = min(max(t, first), last)
	at := w.open(der.Context | n)
	in := w.open(der.GeneralizedTime)
	w.b = time.Unix(int64(t), 0).UTC().AppendFormat(w.b, "20060102150405Z")
	w.close(in)
	w.close(at)
}

func (w *writer) optionalTime(n byte, t krb.Time) {
	if t != 0 {
		w.time(n, t)
	}
}

// KDC options, section 5.4.1, as far as they are no ticket flags.
const (
	CNameInAddlTkt krb.Flags = 1 << (31 - 14) // MS-SFU section 2.2.3
	Canonicalize   krb.Flags = 1 << (31 - 15) // RFC 6806 section 3
	RenewableOK    krb.Flags = 1 << (31 - 27)
	EncTktInSkey   krb.Flags = 1 << (31 - 28)
	Validate       krb.Flags = 1
)

// AP options, section 5.5.1.
const (
	UseSessionKey  krb.Flags = 1 << (31 - 1)
	MutualRequired krb.Flags = 1 << (31 - 2)
)

// flags reads a KerberosFlags: at least 32 bits, section 5.2.8; shorter ones are filled
// up.
func (r reader) flags() krb.Flags {
	s := r.primitive(der.BitString)
	if s == "" || s[0] > 7 || len(s) == 1 && s[0] != 0 || len(s) > 1+16 {
		r.broken("flags that are no BIT STRING, or of more than 128 bits")
		return 0
	}
	var f krb.Flags
	for i := range 4 {
		f <<= 8
		if 1+i < len(s) {
			f |= krb.Flags(s[1+i])
		}
	}
	return f
}

func (w *writer) flags(n byte, f krb.Flags) {
	at := w.open(der.Context | n)
	in := w.open(der.BitString)
	w.b = append(w.b, 0, byte(f>>24), byte(f>>16), byte(f>>8), byte(f))
	w.close(in)
	w.close(at)
}

// EncryptedData is
//
//	EncryptedData ::= SEQUENCE {
//	        etype  [0] Int32,
//	        kvno   [1] UInt32 OPTIONAL,
//	        cipher [2] OCTET STRING
//	}
type EncryptedData struct {
	Type    krb.EType
	Kvno    uint32
	HasKvno bool
	Cipher  string
}

// Seal encrypts text with a key. confounder is as in [krb.Key.Encrypt].
func Seal(key krb.Key, u enctype.Usage, confounder string, text []byte) EncryptedData {
	return EncryptedData{Type: key.Type(), Cipher: enctype.Encrypt(key, u, confounder, string(text))}
}

// Open decrypts with a key, which has to be of the type that e names (RFC 4120 section
// 5.2.9). It reports false for any other key, and for what the key does not open.
func (e EncryptedData) Open(key krb.Key, u enctype.Usage) (text string, ok bool) {
	if e.Type != key.Type() { // R4120-5.2.9-1
		return "", false
	}
	return enctype.Decrypt(key, u, e.Cipher)
}

// OpenPrepared does what [EncryptedData.Open] does, with a prepared key.
func (e EncryptedData) OpenPrepared(key *enctype.Prepared, u enctype.Usage) (text string, ok bool) {
	if e.Type != key.Key().Type() { // R4120-5.2.9-1
		return "", false
	}
	return key.Decrypt(u, e.Cipher)
}

func (r reader) encrypted() (e EncryptedData) {
	in := r.sequence()
	e.Type = krb.EType(in.field(0).int32())
	if e.HasKvno = in.hasField(1); e.HasKvno {
		e.Kvno = in.field(1).uint32()
	}
	e.Cipher = in.field(2).octets()
	in.end()
	return e
}

func (w *writer) encrypted(n byte, e EncryptedData) {
	at := w.open(der.Context | n)
	w.bareEncrypted(e)
	w.close(at)
}

func (w *writer) bareEncrypted(e EncryptedData) {
	in := w.open(der.Sequence)
	w.integer(0, int64(e.Type))
	if e.HasKvno {
		w.integer(1, int64(e.Kvno))
	}
	w.octets(2, e.Cipher)
	w.close(in)
}

// Format implements fmt.Formatter: what is encrypted shows its length.
func (e EncryptedData) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "encrypted(%v, kvno %d, %d bytes)", e.Type, e.Kvno, len(e.Cipher))
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (e EncryptedData) MarshalText() ([]byte, error) { return fmt.Append(nil, e), nil }

// key reads
//
//	EncryptionKey ::= SEQUENCE {
//	        keytype  [0] Int32,
//	        keyvalue [1] OCTET STRING
//	}
//
// A key of a type that cannot be used here is a fault of its own, Unsupported.
func (r reader) key() krb.Key {
	in := r.sequence()
	kind := krb.EType(in.field(0).int32())
	value := in.field(1).octets()
	in.end()
	if !r.fail.IsZero() {
		return krb.Key{}
	}
	k, fault := krb.NewKey(kind, value)
	if !fault.IsZero() {
		*r.fail = fault
	}
	return k
}

func (w *writer) key(n byte, k krb.Key) {
	p := w.begin(der.Context | n)
	w.integer(0, int64(k.Type()))
	w.octets(1, k.Reveal())
	w.finish(p)
}

// Checksum is
//
//	Checksum ::= SEQUENCE {
//	        cksumtype [0] Int32,
//	        checksum  [1] OCTET STRING
//	}
type Checksum struct {
	Type enctype.ChecksumType
	Sum  string
}

func (r reader) checksum() (c Checksum) {
	in := r.sequence()
	c.Type = enctype.ChecksumType(in.field(0).int32())
	c.Sum = in.field(1).octets()
	in.end()
	return c
}

func (w *writer) checksum(n byte, c Checksum) {
	p := w.begin(der.Context | n)
	w.integer(0, int64(c.Type))
	w.octets(1, c.Sum)
	w.finish(p)
}

// Format implements fmt.Formatter: a checksum of type 0x8003 may hold a ticket.
func (c Checksum) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "checksum(%d, %d bytes)", c.Type, len(c.Sum))
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (c Checksum) MarshalText() ([]byte, error) { return fmt.Append(nil, c), nil }

// Addresses are HostAddresses, or none. Compare with ==.
//
//	HostAddress ::= SEQUENCE {
//	        addr-type [0] Int32,
//	        address   [1] OCTET STRING
//	}
//	HostAddresses ::= SEQUENCE OF HostAddress
type Addresses string

// All iterates over types (RFC 4120 section 7.5.3) and addresses.
func (a Addresses) All() iter.Seq2[int32, string] { return pairs(string(a)) }

// Append returns the list with one more address.
func (a Addresses) Append(kind int32, address string) Addresses {
	return Addresses(appendPair(string(a), 0, kind, address))
}

// pairs iterates over a list of SEQUENCE { [x] Int32, [x+1] OCTET STRING }.
func pairs(list string) iter.Seq2[int32, string] {
	return func(yield func(int32, string) bool) {
		for r := trusted(list); r.s != ""; {
			kind, data := r.typed()
			if !r.fail.IsZero() || !yield(kind, data) {
				return
			}
		}
	}
}

// typed reads one of them: authorization data and addresses number their fields from
// 0 on, pre-authentication data from 1.
func (r *reader) typed() (int32, string) {
	in := r.next(der.Sequence)
	first := byte(0)
	if in.hasField(1) {
		first = 1
	}
	kind := in.field(first).int32()
	data := in.field(first + 1).octets()
	in.end()
	return kind, data
}

func appendPair(list string, first byte, kind int32, data string) string {
	w := writer{[]byte(list)}
	at := w.open(der.Sequence)
	w.integer(first, int64(kind))
	w.octets(first+1, data)
	w.close(at)
	return string(w.b)
}

// typedFrom wants the fields of each pair to be numbered from first on.
func typedFrom(first byte) func(*reader) {
	return func(r *reader) {
		if in := r.s; len(in) > 2 {
			body, _, ok := der.Next(in, der.Sequence)
			if !ok || body == "" || body[0] != der.Context|first {
				r.broken("an element of a list has other fields than it should")
				return
			}
		}
		r.typed()
	}
}

// result returns what a Parse function does: the value, or the zero value and a fault.
func result[T any](v T, fail gss.Fault) (T, gss.Fault) {
	if !fail.IsZero() {
		var zero T
		return zero, fail
	}
	return v, gss.Fault{}
}
