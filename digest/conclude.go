package digest

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/scheme"
)

// concluded judges the final response: the server's proof in Authentication-Info
// (RFC 7616 section 3.5), whatever the status.
func (i *initiator) concluded(in *scheme.InitiatorInput) (scheme.InitiatorOutput, error) {
	i.info = in.Info
	if in.Info.Malformed() {
		return i.fail(gss.NotAuthentic, "digest: Authentication-Info does not parse, so that the server's proof cannot be checked")
	}
	// rspauth is the only proof that the server, too, knows the password. Servers need
	// not send it.
	if _, ok := in.Info.Param("rspauth"); !ok {
		switch {
		case !i.c.requireProof:
			return i.conclude()
		case in.Status >= 400: // often left out there; the machine's policy judges
			return scheme.InitiatorOutput{State: gss.Ready}, nil
		}
		return i.fail(gss.NotAuthentic, "digest: the server did not prove that it knows the password; unset RequireProof for servers that never do")
	}
	// The server names the qop of its proof, but must not weaken it: an attacker could
	// otherwise change the body and say auth.
	q, ok := i.responseQOP()
	if !ok {
		return i.fail(gss.NotAuthentic, "digest: the server's proof has another qop than the request")
	}
	if q == AuthInt {
		i.phase = wantRespBody
		return ask(NeedBodyHash{Algorithm: i.ch.alg.Base(), Response: true})
	}
	return i.verify(q, Sum{})
}

// responseQOP returns the qop of the server's proof: that of the request, or auth-int if
// the request had auth. The reverse would drop integrity.
func (i *initiator) responseQOP() (QOP, bool) {
	text, ok := i.info.Param("qop")
	switch {
	case !ok:
		return i.qop, true
	case i.qop == Legacy:
		return 0, false
	// The server may protect its body although the request was not protected.
	case ascii.EqualFold(text, qopNames[AuthInt]):
		return AuthInt, true
	case ascii.EqualFold(text, qopNames[Auth]):
		return Auth, i.qop == Auth
	}
	return 0, false
}

// respBodyAnswered takes the hash of the response's body. A proof that cannot be
// checked counts as a wrong one.
func (i *initiator) respBodyAnswered(in *scheme.InitiatorInput) (scheme.InitiatorOutput, error) {
	switch a := in.Answer.(type) {
	case BodyHash:
		s, ok := a.sum(i.ch.alg)
		if !ok {
			return scheme.InitiatorOutput{}, gss.Misuse("digest: the body hash has not the length of the algorithm that was asked for")
		}
		return i.verify(AuthInt, s)
	case gss.Declined, gss.Unreachable:
		return i.fail(gss.NotAuthentic, "digest: the server's proof covers the response's body, whose hash did not come")
	}
	return scheme.InitiatorOutput{}, gss.Misuse("digest: a body question takes digest.BodyHash, gss.Declined or gss.Unreachable")
}

// verify checks rspauth, and that it is for the request that was sent
// (R7616-3.5-1).
func (i *initiator) verify(q QOP, body Sum) (scheme.InitiatorOutput, error) {
	var ncBuf [8]byte
	nc := string(appendNC(ncBuf[:0], i.nc))
	// rspauth covers cnonce and nc, but with values of the response. Unless they equal
	// those of the request, a proof for an earlier request could be replayed.
	if i.qop != Legacy {
		gotNonce, ok1 := i.info.Param("cnonce")
		gotCount, ok2 := i.info.Param("nc")
		if !ok1 || !ok2 || gotNonce != i.cnonce || !ascii.EqualFold(gotCount, nc) {
			return i.fail(gss.NotAuthentic, "digest: the server's proof lacks the cnonce and nc of this request, or is for another one")
		}
	}
	// The proof is over the nonce and uri of the request, and over no method.
	want := Function{i.ch.alg}.ResponseAuth(i.key, Params{
		Nonce: i.ch.nonce, CNonce: i.cnonce, NC: nc, QOP: q, URI: i.x.URI, BodyHash: body,
	})
	if got, _ := i.info.Param("rspauth"); !want.Equal(got) {
		return i.fail(gss.NotAuthentic, "digest: the server's proof does not verify: it does not know the password, or the response was changed")
	}
	i.mutual = true
	return i.conclude()
}

// conclude ends the exchange, and forgets what only a further answer would need.
func (i *initiator) conclude() (scheme.InitiatorOutput, error) {
	// The memory is computed before the challenge and the count are cleared.
	out := scheme.InitiatorOutput{State: gss.Complete, Memory: i.memory()}
	*i = initiator{c: i.c, phase: done, qop: i.qop, mutual: i.mutual, ch: challenge{realm: i.ch.realm}}
	return out, nil
}

// memory returns what the next exchange of the protection space begins with: the
// server's next nonce, or the one that was answered and its count.
func (i *initiator) memory() scheme.Memory {
	// Without a scope of this origin there is nothing to remember. Otherwise Count is the
	// last one used, and the next request continues after it.
	scope, ok := i.scope()
	if !ok {
		return scheme.Memory{}
	}
	m := scheme.Memory{Offer: i.picked, Count: max(i.nc, 1), Scope: scope}
	next, _ := i.info.Param("nextnonce")
	switch {
	// A next nonce replaces the old one, and its count starts again.
	case next != "" && len(next) <= maxValue:
		m.Offer, m.Count = i.remember(next, ""), 0
	case i.qop == Legacy && i.ch.alg.Session(), m.Count >= 1<<32-2: // used up
		return scheme.Memory{}
	// The session key depends on the first nonce and cnonce, so that both are kept;
	// stale=true concerned the nonce before.
	case i.ch.alg.Session(), i.ch.stale:
		m.Offer = i.remember(i.ch.nonce, i.cnonce)
	}
	if m.Offer.Form() != header.Params {
		return scheme.Memory{}
	}
	return m
}

// remember returns the answered challenge with another nonce, without stale, and with
// the cnonce that a -sess key was made with. A cnonce from the server is left out: the
// server must not choose ours.
func (i *initiator) remember(nonce, cnonce string) header.Challenge {
	var b []byte
	for p := range i.picked.Params() {
		switch {
		case ascii.EqualFold(p.Name, "stale"), ascii.EqualFold(p.Name, "cnonce"):
		case ascii.EqualFold(p.Name, "nonce"):
			b = header.AppendQuoted(b, "nonce", nonce)
		case p.Quoted:
			b = header.AppendQuoted(b, p.Name, p.Value)
		default:
			b = header.AppendToken(b, p.Name, p.Value)
		}
	}
	if i.ch.alg.Session() && cnonce != "" {
		b = header.AppendQuoted(b, "cnonce", cnonce)
	}
	return header.ParamChallenge(scheme.Digest, string(b))
}

// maxScope bounds how many paths of a domain parameter are kept.
const maxScope = 32

// scope turns the domain parameter into path prefixes of this origin (RFC 7616
// section 3.3): paths as they are, absolute URIs of the same origin as their
// path, those of other origins left out. What is no URI at all is ignored, as if
// it were not there. It is false if the protection space lies wholly elsewhere.
func (i *initiator) scope() (string, bool) {
	domain, ok := i.picked.Param("domain")
	if !ok || i.x.Side == gss.Proxy { // R7616-3.3-2: a proxy's is all of it
		return "", true
	}
	var paths []string
	elsewhere := false
	for uri := range strings.FieldsSeq(domain) {
		switch path, kind := i.localPath(uri); kind {
		case local:
			if len(paths) == maxScope {
				return strings.Join(paths, " "), true
			}
			paths = append(paths, path)
		case foreign:
			elsewhere = true
		}
	}
	return strings.Join(paths, " "), len(paths) > 0 || !elsewhere
}

type locality uint8

const (
	nowhere locality = iota
	local
	foreign
)

// localPath returns the path of a URI in domain, if it is of this origin.
func (i *initiator) localPath(uri string) (string, locality) {
	if strings.HasPrefix(uri, "/") {
		if strings.HasPrefix(uri, "//") { // a network-path reference: some other host, or a slip
			return "", foreign
		}
		return uri, local
	}
	// A domain may list other origins. Their credentials are asked for separately, so
	// that only paths of this origin are kept.
	u, ok := splitAbsolute(uri)
	switch {
	case !ok:
		return "", nowhere
	case !u.sameOrigin(&place{i.x.URI, i.x.Authority, i.x.Target.Scheme, i.x.Target.Host, i.x.Target.Port}):
		return "", foreign
	}
	return u.path, local
}
