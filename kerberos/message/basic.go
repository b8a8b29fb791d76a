package message

import (
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/enctype"
)

// Time is a KerberosTime (RFC 4120 section 5.2.3): seconds since the Unix epoch. The
// zero Time is absent where a time is optional, and the epoch where it is not, which
// KDCs write for "no such time".
type Time int64

// TimeOf rounds nanoseconds since the Unix epoch down.
func TimeOf(ns int64) Time { return Time(floor(ns, int64(time.Second))) }

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

// Nano returns t in nanoseconds since the Unix epoch. Times before 1677 and after 2262,
// which these cannot count, are the first and the last that they can: they compare as they should.
func (t Time) Nano() int64 { // R4120-5.2.3-1
	const first, last = math.MinInt64 / int64(time.Second), math.MaxInt64 / int64(time.Second)
	switch {
	case t > Time(last):
		return math.MaxInt64
	case t < Time(first):
		return math.MinInt64
	}
	return int64(t) * int64(time.Second)
}

// Uint32 returns t as files hold it: times before 1970 are 0, and those after 2106 the last
// that 32 bits count.
func (t Time) Uint32() uint32 { return uint32(min(max(t, 0), math.MaxUint32)) } // R4120-5.2.3-1

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

// String returns t in UTC by RFC 3339, "never" for the zero Time.
func (t Time) String() string {
	if t == 0 {
		return "never"
	}
	return time.Unix(int64(t), 0).UTC().Format(time.RFC3339)
}

const timeSize = len("20060102150405Z")

// time reads a GeneralizedTime in the one form that Kerberos has: in UTC, without
// fractions.
func (r reader) time() Time {
	s := r.primitive(tagGeneralizedTime)
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
	return Time(daysBefore(n[0], n[1], n[2])*86400 + int64(n[3]*3600+n[4]*60+n[5]))
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
func (w *writer) time(n byte, t Time) {
	const first, last = -62167219200, 253402300799 // years 0 and 9999
	t = min(max(t, first), last)
	at := w.open(context | n)
	in := w.open(tagGeneralizedTime)
	w.b = time.Unix(int64(t), 0).UTC().AppendFormat(w.b, "20060102150405Z")
	w.close(in)
	w.close(at)
}

func (w *writer) optionalTime(n byte, t Time) {
	if t != 0 {
		w.time(n, t)
	}
}

// Flags are TicketFlags, KDCOptions or APOptions (RFC 4120 section 5.2.8): bit 0 is the
// highest. Further bits than 32 are not kept.
type Flags uint32

// Ticket flags, section 5.3; the same bits in KDCOptions ask for them.
const (
	Forwardable  Flags = 1 << (31 - 1)
	Forwarded    Flags = 1 << (31 - 2)
	Proxiable    Flags = 1 << (31 - 3)
	Proxy        Flags = 1 << (31 - 4)
	MayPostdate  Flags = 1 << (31 - 5)
	Postdated    Flags = 1 << (31 - 6)
	Invalid      Flags = 1 << (31 - 7)
	Renewable    Flags = 1 << (31 - 8)
	Initial      Flags = 1 << (31 - 9)
	PreAuthent   Flags = 1 << (31 - 10)
	HWAuthent    Flags = 1 << (31 - 11)
	TransitedOK  Flags = 1 << (31 - 12) // transited-policy-checked
	OKAsDelegate Flags = 1 << (31 - 13)
	EncPARep     Flags = 1 << (31 - 15) // RFC 6806 section 11
	AnonymousTkt Flags = 1 << (31 - 16) // RFC 8062
)

// KDC options, section 5.4.1, as far as they are no ticket flags.
const (
	CNameInAddlTkt Flags = 1 << (31 - 14) // MS-SFU section 2.2.3
	Canonicalize   Flags = 1 << (31 - 15) // RFC 6806 section 3
	RenewableOK    Flags = 1 << (31 - 27)
	EncTktInSkey   Flags = 1 << (31 - 28)
	Renew          Flags = 1 << (31 - 30)
	Validate       Flags = 1
)

// AP options, section 5.5.1.
const (
	UseSessionKey  Flags = 1 << (31 - 1)
	MutualRequired Flags = 1 << (31 - 2)
)

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

// flags reads a KerberosFlags: at least 32 bits, section 5.2.8; shorter ones are filled
// up.
func (r reader) flags() Flags {
	s := r.primitive(tagBits)
	if s == "" || s[0] > 7 || len(s) == 1 && s[0] != 0 || len(s) > 1+16 {
		r.broken("flags that are no BIT STRING, or of more than 128 bits")
		return 0
	}
	var f Flags
	for i := range 4 {
		f <<= 8
		if 1+i < len(s) {
			f |= Flags(s[1+i])
		}
	}
	return f
}

func (w *writer) flags(n byte, f Flags) {
	at := w.open(context | n)
	in := w.open(tagBits)
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
	Type    enctype.Type
	Kvno    uint32
	HasKvno bool
	Cipher  string
}

// Seal encrypts text with a key. confounder is as in [enctype.Key.Encrypt].
func Seal(key enctype.Key, u enctype.Usage, confounder string, text []byte) EncryptedData {
	return EncryptedData{Type: key.Type(), Cipher: key.Encrypt(u, confounder, string(text))}
}

// Open decrypts with a key, which has to be of the type that e names (RFC 4120 section
// 5.2.9). It reports false for any other key, and for what the key does not open.
func (e EncryptedData) Open(key enctype.Key, u enctype.Usage) (text string, ok bool) {
	if e.Type != key.Type() { // R4120-5.2.9-1
		return "", false
	}
	return key.Decrypt(u, e.Cipher)
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
	e.Type = enctype.Type(in.field(0).int32())
	if e.HasKvno = in.hasField(1); e.HasKvno {
		e.Kvno = in.field(1).uint32()
	}
	e.Cipher = in.field(2).octets()
	in.end()
	return e
}

func (w *writer) encrypted(n byte, e EncryptedData) {
	at := w.open(context | n)
	w.bareEncrypted(e)
	w.close(at)
}

func (w *writer) bareEncrypted(e EncryptedData) {
	in := w.open(tagSequence)
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
func (r reader) key() enctype.Key {
	in := r.sequence()
	kind := enctype.Type(in.field(0).int32())
	value := in.field(1).octets()
	in.end()
	if !r.fail.IsZero() {
		return enctype.Key{}
	}
	k, fault := enctype.NewKey(kind, value)
	if !fault.IsZero() {
		*r.fail = fault
	}
	return k
}

func (w *writer) key(n byte, k enctype.Key) {
	p := w.begin(context | n)
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
	p := w.begin(context | n)
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
	in := r.next(tagSequence)
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
	at := w.open(tagSequence)
	w.integer(first, int64(kind))
	w.octets(first+1, data)
	w.close(at)
	return string(w.b)
}

// typedFrom wants the fields of each pair to be numbered from first on.
func typedFrom(first byte) func(*reader) {
	return func(r *reader) {
		if in := r.s; len(in) > 2 {
			body, _, ok := split(in)
			if !ok || body == "" || body[0] != context|first {
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
