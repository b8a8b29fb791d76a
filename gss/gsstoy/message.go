package gsstoy

import (
	"crypto/fips140"
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// message is a token read. An empty field is not there.
type message struct {
	kind    byte  // 'h', 'i', 'c', 'f' or 'x', see the package comment
	leg     uint8 // of 'i' and 'c', 1..MaxLegs
	user    string
	nonce   string // the sender's
	echo    string // the receiver's, sent back
	proof   string
	channel string
}

// token writes m. The order of the fields is fixed, so that a message has one
// spelling.
func (m message) token(tag string) gss.Token { return gss.TokenOf(m.text(tag)) }

func (m message) text(tag string) string {
	b := append([]byte(tag), ':', m.kind)
	if m.leg != 0 {
		b = append(b, '0'+m.leg)
	}
	b = appendField(b, 'u', m.user)
	b = appendField(b, 'n', m.nonce)
	b = appendField(b, 'r', m.echo)
	b = appendField(b, 'p', m.proof)
	b = appendField(b, 'b', m.channel)
	return string(b)
}

func appendField(b []byte, key byte, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ':', key, '=')
	for i := range len(value) {
		if c := value[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return b
}

// read parses a token. It takes exactly what text writes: whatever does not
// come out the same way is refused, so no token has a second spelling.
func read(tag string, token gss.Token) (m message, fault gss.Fault) {
	text := token.Bytes()
	switch {
	case !token.Present():
		return m, gss.Fault{Code: gss.Malformed, Detail: "toy: expected a token, none came"}
	case len(text) > maxToken:
		return m, gss.Fault{Code: gss.Malformed, Detail: "toy: token longer than the bound"}
	case !strings.HasPrefix(text, tag+":"):
		return m, gss.Fault{Code: gss.Malformed, Detail: "toy: a token of another mechanism"}
	}
	head, rest, more := strings.Cut(text[len(tag)+1:], ":")
	if m.kind = at(head, 0); m.kind == 'i' || m.kind == 'c' {
		m.leg = at(head, 1) - '0'
	}
	for more {
		var field string
		field, rest, more = strings.Cut(rest, ":")
		key, value, _ := strings.Cut(field, "=")
		value = unescape(value)
		switch key {
		case "u":
			m.user = value
		case "n":
			m.nonce = value
		case "r":
			m.echo = value
		case "p":
			m.proof = value
		case "b":
			m.channel = value
		}
	}
	if !m.valid() || m.text(tag) != text {
		return message{}, gss.Fault{Code: gss.Malformed, Detail: "toy: token does not parse"}
	}
	return m, gss.Fault{}
}

// valid reports whether the head is one of ours and every field within bounds.
func (m message) valid() bool {
	switch m.kind {
	case 'i', 'c':
		if m.leg < 1 || m.leg > maxLegs {
			return false
		}
	case 'h', 'f', 'x':
	default:
		return false
	}
	return max(len(m.user), len(m.nonce), len(m.echo), len(m.proof), len(m.channel)) <= maxName
}

const hexDigits = "0123456789abcdef"

func plain(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' ||
		c == '.' || c == '-' || c == '_' || c == '@' || c == '+'
}

// unescape undoes appendField. Where an escape is broken it leaves the text as
// it is, which read then finds to be no spelling of ours.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			hi, lo := strings.IndexByte(hexDigits, at(s, i+1)), strings.IndexByte(hexDigits, at(s, i+2))
			if hi < 0 || lo < 0 {
				return s
			}
			b = append(b, byte(hi<<4|lo))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// at returns s[i], and 0 past its end.
func at(s string, i int) byte {
	if i >= len(s) {
		return 0
	}
	return s[i]
}

func hexOf(s string) string {
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = append(b, hexDigits[s[i]>>4], hexDigits[s[i]&15])
	}
	return string(b)
}

// channel returns what an initiator sends of its binding. The three kinds stay distinct
// (HTA-19): nothing is sent of an unavailable one.
func channel(b gss.Binding) string {
	switch sum, aware := b.Hash(fips140.Enforced()); {
	case !aware:
		return ""
	case b.IsNone():
		return "-"
	default:
		return "+" + hexOf(string(sum[:]))
	}
}

// unhex undoes hexOf. What is not hexadecimal is "".
func unhex(s string) string {
	b := make([]byte, 0, len(s)/2)
	for i := 0; i < len(s); i += 2 {
		hi, lo := strings.IndexByte(hexDigits, at(s, i)), strings.IndexByte(hexDigits, at(s, i+1))
		if hi < 0 || lo < 0 {
			return ""
		}
		b = append(b, byte(hi<<4|lo))
	}
	return string(b)
}

// sum returns the FNV-1a of parts, each behind its length, continuing from h. It takes
// the place of a keyed hash and protects nothing.
func sum(h uint32, parts ...string) uint32 {
	const prime = 16777619
	for _, p := range parts {
		for n := len(p); ; n >>= 8 {
			h = (h ^ uint32(n&0xff)) * prime
			if n < 256 {
				break
			}
		}
		for i := range len(p) {
			h = (h ^ uint32(p[i])) * prime
		}
	}
	return h
}

const sumStart uint32 = 2166136261

func sumText(h uint32) string {
	return hexOf(string([]byte{byte(h >> 24), byte(h >> 16), byte(h >> 8), byte(h)}))
}
