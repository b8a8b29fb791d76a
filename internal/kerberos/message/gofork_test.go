package message_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
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
