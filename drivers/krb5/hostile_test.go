package krb5

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/long"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// hostileKDC answers on a connection as it likes. ask is what the real one would say.
type hostileKDC struct {
	name string
	says func(c net.Conn, request []byte, ask func(request []byte) []byte)
}

// replies returns one that frames its answers as it should.
func replies(name string, of func(request []byte, ask func([]byte) []byte) []byte) hostileKDC {
	return hostileKDC{name, func(c net.Conn, request []byte, ask func([]byte) []byte) { c.Write(frame(of(request, ask))) }}
}

// bytesOf returns one that says the same bytes to each request.
func bytesOf(name, text string) hostileKDC {
	return hostileKDC{name, func(c net.Conn, _ []byte, _ func([]byte) []byte) { io.WriteString(c, text) }}
}

// krbError is a KRB-ERROR of the realm.
func krbError(code message.ErrorCode, tune func(*message.Error)) []byte {
	e := message.Error{Code: code, Time: krb.Time(time.Now().Unix())}
	e.Service, _ = krb.ParsePrincipal("krbtgt/A.TEST@A.TEST", "")
	if tune != nil {
		tune(&e)
	}
	return e.Append(nil)
}

// slowly writes a byte now and then, until the connection takes no more.
func slowly(c io.Writer, text []byte) {
	for i := range text {
		if _, err := c.Write(text[i : i+1]); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// iterations changes the iterations that a reply asks for, which are 4097 there.
func iterations(reply []byte, n uint32) []byte {
	return bytes.ReplaceAll(reply, binary.BigEndian.AppendUint32(nil, 4097), binary.BigEndian.AppendUint32(nil, n))
}

// earlier names the case in which the first reply is valid.
const earlier = "a reply to an earlier request"

func hostileKDCs() []hostileKDC {
	var first, asks atomic.Pointer[[]byte] // what the real one said first, a reply and an error
	var realms atomic.Int32
	list := []hostileKDC{
		bytesOf("nothing", ""),
		bytesOf("two bytes of the length", "\x00\x00"),
		bytesOf("a length and nothing", "\x00\x00\x10\x00"),
		bytesOf("a length of nothing", "\x00\x00\x00\x00"),
		bytesOf("the largest length", "\xff\xff\xff\xff"),
		bytesOf("the reserved bit", "\x80\x00\x00\x04abcd"),
		bytesOf("HTTP", "HTTP/1.1 200 OK\r\n\r\n"),
		replies("garbage", func([]byte, func([]byte) []byte) []byte { return []byte("garbage") }),
		replies("half a reply", func(r []byte, ask func([]byte) []byte) []byte { b := ask(r); return b[:len(b)/2] }),
		replies("a reply and junk", func(r []byte, ask func([]byte) []byte) []byte { return append(ask(r), "junk"...) }),
		replies("the request", func(r []byte, _ func([]byte) []byte) []byte { return r }),
		replies(earlier, func(r []byte, ask func([]byte) []byte) []byte {
			b := ask(r)
			if b[0] == 0x6B && !first.CompareAndSwap(nil, &b) { // AS-REP
				return *first.Load()
			}
			return b
		}),
		replies("a length deep in it that is too long", func([]byte, func([]byte) []byte) []byte {
			return []byte("\x6b\x84\xff\xff\xff\xff\x30\x84\xff\xff\xff\xff")
		}),
		replies("sequences in sequences", func([]byte, func([]byte) []byte) []byte { return []byte(strings.Repeat("\x6b\x80\x30\x80", 10_000)) }),
		replies("2^32-1 iterations", func(r []byte, ask func([]byte) []byte) []byte { return iterations(ask(r), 1<<32-1) }),
		replies("2^31 iterations", func(r []byte, ask func([]byte) []byte) []byte { return iterations(ask(r), 1<<31) }),
		replies("no iterations", func(r []byte, ask func([]byte) []byte) []byte { return iterations(ask(r), 0) }),
		replies("pre-authentication without end", func(r []byte, ask func([]byte) []byte) []byte {
			b := ask(r)
			if message.IsError(string(b)) {
				asks.Store(&b)
			} else if p := asks.Load(); p != nil && message.IsError(string(*p)) {
				return *p
			}
			return b
		}),
		replies("a realm after the other", func([]byte, func([]byte) []byte) []byte {
			return krbError(message.ErrWrongRealm, func(e *message.Error) { e.Client.Realm = fmt.Sprintf("R%d.TEST", realms.Add(1)) })
		}),
		replies("two realms in turns", func([]byte, func([]byte) []byte) []byte {
			return krbError(message.ErrWrongRealm, func(e *message.Error) { e.Client.Realm = []string{"B.TEST", "C.TEST"}[realms.Add(1)%2] })
		}),
		replies("another time each time", func([]byte, func([]byte) []byte) []byte {
			return krbError(37, func(e *message.Error) { e.Time += krb.Time(realms.Add(1) * 1000) })
		}),
		{"a reply that drips", func(c net.Conn, r []byte, ask func([]byte) []byte) {
			slowly(c, frame(append(ask(r), make([]byte, 1000)...)))
		}},
		{"the largest reply, dripping", func(c net.Conn, _ []byte, _ func([]byte) []byte) {
			slowly(c, frame(make([]byte, maxReply)))
		}},
		{"a reply without end", func(c net.Conn, _ []byte, _ func([]byte) []byte) {
			c.Write(binary.BigEndian.AppendUint32(nil, maxReply))
			for block := make([]byte, 1<<16); ; {
				if _, err := c.Write(block); err != nil {
					return
				}
			}
		}},
		{"silence", func(c net.Conn, _ []byte, _ func([]byte) []byte) { io.Copy(io.Discard, c) }},
	}
	for code := range message.ErrorCode(100) { // KDC_ERR_NONE and all others
		list = append(list, replies(fmt.Sprintf("the error %d for ever", code), func([]byte, func([]byte) []byte) []byte { return krbError(code, nil) }))
	}
	return list
}

// serve serves a hostile KDC over TCP, and counts what it was asked.
func (h hostileKDC) serve(t *testing.T, k *kdctest.KDC) (addr string, asked *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = new(atomic.Int32)
	ask := func(r []byte) []byte { return []byte(k.Answer(entropy.Env(), "A.TEST", string(r))) }
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(20 * time.Second))
				if request, err := unframe(c); err == nil {
					asked.Add(1)
					h.says(c, request, ask)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String(), asked
}

// ours reports whether a ticket is the one that login asks for.
func ours(r ticket.Result) bool {
	return r.Credential.Client.String() == "alice@A.TEST" && r.Credential.Server.String() == "krbtgt/A.TEST@A.TEST"
}

// TestHostileKDCs: a KDC that does not keep to the rules gets a bounded number of requests in a bounded time, and the
// client a fault that says what came, or the ticket that it asked for.
func TestHostileKDCs(t *testing.T) {
	k, err := kdctest.New(kdctest.Config{Iterations: 4097, Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{{Name: "alice", Password: "wonder"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	turns := make(chan struct{}, 8)
	for _, h := range hostileKDCs() {
		addr, asked := h.serve(t, k)
		text := "[libdefaults]\nudp_preference_limit = 1\ndns_lookup_kdc = false\n[realms]\n"
		for _, realm := range []string{"A.TEST", "B.TEST", "C.TEST", "R1.TEST", "R2.TEST", "R3.TEST"} {
			text += realm + " = {\nkdc = " + addr + "\n}\n"
		}
		c := &Client{Config: parsed(t, text), Timeout: 100 * time.Millisecond}
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			for n := range 2 { // there is something earlier
				began := time.Now()
				r := login(t, c)
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("%s: it took %v", h.name, took)
				}
				switch {
				case r.Done() && n > 0 && h.name == earlier:
					t.Errorf("%s: a ticket", h.name)
				case r.Done() && !ours(r):
					t.Errorf("%s: a ticket of %v for %v", h.name, r.Credential.Client, r.Credential.Server)
				case !r.Done() && (r.Fault.IsZero() || r.Fault.Detail == ""):
					t.Errorf("%s: the fault %v says nothing", h.name, r.Fault)
				}
			}
			if n := asked.Load(); n == 0 || n > 2*24 { // messages for one ticket, see package ticket
				t.Errorf("%s: %d requests", h.name, n)
			}
		})
	}
	wg.Wait()
	requirement.Held(t, "unit:hostile_kdcs", "KRB-20")
}

// TestMutatedKDCs: of replies in which something is changed none brings a ticket that was not asked for.
func TestMutatedKDCs(t *testing.T) {
	k := newKDC(t)
	alice, _ := krb.ParsePrincipal("alice@A.TEST", "")
	got := 0
	rounds := long.Of(150, 5000)
	for seed := range rounds {
		rnd := rand.New(rand.NewPCG(uint64(seed), 3))
		nth := rnd.IntN(2)
		x := ticket.New(ticket.Request{Client: alice, Password: gss.NewSecret("wonder"), Types: krb.ETypesOf(krb.AES256SHA1)})
		var a gss.Answer
		for n := 0; ; n++ {
			next, r, err := x.Step(entropy.Env(), a)
			if err != nil {
				t.Fatal(err)
			}
			if r.Ask == nil {
				if r.Done() {
					got++
					if !ours(r) {
						t.Errorf("seed %d: a ticket of %v for %v", seed, r.Credential.Client, r.Credential.Server)
					}
				} else if r.Fault.Detail == "" {
					t.Errorf("seed %d: the fault %v says nothing", seed, r.Fault)
				}
				break
			}
			b := []byte(k.Answer(entropy.Env(), "A.TEST", r.Ask.(gss.NeedExchange).Request))
			if n == nth {
				b = mutated(rnd, b)
			}
			x, a = next, gss.Reply{Data: string(b)}
		}
	}
	t.Logf("%d of %d logins came to their ticket", got, rounds)
}

func mutated(r *rand.Rand, b []byte) []byte {
	i := r.IntN(len(b))
	switch r.IntN(4) {
	case 0:
		return b[:i]
	case 1:
		return append(b[:i:i], append([]byte{byte(r.Uint32())}, b[i:]...)...)
	case 2:
		return append(b[:i:i], b[min(len(b), i+1+r.IntN(8)):]...)
	}
	b[i] ^= 1 << r.IntN(8)
	return b
}

// TestSpoofedDatagrams: what comes from another address than the KDC's is no reply.
func TestSpoofedDatagrams(t *testing.T) {
	k := newKDC(t)
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := make([]byte, 1<<16); ; {
			n, from, err := server.ReadFrom(b)
			if err != nil {
				return
			}
			for code := range message.ErrorCode(5) {
				other.WriteTo(krbError(code+6, nil), from)
			}
			server.WriteTo([]byte(k.Answer(entropy.Env(), "A.TEST", string(b[:n]))), from)
		}
	}()
	t.Cleanup(func() { server.Close(); other.Close(); <-done })
	c := &Client{Config: config(t, "", "udp/"+server.LocalAddr().String()), Timeout: 5 * time.Second}
	if r := login(t, c); !r.Done() || !ours(r) {
		t.Errorf("%v", r.Fault)
	}
}

// TestHostileProxies: a KDC proxy (MS-KKDCP) is left within the time of a try, and what it redirects to is
// not asked.
func TestHostileProxies(t *testing.T) {
	var strays atomic.Int32
	stray := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strays.Add(1) }))
	defer stray.Close()
	for name, says := range map[string]http.HandlerFunc{
		"a redirection": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stray.URL+"/KdcProxy", http.StatusTemporaryRedirect)
		},
		"a challenge": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Negotiate")
			w.WriteHeader(401)
		},
		"an empty body": func(http.ResponseWriter, *http.Request) {},
		"a body without end": func(w http.ResponseWriter, _ *http.Request) {
			for block := make([]byte, 1<<16); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
		"a body that drips": func(w http.ResponseWriter, _ *http.Request) {
			for range 4000 {
				if _, err := w.Write([]byte("0")); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
		},
		"interim responses": func(w http.ResponseWriter, _ *http.Request) {
			for range 10_000 {
				w.WriteHeader(http.StatusEarlyHints)
			}
		},
		"a length that is too long": func(w http.ResponseWriter, _ *http.Request) {
			b, _ := proxyMessage([]byte("\xff\xff\xff\xff"), "A.TEST")
			w.Write(b)
		},
		"a message that breaks off": func(w http.ResponseWriter, _ *http.Request) {
			b, _ := proxyMessage([]byte("\x00\x00\x10\x00abc"), "A.TEST")
			w.Write(b)
		},
	} {
		s := httptest.NewTLSServer(says)
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		c := &Client{Config: config(t, "", s.URL), TLS: &tls.Config{RootCAs: pool}, Timeout: 500 * time.Millisecond}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if b, err := c.roundTrip(ctx, "A.TEST", []byte("request")); err == nil {
			t.Errorf("%s: the reply %q", name, b)
		} else if !strings.Contains(err.Error(), s.URL) {
			t.Errorf("%s: %q does not name the proxy", name, err)
		}
		cancel()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
		s.CloseClientConnections()
		s.Close()
	}
	if strays.Load() > 0 {
		t.Error("the request followed a redirection")
	}
	requirement.Held(t, "unit:hostile_kdc_proxies", "KRB-20")
}
