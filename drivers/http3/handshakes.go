package http3

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/quic-go/quic-go"
)

// The bounds on handshakes that have begun and are not over. Each costs the server a signature, and its state until it
// ends by limits.Header.
const (
	// maxUnverified bounds those of clients that have not shown that they receive at the address that they send
	// from. The next one has to: it gets a Retry packet (RFC 9000 section 8.1.2), which costs the client a round trip
	// and the server nothing that it keeps. A flood from forged addresses takes no more than this.
	maxUnverified = 64
	// maxOfAddress bounds those of one verified address, or of one /64 of IPv6. The next one is refused. It is far
	// from what many clients behind one address need: each has its place for one round trip.
	maxOfAddress = 1024
)

// handshakes counts the handshakes that are under way by the client's address, all that are not verified together.
type handshakes struct {
	mu   sync.Mutex
	from map[netip.Prefix]int
}

// unverified stands for all addresses that are not verified.
var unverified netip.Prefix

var errTooMany = errors.New("http3: too many handshakes are under way from one address")

// verify reports whether the next client has to show that it receives at its address. It is a quic.Transport's
// VerifySourceAddress.
func (h *handshakes) verify(net.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.from[unverified] >= maxUnverified // FRONT-8
}

// begin takes a place for a handshake, and refuses it if there is none. The context has what frees the place, and the
// end of the connection does. begin is a quic.Transport's ConnContext.
func (h *handshakes) begin(ctx context.Context, client *quic.ClientInfo) (context.Context, error) {
	from := source(client)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.from[from] >= maxOfAddress { // FRONT-8
		return nil, errTooMany
	}
	if h.from == nil {
		h.from = make(map[netip.Prefix]int)
	}
	h.from[from]++
	over := sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.from[from]--; h.from[from] == 0 {
			delete(h.from, from)
		}
	})
	context.AfterFunc(ctx, over)
	return ConnContext(context.WithValue(ctx, overKey{}, over), client) // drive.BindTLS notes certificates there
}

type overKey struct{}

// completed waits for the end of a connection's handshake, and frees its place.
func completed(c *quic.Conn) {
	select {
	case <-c.HandshakeComplete():
	case <-c.Context().Done():
	}
	c.Context().Value(overKey{}).(func())()
}

// source returns where a client is from: its address, or the network of it that one client has to itself.
func source(client *quic.ClientInfo) netip.Prefix {
	udp, ok := client.RemoteAddr.(*net.UDPAddr)
	if !ok || !client.AddrVerified {
		return unverified
	}
	a := udp.AddrPort().Addr().Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits)
	return p
}
