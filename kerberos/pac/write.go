package pac

import (
	"encoding/binary"
	"unicode/utf16"

	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// User is what [Write] says of one.
type User struct {
	Name, FullName, Domain, Server string
	DomainSID                      SID
	RID, PrimaryGroupRID           uint32
	Groups                         []uint32 // of the domain
	Extra                          []SID
	UPN, DNSDomain                 string
}

// Write makes and signs a PAC for a ticket, as a KDC of a test does. Without a DomainSID
// there is no logon information, as MIT's KDC writes it.
func Write(client krb.Name, authTime krb.Time, u User, service, krbtgt krb.Key) string {
	type buffer struct {
		kind uint32
		data []byte
	}
	var list []buffer
	if u.DomainSID != "" {
		list = append(list, buffer{kindLogon, u.logon()})
	}
	name := wide(client.String())
	info := binary.LittleEndian.AppendUint64(nil, uint64(int64(authTime)*unit+epochGap))
	info = append(binary.LittleEndian.AppendUint16(info, uint16(len(name))), name...)
	list = append(list, buffer{kindClient, info})
	if u.UPN != "" {
		list = append(list, buffer{kindUPN, u.upn()})
	}
	blank := func(k krb.Key) []byte {
		b := binary.LittleEndian.AppendUint32(nil, uint32(enctype.ChecksumOf(k.Type())))
		return append(b, make([]byte, enctype.ChecksumSize(k.Type()))...)
	}
	list = append(list, buffer{kindServerSum, blank(service)}, buffer{kindKDCSum, blank(krbtgt)})

	b := binary.LittleEndian.AppendUint32(nil, uint32(len(list)))
	b = binary.LittleEndian.AppendUint32(b, 0)
	at := headerSize + len(list)*bufferEntrySize
	for _, x := range list {
		b = binary.LittleEndian.AppendUint32(b, uint32(x.kind))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(x.data)))
		b = binary.LittleEndian.AppendUint64(b, uint64(at))
		at += (len(x.data) + 7) &^ 7
	}
	places := map[uint32]int{}
	for _, x := range list {
		places[x.kind] = len(b)
		b = append(b, x.data...)
		for len(b)%8 != 0 {
			b = append(b, 0)
		}
	}
	sum := enctype.Checksum(service, enctype.UsageNonKerbChecksum, string(b))
	copy(b[places[kindServerSum]+4:], sum)
	copy(b[places[kindKDCSum]+4:], enctype.Checksum(krbtgt, enctype.UsageNonKerbChecksum, sum))
	return string(b)
}

func wide(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// pen writes NDR.
type pen struct {
	b   []byte
	ref uint32
}

func (w *pen) align(n int) {
	for len(w.b)%n != 0 {
		w.b = append(w.b, 0)
	}
}

func (w *pen) uint16(v uint16) {
	w.align(2)
	w.b = binary.LittleEndian.AppendUint16(w.b, v)
}

func (w *pen) uint32(v uint32) {
	w.align(4)
	w.b = binary.LittleEndian.AppendUint32(w.b, v)
}

func (w *pen) pointer(there bool) {
	if !there {
		w.uint32(0)
		return
	}
	w.ref += 4
	w.uint32(0x20000 + w.ref)
}

func (w *pen) str(s string) {
	n := uint16(len(wide(s)))
	w.uint16(n)
	w.uint16(n)
	w.pointer(s != "")
}

func (w *pen) chars(s string) {
	if s == "" {
		return
	}
	b := wide(s)
	n := uint32(len(b) / 2)
	w.uint32(n)
	w.uint32(0)
	w.uint32(n)
	w.b = append(w.b, b...)
}

func (w *pen) sid(s SID) {
	w.uint32(uint32(s[1]))
	w.b = append(w.b, s...)
}

func (u User) logon() []byte {
	w := pen{}
	w.pointer(true)
	for range 6 {
		w.uint32(0xFFFFFFFF)
		w.uint32(0x7FFFFFFF)
	}
	for _, s := range []string{u.Name, u.FullName, "", "", "", ""} {
		w.str(s)
	}
	w.uint32(0)
	w.uint32(u.RID)
	w.uint32(u.PrimaryGroupRID)
	w.uint32(uint32(len(u.Groups)))
	w.pointer(len(u.Groups) > 0)
	w.uint32(0x20)
	w.b = append(w.b, make([]byte, 16)...)
	w.str(u.Server)
	w.str(u.Domain)
	w.pointer(true)
	for range 10 { // reserved, account flags, status, two times, a count, reserved
		w.uint32(0)
	}
	w.uint32(uint32(len(u.Extra)))
	w.pointer(len(u.Extra) > 0)
	w.pointer(false)
	w.uint32(0)
	w.pointer(false)
	w.chars(u.Name)
	w.chars(u.FullName)
	if len(u.Groups) > 0 {
		w.uint32(uint32(len(u.Groups)))
		for _, g := range u.Groups {
			w.uint32(g)
			w.uint32(7)
		}
	}
	w.chars(u.Server)
	w.chars(u.Domain)
	w.sid(u.DomainSID)
	if len(u.Extra) > 0 {
		w.uint32(uint32(len(u.Extra)))
		for range u.Extra {
			w.pointer(true)
			w.uint32(7)
		}
		for _, s := range u.Extra {
			w.sid(s)
		}
	}
	w.align(8)
	head := []byte{1, 0x10, 8, 0, 0xCC, 0xCC, 0xCC, 0xCC}
	head = binary.LittleEndian.AppendUint32(head, uint32(len(w.b)))
	return append(append(head, 0, 0, 0, 0), w.b...)
}

func (u User) upn() []byte {
	name, domain, account, sid := wide(u.UPN), wide(u.DNSDomain), wide(u.Name), []byte(u.DomainSID.with(u.RID))
	extended := len(sid) > 0
	at, flags := 12, uint32(0)
	parts := [][]byte{name, domain}
	if extended {
		at, flags, parts = 20, 2, append(parts, account, sid)
	}
	var head, tail []byte
	for i, p := range parts {
		if i == 2 {
			head = binary.LittleEndian.AppendUint32(head, flags)
		}
		head = binary.LittleEndian.AppendUint16(head, uint16(len(p)))
		head = binary.LittleEndian.AppendUint16(head, uint16(at+len(tail)))
		tail = append(tail, p...)
	}
	if !extended {
		head = binary.LittleEndian.AppendUint32(head, flags)
	}
	return append(head, tail...)
}
