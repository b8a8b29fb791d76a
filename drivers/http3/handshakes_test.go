package http3

import (
	"context"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// TestChosenConfigIsBounded: a configuration chosen for a client has the time limit,
// unless it sets another one.
func TestChosenConfigIsBounded(t *testing.T) {
	limits := drive.Limits{Header: 8 * time.Second}
	for _, row := range []struct {
		chosen *quic.Config
		want   time.Duration
	}{
		{nil, 4 * time.Second},
		{&quic.Config{}, 4 * time.Second},
		{&quic.Config{HandshakeIdleTimeout: time.Second}, time.Second},
	} {
		config := bounded(&quic.Config{GetConfigForClient: func(*quic.ClientInfo) (*quic.Config, error) { return row.chosen, nil }}, limits)
		if got, err := config.GetConfigForClient(nil); err != nil || got.HandshakeIdleTimeout != row.want {
			t.Errorf("of %v comes %v, %v, want a HandshakeIdleTimeout of %v", row.chosen, got, err, row.want)
		}
	}
	requirement.Held(t, "unit:handshakes_bounded", "FRONT-2")
}

// TestHandshakesOfOneAddress: the number of handshakes from one verified address is
// bounded, whatever ports and, with IPv6, whatever addresses of its network it sends
// from. Handshakes of other addresses are not refused because of these.
func TestHandshakesOfOneAddress(t *testing.T) {
	for _, at := range []struct{ one, same, other string }{
		{"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"},
		{"2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var h handshakes
			begin := func(ip string, verified bool) (b begun, ok bool) {
				ctx, end := context.WithCancel(t.Context())
				ctx, err := h.begin(ctx, &quic.ClientInfo{RemoteAddr: &net.UDPAddr{IP: net.ParseIP(ip), Port: rand.N(1 << 16)}, AddrVerified: verified})
				if err != nil {
					end()
					return begun{}, false
				}
				return begun{ctx.Value(overKey{}).(func()), end}, true
			}
			free := func(after string, want int) {
				t.Helper()
				got := 0
				for ok := true; ok; got++ {
					_, ok = begin(at.same, true)
				}
				if got--; got != want {
					t.Errorf("%d handshakes of %s began after %s, want %d", got, at.same, after, want)
				}
			}
			for range maxUnverified - 1 { // with an address that may be forged
				begin(at.one, false)
			}
			first, _ := begin(at.one, true)
			second, _ := begin(at.one, true)
			free("two", maxOfAddress-2)
			if _, ok := begin(at.other, true); !ok {
				t.Errorf("a handshake of %s is refused for those of %s", at.other, at.one)
			}
			if h.verify(nil) {
				t.Errorf("the next client has to show its address after %d that did not", maxUnverified-1)
			}
			if begin(at.other, false); !h.verify(nil) {
				t.Errorf("the next client does not have to show its address after %d that did not", maxUnverified)
			}
			first.completed()
			free("one is complete", 1)
			first.end()
			synctest.Wait()
			free("the end of its connection", 0)
			second.end()
			synctest.Wait()
			free("the end of one that is not complete", 1)
		})
	}
	requirement.Held(t, "unit:handshakes_bounded", "FRONT-8")
}

// begun is a handshake in progress: the function to call on its completion, and the end
// of its connection.
type begun struct {
	completed func()
	end       context.CancelFunc
}
