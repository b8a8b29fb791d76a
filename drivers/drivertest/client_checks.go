package drivertest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// most bounds the requests of an exchange, whatever its server does.
const most = 64

var clientChecks = []check{
	{"client_completes", "every scheme, of one leg or of several, gets its response, and again for the next request", (*kit).clientCompletes, nil},
	{"client_wrong_password", "with a wrong password the exchange ends, after a few requests and questions, in an error or in the server's refusal", (*kit).clientWrongPassword, nil},
	{"client_identities_apart", "no request is made under another identity, however many run at once", (*kit).clientIdentities, nil},
	{"client_legs_stay", "the legs of a handshake are sent on one connection, and nothing else between them", (*kit).clientLegs, nil},
	{"client_body_once", "a request's body reaches its handler completely and once, or not at all and with an error", (*kit).clientBody, nil},
	{"client_drain_bounded", "a challenge with endless content is not read to its end", (*kit).clientDrain, nil},
	{"client_loops_end", "an exchange with a server that challenges without end stops after a bounded number of requests", (*kit).clientLoops, nil},
	{"client_endless_questions", "a scheme that never stops asking is stopped after a bounded number of questions", (*kit).clientQuestions, nil},
	{"client_closes_instead_of_answering", "a server that closes instead of answering a proof gets at most two for one request, and only one if it ends a handshake or the request must not be repeated", (*kit).clientProofsSentAgain, nil},
	{"client_users_by_context", "if the source answers by the request's context, no request is made under the user of another request", (*kit).clientUsersByContext, nil},
	{"client_keeps_from_407", "an origin that answers with 407 gets no credentials and no further requests", (*kit).client407, nil},
	{"client_realms", "a server with a realm for each part of what it has, and one whose nonces count once, answer every request; a source hears of a refusal only where its answer for that realm was refused", (*kit).clientRealms, nil},
	{"client_survives_closing", "a server that closes connections in the middle of handshakes gets a bounded number of requests, and no unauthenticated response is delivered as authenticated", (*kit).clientClosing, nil},
	{"client_half_responses", "an incomplete response is an error or a challenge that was not met, after a bounded number of requests, and requests to other servers are not affected", (*kit).clientHalves, nil},
	{"client_header_bounded", "an endless header, or an endless sequence of interim responses, is an error", (*kit).clientHeader, nil},
	{"client_context", "a request ends with its context: before it begins, while its server is silent, and during a question", (*kit).clientContext, nil},
	{"client_hostile_servers", "a server that breaks the protocol, by absurd challenges, broken tokens, or other responses in the middle of a handshake, gets a bounded number of requests and no success, and no other origin gets credentials because of it", (*kit).clientHostile, nil},
	{"client_too_early", "a request answered with 425 is sent again once, with its body, and a second 425 is delivered", (*kit).clientTooEarly, nil},
	{"client_wants_proof", "if the scheme is mutual, a success without the server's proof is not delivered as one", (*kit).clientProof, nil},
	{"client_asks_for_target", "a question names the server that the credentials are for, and the identity", (*kit).clientTarget, nil},
	{"client_soak", "a hundred clients on connections that close at random make no request under another user, recover when the faults end, and leave no connection", (*kit).clientSoak, nil},
	{"client_leaves_http2", "a scheme that is bound to its connection continues over HTTP/1.1, others stay on HTTP/2", (*kit).clientLeavesHTTP2, overHTTP2},
	{"client_leaves_http3", "a scheme that is bound to its connection continues over HTTP/1.1, others stay on HTTP/3", (*kit).clientLeavesHTTP3, overHTTP3},
}

func (k *kit) clientCompletes() {
	for _, p := range pairs() {
		s := k.site(nil, p)
		c := k.client(nil, p)
		for n := range 3 {
			if o := k.do(k.ctx, c, "", "GET", s.URL+"/a?b", nil); !o.ok("alice", "") {
				k.errorf("%s, request %d: %v", p.name, n+1, o)
			}
		}
	}
}

func (k *kit) clientWrongPassword() {
	for _, p := range pairs() {
		s := k.site(nil, p)
		var asked atomic.Int32
		c := k.client(func(c *ClientSetup) {
			c.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
				asked.Add(1)
				if _, ok := q.(gss.NeedCredential); ok { // the same wrong password each time
					return gss.Password{User: "alice", Password: gss.NewSecret("guess")}
				}
				return gss.Declined{}
			})
		}, p)
		if o := k.do(k.ctx, c, "", "GET", s.URL, nil); o.err == nil && o.status < 400 {
			k.errorf("%s: %v", p.name, o)
		}
		if n := s.seen(); n == 0 || n > most {
			k.errorf("%s: %d requests", p.name, n)
		}
		if n := asked.Load(); n > 16 {
			k.errorf("%s: %d questions", p.name, n)
		}
		if n := len(s.handled()); n != 0 {
			k.errorf("%s: the handler ran", p.name)
		}
	}
}

// crowd runs n concurrent requests for each user.
func crowd(n int, request func(user string)) {
	var wg sync.WaitGroup
	for user := range people {
		for range n {
			wg.Go(func() { request(user) })
		}
	}
	wg.Wait()
}

func (k *kit) clientIdentities() {
	for _, p := range pairs() {
		s := k.site(nil, p)
		c := k.client(nil, p)
		for range 3 { // on new and on idle connections
			crowd(4, func(user string) {
				if o := k.do(k.ctx, c, user, "GET", s.URL, nil); !o.ok(user, "") {
					k.errorf("%s: a request of %s: %v", p.name, user, o)
				}
			})
		}
	}
}

// once hides every method of a reader but Read, so that it can be read only once.
type once struct{ io.Reader }

func (k *kit) clientBody() {
	text := strings.Repeat("0123456789abcdef", 1<<12) // 64 KiB
	for _, p := range pairs() {
		for _, replayable := range []bool{true, false} {
			s := k.site(nil, p)
			c := k.client(nil, p)
			for n := range 2 {
				var body io.Reader = strings.NewReader(text)
				if !replayable {
					body = once{body}
				}
				o := k.do(k.ctx, c, "", "POST", s.URL, body)
				handled := s.handled()
				s.mu.Lock()
				s.bodies = nil
				s.mu.Unlock()
				switch {
				case o.err != nil && replayable:
					k.errorf("%s, a body that can be sent again, request %d: %v", p.name, n+1, o)
				case o.err != nil && len(handled) > 0:
					k.errorf("%s, replayable %v, request %d: %v, and the handler ran", p.name, replayable, n+1, o)
				case o.err != nil: // refused before the handler ran
				case !o.ok("alice", text):
					k.errorf("%s, replayable %v, request %d: %v", p.name, replayable, n+1, o)
				case len(handled) != 1:
					k.errorf("%s, replayable %v, request %d: the handler ran %d times", p.name, replayable, n+1, len(handled))
				}
			}
		}
	}
}

// challenge returns a server's challenge for a scheme.
func (k *kit) challenge(p pair, r *http.Request) string {
	x := scheme.Exchange{Method: r.Method, URI: r.URL.RequestURI(), Target: gss.Target{Service: "HTTP"}}
	cs, _ := p.server.Offer(env(), x)
	for c := range cs.All() {
		return c.Text()
	}
	k.errorf("%s: nothing is offered", p.name)
	return ""
}

func (k *kit) clientProofsSentAgain() {
	for _, p := range pairs() {
		for _, method := range []string{"GET", "PUT", "POST", "PATCH"} {
			for _, was := range []string{"wrong password", "right password", "idle connection"} {
				s := k.site(nil, p)
				c := k.client(func(c *ClientSetup) {
					if was == "wrong password" {
						c.Source = answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
							if _, ok := q.(gss.NeedCredential); ok {
								return gss.Password{User: "alice", Password: gss.NewSecret("guess")}
							}
							return gss.Declined{}
						})
					}
				}, p)
				if was == "idle connection" {
					if o := k.do(k.ctx, c, "", "GET", s.URL, nil); !o.ok("alice", "") {
						k.errorf("%s: %v", p.name, o)
					}
				}
				before := s.seen()
				s.closing.Store(true)
				if o := k.do(k.ctx, c, "", method, s.URL, strings.NewReader("a body")); o.err == nil && o.status < 400 {
					k.errorf("%s, %s, %s: %v", p.name, method, was, o)
				}
				limit := int32(2)
				if p.bound || method == "POST" || method == "PATCH" {
					limit = 1
				}
				if n := s.proofs.Load(); n > limit || n == 0 && was != "idle connection" {
					k.errorf("%s, %s, %s: %d proofs, want %d at most", p.name, method, was, n, limit)
				}
				if n := s.seen() - before; n == 0 || n > most {
					k.errorf("%s, %s, %s: %d requests", p.name, method, was, n)
				}
			}
		}
	}
}

type userKey struct{}

func (k *kit) clientUsersByContext() {
	for _, p := range pairs() {
		s := k.site(nil, p)
		c := k.client(func(c *ClientSetup) {
			c.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
				user, _ := ctx.Value(userKey{}).(string)
				if need, ok := q.(gss.NeedCredential); !ok || need.Rejected || user == "" {
					return gss.Declined{}
				}
				return gss.Password{User: user, Password: gss.NewSecret(people[user])}
			})
		}, p)
		for range 3 { // on new and on idle connections
			for user := range people {
				if o := k.do(context.WithValue(k.ctx, userKey{}, user), c, "", "GET", s.URL, nil); !o.ok(user, "") {
					k.errorf("%s: a request of %s: %v", p.name, user, o)
				}
			}
			crowd(2, func(user string) {
				if o := k.do(context.WithValue(k.ctx, userKey{}, user), c, "", "GET", s.URL, nil); !o.ok(user, "") {
					k.errorf("%s: a request of %s among others: %v", p.name, user, o)
				}
			})
		}
	}
}

func (k *kit) client407() {
	for _, p := range pairs() {
		s := k.raw(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" || r.Header.Get("Proxy-Authorization") != "" {
				k.errorf("%s: the origin got credentials", p.name)
			}
			w.Header().Set("Proxy-Authenticate", k.challenge(p, r))
			w.WriteHeader(407)
		})
		c := k.client(nil, p)
		if o := k.do(k.ctx, c, "", "GET", s.URL, nil); o.err == nil && o.status != 407 && !k.instead(o) {
			k.errorf("%s: %v", p.name, o)
		}
		if n := s.seen(); n != 1 {
			k.errorf("%s: %d requests", p.name, n)
		}
	}
}

// clientRealms sends what it remembers of one realm to another, and a nonce that counts no more. The servers do not say stale.
func (k *kit) clientRealms() {
	for _, p := range []pair{basic(), digestPair()} {
		var nonces atomic.Int32
		s := k.raw(func(w http.ResponseWriter, r *http.Request) {
			realm := strings.Split(r.URL.Path, "/")[1]
			name, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			right, challenge := "", fmt.Sprintf("Basic realm=%q", realm)
			if p.name == "Basic" {
				right = base64Of(realm + ":wonder")
			} else {
				challenge = fmt.Sprintf("Digest realm=%q, nonce=\"n%d\", qop=\"auth\"", realm, nonces.Add(1))
				fields := header.ParseCredentials(name + " " + got)
				user, _ := fields.Param("username")
				at, _ := fields.Param("realm")
				nonce, _ := fields.Param("nonce")
				if got = nonce; user == realm && at == realm {
					right = fmt.Sprintf("n%d", nonces.Load()-1)
				}
			}
			if got != "" && got == right {
				io.WriteString(w, realm+":")
				return
			}
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(401)
		})
		var wrong atomic.Bool
		c := k.client(func(c *ClientSetup) {
			c.Source = answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
				need, ok := q.(gss.NeedCredential)
				if !ok || need.Rejected {
					wrong.Store(wrong.Load() || ok)
					return gss.Declined{}
				}
				return gss.Password{User: need.Realm, Password: gss.NewSecret("wonder")}
			})
		}, p)
		for n, path := range []string{"/one", "/two", "/one", "/one", "/two/more"} {
			realm := strings.Split(path, "/")[1]
			if o := k.do(k.ctx, c, "", "GET", s.URL+path, nil); !o.ok(realm, "") {
				k.errorf("%s, request %d, for %s: %v", p.name, n+1, path, o)
			}
		}
		if wrong.Load() {
			k.errorf("%s: the source was told of a refusal", p.name)
		}
		if n := s.seen(); n > 12 {
			k.errorf("%s: %d requests", p.name, n)
		}
	}
}

// instead reports whether a proxy in front of the server responded in its place.
func (k *kit) instead(o outcome) bool { return k.d.Proxied && o.status == http.StatusBadGateway }

func (k *kit) clientHeader() {
	const enough = 64 << 20
	c := k.client(nil, basic())
	for _, e := range []struct{ name, begin, again string }{
		{"fields", "HTTP/1.1 401 Unauthorized\r\n", "X-Field: " + strings.Repeat("v", 1000) + "\r\n"},
		{"challenges", "HTTP/1.1 401 Unauthorized\r\n", "WWW-Authenticate: Basic realm=\"" + strings.Repeat("r", 1000) + "\"\r\n"},
		{"a challenge", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM ", strings.Repeat("A", 1000)},
		{"interim responses", "", "HTTP/1.1 103 Early Hints\r\nLink: " + strings.Repeat("l", 1000) + "\r\n\r\n"},
	} {
		var wrote atomic.Int64
		block := strings.Repeat(e.again, 64)
		w := k.wire(func(conn net.Conn, _ int) {
			io.WriteString(conn, e.begin)
			for wrote.Load() < enough {
				n, err := io.WriteString(conn, block)
				if wrote.Add(int64(n)); err != nil {
					return
				}
			}
		})
		if o := k.do(k.ctx, c, "", "GET", w.url, nil); o.err == nil && !k.instead(o) {
			k.errorf("%s: %v", e.name, o)
		}
		if n := wrote.Load(); n >= enough {
			k.errorf("%s: %d bytes were read", e.name, n)
		}
	}
}

func (k *kit) clientProof() {
	for _, p := range []pair{oneLeg(), mutual()} {
		s := k.site(func(s *site) { s.noProof = true }, p)
		c := k.client(nil, p)
		if o := k.do(k.ctx, c, "", "GET", s.URL, nil); o.err == nil && o.status < 400 {
			k.errorf("%s: %v", p.name, o)
		}
	}
}

func (k *kit) clientTarget() {
	for _, p := range pairs() {
		s := k.site(nil, p)
		as, host, port := place(s.URL)
		c := k.client(func(c *ClientSetup) {
			usual := c.Source
			c.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
				if need, ok := q.(gss.NeedCredential); ok {
					t := need.Target
					if t.Host != host || t.Port != port || t.Scheme != as || need.Side != gss.Origin {
						k.errorf("%s: asked for credentials for the %v %s://%s:%d, the server is %s://%s:%d", p.name, need.Side, t.Scheme, t.Host, t.Port, as, host, port)
					}
					if t.Identity != "bob" {
						k.errorf("%s: asked for the identity %q, the request is bob's", p.name, t.Identity)
					}
				}
				return usual.Answer(ctx, q)
			})
		}, p)
		if o := k.do(k.ctx, c, "bob", "GET", s.URL, nil); !o.ok("bob", "") {
			k.errorf("%s: %v", p.name, o)
		}
	}
}
