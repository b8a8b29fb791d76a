package digest

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
)

// maxValue bounds a realm, nonce, opaque, user name or cnonce from a peer, in
// bytes. Microsoft's nonces have some hundred (MS-DPSP section 4).
const maxValue = 4096

// challenge is a Digest challenge as far as it is answered (RFC 7616 section
// 3.3), its values unquoted and unchanged.
type challenge struct {
	alg  Algorithm
	qops uint8 // bit QOP is set if it is offered
	stale, utf8, userHash,
	hasAlgorithm, hasOpaque bool
	algorithm, realm, nonce, opaque string
	cnonce                          string // ours, in a remembered challenge alone
}

// offers reports whether the challenge offers a qop. Legacy is offered by a challenge
// without the parameter.
func (c *challenge) offers(q QOP) bool { return c.qops>>q&1 == 1 }

// parseChallenge reads one challenge, or says what is wrong with it (HTA-31). Unknown
// parameters are ignored (MSDIG-17), a missing realm is tolerated (MS-DPSP section 3.1.5.2, C43),
// and each value is taken quoted or not (R7616-3.3-1).
func parseChallenge(hc header.Challenge) (c challenge, f gss.Fault) {
	switch hc.Form() {
	case header.Malformed:
		return c, challengeFault(gss.Malformed, "breaks the grammar, or names a parameter twice")
	case header.Bare, header.Token68:
		return c, challengeFault(gss.Malformed, "has no parameters; it needs a nonce")
	}
	c.alg = MD5 // if there is no algorithm parameter
	hasQOP := false
	for p := range hc.Params() {
		v := p.Value
		switch name := p.Name; {
		case ascii.EqualFold(name, "realm"):
			c.realm = v
		case ascii.EqualFold(name, "nonce"):
			c.nonce = v
		case ascii.EqualFold(name, "opaque"):
			c.opaque, c.hasOpaque = v, true
		case ascii.EqualFold(name, "algorithm"):
			c.algorithm, c.hasAlgorithm = v, true
			// An unknown algorithm results in noAlgorithm, which is refused below. The
			// challenge is then ignored in favor of others (RFC 7616 section 3.3).
			c.alg, _ = ParseAlgorithm(v)
		case ascii.EqualFold(name, "qop"):
			hasQOP, c.qops = parseQOPs(v)
		case ascii.EqualFold(name, "stale"):
			// Any other value means false (RFC 7616 section 3.3).
			c.stale = ascii.EqualFold(v, "true")
		case ascii.EqualFold(name, "charset"):
			// UTF-8 is the only value that RFC 7616 defines.
			c.utf8 = ascii.EqualFold(v, "UTF-8")
		case ascii.EqualFold(name, "userhash"):
			c.userHash = ascii.EqualFold(v, "true")
		case ascii.EqualFold(name, "cnonce"):
			c.cnonce = v
		}
	}
	switch {
	case c.nonce == "":
		return c, challengeFault(gss.Malformed, "has no nonce")
	// These are copied into each request, and remembered.
	case max(len(c.realm), len(c.nonce), len(c.opaque), len(c.cnonce)) > maxValue:
		return c, challengeFault(gss.Malformed, "has a value that is longer than 4096 bytes")
	case c.alg == noAlgorithm:
		return c, challengeFault(gss.Unsupported, "has an unknown algorithm")
	// To answer without qop would be a downgrade that the server did not offer.
	case hasQOP && c.qops == 0:
		return c, challengeFault(gss.Unsupported, "has only unknown qops")
	case !hasQOP && c.alg.Session(): // R7616-3.4-2, C41
		return c, challengeFault(gss.Unsupported, "has a -sess algorithm and no qop: the key of such an algorithm needs a cnonce, which only goes with a qop")
	case !hasQOP:
		c.qops = 1 << Legacy
	}
	return c, gss.Fault{}
}

func challengeFault(code gss.Code, flaw string) gss.Fault {
	return gss.Fault{Code: code, Detail: "digest: the challenge " + flaw}
}

// parseQOPs reads a list of qops; unknown ones are ignored (R7616-3.3-2). An
// empty list counts as none given.
func parseQOPs(list string) (any bool, qops uint8) {
	for len(list) > 0 {
		i := strings.IndexAny(list, ", \t")
		item := list
		if i >= 0 {
			item, list = list[:i], list[i+1:]
		} else {
			list = ""
		}
		switch {
		case item == "":
			continue
		case ascii.EqualFold(item, qopNames[Auth]):
			qops |= 1 << Auth
		case ascii.EqualFold(item, qopNames[AuthInt]):
			qops |= 1 << AuthInt
		}
		any = true
	}
	return any, qops
}
