package session

import (
	"encoding/base64"
	"encoding/binary"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/countersign-auth/countersign/gss"
)

// ID names a session, without a meaning of its own.
type ID [16]byte

// Session is a login that is kept.
type Session struct {
	opaque[Session] // no output shows what is in it

	ID ID
	// Scheme is the scheme of the login, and Info what it proved: Mech, Peer and Domain.
	// Info.Expires is the end of the session, in nanoseconds since the Unix epoch.
	Scheme string
	Info   gss.Info
	// Groups are what [Config].Groups returned at the login.
	Groups []string
	// Login is when the user logged in, and Used when the session was last known to be in use,
	// in nanoseconds since the Unix epoch.
	Login, Used int64
}

// A cookie's value is base64 (RFC 4648 section 5, without padding) of
//
//	version(1) = 1 | key(4) | nonce(24) | box
//
// where box is XChaCha20-Poly1305 of the session, and its additional data are what the cookie is
// bound to (see bind), version and key among it.
const (
	version  = 1
	headSize = 1 + 4 + chacha20poly1305.NonceSizeX
	// maxCookie bounds the length of name and value together: browsers keep no longer ones.
	maxCookie = 4096
	nonceSeed = "session nonce"
	idSeed    = "session id"
)

var encoding = base64.RawURLEncoding.Strict()

// place is what a cookie is bound to, beside its key.
type place struct {
	name        string // of the cookie
	audience    string // host and port, or the domain
	certificate string // a hash of the client's certificate, "" if sessions are not bound to one
}

// bind returns the additional data of a box.
func (p place) bind(head []byte) []byte {
	b := append([]byte("countersign session\x00"), head[:5]...)
	for _, s := range [...]string{p.name, p.audience, p.certificate} {
		b = putString(b, s)
	}
	return b
}

// room returns how many bytes of a session a cookie of that place holds.
func (p place) room() int {
	return encoding.DecodedLen(maxCookie-len(p.name)) - headSize - chacha20poly1305.Overhead
}

// seal returns the value of a cookie, and "" if there is no key or entropy, or no room.
func (r *Ring) seal(env gss.Env, p place, x *Session) string {
	k := r.sealing(env.Now)
	if k == nil {
		return ""
	}
	var head [headSize]byte
	head[0] = version
	binary.BigEndian.PutUint32(head[1:], k.id)
	if !env.Fill(nonceSeed, head[5:]) {
		return ""
	}
	plain, ok := x.encode(p.room())
	if !ok {
		return ""
	}
	return encoding.EncodeToString(k.aead.Seal(head[:], head[5:], plain, p.bind(head[:])))
}

// open returns the session in the value of a cookie, and whether the key that sealed it is still
// the one that seals.
func (r *Ring) open(now int64, p place, value string) (x *Session, newest bool, f gss.Fault) {
	if len(value)+len(p.name) > maxCookie || strings.ContainsAny(value, "\r\n") { // what the decoder skips
		return nil, false, notOurs
	}
	sealed, err := encoding.DecodeString(value)
	if err != nil || len(sealed) < headSize || sealed[0] != version {
		return nil, false, notOurs
	}
	k := r.opening(binary.BigEndian.Uint32(sealed[1:]), now)
	if k == nil {
		return nil, false, gss.Fault{Code: gss.Expired, Detail: "the session's cookie was sealed with a key that is not in the ring, or has ended"}
	}
	plain, err := k.aead.Open(nil, sealed[5:headSize], sealed[headSize:], p.bind(sealed))
	if err != nil { // SESS-2
		return nil, false, gss.Fault{Code: gss.BadCredentials, Detail: "the session's cookie does not open: it is of another key, host, cookie or client certificate, or was changed"}
	}
	x = decode(plain)
	if x == nil {
		return nil, false, notOurs
	}
	sealing := r.sealing(now)
	return x, sealing != nil && sealing.id == k.id, gss.Fault{}
}

var notOurs = gss.Fault{Code: gss.Malformed, Detail: "the session's cookie is not of this server's form"}

// encode returns the session as what is sealed. It reports false if that had more bytes than room,
// which is at most maxCookie.
func (x *Session) encode(room int) ([]byte, bool) {
	b := make([]byte, 0, 256)
	for _, n := range [...]int64{x.Login, x.Used, x.Info.Expires} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = append(b, x.ID[:]...)
	list := append([]string{x.Scheme, string(x.Info.Mech), x.Info.Peer, x.Info.Domain}, x.Groups...)
	for _, s := range list {
		if len(b)+2+len(s) > room { // SESS-9
			return nil, false
		}
		b = putString(b, s)
	}
	return b, true
}

// decode returns what encode encoded, nil for anything else.
func decode(b []byte) *Session {
	x := new(Session)
	for _, n := range [...]*int64{&x.Login, &x.Used, &x.Info.Expires} {
		if len(b) < 8 {
			return nil
		}
		*n, b = int64(binary.BigEndian.Uint64(b)), b[8:]
	}
	if len(b) < len(x.ID) {
		return nil
	}
	b = b[copy(x.ID[:], b):]
	var mech string
	for _, s := range [...]*string{&x.Scheme, &mech, &x.Info.Peer, &x.Info.Domain} {
		var ok bool
		if *s, b, ok = getString(b); !ok {
			return nil
		}
	}
	x.Info.Mech = gss.OID(mech)
	for len(b) > 0 {
		s, rest, ok := getString(b)
		if !ok {
			return nil
		}
		x.Groups, b = append(x.Groups, s), rest
	}
	return x
}

// putString appends a string and its length, which is at most 65535.
func putString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func getString(b []byte) (string, []byte, bool) {
	if len(b) < 2 {
		return "", nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n > len(b) {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}
