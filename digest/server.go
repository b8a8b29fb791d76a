package digest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/scheme"
)

// Tolerance lists violations of the standard by old clients that a server can accept. All
// are off by default; what all known clients do needs none, see PathToProxy.
type Tolerance uint16

const (
	// MissingQuery takes a uri that lacks the query of the request, as old
	// browsers sent it. The query is then not protected.
	MissingQuery Tolerance = 1 << iota
	// GetForPost accepts a POST with a response that was computed for GET.
	GetForPost
	// ShortNC takes an nc of 1 to 7 hex digits.
	ShortNC
	// MissingOpaque takes credentials without the opaque of the challenge.
	MissingOpaque
	// NoQOP takes responses without qop (RFC 2069). Each nonce then counts once.
	NoQOP
	// PathToProxy takes the path where the request-target is the absolute form, also
	// as an origin. A proxy does so without it, see [ServerConfig].StrictURI.
	PathToProxy
	// Latin1 takes a user name that is no UTF-8 for ISO 8859-1. A stored hash then
	// has to be of that encoding too.
	Latin1
	// LoneBackslash reads the name a second time, with a backslash for itself, if
	// it did not verify as the escape that it is (MS-DPSP section 2.2): DOM\user
	// from clients that do not escape.
	LoneBackslash

	tolerances
)

// NextNonce says when Authentication-Info names a new nonce (RFC 7616 section
// 3.5).
type NextNonce uint8

const (
	NextNearEnd NextNonce = iota // in the last quarter of the nonce's lifetime
	NextNever
	NextAlways // each request has a nonce of its own, and pipelining suffers
)

// Bounds and defaults of a [ServerConfig].
const (
	minKey          = 32 // bytes of a nonce key
	maxKeys         = 8
	defaultLifetime = 5 * time.Minute
)

// ServerConfig configures [NewServer]. Realm and Keys are required.
type ServerConfig struct {
	_ struct{}

	// Realm is the protection space, as shown to users; it is part of every stored
	// hash.
	Realm string
	// Keys authenticate nonces: at least 32 random bytes each, at most 8
	// of them, the same on every node. The first makes them; all verify. To rotate,
	// put the new key first and drop the old one after NonceLifetime.
	Keys []gss.Secret
	// Algorithms holds those to offer. They are offered strongest first, whatever their
	// order here (RFC 7616 section 3.7), and clients answer the strongest that they know. A
	// store that has hashes in place of passwords has to have them for each. Nil is SHA-256
	// and MD5, or SHA-256 alone in FIPS-only mode.
	Algorithms []Algorithm
	// QOPs are offered, Auth and AuthInt; nil is Auth alone. See the tolerance
	// NoQOP for clients that know neither.
	QOPs []QOP
	// Domain are space-separated URIs of the protection space (RFC 7616 section
	// 3.3), "" for the whole origin. A proxy has none.
	Domain string
	// NonceLifetime is how long a nonce is taken; 0 is 5 minutes.
	NonceLifetime time.Duration
	// Skew is how far in the future a nonce's time may be, for nodes with different
	// clocks.
	Skew time.Duration
	// BindHost and BindURI tie nonces to the host and port, or to the very
	// request-target, that they were made for. All are tied to side and realm.
	//
	// Virtual hosts that share Keys and Realm take each other's proofs for the same
	// path. BindHost keeps proofs apart that were only overheard; an attacker in the
	// middle can still hand one host's challenge to a client of the other. Give such
	// hosts a realm or keys of their own (C44). A proxy's nonces serve all origins,
	// and with BindHost each origin costs another challenge.
	BindHost, BindURI bool
	// UserHash asks clients to send the hash of their name (RFC 7616 section
	// 3.4.4); NeedVerifier.Hashed then asks by it.
	UserHash bool
	// NextNonce says when a new nonce is given out ahead.
	NextNonce NextNonce
	// AllowReplay does without the memory of used nonce counts: an attacker that sees a
	// request can then repeat it for the lifetime of its nonce.
	AllowReplay bool
	// StrictURI makes a proxy refuse a uri that is the path alone, where the
	// request-target is the absolute form. Without it a proxy takes both, since
	// curl, Chromium, Firefox and all other clients that are known send the path;
	// the host is then not part of the proof (RFC 7616 section 3.4.6, C29).
	StrictURI bool
	// Rewrite, if not nil, returns what the fronts of this server make of a request-target: for one that strips
	// a prefix, strings.TrimPrefix(target, "/app"). The uri that a client signed is compared after it, so that
	// a proof still counts for one resource alone. The function has to be pure. It gets what a client
	// wrote, of up to 4096 bytes more than the request-target has.
	Rewrite func(target string) string `json:"-"`
	// Tolerate holds the violations of old clients to accept.
	Tolerate Tolerance
	// Microsoft is the profile of MS-DPSP for Windows clients: MD5-sess unless
	// Algorithms says otherwise, MissingOpaque and LoneBackslash. That qop may come
	// quoted, and charset is announced, holds without it.
	Microsoft bool
}

// server is a [scheme.Server] for Digest. It may be shared, and redacts itself.
type server struct {
	realm       string
	algs        set
	qops        uint8
	lifetime    int64 // ns
	skew        int64
	tolerate    Tolerance
	strictURI   bool
	rewrite     func(string) string
	next        NextNonce
	allowReplay bool
	userHash    bool
	bindHost    bool
	bindURI     bool
	offers      [2][]form // by side, best first
	keys        [2][]nonceKey
}

// form is a challenge but for its nonce.
type form struct{ before, after string }

// NewServer returns the server half of Digest. It may be shared, and redacts itself. The
// error is a [gss.Misuse] that says what is missing or wrong. MD5 is wrong in FIPS-only
// mode, which is looked up here and nowhere else.
func NewServer(cfg ServerConfig) (scheme.Server, error) {
	s := &server{
		realm:    cfg.Realm,
		lifetime: int64(cfg.NonceLifetime), skew: int64(cfg.Skew),
		tolerate: cfg.Tolerate, strictURI: cfg.StrictURI, rewrite: cfg.Rewrite, next: cfg.NextNonce, allowReplay: cfg.AllowReplay, userHash: cfg.UserHash,
		bindHost: cfg.BindHost, bindURI: cfg.BindURI,
	}
	if s.lifetime == 0 {
		s.lifetime = int64(defaultLifetime)
	}
	if cfg.Microsoft {
		s.tolerate |= MissingOpaque | LoneBackslash
	}
	switch { // MSDIG-5
	case cfg.Realm == "":
		return nil, misuse.Errorf("digest", "ServerConfig.Realm is empty; it names the protection space to users and is part of every stored hash")
	case !quotable(cfg.Realm) || len(cfg.Realm) > maxValue:
		return nil, misuse.Errorf("digest", "ServerConfig.Realm has %d bytes or control characters; want 1 to %d bytes without them", len(cfg.Realm), maxValue)
	case !quotable(cfg.Domain) || len(cfg.Domain) > maxValue:
		return nil, misuse.Errorf("digest", "ServerConfig.Domain has %d bytes or control characters; want up to %d bytes without them", len(cfg.Domain), maxValue)
	case len(cfg.Keys) == 0 || len(cfg.Keys) > maxKeys:
		return nil, misuse.Errorf("digest", "ServerConfig.Keys has %d keys; want 1 to %d, of %d random bytes each", len(cfg.Keys), maxKeys, minKey)
	case s.lifetime < 0:
		return nil, misuse.Errorf("digest", "ServerConfig.NonceLifetime is %v; want more than 0, or 0 for %v", cfg.NonceLifetime, defaultLifetime)
	case s.skew < 0:
		return nil, misuse.Errorf("digest", "ServerConfig.Skew is %v; want 0 or more", cfg.Skew)
	case s.next > NextAlways:
		return nil, misuse.Errorf("digest", "ServerConfig.NextNonce is %d; use NextNearEnd, NextNever or NextAlways", cfg.NextNonce)
	case s.tolerate >= tolerances:
		return nil, misuse.Errorf("digest", "ServerConfig.Tolerate is %#x, which has bits that are no Tolerance", uint16(cfg.Tolerate))
	case s.strictURI && s.tolerate&PathToProxy != 0:
		return nil, misuse.Errorf("digest", "ServerConfig.StrictURI refuses what the tolerance PathToProxy accepts; set one of them")
	}
	algs, err := serverAlgorithms(cfg)
	if err != nil {
		return nil, err
	}
	s.algs = setOf(algs...)
	qop, err := s.serverQOPs(cfg.QOPs)
	if err != nil {
		return nil, err
	}
	for i, k := range cfg.Keys {
		if n := len(k.Reveal()); n < minKey {
			return nil, misuse.Errorf("digest", "ServerConfig.Keys[%d] has %d bytes; take %d from a random source", i, n, minKey)
		}
		for side := range s.keys {
			s.keys[side] = append(s.keys[side], deriveKey(k, gss.Side(side), cfg.Realm))
		}
	}
	for side := range s.offers {
		for _, a := range algs {
			s.offers[side] = append(s.offers[side], s.form(a, qop, gss.Side(side), cfg))
		}
	}
	return s, nil
}

// serverAlgorithms returns those to offer, each once, strongest first (R7616-3.7-1).
func serverAlgorithms(cfg ServerConfig) ([]Algorithm, error) {
	may := usable()
	algs := slices.Clone(cfg.Algorithms)
	switch {
	case algs != nil:
	case cfg.Microsoft:
		algs = []Algorithm{MD5Sess}
	case may.has(MD5):
		algs = []Algorithm{SHA256, MD5}
	default:
		algs = []Algorithm{SHA256}
	}
	var seen set
	algs = slices.DeleteFunc(algs, func(a Algorithm) bool {
		twice := seen.has(a)
		seen |= setOf(a)
		return twice
	})
	for _, a := range algs {
		switch {
		case !a.valid():
			return nil, misuse.Errorf("digest", "ServerConfig.Algorithms has %d, which is no algorithm; %s", a, algorithmsThere)
		case !may.has(a):
			return nil, misuse.Errorf("digest", "ServerConfig.Algorithms, or Microsoft without it, has %v, which is not available in FIPS-only mode; use SHA256 or SHA512_256 alone", a)
		}
	}
	if len(algs) == 0 {
		return nil, misuse.Errorf("digest", "ServerConfig.Algorithms is an empty list; leave it nil for the default")
	}
	slices.SortStableFunc(algs, func(a, b Algorithm) int { return int(known[b].strength) - int(known[a].strength) })
	return algs, nil
}

func (s *server) serverQOPs(qops []QOP) (list string, err error) {
	if qops == nil {
		qops = []QOP{Auth}
	}
	for _, q := range []QOP{Auth, AuthInt} {
		if slices.Contains(qops, q) {
			s.qops |= 1 << q
			list += "," + qopNames[q]
		}
	}
	if len(qops) == 0 || slices.ContainsFunc(qops, func(q QOP) bool { return s.qops>>q&1 == 0 }) {
		return "", misuse.Errorf("digest", "ServerConfig.QOPs is an empty list, or has another value than Auth and AuthInt; leave it nil for Auth (responses without qop are the tolerance NoQOP)")
	}
	if s.tolerate&NoQOP != 0 {
		s.qops |= 1 << Legacy
	}
	return list[1:], nil
}

// form writes a challenge in two parts (R7616-3.3-1: what is quoted). The opaque
// says which realm and key it belongs to, and stands for the partial context that
// MSDIG-7 wants: no state on the server (C19).
func (s *server) form(a Algorithm, qop string, side gss.Side, cfg ServerConfig) form {
	b := header.AppendQuoted(nil, "realm", cfg.Realm)
	if cfg.Domain != "" && side == gss.Origin {
		b = header.AppendQuoted(b, "domain", cfg.Domain)
	}
	before := string(b) + `, nonce="`
	b = header.AppendQuoted([]byte(`"`), "opaque", s.keys[side][0].opaque)
	b = header.AppendToken(b, "algorithm", a.String())
	b = header.AppendQuoted(b, "qop", qop)
	b = header.AppendToken(b, "charset", "UTF-8")
	if cfg.UserHash {
		b = header.AppendToken(b, "userhash", "true")
	}
	return form{before, string(b)}
}

// tolerates returns the tolerances of a side. The path in requests to a proxy is no
// matter of old clients: all of them send it (R7616-3.4.6-2).
func (s *server) tolerates(side gss.Side) Tolerance {
	if side == gss.Proxy && !s.strictURI {
		return s.tolerate | PathToProxy
	}
	return s.tolerate
}

// signed returns the uri that a client signed as it comes to this server, "" if it is too long.
func (s *server) signed(uri string, at *place) string {
	switch {
	case s.rewrite == nil:
		return uri
	case len(uri) > len(at.uri)+maxValue:
		return ""
	}
	return s.rewrite(uri)
}

// wrongURI says by side what a uri may be.
var wrongURI = [...]string{
	gss.Origin: "digest: uri names another resource than the request line, whose request-target or absolute form it has to be; the tolerances MissingQuery and PathToProxy are for old clients, and Rewrite is for fronts that rewrite paths",
	gss.Proxy:  "digest: uri names another resource than the request line, whose request-target it has to be, or without StrictURI its path; the tolerance MissingQuery is for old clients",
}

// Format implements fmt.Formatter: no verb shows the keys.
func (s *server) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "digest server(%d challenges)", len(s.offers[0]))
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (s *server) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", s), nil }

// Traits implements [scheme.Server].
func (*server) Traits() scheme.Traits { return traits }

// Offer implements [scheme.Server]: one challenge for each algorithm, strongest first,
// with one nonce for all. It needs no state.
func (s *server) Offer(env gss.Env, x scheme.Exchange) (header.Challenges, gss.Fault) { // MSDIG-6, MSDIG-7
	if x.Side > gss.Proxy {
		return header.Challenges{}, noSide
	}
	cs, ok := s.challenges(&env, x.Side, s.bind(&x), false)
	if !ok {
		return header.Challenges{}, gss.Fault{Code: gss.NoEntropy, Detail: "digest: the step needs entropy for its nonce, and got the zero seed"} // HTA-3
	}
	return cs, gss.Fault{}
}

var noSide = gss.Fault{Code: gss.NotPermitted, Detail: "digest: no such side"}

// challenges returns the challenges of all algorithms, with one fresh nonce.
func (s *server) challenges(env *gss.Env, side gss.Side, bind string, stale bool) (header.Challenges, bool) {
	nonce, ok := s.mint(env, side, bind)
	if !ok {
		return header.Challenges{}, false
	}
	var b strings.Builder
	for n, f := range s.offers[side] {
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString("Digest ")
		b.WriteString(f.before)
		b.Write(nonce[:])
		if stale {
			b.WriteString(`", stale=true`) // never quoted (R7616-3.3-1)
			b.WriteString(f.after[1:])
		} else {
			b.WriteString(f.after)
		}
	}
	return header.ParseChallenges(b.String()), true
}

// bind returns what a nonce is bound to beside realm and side.
func (s *server) bind(x *scheme.Exchange) string {
	host, uri := "", ""
	if !s.bindHost && !s.bindURI {
		return ""
	}
	if s.bindHost {
		host = fmt.Sprint(x.Target.Host, " ", x.Target.Port)
	}
	if s.bindURI {
		uri = x.URI
	}
	return host + "\n" + uri
}

// Accept implements [scheme.Server].
func (s *server) Accept(x scheme.Exchange) scheme.Acceptor { return s.accept(&x) }

func (s *server) accept(x *scheme.Exchange) acceptor {
	if x.Side > gss.Proxy {
		return acceptor{fault: noSide}
	}
	return acceptor{
		s: s, stage: waiting, side: x.Side, method: x.Method, bind: s.bind(x),
		at: place{x.URI, x.Authority, x.Target.Scheme, x.Target.Host, x.Target.Port},
	}
}
