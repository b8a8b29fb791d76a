package message_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/kerberos/names"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// gofork is a second opinion on DER: a codec by reflection, of another author, that is driven by
// the productions of RFC 4120 as types, below. It is not told anything else of our encoding.

type (
	asnName struct {
		Type    int32    `asn1:"explicit,tag:0"`
		Strings []string `asn1:"generalstring,explicit,tag:1"`
	}
	asnEncrypted struct {
		Type   int32  `asn1:"explicit,tag:0"`
		Kvno   int64  `asn1:"optional,explicit,tag:1"`
		Cipher []byte `asn1:"explicit,tag:2"`
	}
	asnTyped struct { // EncryptionKey, Checksum, HostAddress, TransitedEncoding, AuthorizationData
		Type  int32  `asn1:"explicit,tag:0"`
		Value []byte `asn1:"explicit,tag:1"`
	}
	asnPAData struct {
		Type  int32  `asn1:"explicit,tag:1"`
		Value []byte `asn1:"explicit,tag:2"`
	}
	asnTicket struct {
		Version int          `asn1:"explicit,tag:0"`
		Realm   string       `asn1:"generalstring,explicit,tag:1"`
		Service asnName      `asn1:"explicit,tag:2"`
		Enc     asnEncrypted `asn1:"explicit,tag:3"`
	}
	asnEncTicketPart struct {
		Flags     asn1.BitString `asn1:"explicit,tag:0"`
		Key       asnTyped       `asn1:"explicit,tag:1"`
		Realm     string         `asn1:"generalstring,explicit,tag:2"`
		Client    asnName        `asn1:"explicit,tag:3"`
		Transited asnTyped       `asn1:"explicit,tag:4"`
		AuthTime  time.Time      `asn1:"generalized,explicit,tag:5"`
		StartTime time.Time      `asn1:"generalized,explicit,optional,tag:6"`
		EndTime   time.Time      `asn1:"generalized,explicit,tag:7"`
		RenewTill time.Time      `asn1:"generalized,explicit,optional,tag:8"`
		Addresses []asnTyped     `asn1:"explicit,optional,tag:9"`
		AuthData  []asnTyped     `asn1:"explicit,optional,tag:10"`
	}
	asnAPReq struct {
		Version int            `asn1:"explicit,tag:0"`
		Type    int            `asn1:"explicit,tag:1"`
		Options asn1.BitString `asn1:"explicit,tag:2"`
		Ticket  asn1.RawValue  `asn1:"explicit,tag:3"`
		Auth    asnEncrypted   `asn1:"explicit,tag:4"`
	}
	asnAuthenticator struct {
		Version  int        `asn1:"explicit,tag:0"`
		Realm    string     `asn1:"generalstring,explicit,tag:1"`
		Client   asnName    `asn1:"explicit,tag:2"`
		Checksum asnTyped   `asn1:"explicit,optional,tag:3"`
		Micro    int        `asn1:"explicit,tag:4"`
		Time     time.Time  `asn1:"generalized,explicit,tag:5"`
		Subkey   asnTyped   `asn1:"explicit,optional,tag:6"`
		Sequence int64      `asn1:"explicit,optional,tag:7"`
		AuthData []asnTyped `asn1:"explicit,optional,tag:8"`
	}
	asnAPRep struct {
		Version int          `asn1:"explicit,tag:0"`
		Type    int          `asn1:"explicit,tag:1"`
		Enc     asnEncrypted `asn1:"explicit,tag:2"`
	}
	asnEncAPRepPart struct {
		Time     time.Time `asn1:"generalized,explicit,tag:0"`
		Micro    int       `asn1:"explicit,tag:1"`
		Subkey   asnTyped  `asn1:"explicit,optional,tag:2"`
		Sequence int64     `asn1:"explicit,optional,tag:3"`
	}
	asnError struct {
		Version      int       `asn1:"explicit,tag:0"`
		Type         int       `asn1:"explicit,tag:1"`
		ClientTime   time.Time `asn1:"generalized,explicit,optional,tag:2"`
		ClientMicro  int       `asn1:"explicit,optional,tag:3"`
		Time         time.Time `asn1:"generalized,explicit,tag:4"`
		Micro        int       `asn1:"explicit,tag:5"`
		Code         int32     `asn1:"explicit,tag:6"`
		ClientRealm  string    `asn1:"generalstring,explicit,optional,tag:7"`
		Client       asnName   `asn1:"explicit,optional,tag:8"`
		ServiceRealm string    `asn1:"generalstring,explicit,tag:9"`
		Service      asnName   `asn1:"explicit,tag:10"`
		Text         string    `asn1:"generalstring,explicit,optional,tag:11"`
		Data         []byte    `asn1:"explicit,optional,tag:12"`
	}
	asnKDCReqBody struct {
		Options     asn1.BitString `asn1:"explicit,tag:0"`
		Client      asnName        `asn1:"explicit,optional,tag:1"`
		Realm       string         `asn1:"generalstring,explicit,tag:2"`
		Service     asnName        `asn1:"explicit,optional,tag:3"`
		From        time.Time      `asn1:"generalized,explicit,optional,tag:4"`
		Till        time.Time      `asn1:"generalized,explicit,tag:5"`
		RTime       time.Time      `asn1:"generalized,explicit,optional,tag:6"`
		Nonce       int64          `asn1:"explicit,tag:7"`
		ETypes      []int32        `asn1:"explicit,tag:8"`
		Addresses   []asnTyped     `asn1:"explicit,optional,tag:9"`
		EncAuthData asnEncrypted   `asn1:"explicit,optional,tag:10"`
		Tickets     asn1.RawValue  `asn1:"explicit,optional,tag:11"`
	}
	asnKDCReq struct {
		Version int           `asn1:"explicit,tag:1"`
		Type    int           `asn1:"explicit,tag:2"`
		PAData  []asnPAData   `asn1:"explicit,optional,tag:3"`
		Body    asnKDCReqBody `asn1:"explicit,tag:4"`
	}
	asnKDCRep struct {
		Version int           `asn1:"explicit,tag:0"`
		Type    int           `asn1:"explicit,tag:1"`
		PAData  []asnPAData   `asn1:"explicit,optional,tag:2"`
		Realm   string        `asn1:"generalstring,explicit,tag:3"`
		Client  asnName       `asn1:"explicit,tag:4"`
		Ticket  asn1.RawValue `asn1:"explicit,tag:5"`
		Enc     asnEncrypted  `asn1:"explicit,tag:6"`
	}
	asnLastReq struct {
		Type int32     `asn1:"explicit,tag:0"`
		Time time.Time `asn1:"generalized,explicit,tag:1"`
	}
	asnEncKDCRepPart struct {
		Key           asnTyped       `asn1:"explicit,tag:0"`
		LastReq       []asnLastReq   `asn1:"explicit,tag:1"`
		Nonce         int64          `asn1:"explicit,tag:2"`
		KeyExpiration time.Time      `asn1:"generalized,explicit,optional,tag:3"`
		Flags         asn1.BitString `asn1:"explicit,tag:4"`
		AuthTime      time.Time      `asn1:"generalized,explicit,tag:5"`
		StartTime     time.Time      `asn1:"generalized,explicit,optional,tag:6"`
		EndTime       time.Time      `asn1:"generalized,explicit,tag:7"`
		RenewTill     time.Time      `asn1:"generalized,explicit,optional,tag:8"`
		Realm         string         `asn1:"generalstring,explicit,tag:9"`
		Service       asnName        `asn1:"explicit,tag:10"`
		Addresses     []asnTyped     `asn1:"explicit,optional,tag:11"`
		PAData        []asnPAData    `asn1:"explicit,optional,tag:12"`
	}
	asnCred struct {
		Version int           `asn1:"explicit,tag:0"`
		Type    int           `asn1:"explicit,tag:1"`
		Tickets asn1.RawValue `asn1:"explicit,tag:2"`
		Enc     asnEncrypted  `asn1:"explicit,tag:3"`
	}
	asnCredInfo struct {
		Key          asnTyped       `asn1:"explicit,tag:0"`
		ClientRealm  string         `asn1:"generalstring,explicit,optional,tag:1"`
		Client       asnName        `asn1:"explicit,optional,tag:2"`
		Flags        asn1.BitString `asn1:"explicit,optional,tag:3"`
		AuthTime     time.Time      `asn1:"generalized,explicit,optional,tag:4"`
		StartTime    time.Time      `asn1:"generalized,explicit,optional,tag:5"`
		EndTime      time.Time      `asn1:"generalized,explicit,optional,tag:6"`
		RenewTill    time.Time      `asn1:"generalized,explicit,optional,tag:7"`
		ServiceRealm string         `asn1:"generalstring,explicit,optional,tag:8"`
		Service      asnName        `asn1:"explicit,optional,tag:9"`
		Addresses    []asnTyped     `asn1:"explicit,optional,tag:10"`
	}
	asnEncCred struct {
		Infos []asnCredInfo `asn1:"explicit,tag:0"`
		Time  time.Time     `asn1:"generalized,explicit,optional,tag:2"`
		Micro int           `asn1:"explicit,optional,tag:3"`
	}
	asnTimestamp struct {
		Time  time.Time `asn1:"generalized,explicit,tag:0"`
		Micro int       `asn1:"explicit,tag:1"`
	}
	asnETypeInfo struct {
		Type   int32  `asn1:"explicit,tag:0"`
		Salt   string `asn1:"generalstring,explicit,optional,tag:1"`
		Params []byte `asn1:"explicit,optional,tag:2"`
	}
	asnForUser struct {
		Name     asnName  `asn1:"explicit,tag:0"`
		Realm    string   `asn1:"generalstring,explicit,tag:1"`
		Checksum asnTyped `asn1:"explicit,tag:2"`
		Package  string   `asn1:"generalstring,explicit,tag:3"`
	}
	asnUserID struct {
		Nonce       int64          `asn1:"explicit,tag:0"`
		Name        asnName        `asn1:"explicit,optional,tag:1"`
		Realm       string         `asn1:"generalstring,explicit,tag:2"`
		Certificate []byte         `asn1:"explicit,optional,tag:3"`
		Options     asn1.BitString `asn1:"explicit,optional,tag:4"`
	}
	asnS4UUser struct {
		ID       asnUserID `asn1:"explicit,tag:0"`
		Checksum asnTyped  `asn1:"explicit,tag:1"`
	}
	asnPACRequest struct {
		Include bool `asn1:"explicit,tag:0"`
	}
	asnPACOptions struct {
		Flags asn1.BitString `asn1:"explicit,tag:0"`
	}
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

func parser[M any](parse func(string) (M, gss.Fault)) func(string) gss.Fault {
	return func(b string) gss.Fault {
		_, fault := parse(b)
		return fault
	}
}

// productions are all messages of this package that are DER.
var productions = []production{
	{"Ticket", 1, func(v *values) ([]byte, any) {
		t, asn := v.ticket("ticket")
		v.sometimesZero("kvno", t.Enc.HasKvno, int64(t.Enc.Kvno))
		return appended(t), asn
	}, parser(message.ParseTicket)},
	{"EncTicketPart", 3, func(v *values) (_ []byte, _ any) {
		var m message.EncTicketPart
		var a asnEncTicketPart
		m.Flags, a.Flags = v.flags("flags")
		m.Key, a.Key = v.key("key")
		m.Client.Realm = v.text("realm")
		a.Realm = m.Client.Realm
		m.Client.Name, a.Client = v.name("client")
		m.TransitedType, m.Transited = v.int32("transited type"), v.octets("transited")
		a.Transited = asnTyped{m.TransitedType, []byte(m.Transited)}
		m.AuthTime, a.AuthTime = v.time("authtime")
		m.StartTime, a.StartTime = v.optionalTime("starttime")
		m.EndTime, a.EndTime = v.time("endtime")
		m.RenewTill, a.RenewTill = v.optionalTime("renew-till")
		m.Addresses, a.Addresses = v.addresses("caddr")
		m.AuthData, a.AuthData = v.authData("authorization-data")
		return appended(m), a
	}, parser(message.ParseEncTicketPart)},
	{"AP-REQ", 14, func(v *values) ([]byte, any) {
		var m message.APReq
		a := asnAPReq{Version: 5, Type: 14}
		m.Options, a.Options = v.flags("ap-options")
		m.Ticket, _ = v.ticket("ticket")
		a.Ticket = raw(3, appended(m.Ticket))
		m.Authenticator, a.Auth = v.encrypted("authenticator")
		v.sometimesZero("kvno", m.Authenticator.HasKvno, int64(m.Authenticator.Kvno))
		return appended(m), a
	}, parser(message.ParseAPReq)},
	{"Authenticator", 2, func(v *values) ([]byte, any) {
		var m message.Authenticator
		a := asnAuthenticator{Version: 5}
		m.Client.Realm = v.text("crealm")
		a.Realm = m.Client.Realm
		m.Client.Name, a.Client = v.name("cname")
		if m.HasChecksum = v.bool("has cksum"); m.HasChecksum {
			m.Checksum, a.Checksum = v.checksum("cksum")
		}
		m.Micro = v.micro("cusec")
		a.Micro = int(m.Micro)
		m.Time, a.Time = v.time("ctime")
		if v.bool("has subkey") {
			m.Subkey, a.Subkey = v.key("subkey")
		}
		if m.HasSequence = v.bool("has seq-number"); m.HasSequence {
			m.Sequence = v.uint32("seq-number")
		}
		a.Sequence = int64(m.Sequence)
		v.sometimesZero("seq-number", m.HasSequence, a.Sequence)
		m.AuthData, a.AuthData = v.authData("authorization-data")
		return appended(m), a
	}, parser(message.ParseAuthenticator)},
	{"AP-REP", 15, func(v *values) ([]byte, any) {
		e, enc := v.encrypted("enc-part")
		v.sometimesZero("kvno", e.HasKvno, int64(e.Kvno))
		return appended(message.APRep{Enc: e}), asnAPRep{5, 15, enc}
	}, parser(message.ParseAPRep)},
	{"EncAPRepPart", 27, func(v *values) ([]byte, any) {
		var m message.EncAPRepPart
		var a asnEncAPRepPart
		m.Time, a.Time = v.time("ctime")
		m.Micro = v.micro("cusec")
		a.Micro = int(m.Micro)
		if v.bool("has subkey") {
			m.Subkey, a.Subkey = v.key("subkey")
		}
		if m.HasSequence = v.bool("has seq-number"); m.HasSequence {
			m.Sequence = v.uint32("seq-number")
		}
		a.Sequence = int64(m.Sequence)
		v.sometimesZero("seq-number", m.HasSequence, a.Sequence)
		return appended(m), a
	}, parser(message.ParseEncAPRepPart)},
	{"KRB-ERROR", 30, func(v *values) ([]byte, any) {
		var m message.Error
		a := asnError{Version: 5, Type: 30}
		m.ClientTime, a.ClientTime = v.optionalTime("ctime")
		if m.HasClientMicro = v.bool("has cusec"); m.HasClientMicro {
			m.ClientMicro = v.micro("cusec")
		}
		a.ClientMicro = int(m.ClientMicro)
		v.sometimesZero("cusec", m.HasClientMicro, int64(m.ClientMicro))
		m.Time, a.Time = v.time("stime")
		m.Micro = v.micro("susec")
		a.Micro = int(m.Micro)
		a.Code = v.int32("error-code")
		m.Code = message.ErrorCode(a.Code)
		m.Client.Realm = v.text("crealm")
		a.ClientRealm = m.Client.Realm
		m.Client.Name, a.Client = v.optionalName("cname")
		m.Service.Realm = v.text("realm")
		a.ServiceRealm = m.Service.Realm
		m.Service.Name, a.Service = v.name("sname")
		m.Text, m.Data = v.text("e-text"), v.octets("e-data")
		if a.Text = m.Text; m.Data != "" {
			a.Data = []byte(m.Data)
		}
		return appended(m), a
	}, parser(message.ParseError)},
	{"AS-REQ", 10, func(v *values) ([]byte, any) { return drawKDCReq(v, message.ASReq) }, parser(message.ParseKDCReq)},
	{"TGS-REQ", 12, func(v *values) ([]byte, any) { return drawKDCReq(v, message.TGSReq) }, parser(message.ParseKDCReq)},
	{"AS-REP", 11, func(v *values) ([]byte, any) { return drawKDCRep(v, message.ASRep) }, parser(message.ParseKDCRep)},
	{"TGS-REP", 13, func(v *values) ([]byte, any) { return drawKDCRep(v, message.TGSRep) }, parser(message.ParseKDCRep)},
	{"EncASRepPart", 25, func(v *values) ([]byte, any) { return drawEncKDCRepPart(v, false) }, parser(message.ParseEncKDCRepPart)},
	{"EncTGSRepPart", 26, func(v *values) ([]byte, any) { return drawEncKDCRepPart(v, true) }, parser(message.ParseEncKDCRepPart)},
	{"KRB-CRED", 22, func(v *values) ([]byte, any) {
		var m message.Cred
		a := asnCred{Version: 5, Type: 22}
		tickets := v.tickets(0)
		m.Tickets = message.TicketsOf(string(tickets))
		a.Tickets = raw(2, sequence(tickets))
		m.Enc, a.Enc = v.encrypted("enc-part")
		v.sometimesZero("kvno", m.Enc.HasKvno, int64(m.Enc.Kvno))
		return appended(m), a
	}, parser(message.ParseCred)},
	{"EncKrbCredPart", 29, func(v *values) ([]byte, any) {
		var m message.EncCred
		a := asnEncCred{Infos: []asnCredInfo{}}
		if m.Time, a.Time = v.optionalTime("timestamp"); m.Time != 0 {
			m.Micro = v.micro("usec")
		}
		a.Micro = int(m.Micro)
		v.sometimesZero("usec", m.Time != 0, int64(m.Micro))
		for range rapid.IntRange(0, 3).Draw(v.T, "infos") {
			var i message.CredInfo
			var b asnCredInfo
			i.Key, b.Key = v.key("key")
			i.Client.Realm = v.text("prealm")
			b.ClientRealm = i.Client.Realm
			i.Client.Name, b.Client = v.optionalName("pname")
			i.Flags, b.Flags = v.flags("flags")
			i.AuthTime, b.AuthTime = v.optionalTime("authtime")
			i.StartTime, b.StartTime = v.optionalTime("starttime")
			i.EndTime, b.EndTime = v.optionalTime("endtime")
			i.RenewTill, b.RenewTill = v.optionalTime("renew-till")
			i.Service.Realm = v.text("srealm")
			b.ServiceRealm = i.Service.Realm
			i.Service.Name, b.Service = v.optionalName("sname")
			i.Addresses, b.Addresses = v.addresses("caddr")
			m, a.Infos = m.With(i), append(a.Infos, b)
		}
		return appended(m), a
	}, parser(message.ParseEncCred)},
	{"EncryptedData", 0, func(v *values) ([]byte, any) {
		e, a := v.encrypted("data")
		v.sometimesZero("kvno", e.HasKvno, int64(e.Kvno))
		return message.AppendEncryptedData(nil, e), a
	}, parser(message.ParseEncryptedData)},
	{"Checksum", 0, func(v *values) ([]byte, any) {
		c, a := v.checksum("checksum")
		return appended(c), a
	}, parser(message.ParseChecksum)},
	{"PA-ENC-TS-ENC", 0, func(v *values) ([]byte, any) {
		var m message.Timestamp
		var a asnTimestamp
		m.Time, a.Time = v.time("patimestamp")
		m.Micro = v.micro("pausec")
		a.Micro = int(m.Micro)
		return appended(m), a
	}, parser(message.ParseTimestamp)},
	{"AuthorizationData", 0, func(v *values) ([]byte, any) {
		m, a := v.authData("data")
		return []byte(m.Encode()), append([]asnTyped{}, a...)
	}, parser(message.ParseAuthorizationData)},
	{"METHOD-DATA", 0, func(v *values) ([]byte, any) {
		m, a := v.padata("data")
		return []byte(m.Encode()), append([]asnPAData{}, a...)
	}, parser(message.ParsePAData)},
	{"ETYPE-INFO2", 0, func(v *values) ([]byte, any) {
		var m message.ETypeInfos
		a := []asnETypeInfo{}
		for range v.some("infos", 0) {
			e := message.ETypeInfo{Type: krb.EType(v.int32("etype")), HasSalt: v.bool("has salt")}
			if v.bool("has s2kparams") {
				e.Params = "\x00\x00\x10\x00"
			}
			if e.HasSalt {
				e.Salt = rapid.StringMatching(`[A-Za-z.]{0,10}`).Draw(v.T, "salt")
				v.sometimesZero("salt", true, int64(len(e.Salt)))
			}
			b := asnETypeInfo{Type: int32(e.Type), Salt: e.Salt}
			if e.Params != "" {
				b.Params = []byte(e.Params)
			}
			m, a = m.Append(e), append(a, b)
		}
		return []byte(m.Encode()), a
	}, parser(message.ParseETypeInfos)},
	{"PA-FOR-USER", 0, func(v *values) ([]byte, any) {
		var m message.ForUser
		var a asnForUser
		m.User.Name, a.Name = v.name("userName")
		m.User.Realm, m.Package = v.text("userRealm"), v.text("auth-package")
		a.Realm, a.Package = m.User.Realm, m.Package
		m.Checksum, a.Checksum = v.checksum("cksum")
		return appended(m), a
	}, parser(message.ParseForUser)},
	{"PA-S4U-X509-USER", 0, func(v *values) ([]byte, any) {
		var m message.S4UUser
		var a asnS4UUser
		m.Nonce = v.uint32("nonce")
		a.ID.Nonce = int64(m.Nonce)
		m.User.Name, a.ID.Name = v.optionalName("cname")
		m.User.Realm = v.text("crealm")
		a.ID.Realm = m.User.Realm
		if m.Certificate = v.octets("subject-certificate"); m.Certificate != "" {
			a.ID.Certificate = []byte(m.Certificate)
		}
		if m.HasOptions = v.bool("has options"); m.HasOptions {
			m.Options, a.ID.Options = v.flags("options")
		}
		m.Checksum, a.Checksum = v.checksum("checksum")
		return appended(m), a
	}, parser(message.ParseS4UUser)},
	{"KERB-PA-PAC-REQUEST", 0, func(v *values) ([]byte, any) {
		include := v.bool("include-pac")
		return []byte(message.PACRequest(include)), asnPACRequest{include}
	}, parser(message.ParsePACRequest)},
	{"PA-PAC-OPTIONS", 0, func(v *values) ([]byte, any) {
		bit := rapid.IntRange(0, 31).Draw(v.T, "bit")
		return []byte(message.PACOptions(bit)), asnPACOptions{asn1.BitString{Bytes: binary.BigEndian.AppendUint32(nil, 1<<(31-bit)), BitLength: 32}}
	}, parser(message.ParsePACOptions)},
}

// tickets draws the DER of some tickets.
func (v values) tickets(least int) (der []byte) {
	for i := range rapid.IntRange(least, 3).Draw(v.T, "tickets") {
		t, _ := v.ticket(fmt.Sprint("ticket", i))
		der = t.Append(der)
	}
	return der
}

func drawKDCReq(v *values, kind uint8) ([]byte, any) {
	m := message.KDCReq{Type: kind}
	a := asnKDCReq{Version: 5, Type: int(kind)}
	m.PAData, a.PAData = v.padata("padata")
	b, body := &m.Body, &a.Body
	b.Options, body.Options = v.flags("kdc-options")
	b.Client, body.Client = v.optionalName("cname")
	b.Realm = v.text("realm")
	body.Realm = b.Realm
	b.Service, body.Service = v.optionalName("sname")
	b.From, body.From = v.optionalTime("from")
	b.Till, body.Till = v.time("till")
	b.RTime, body.RTime = v.optionalTime("rtime")
	b.Nonce = v.uint32("nonce")
	body.Nonce = int64(b.Nonce)
	body.ETypes = []int32{}
	var types []krb.EType
	for range v.some("etypes", 0) {
		t := v.int32("etype")
		types, body.ETypes = append(types, krb.EType(t)), append(body.ETypes, t)
	}
	b.ETypes = krb.ETypesOf(types...)
	b.Addresses, body.Addresses = v.addresses("addresses")
	if v.bool("has enc-authorization-data") {
		if e, enc := v.encrypted("enc-authorization-data"); e.Cipher != "" {
			b.EncAuthData, body.EncAuthData = e, enc
			v.sometimesZero("kvno", e.HasKvno, int64(e.Kvno))
		}
	}
	if tickets := v.tickets(0); len(tickets) > 0 {
		b.AdditionalTickets = message.TicketsOf(string(tickets))
		body.Tickets = raw(11, sequence(tickets))
	}
	return appended(m), a
}

func drawKDCRep(v *values, kind uint8) ([]byte, any) {
	m := message.KDCRep{Type: kind}
	a := asnKDCRep{Version: 5, Type: int(kind)}
	m.PAData, a.PAData = v.padata("padata")
	m.Client.Realm = v.text("crealm")
	a.Realm = m.Client.Realm
	m.Client.Name, a.Client = v.name("cname")
	m.Ticket, _ = v.ticket("ticket")
	a.Ticket = raw(5, appended(m.Ticket))
	m.Enc, a.Enc = v.encrypted("enc-part")
	v.sometimesZero("kvno", m.Enc.HasKvno, int64(m.Enc.Kvno))
	return appended(m), a
}

func drawEncKDCRepPart(v *values, tgs bool) ([]byte, any) {
	m := message.EncKDCRepPart{TGS: tgs}
	var a asnEncKDCRepPart
	m.Key, a.Key = v.key("key")
	last, asn := v.time("last-req")
	m.LastReq, a.LastReq = message.NothingLast(last), []asnLastReq{{0, asn}}
	m.Nonce = v.uint32("nonce")
	a.Nonce = int64(m.Nonce)
	m.KeyExpiration, a.KeyExpiration = v.optionalTime("key-expiration")
	m.Flags, a.Flags = v.flags("flags")
	m.AuthTime, a.AuthTime = v.time("authtime")
	m.StartTime, a.StartTime = v.optionalTime("starttime")
	m.EndTime, a.EndTime = v.time("endtime")
	m.RenewTill, a.RenewTill = v.optionalTime("renew-till")
	m.Service.Realm = v.text("srealm")
	a.Realm = m.Service.Realm
	m.Service.Name, a.Service = v.name("sname")
	m.Addresses, a.Addresses = v.addresses("caddr")
	m.PAData, a.PAData = v.padata("encrypted-pa-data")
	return appended(m), a
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

// encode has gofork write a message.
func (p production) encode(m any) ([]byte, error) {
	der, err := asn1.Marshal(m)
	if err == nil && p.application != 0 {
		der, err = asn1.Marshal(asn1.RawValue{Class: asn1.ClassApplication, Tag: p.application, IsCompound: true, Bytes: der})
	}
	return der, err
}

// neverZero are the optional fields that gofork does not write where they are present and zero. For
// these alone the octets differ.
var neverZero = []string{"kvno", "seq-number", "cusec", "usec", "salt"}

// What we encode, gofork decodes to the same values, and encodes to the same octets; and we take it
// back.
func TestGoforkAgrees(t *testing.T) {
	for _, p := range productions {
		t.Run(p.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				v := &values{T: rt}
				der, want := p.draw(v)
				got, rest, err := p.decode(der, want)
				if err != nil || len(rest) > 0 {
					rt.Fatalf("gofork does not decode it: %v, %d octets are left\n%x", err, len(rest), der)
				}
				if !reflect.DeepEqual(got, want) {
					rt.Fatalf("gofork decodes\n%+v, want\n%+v\n%x", got, want, der)
				}
				if fault := p.parse(string(der)); !fault.IsZero() && len(der) <= message.MaxMessage {
					rt.Fatalf("we do not take it: %v\n%x", fault, der)
				}
				again, err := p.encode(want)
				if err != nil {
					rt.Fatal(err)
				}
				for _, field := range v.zero {
					if !slices.Contains(neverZero, field) {
						rt.Fatalf("%s is not in the list", field)
					}
				}
				if same := bytes.Equal(again, der); same != (len(v.zero) == 0) {
					rt.Fatalf("gofork encodes the same octets: %t, and the fields %q are present and zero\n%x, we\n%x", same, v.zero, again, der)
				}
			})
		})
	}
}

// element is one of a message: where its tag, its length and its contents are.
type element struct{ tag, length, contents, end int }

// elements returns all elements of DER, from the outermost on.
func elements(der []byte, from, to int) (list []element) {
	for at := from; at < to; {
		e := element{tag: at, length: at + 1, contents: at + 2}
		n := int(der[at+1])
		if n >= 0x80 {
			octets := n & 0x7F
			n = 0
			for _, b := range der[at+2 : at+2+octets] {
				n = n<<8 | int(b)
			}
			e.contents += octets
		}
		e.end = e.contents + n
		list = append(list, e)
		if der[at]&0x20 != 0 { // constructed
			list = append(list, elements(der, e.contents, e.end)...)
		}
		at = e.end
	}
	return list
}

// lengths are forms that the length n of an element can be given.
var lengths = map[string]func(n int) []byte{
	"one more":             func(n int) []byte { return length(n + 1) },
	"one less":             func(n int) []byte { return length(max(n-1, 0)) },
	"none":                 func(int) []byte { return []byte{0} },
	"all there can be":     func(int) []byte { return []byte{0x84, 0x7F, 0xFF, 0xFF, 0xFF} },
	"more than an int":     func(int) []byte { return append([]byte{0x89}, bytes.Repeat([]byte{0xFF}, 9)...) },
	"negative as an int32": func(int) []byte { return []byte{0x84, 0xFF, 0xFF, 0xFF, 0xFF} },
	"indefinite":           func(int) []byte { return []byte{0x80} },
	"reserved":             func(int) []byte { return []byte{0xFF} },
	"longer than need be":  func(n int) []byte { return append([]byte{0x84}, binary.BigEndian.AppendUint32(nil, uint32(n))...) },
	"of three octets":      func(n int) []byte { return append([]byte{0x83}, binary.BigEndian.AppendUint32(nil, uint32(n))[1:]...) },
	"as it is":             length,
}

// length is the one form that DER allows.
func length(n int) []byte {
	der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagOctetString, Bytes: make([]byte, n)})
	if err != nil {
		panic(err)
	}
	return der[1 : len(der)-n]
}

// stricter are the reasons for which we refuse what gofork takes. It does not look at what follows
// the last element of a SEQUENCE that it knows, and has no bounds; and it reads the element within an explicit
// tag whatever the length of that tag is.
var stricter = []string{
	"kerberos: the length of an element is wrong",
	"kerberos: trailing data after a message or a part of it",
	"kerberos: a list of more than MaxElements elements",
	"kerberos: a string is longer than MaxText, or has a NUL",
	"kerberos: a name's component is longer than MaxText, or has a NUL",
	"kerberos: a name without components",
	"kerberos: a message of more than MaxMessage bytes",
}

// laxer are the productions of which we take what gofork refuses, and why.
var laxer = map[string]string{
	"EncASRepPart":  "last-req is kept as it came and never used: what is in its entries is not read",
	"EncTGSRepPart": "last-req, as in EncASRepPart",
}

// Whatever a length in a message says, we take nothing that gofork refuses, and refuse what it takes, for
// the reasons listed alone.
func TestGoforkAgreesOnHostileLengths(t *testing.T) {
	for _, p := range productions {
		t.Run(p.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				der, like := p.draw(&values{T: rt})
				all := elements(der, 0, len(der))
				e := all[rapid.IntRange(0, len(all)-1).Draw(rt, "element")]
				form := rapid.SampledFrom(slices.Sorted(maps.Keys(lengths))).Draw(rt, "length")
				bad := slices.Concat(der[:e.length], lengths[form](e.end-e.contents), der[e.contents:])
				_, rest, err := p.decode(bad, like)
				fault := p.parse(string(bad))
				switch {
				case err == nil && len(rest) == 0 && !fault.IsZero() && !slices.Contains(stricter, fault.Detail):
					rt.Fatalf("gofork takes it, and we do not: %v\n%x", fault, bad)
				case err != nil && fault.IsZero() && laxer[p.name] == "":
					rt.Fatalf("we take it, and gofork does not: %v\n%x", err, bad)
				}
			})
		})
	}
}
