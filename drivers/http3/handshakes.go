package http3

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/quic-go/quic-go"
)

// The bounds on handshakes in progress. Each costs the server a signature, and its
// state for at most limits.Header.
const (
	// maxUnverified bounds the handshakes with clients that have not proven their
	// address. If there are more, the next client gets a Retry packet (RFC 9000 section
	// 8.1.2), which costs the client a round trip and the server no state. A flood from
	// forged addresses takes no more than this.
	maxUnverified = 64
	// maxOfAddress bounds the handshakes of one verified address, or of one /64 of
	// IPv6. Further ones are refused. It is far more than many clients behind one
	// address need, since each needs it for one round trip only.
	maxOfAddress = 1024
)

// handshakes counts the handshakes in progress by the client's address; all unverified
// addresses are counted together.
type handshakes struct {
	mu   sync.Mutex
	from map[netip.Prefix]int
}

// unverified is the key for all addresses that are not verified.
var unverified netip.Prefix

var errTooMany = errors.New("http3: too many handshakes in progress from one address")

// verify reports whether the next client must prove its address. It is a
// quic.Transport's VerifySourceAddress.
func (h *handshakes) verify(net.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.from[unverified] >= maxUnverified // FRONT-8
}

// begin counts a handshake, and refuses it if there are too many. The handshake is
// counted until the function in the context is called or the connection ends. begin is
// a quic.Transport's ConnContext.
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
	return ConnContext(context.WithValue(ctx, overKey{}, over), client) // drive.BindTLS records certificates there
}

type overKey struct{}

// completed waits until a connection's handshake has ended, and stops counting it.
func completed(c *quic.Conn) {
	select {
	case <-c.HandshakeComplete():
	case <-c.Context().Done():
	}
	c.Context().Value(overKey{}).(func())()
}

// source returns the address of a client, or the network that a single client is likely
// to own.
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
