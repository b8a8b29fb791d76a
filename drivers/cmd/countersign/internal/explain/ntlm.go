package explain

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// message explains an NTLM message (MS-NLMP section 2.2.1). Package ntlm reports faults of
// messages without their positions, so message finds positions itself, and adds the fault of
// package ntlm if it finds none.
type message struct {
	b string
	// base is the token's offset in the text.
	base int
	// start is the offset of the payload, as far as it is known. The length of the header
	// follows from it, and not from flags.
	start  int
	faults []Fault
}

func newMessage(token string, n *Node) *message {
	return &message{b: token, base: n.Offset, start: len(token)}
}

func (m *message) fault(at int, reason string) { m.faults = append(m.faults, Fault{at, reason}) }

// judge returns the faults, or package ntlm's fault if there are none.
func (m *message) judge(detail string) []Fault {
	if len(m.faults) == 0 && detail != "" {
		m.fault(0, strings.TrimPrefix(detail, "ntlm: "))
	}
	return m.faults
}

// line returns a node for the part at an offset of the message, with the position of its first
// byte in the base64.
func (m *message) line(name, value, note string, at int) Node {
	return Node{Name: name, Value: value, Note: note, Offset: m.base + at*4/3}
}

// has reports whether the message has end bytes. If not, it adds the fault that the message is
// too short for what.
func (m *message) has(end int, what string) bool {
	if len(m.b) < end {
		m.fault(len(m.b), fmt.Sprintf("the message ends here: %s needs %d bytes", what, end))
		return false
	}
	return true
}

// field is the part that a field descriptor refers to.
type field struct {
	bytes string
	at    int
	where string // for a note
}

// span returns the field of the descriptor at byte at, in a header of at least fixed bytes.
func (m *message) span(at, fixed int, name string) (f field, ok bool) {
	d := []byte(m.b[at : at+8])
	n, off := int(binary.LittleEndian.Uint16(d)), uint64(binary.LittleEndian.Uint32(d[4:]))
	f.at = at
	if n == 0 {
		f.where = "empty"
		return f, true
	}
	if off < uint64(fixed) || off+uint64(n) > uint64(len(m.b)) {
		m.fault(at, fmt.Sprintf("%s is outside of the message: %s at byte %d of %d", name, count(n, "byte"), off, len(m.b)))
		return f, false
	}
	f.bytes, f.at = m.b[off:int(off)+n], int(off)
	f.where = fmt.Sprintf("%s at byte %d", count(n, "byte"), off)
	m.start = min(m.start, int(off))
	return f, true
}

// text adds a line for a name in the character set of flags.
func (m *message) text(n *Node, name string, at, fixed int, flags ntlmssp.Flags) {
	f, ok := m.span(at, fixed, name)
	if !ok {
		n.add(m.line(name, "", "outside of the message", at))
		return
	}
	value, ok := flags.Text(f.bytes)
	if !ok { // the character set that was negotiated counts, which this message alone does not tell
		value, _ = ntlmssp.FlagOEM.Text(f.bytes)
		f.where += ", in the OEM character set whatever the flags say"
	}
	n.add(m.line(name, strconv.Quote(value), f.where, f.at))
}

// flagNotes describes what a flag asks for or grants.
var flagNotes = map[ntlmssp.Flags]string{
	ntlmssp.FlagUnicode:        "names are UTF-16",
	ntlmssp.FlagOEM:            "names are in the OEM character set, unless UNICODE is there too",
	ntlmssp.FlagRequestTarget:  "asks the challenge to name its target",
	ntlmssp.FlagSign:           "messages are signed",
	ntlmssp.FlagSeal:           "messages are encrypted",
	ntlmssp.FlagDatagram:       "without a connection",
	ntlmssp.FlagLMKey:          "the session key comes from the LM hash",
	ntlmssp.FlagNTLM:           "NTLM",
	ntlmssp.FlagAnonymous:      "the client is anonymous",
	ntlmssp.FlagOEMDomain:      "the client names its domain",
	ntlmssp.FlagOEMWorkstation: "the client names its computer",
	ntlmssp.FlagAlwaysSign:     "there is a session key in any case",
	ntlmssp.FlagTargetDomain:   "the target is a domain",
	ntlmssp.FlagTargetServer:   "the target is a server",
	ntlmssp.FlagESS:            "extended session security",
	ntlmssp.FlagIdentify:       "identify, do not impersonate",
	ntlmssp.FlagNonNTKey:       "the session key comes from the LM hash",
	ntlmssp.FlagTargetInfo:     "there is target info",
	ntlmssp.FlagVersion:        "the version is filled in",
	ntlmssp.Flag128:            "128-bit keys",
	ntlmssp.FlagKeyExchange:    "the client chooses the session key",
	ntlmssp.Flag56:             "56-bit keys, where 128 are not agreed",
}

// flags adds the flags at a byte.
func (m *message) flags(n *Node, at int) ntlmssp.Flags {
	f := ntlmssp.Flags(binary.LittleEndian.Uint32([]byte(m.b[at : at+4])))
	line := m.line("flags", fmt.Sprintf("0x%08x", uint32(f)), "", at)
	for bit := range 32 {
		if one := ntlmssp.Flags(1) << bit; f.Has(one) {
			note := flagNotes[one]
			if note == "" {
				note = "undefined"
			}
			line.add(m.line(one.String(), "", note, at+bit/8))
		}
	}
	n.add(line)
	return f
}

// version adds the version, if the header has room for one.
func (m *message) version(n *Node, at int, flags ntlmssp.Flags) {
	switch {
	case m.start < at+8 || len(m.b) < at+8:
		n.add(m.line("version", "none", "the payload begins at byte "+strconv.Itoa(min(m.start, len(m.b))), at))
		return
	case strings.Trim(m.b[at:at+8], "\x00") == "":
		n.add(m.line("version", "zero", "", at))
		return
	}
	v := m.b[at : at+8]
	note := ""
	if !flags.Has(ntlmssp.FlagVersion) {
		note = "though no flag announces it"
	}
	n.add(m.line("version", fmt.Sprintf("%d.%d build %d, NTLM revision %d", v[0], v[1], binary.LittleEndian.Uint16([]byte(v[2:4])), v[7]), note, at))
}

func lookNegotiate(token string, n *Node) []Fault {
	m := newMessage(token, n)
	if m.has(16, "a NEGOTIATE message") {
		flags := m.flags(n, 12)
		if len(token) >= 32 {
			// These names are in the OEM character set, whatever the flags ask for.
			m.text(n, "domain", 16, 32, ntlmssp.FlagOEM)
			m.text(n, "workstation", 24, 32, ntlmssp.FlagOEM)
			m.version(n, 32, flags)
		} else {
			n.add(m.line("form", count(len(token), "byte"), "flags only: neither names nor version", 16))
		}
	}
	_, fault := ntlmssp.ParseNegotiate(token)
	return m.judge(fault.Detail)
}

func lookChallenge(token string, n *Node) []Fault {
	m := newMessage(token, n)
	if m.has(32, "a CHALLENGE message") {
		flags := ntlmssp.Flags(binary.LittleEndian.Uint32([]byte(token[20:24])))
		m.text(n, "target name", 12, 32, flags)
		m.flags(n, 20)
		n.add(m.line("server challenge", hex.EncodeToString([]byte(token[24:32])), "", 24))
		if m.start < 48 || len(token) < 48 {
			n.add(m.line("target info", "none", "an old server's header of 32 bytes", 40))
		} else if f, ok := m.span(40, 48, "target info"); ok {
			m.pairs(n, "target info", f)
			m.version(n, 48, flags)
		}
	}
	_, fault := ntlmssp.ParseChallenge(token)
	return m.judge(fault.Detail)
}

func lookAuthenticate(token string, n *Node) []Fault {
	m := newMessage(token, n)
	if m.has(52, "an AUTHENTICATE message") {
		m.authenticate(n)
	}
	_, fault := ntlmssp.ParseAuthenticate(token)
	return m.judge(fault.Detail)
}

// authenticate explains an AUTHENTICATE message with at least the oldest header.
func (m *message) authenticate(n *Node) {
	// The payload begins at the lowest offset of all descriptors, so they are read first. Their
	// faults are added again with their lines.
	for at := 12; at < 52; at += 8 {
		m.span(at, 52, "")
	}
	if m.start >= 64 && len(m.b) >= 64 {
		m.span(52, 64, "")
	}
	m.faults = nil

	var flags ntlmssp.Flags
	if m.start >= 64 && len(m.b) >= 64 {
		flags = ntlmssp.Flags(binary.LittleEndian.Uint32([]byte(m.b[60:64])))
	}
	m.text(n, "domain", 28, 52, flags)
	m.text(n, "user", 36, 52, flags)
	m.text(n, "workstation", 44, 52, flags)
	var pairs pairsSeen
	if f, ok := m.span(20, 52, "NT response"); ok {
		pairs = m.response(n, f, flags)
	}
	if f, ok := m.span(12, 52, "LM response"); ok {
		n.add(m.line("LM response", lmResponse(f.bytes, flags), f.where, f.at))
	}
	if m.start < 64 || len(m.b) < 64 {
		n.add(m.line("flags", "none", "an old client's header of 52 bytes", 52))
		return
	}
	if f, ok := m.span(52, 64, "session key"); ok {
		value := "none"
		if f.bytes != "" {
			value = "***"
		}
		n.add(m.line("session key", value, f.where, f.at))
	}
	m.flags(n, 60)
	m.version(n, 64, flags)
	m.mic(n, pairs.flags&ntlmssp.AVFlagMIC != 0)
	binding := m.line("channel binding", pairs.binding, pairs.bindingNote, pairs.at)
	if pairs.binding == "" {
		binding.Value = "none"
	}
	n.add(binding)
}

// mic adds whether the message has a MIC that counts.
func (m *message) mic(n *Node, announced bool) {
	value, note := "none", "no MsvAvFlags announces one"
	room := m.start >= 88 && len(m.b) >= 88
	switch {
	case room && announced:
		value, note = "present", "over all three messages; MsvAvFlags announces it, so the server must verify it"
	case announced:
		m.fault(72, "MsvAvFlags announces a MIC, and the header has no room for one")
		note = "though MsvAvFlags announces one"
	case room && strings.Trim(m.b[72:88], "\x00") == "":
		value = "zero"
	case room:
		value = "filled"
	}
	n.add(m.line("MIC", value, note, 72))
}

// lmResponse describes the content of the LM response.
func lmResponse(b string, flags ntlmssp.Flags) string {
	switch {
	case b == "":
		return "none"
	case len(b) == 24 && strings.Trim(b, "\x00") == "":
		return "24 zeros"
	case len(b) == 24 && flags.Has(ntlmssp.FlagESS) && strings.Trim(b[8:], "\x00") == "":
		return "client challenge " + hex.EncodeToString([]byte(b[:8]))
	}
	return "***"
}

// pairsSeen holds the AV pairs that the meaning of other fields depends on.
type pairsSeen struct {
	flags                uint32
	binding, bindingNote string
	at                   int
}

// response explains the NT response (sections 2.2.2.6 to 2.2.2.8).
func (m *message) response(n *Node, f field, flags ntlmssp.Flags) (seen pairsSeen) {
	seen.at = f.at
	switch {
	case f.bytes == "":
		n.add(m.line("NT response", "none", "anonymous, or LM alone", f.at))
		return seen
	case len(f.bytes) <= 24:
		kind := "NTLMv1"
		if flags.Has(ntlmssp.FlagESS) {
			kind = "NTLMv1 with extended session security"
		}
		n.add(m.line("NT response", kind, "weak: the password's hash can be found from it; "+f.where, f.at))
		if len(f.bytes) != 24 {
			m.fault(f.at, "an NTLMv1 response has 24 bytes")
		}
		return seen
	}
	line := m.line("NT response", "NTLMv2", f.where, f.at)
	line.add(m.line("proof", "***", "16 bytes", f.at))
	temp := f.at + 16
	if len(f.bytes) < 44 {
		m.fault(f.at, "an NTLMv2 response has 44 bytes and more")
		n.add(line)
		return seen
	}
	line.add(m.line("version", fmt.Sprintf("%d, up to %d", f.bytes[16], f.bytes[17]), "", temp))
	line.add(m.line("time", clock(f.bytes[24:32]), "", temp+8))
	line.add(m.line("client challenge", hex.EncodeToString([]byte(f.bytes[32:40])), "", temp+16))
	seen = m.pairs(&line, "AV pairs", field{bytes: f.bytes[44:], at: f.at + 44, where: count(len(f.bytes)-44, "byte")})
	n.add(line)
	if r, fault := ntlmssp.ParseResponse(f.bytes); !fault.IsZero() && len(m.faults) == 0 {
		m.fault(f.at, strings.TrimPrefix(fault.Detail, "ntlm: "))
	} else if fault.IsZero() {
		seen.flags = r.Pairs.Flags()
	}
	return seen
}

// pairs explains a list of AV pairs (section 2.2.2.1).
func (m *message) pairs(n *Node, name string, f field) (seen pairsSeen) {
	seen.at = f.at
	line := m.line(name, "", f.where, f.at)
	defer func() { n.add(line) }()
	if f.bytes == "" {
		line.Value = "none"
		return seen
	}
	rest, at := f.bytes, f.at
	for range ntlmssp.MaxAVPairs + 1 {
		if len(rest) < 4 {
			m.fault(at, "the AV pairs end here without their terminator")
			return seen
		}
		id, size := ntlmssp.AVID(binary.LittleEndian.Uint16([]byte(rest))), int(binary.LittleEndian.Uint16([]byte(rest[2:])))
		if id == ntlmssp.AVEnd {
			if _, fault := ntlmssp.ParseAVPairs(f.bytes); !fault.IsZero() && len(m.faults) == 0 {
				m.fault(f.at, strings.TrimPrefix(fault.Detail, "ntlm: "))
			}
			return seen
		}
		if size > len(rest)-4 {
			m.fault(at, fmt.Sprintf("this AV pair is longer than the list: %d of %d bytes", size, len(rest)-4))
			return seen
		}
		value, note := m.pair(id, rest[4:4+size], at)
		line.add(m.line(pairName(id), value, note, at))
		if id == ntlmssp.AVChannelBindings {
			seen.binding, seen.bindingNote, seen.at = value, note, at
		}
		rest, at = rest[4+size:], at+4+size
	}
	m.fault(at, fmt.Sprintf("more than %d AV pairs", ntlmssp.MaxAVPairs))
	return seen
}

func pairName(id ntlmssp.AVID) string {
	if id > ntlmssp.AVChannelBindings {
		return fmt.Sprintf("AV pair %d", id)
	}
	return id.String()
}

// pair returns the value of an AV pair, with a note.
func (m *message) pair(id ntlmssp.AVID, v string, at int) (value, note string) {
	switch {
	case id.IsText():
		text, ok := ntlmssp.FlagUnicode.Text(v)
		if !ok {
			m.fault(at, id.String()+" is not valid UTF-16")
			return count(len(v), "byte"), ""
		}
		if id == ntlmssp.AVTargetName {
			note = "the service that the client expects"
		}
		return strconv.Quote(text), note
	case id == ntlmssp.AVFlags && len(v) == 4:
		bits := binary.LittleEndian.Uint32([]byte(v))
		var notes []string
		for _, f := range []struct {
			bit  uint32
			note string
		}{{ntlmssp.AVFlagConstrained, "constrained"}, {ntlmssp.AVFlagMIC, "with a MIC"}, {ntlmssp.AVFlagUntrustedTarget, "the target name is not from a trusted source"}} {
			if bits&f.bit != 0 {
				notes = append(notes, f.note)
			}
		}
		return fmt.Sprintf("0x%08x", bits), strings.Join(notes, ", ")
	case id == ntlmssp.AVTimestamp && len(v) == 8:
		return clock(v), "clients must send a MIC"
	case id == ntlmssp.AVSingleHost && len(v) == 48:
		return "machine " + hex.EncodeToString([]byte(v[16:48])), "custom data " + hex.EncodeToString([]byte(v[8:16]))
	case id == ntlmssp.AVChannelBindings && len(v) == 16:
		if strings.Trim(v, "\x00") == "" {
			return "zero", "the client supports channel bindings, and has no TLS"
		}
		return hex.EncodeToString([]byte(v)), "the MD5 of the TLS channel's binding"
	}
	return count(len(v), "byte"), ""
}

// clock returns a FILETIME for display.
func clock(v string) string {
	t := ntlmssp.Time(binary.LittleEndian.Uint64([]byte(v)))
	if t == 0 {
		return "zero"
	}
	ns, ok := t.Unix()
	if !ok {
		return fmt.Sprintf("0x%016x", uint64(t))
	}
	return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05.9999999 UTC")
}

// sayNegotiate, sayChallenge and sayAuthenticate return an explanation in one line.
func sayNegotiate(string) string { return "the client's capabilities" }

func sayChallenge(token string) string {
	c, fault := ntlmssp.ParseChallenge(token)
	if !fault.IsZero() {
		return "broken"
	}
	say := "8 random bytes"
	if name, ok := c.Flags.Text(c.TargetName); ok {
		say += " from " + strconv.Quote(name)
	}
	if p, fault := ntlmssp.ParseAVPairs(c.TargetInfo); fault.IsZero() {
		if _, ok := p.Timestamp(); ok {
			say += ", with the time, so that the client protects the handshake"
		}
	}
	return say
}

func sayAuthenticate(token string) string {
	a, fault := ntlmssp.ParseAuthenticate(token)
	if !fault.IsZero() {
		return "broken"
	}
	user, _ := a.Flags.Text(a.User)
	say := "user " + strconv.Quote(user)
	if domain, ok := a.Flags.Text(a.Domain); ok && domain != "" {
		say += " of " + strconv.Quote(domain)
	}
	if len(a.NT) <= 24 {
		return say + ", a proof by NTLMv1"
	}
	say += ", a proof by NTLMv2"
	r, fault := ntlmssp.ParseResponse(a.NT)
	if !fault.IsZero() {
		return say + " that is broken"
	}
	if a.HasMIC && r.Pairs.Flags()&ntlmssp.AVFlagMIC != 0 {
		say += ", a MIC over the whole handshake"
	}
	if b, ok := r.Pairs.Get(ntlmssp.AVChannelBindings); ok && strings.Trim(b, "\x00") != "" {
		say += ", bound to the TLS channel"
	}
	return say
}
