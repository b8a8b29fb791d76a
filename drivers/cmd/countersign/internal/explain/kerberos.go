package explain

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	krb5 "github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// kerberosBody returns a message without its GSS framing, and its offset in the token.
func kerberosBody(token string) (body string, at int) {
	if _, _, inside, framed := krb5.Unframe(token); framed {
		return inside, len(token) - len(inside)
	}
	return token, 0
}

func kerberosFault(at int, f gss.Fault) []Fault {
	return []Fault{{at, strings.TrimPrefix(f.Detail, "kerberos: ")}}
}

// encrypted returns a line for encrypted data.
func encrypted(name string, e krb5.EncryptedData, note string, at int) Node {
	n := Node{Name: name, Value: count(len(e.Cipher), "byte") + " encrypted", Offset: at}
	n.add(Node{Name: "encryption type", Value: e.Type.String(), Offset: at})
	if e.HasKvno {
		n.add(Node{Name: "key version", Value: strconv.FormatUint(uint64(e.Kvno), 10), Offset: at})
	}
	n.Note = note
	return n
}

// lookAPReq explains an AP-REQ (RFC 4120 section 5.5.1).
func lookAPReq(token string, n *Node) []Fault {
	body, at := kerberosBody(token)
	m, fault := krb5.ParseAPReq(body)
	if !fault.IsZero() {
		return kerberosFault(at, fault)
	}
	options := "none"
	note := "mutual authentication is not requested"
	if m.Options.Has(krb5.MutualRequired) {
		options, note = "mutual-required", "the service must authenticate itself"
	}
	if m.Options.Has(krb5.UseSessionKey) {
		options, note = strings.TrimPrefix(options+", use-session-key", "none, "), "user to user"
	}
	n.add(Node{Name: "ap-options", Value: options, Note: note, Offset: n.Offset})
	ticket := encrypted("ticket", m.Ticket.Enc, "under the service's key; the service's name is not protected", n.Offset)
	ticket.Children = append([]Node{{Name: "service", Value: strconv.Quote(m.Ticket.Service.String()), Offset: n.Offset}}, ticket.Children...)
	n.add(ticket)
	n.add(encrypted("authenticator", m.Authenticator, "under the ticket's key", n.Offset))
	n.request = body
	return nil
}

func sayAPReq(token string) string {
	body, _ := kerberosBody(token)
	m, fault := krb5.ParseAPReq(body)
	if !fault.IsZero() {
		return "broken"
	}
	return fmt.Sprintf("a ticket for %q, %v", m.Ticket.Service.String(), m.Ticket.Enc.Type)
}

// lookAPRep explains an AP-REP (section 5.5.2).
func lookAPRep(token string, n *Node) []Fault {
	body, at := kerberosBody(token)
	m, fault := krb5.ParseAPRep(body)
	if !fault.IsZero() {
		return kerberosFault(at, fault)
	}
	n.add(encrypted("enc-part", m.Enc, "the time of the request under the ticket's key: the proof of the service", n.Offset))
	return nil
}

func sayAPRep(string) string { return "the service authenticates itself" }

// lookKRBError explains a KRB-ERROR (section 5.9.1).
func lookKRBError(token string, n *Node) []Fault {
	body, at := kerberosBody(token)
	m, fault := krb5.ParseError(body)
	if !fault.IsZero() {
		return kerberosFault(at, fault)
	}
	n.add(Node{Name: "error-code", Value: m.Code.String(), Note: "KRB-ERROR is not authenticated", Offset: n.Offset})
	n.add(Node{Name: "service", Value: strconv.Quote(m.Service.String()), Offset: n.Offset})
	n.add(Node{Name: "its time", Value: krbTime(m.Time), Offset: n.Offset})
	if !m.Client.IsZero() {
		n.add(Node{Name: "client", Value: strconv.Quote(m.Client.String()), Offset: n.Offset})
	}
	if m.Text != "" {
		n.add(Node{Name: "e-text", Value: strconv.Quote(m.Text), Note: "text of the sender's choice", Offset: n.Offset})
	}
	return nil
}

func sayKRBError(token string) string {
	body, _ := kerberosBody(token)
	m, fault := krb5.ParseError(body)
	if !fault.IsZero() {
		return "broken"
	}
	return m.Code.String()
}

func krbTime(t krb.Time) string {
	if t == 0 {
		return "not given"
	}
	return time.Unix(int64(t), 0).UTC().Format(time.RFC3339)
}

// Open decrypts every AP-REQ in the explanation with a service's keys, and adds its contents.
// Of secrets it tells only that they are present. A request that cannot be decrypted is a
// fault.
func (e *Explanation) Open(keys *keytab.Keytab) { e.open(&e.Tree, keys) }

func (e *Explanation) open(n *Node, keys *keytab.Keytab) {
	if n.request != "" {
		e.openRequest(n, keys)
	}
	for i := range n.Children {
		e.open(&n.Children[i], keys)
	}
}

func (e *Explanation) openRequest(n *Node, keys *keytab.Keytab) {
	m, _ := krb5.ParseAPReq(n.request)
	var part krb5.EncTicketPart
	opened := false
	for _, service := range [...]krb.Principal{m.Ticket.Service, {}} { // keys of its name first, then all
		for _, key := range keys.Candidates(service, m.Ticket.Enc.Type, m.Ticket.Enc.Kvno) {
			if text, ok := m.Ticket.Enc.OpenPrepared(key, enctype.UsageTicket); ok && !opened {
				var fault gss.Fault
				part, fault = krb5.ParseEncTicketPart(text)
				opened = fault.IsZero()
			}
		}
	}
	if !opened {
		e.fault(n.Offset, "the ticket does not open with the keytab: it has no key of that type and version, or another one")
		return
	}
	at := n.Offset
	ticket := child(n, "ticket")
	for _, line := range []Node{
		{Name: "client", Value: strconv.Quote(part.Client.String())},
		{Name: "flags", Value: part.Flags.String()},
		{Name: "session key", Value: part.Key.Type().String(), Note: "***"},
		{Name: "authenticated", Value: krbTime(part.AuthTime)}, {Name: "starts", Value: krbTime(part.Starts())},
		{Name: "ends", Value: krbTime(part.EndTime)}, {Name: "renewable until", Value: krbTime(part.RenewTill)},
	} {
		line.Offset = at
		ticket.add(line)
	}
	if _, ok := part.AuthData.Find(krb5.ADPAC); ok {
		ticket.add(Node{Name: "PAC", Value: "present", Note: "the directory's data on the user", Offset: at})
	}
	e.openAuthenticator(child(n, "authenticator"), at, part.Key, &m)
}

func (e *Explanation) openAuthenticator(n *Node, at int, key krb.Key, m *krb5.APReq) {
	text, ok := m.Authenticator.Open(key, enctype.UsageAPReqAuth)
	auth, fault := krb5.ParseAuthenticator(text)
	if !ok || !fault.IsZero() {
		e.fault(at, "the authenticator cannot be decrypted with the ticket's key: it belongs to another ticket, or was changed")
		return
	}
	add := func(name, value, note string) {
		n.add(Node{Name: name, Value: value, Note: note, Offset: at})
	}
	add("client", strconv.Quote(auth.Client.String()), "")
	add("time", krbTime(auth.Time), "servers remember it against replays for as long as clocks may differ")
	if !auth.Subkey.IsZero() {
		add("subkey", auth.Subkey.Type().String(), "***")
	}
	if auth.HasSequence {
		add("sequence number", strconv.FormatUint(uint64(auth.Sequence), 10), "")
	}
	if !auth.HasChecksum || auth.Checksum.Type != enctype.GSSChecksumNumber {
		add("checksum", "none of GSS", "without flags and channel binding")
		return
	}
	sum, fault := krb5.ParseGSSChecksum(auth.Checksum.Sum)
	if !fault.IsZero() {
		e.fault(at, strings.TrimPrefix(fault.Detail, "kerberos: "))
		return
	}
	add("flags", gssFlags(sum.Flags), "")
	binding := "present"
	if sum.Binding == [16]byte{} {
		binding = "zeros"
		if auth.AuthData.IsChannelBindingAware() {
			binding = "zeros, from a client that supports channel bindings"
		}
	}
	add("channel binding", binding, "")
	if sum.Delegation != "" {
		add("delegation", count(len(sum.Delegation), "byte"), "the user's ticket-granting ticket: ***")
	}
}

// child returns the line with a name below n.
func child(n *Node, name string) *Node {
	for i := range n.Children {
		if n.Children[i].Name == name {
			return &n.Children[i]
		}
	}
	n.add(Node{Name: name, Offset: n.Offset})
	return &n.Children[len(n.Children)-1]
}

var gssFlagNames = []struct {
	flag gss.Flags
	name string
}{
	{gss.Delegate, "delegate"}, {gss.Mutual, "mutual"}, {gss.ReplayDetect, "replay"}, {gss.Sequence, "sequence"},
	{gss.Confidential, "confidential"}, {gss.Integrity, "integrity"},
}

// gssFlags names the flags of RFC 4121 section 4.1.1.
func gssFlags(f uint32) string {
	var names []string
	for _, n := range gssFlagNames {
		if f&uint32(n.flag) != 0 {
			names = append(names, n.name)
			f &^= uint32(n.flag)
		}
	}
	if f != 0 {
		names = append(names, fmt.Sprintf("%#x", f))
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}
