package digest

import (
	"strings"
	"unicode/utf8"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/scheme"
)

// presented are Digest credentials as they came, their values unquoted and
// unchanged.
type presented struct {
	user, nonce, uri, response, cnonce, nc string

	alg    Algorithm
	qop    QOP
	hashed bool // user is a userhash
	latin1 bool // user is ISO 8859-1
	opaque bool // the opaque is there and ours
	count  uint32
}

// fields are the parameters by name; a pointer that stays nil was not there.
type fields struct {
	username, usernameExt, realm, nonce, uri, response,
	algorithm, cnonce, opaque, qop, nc, userHash string
	has uint16
}

const (
	hasUsername = 1 << iota
	hasUsernameExt
	hasRealm
	hasNonce
	hasURI
	hasResponse
	hasAlgorithm
	hasCNonce
	hasOpaque
	hasQOP
	hasNC
	hasUserHash
)

// read takes each parameter quoted or not (R7616-3.3-1). The name's length tells
// most of them apart. No parameter comes twice: header sees to that.
func (f *fields) read(c header.Credentials) {
	for p := range c.Params() {
		switch name := p.Name; len(name) {
		case 2:
			f.take(name, "nc", p.Value, &f.nc, hasNC)
		case 3:
			f.take(name, "uri", p.Value, &f.uri, hasURI)
			f.take(name, "qop", p.Value, &f.qop, hasQOP)
		case 5:
			f.take(name, "nonce", p.Value, &f.nonce, hasNonce)
			f.take(name, "realm", p.Value, &f.realm, hasRealm)
		case 6:
			f.take(name, "cnonce", p.Value, &f.cnonce, hasCNonce)
			f.take(name, "opaque", p.Value, &f.opaque, hasOpaque)
		case 8:
			f.take(name, "username", p.Value, &f.username, hasUsername)
			f.take(name, "response", p.Value, &f.response, hasResponse)
			f.take(name, "userhash", p.Value, &f.userHash, hasUserHash)
		case 9:
			f.take(name, "algorithm", p.Value, &f.algorithm, hasAlgorithm)
			f.take(name, "username*", p.Value, &f.usernameExt, hasUsernameExt)
		}
	}
}

// take stores a parameter if it has the wanted name. An empty value is present all the
// same.
func (f *fields) take(name, want, value string, to *string, bit uint16) {
	if ascii.EqualFold(name, want) {
		*to = value
		f.has |= bit
	}
}

func (f *fields) all(bits uint16) bool { return f.has&bits == bits }
func (f *fields) any(bits uint16) bool { return f.has&bits != 0 }

// parse reads credentials and checks all that needs no secret, but for the nonce
// (MSDIG-12).
func (s *server) parse(p *presented, c header.Credentials, side gss.Side, at *place) gss.Fault {
	fault := func(code gss.Code, detail string) gss.Fault { return gss.Fault{Code: code, Detail: detail} }
	if !c.Is(scheme.Digest) || c.Form() != header.Params { // V1
		return fault(gss.Malformed, "digest: malformed Digest credentials")
	}
	var f fields
	f.read(c)
	switch {
	case !f.all(hasRealm|hasNonce|hasURI|hasResponse) || !f.any(hasUsername|hasUsernameExt):
		return fault(gss.Malformed, "digest: the credentials lack one of username, realm, nonce, uri and response")
	case f.all(hasUsername | hasUsernameExt): // R7616-3.4-2
		return fault(gss.Malformed, "digest: the credentials have both username and username*")
	// All of these are kept, hashed or asked about. The uri is bounded by the
	// request-target that it must equal, and the response by its algorithm.
	case max(len(f.username), len(f.usernameExt), len(f.nonce), len(f.cnonce), len(f.nc)) > maxValue:
		return fault(gss.Malformed, "digest: a value of the credentials is longer than 4096 bytes")
	// The proof contains the realm, so that one for another realm could never verify.
	case f.realm != s.realm:
		return fault(gss.BadCredentials, "digest: the credentials are for another realm; the client has to use those of this realm")
	}
	// Credentials without the parameter use MD5 (RFC 7616 section 3.4).
	p.alg = MD5
	if f.any(hasAlgorithm) {
		p.alg, _ = ParseAlgorithm(f.algorithm)
	}
	// An attacker must not be able to select a weaker algorithm than the challenges
	// offer. noAlgorithm, for an unknown token, is in no set.
	if !s.algs.has(p.alg) { // R7616-3.4-2
		return fault(gss.Unsupported, "digest: the algorithm was not offered; offer it, or have the client take one that was")
	}
	if code, detail := p.takeQOP(&f, s); code != gss.NoFault {
		return fault(code, detail)
	}
	if code, detail := p.takeUser(&f, s); code != gss.NoFault {
		return fault(code, detail)
	}
	switch {
	// The length is public. The digits are compared in constant time, once the proof is
	// known.
	case len(f.response) != known[p.alg].hexLen:
		return fault(gss.Malformed, "digest: the response has not the length of its algorithm")
	// The proof covers the parameter uri, not the request-target: unless they name the
	// same resource, a proof for one resource could be used for another.
	case !designates(s.signed(f.uri, at), at, s.tolerates(side)): // R7616-3.4.6-1, FRONT-11
		return fault(gss.WrongTarget, wrongURI[side])
	case !f.any(hasOpaque) && s.tolerate&MissingOpaque == 0:
		return fault(gss.Malformed, "digest: the opaque of the challenge did not come back; see the tolerance MissingOpaque")
	}
	// A missing opaque has been tolerated above.
	p.opaque = !f.any(hasOpaque) || s.ownOpaque(f.opaque, side)
	p.nonce, p.uri, p.response = f.nonce, f.uri, f.response
	return gss.Fault{}
}

// takeQOP reads qop with the cnonce and nc that go with it, and with nothing else
// (R7616-3.4-2).
func (p *presented) takeQOP(f *fields, s *server) (gss.Code, string) {
	switch {
	case !f.any(hasQOP):
		p.qop = Legacy
	case ascii.EqualFold(f.qop, qopNames[Auth]):
		p.qop = Auth
	case ascii.EqualFold(f.qop, qopNames[AuthInt]):
		p.qop = AuthInt
	default:
		return gss.Unsupported, "digest: unknown qop"
	}
	switch {
	// A client that drops the qop of the challenge drops its own cnonce with it, and
	// the count that detects replays.
	case p.qop == Legacy && s.qops>>Legacy&1 == 0:
		return gss.Unsupported, "digest: the credentials have no qop; the tolerance NoQOP is for clients that know none"
	case s.qops>>p.qop&1 == 0:
		return gss.Unsupported, "digest: the qop was not offered; see ServerConfig.QOPs"
	case p.qop == Legacy && f.any(hasCNonce|hasNC):
		return gss.Malformed, "digest: cnonce and nc came without a qop"
	// The key of a -sess algorithm contains the cnonce, which goes only with a qop.
	case p.qop == Legacy && p.alg.Session():
		return gss.Malformed, "digest: a -sess algorithm needs a qop and a cnonce"
	case p.qop == Legacy:
		return gss.NoFault, ""
	case !f.all(hasCNonce | hasNC):
		return gss.Malformed, "digest: qop came without cnonce, or without nc"
	}
	// p.nc remains as it was sent, because the proof covers its text; only the number
	// is compared with earlier ones.
	count, ok := parseNC(f.nc, s.tolerate&ShortNC != 0)
	if !ok {
		return gss.Malformed, "digest: nc is not 8 hex digits that count from 1; see the tolerance ShortNC"
	}
	p.cnonce, p.nc, p.count = f.cnonce, f.nc, count
	return gss.NoFault, ""
}

// parseNC reads a nonce count (R7616-3.3-1). It is never 0.
func parseNC(nc string, short bool) (count uint32, ok bool) {
	if len(nc) != 8 && !(short && 0 < len(nc) && len(nc) < 8) {
		return 0, false
	}
	for i := range len(nc) {
		c := lowerHex(nc[i])
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		count = count<<4 | uint32(c)
	}
	return count, count != 0
}

// takeUser reads the name: plain, as username*, or hashed (RFC 7616 section 3.4,
// R7616-3.4.4-1).
func (p *presented) takeUser(f *fields, s *server) (gss.Code, string) {
	// Any other value means false, which is the default (RFC 7616 section 3.4).
	p.hashed = ascii.EqualFold(f.userHash, "true")
	switch {
	case p.hashed && !s.userHash:
		return gss.Unsupported, "digest: userhash was not offered"
	case p.hashed:
		// The store looks the user up by this text, so that it must be a hash and have
		// one spelling.
		sum, ok := parseSum(p.alg, f.username)
		if !ok {
			return gss.Malformed, "digest: userhash is true, and username is no hash of the algorithm"
		}
		p.user = f.username
		if sum.Equal(p.user) { // in lower case, as stores hold it
			p.user = sum.String()
		}
	case f.any(hasUsernameExt):
		name, ok := header.DecodeExt(f.usernameExt)
		if !ok {
			return gss.Malformed, "digest: username* is no UTF-8 in the notation of RFC 8187"
		}
		p.user = name
	// Names outside of ASCII come as UTF-8 if the server announced charset=UTF-8, which
	// this one does (RFC 7616 section 4).
	case utf8.ValidString(f.username):
		p.user = f.username
	// Every byte is a character of ISO 8859-1, so that what is not UTF-8 is read as
	// that.
	case s.tolerate&Latin1 != 0:
		p.user, p.latin1 = f.username, true
	default:
		return gss.Malformed, "digest: username is no UTF-8; see the tolerance Latin1"
	}
	return gss.NoFault, ""
}

// literalUser returns the user name with a single backslash taken literally (MS-DPSP
// section 2.2), or "" if that is the name that was read, or there is none.
func literalUser(c header.Credentials, read string) string {
	text := c.Text()
	// Nearly all credentials have no backslash, and are not searched.
	if strings.IndexByte(text, '\\') < 0 {
		return ""
	}
	raw, ok := rawQuoted(text, "username")
	if !ok {
		return ""
	}
	// The two escapes that such clients do write are resolved; any other backslash is
	// part of the name.
	raw = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(raw)
	if raw == read || !utf8.ValidString(raw) {
		return ""
	}
	return raw
}

// rawQuoted finds the quoted value of a parameter in credentials that parse, with
// its escapes unresolved.
func rawQuoted(text, name string) (string, bool) {
	_, text, _ = strings.Cut(text, " ") // over the scheme
	for text != "" {
		eq := strings.IndexByte(text, '=')
		if eq < 0 {
			return "", false
		}
		is := ascii.EqualFold(strings.Trim(text[:eq], ", \t"), name)
		text = strings.TrimLeft(text[eq+1:], " \t")
		if !strings.HasPrefix(text, `"`) {
			_, text, _ = strings.Cut(text, ",")
			continue
		}
		end := 1
		for end < len(text) && text[end] != '"' {
			// An escaped quote does not end the value.
			if text[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(text) {
			return "", false
		}
		if is {
			return text[1:end], true
		}
		text = text[end+1:]
	}
	return "", false
}
