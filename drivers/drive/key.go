package drive

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/countersign-auth/countersign/drivers/internal/authority"
	"github.com/countersign-auth/countersign/machine"
)

// Destination describes how a client's request reaches its origin: everything on which
// connections and authentication depend. [NewKeys] returns the keys of its connections
// and facts.
type Destination struct {
	opaque[Destination] // no output shows what is in it

	// Owner is the configuration that connections are made with: pointers to it, or a
	// comparable struct of pointers and plain values. It must contain no functions,
	// because they cannot be compared; a function is identified by a pointer to the
	// configuration that contains it.
	Owner any
	// Proxy is the proxy's URL (http, https, socks5, socks5h) with its user
	// information. Nil means none.
	Proxy *url.URL
	// Route is Forwarded if the proxy forwards the request itself, so that its
	// connections lead to any origin, and Tunneling if the request is the CONNECT.
	// Otherwise it is Direct, also inside a tunnel and behind a SOCKS proxy, which take
	// no part in the exchange.
	Route machine.RouteKind
	// Scheme and Authority are those of the origin: "http" or "https", and host[:port].
	Scheme, Authority string
	// Identity is the local name under which the request is made.
	Identity string
	// Own contains the sides, by gss.Side, for which the application sets the
	// credentials itself.
	Own [2]bool
}

// Keys identify the connections and facts of a request. They also hold the names that
// were parsed.
type Keys struct {
	opaque[Keys] // no output shows what is in it

	// connection identifies the connections that may carry the request.
	connection connKey
	// Origin is the protection space of the origin, as reached this way, and Proxy that
	// of the proxy, or the zero SpaceKey if there is none.
	Origin, Proxy SpaceKey
	// Scheme, Host and Port are the origin's, as in machine.Request.
	Scheme, Host string
	Port         uint16
	// Route describes the proxy to a machine. The driver sets whether it was configured
	// manually.
	Route machine.Route
	// Identity and Own are those of the Destination.
	Identity string
	Own      [2]bool
}

// connKey identifies the connections that a request may use. A request never uses a
// connection with another key, whatever its scheme or identity. Keys are compared with
// ==. They hold no secret: of a proxy's user information there is only a hash, under a
// key that is drawn when the program starts.
type connKey struct {
	opaque[connKey] // no output shows what is in it

	owner        any
	proxy        proxyKey
	scheme, host string // the origin's; empty if a proxy forwards to any
	port         uint16
	identity     string
	own          [2]bool
	http1        bool // no multiplexed connection
}

// overHTTP1 returns the key of the same connections as far as they are not multiplexed.
func (k connKey) overHTTP1() connKey {
	k.http1 = true // HTA-4
	return k
}

// proxyKey identifies a proxy and the user that authenticates to it.
type proxyKey struct {
	scheme, host string
	port         uint16
	user         fingerprint
}

// SpaceKey identifies a protection space as one identity reaches it: an origin over one
// way, or a proxy. It holds no secret, see connKey.
type SpaceKey struct {
	opaque[SpaceKey] // no output shows what is in it

	owner        any
	proxy        proxyKey
	scheme, host string // the origin's; empty for the proxy itself
	port         uint16
	identity     string
}

// NewKeys returns the keys of a request. The error says which of the names is invalid,
// but contains none of them.
func NewKeys(w Destination) (Keys, error) {
	if w.Owner != nil && !reflect.ValueOf(w.Owner).Comparable() {
		return Keys{}, errors.New("drive: the owner of a connection must be comparable")
	}
	ks := Keys{Scheme: strings.ToLower(w.Scheme), Identity: w.Identity, Own: w.Own}
	var err error
	if ks.Host, ks.Port, err = authority.Split(ks.Scheme, w.Authority); err != nil {
		return Keys{}, fmt.Errorf("drive: %w", err)
	}
	var proxy proxyKey
	if w.Proxy != nil {
		if proxy, err = newProxyKey(w.Proxy); err != nil {
			return Keys{}, err
		}
		ks.Proxy = SpaceKey{owner: w.Owner, proxy: proxy, identity: w.Identity}
	}
	ks.Origin = SpaceKey{owner: w.Owner, proxy: proxy, scheme: ks.Scheme, host: ks.Host, port: ks.Port, identity: w.Identity}
	ks.connection = connKey{owner: w.Owner, proxy: proxy, scheme: ks.Scheme, host: ks.Host, port: ks.Port, identity: w.Identity, own: w.Own} // HTA-9, CONN-1
	if w.Route != machine.Direct {
		ks.Route = machine.Route{Kind: w.Route, Scheme: proxy.scheme, Host: proxy.host, Port: proxy.port} // HTA-15
	}
	if w.Route == machine.Forwarded {
		ks.connection.scheme, ks.connection.host, ks.connection.port = "", "", 0
	}
	return ks, nil
}

// proxyAddress returns the host:port of the proxy that takes part in the exchange, "" if none does.
func (ks *Keys) proxyAddress() string {
	if ks.Route.Kind == machine.Direct {
		return ""
	}
	return net.JoinHostPort(ks.Route.Host, strconv.Itoa(int(ks.Route.Port)))
}

func newProxyKey(u *url.URL) (k proxyKey, err error) {
	k.scheme = strings.ToLower(u.Scheme)
	if k.host, k.port, err = authority.Split(k.scheme, u.Host); err != nil {
		return proxyKey{}, fmt.Errorf("drive: %w, in the proxy's URL", err)
	}
	if k.host == "" {
		return proxyKey{}, errors.New("drive: the proxy's URL has no host")
	}
	if u.User != nil { // R9110-11.7.2-1: a proxy's credentials are one user's
		password, set := u.User.Password()
		k.user = hashTexts("proxy", u.User.Username(), password, fmt.Sprint(set))
	}
	return k, nil
}

// fingerprint is a keyed hash of text that must not be kept. hashTexts are equal if
// they were made of equal texts in the same run of the program; nothing else can be
// learned from them. The zero fingerprint is that of no text.
type fingerprint [sha256.Size]byte

// fingerprintKey is drawn once, so that a fingerprint outside of the program does not
// help to guess the text.
var fingerprintKey = sync.OnceValue(func() []byte {
	key := make([]byte, sha256.Size)
	rand.Read(key) // never fails; it ends the program instead
	return key
})

// hashTexts returns the fingerprint of texts in their order.
func hashTexts(texts ...string) (f fingerprint) {
	h := hmac.New(sha256.New, fingerprintKey())
	for _, t := range texts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(t))))
		h.Write([]byte(t))
	}
	h.Sum(f[:0])
	return f
}
