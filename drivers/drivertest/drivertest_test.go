package drivertest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// sound returns a driver that passes.
func sound() Driver {
	return Driver{Client: soundClient, HTTP2: true, Server: serverWith(nil, nil), Binds: true}
}

func soundClient(s ClientSetup) (Client, error) {
	tr, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: s.Machine, Source: s.Source,
		Base: &http.Transport{TLSClientConfig: s.TLS, ForceAttemptHTTP2: true},
	})
	if err != nil {
		return Client{}, err
	}
	return Client{
		Do: func(identity string, r *http.Request) (*http.Response, error) {
			return tr.RoundTrip(r.WithContext(nethttp.ActAs(r.Context(), identity)))
		},
		Close: tr.CloseIdleConnections,
	}, nil
}

// serverWith is a correct server except for the given functions.
func serverWith(wrap func(ServerSetup, http.Handler) http.Handler, connContext func(*nethttp.Authenticator) func(context.Context, net.Conn) context.Context) func(ServerSetup) (func(), error) {
	return serverOf(wrap, connContext, 0)
}

// serverOf is [serverWith] with a bound on header bytes, 0 for net/http's own.
func serverOf(wrap func(ServerSetup, http.Handler) http.Handler, connContext func(*nethttp.Authenticator) func(context.Context, net.Conn) context.Context, header int) func(ServerSetup) (func(), error) {
	return serverAs(wrap, connContext, header, func(list []tls.Certificate) drive.Certificates { return drive.CertificatesOf(list...) })
}

// serverBy is a correct server except for the certificates that it compares with.
func serverBy(served func([]tls.Certificate) drive.Certificates) func(ServerSetup) (func(), error) {
	return serverAs(nil, nil, 0, served)
}

func serverAs(wrap func(ServerSetup, http.Handler) http.Handler, connContext func(*nethttp.Authenticator) func(context.Context, net.Conn) context.Context, header int, served func([]tls.Certificate) drive.Certificates) func(ServerSetup) (func(), error) {
	return func(s ServerSetup) (func(), error) {
		conf := nethttp.ServerConfig{Auth: s.Machine, Source: s.Source, Limits: s.Limits}
		if s.TLS != nil {
			s.Listener = tls.NewListener(s.Listener, s.TLS)
			conf.Certificate = served(s.TLS.Certificates)
		}
		auth, err := nethttp.NewAuthenticator(conf)
		if err != nil {
			return nil, err
		}
		h := auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := nethttp.IdentityFrom(r.Context())
			s.Handler(id.Info.Peer, w, r)
		}))
		if wrap != nil {
			h = wrap(s, h)
		}
		server := &http.Server{Handler: h, MaxHeaderBytes: header}
		if connContext != nil {
			server.ConnContext = connContext(auth)
		} else {
			auth.Install(server)
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			server.Serve(s.Listener)
		}()
		return func() {
			server.Close()
			server.Shutdown(context.Background())
			<-served
		}, nil
	}
}

func TestSoundDriverPasses(t *testing.T) { Run(t, sound) }

// do is a correct client except for how it sends requests.
func do(bend func(sound func(string, *http.Request) (*http.Response, error), identity string, r *http.Request) (*http.Response, error)) Driver {
	return Driver{Client: func(s ClientSetup) (Client, error) {
		c, err := soundClient(s)
		usual := c.Do
		c.Do = func(identity string, r *http.Request) (*http.Response, error) { return bend(usual, identity, r) }
		return c, err
	}}
}

// with is a correct client with another setup.
func with(bend func(*ClientSetup)) Driver {
	return Driver{Client: func(s ClientSetup) (Client, error) {
		bend(&s)
		return soundClient(s)
	}}
}

type doFunc = func(string, *http.Request) (*http.Response, error)

// praise turns every response into a success.
func praise(usual doFunc, identity string, r *http.Request) (*http.Response, error) {
	response, err := usual(identity, r)
	if err != nil {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("alice:"))}, nil
	}
	response.StatusCode = 200
	return response, nil
}

// insist tries again and again.
func insist(usual doFunc, identity string, r *http.Request) (response *http.Response, err error) {
	for range 2 * most {
		if response, err = usual(identity, r); err == nil && response.StatusCode < 400 {
			break
		}
		if err == nil {
			response.Body.Close()
		}
		if r.GetBody != nil {
			r.Body, _ = r.GetBody()
		}
	}
	return response, err
}

// naive is a client as a first attempt might be: it reads everything, and uses any
// connection.
func naive(s ClientSetup) (Client, error) {
	fresh, err := machine.NewClient(s.Machine)
	tr := &http.Transport{DisableKeepAlives: true}
	return Client{Close: tr.CloseIdleConnections, Do: func(identity string, r *http.Request) (*http.Response, error) {
		_, host, port := place(r.URL.String())
		c := fresh
		var e machine.Event = machine.Begin{Identity: identity, Request: machine.Request{
			Method: r.Method, URI: r.URL.RequestURI(), Scheme: "http", Host: host, Port: port, Binding: gss.NoBinding(),
		}}
		var last *http.Response
		for range most {
			next, acts, err := c.Step(env(), e)
			if err != nil {
				return nil, err
			}
			c = next
			switch a := acts.At(0).(type) {
			case machine.Ask:
				e = machine.Answered{ID: a.ID, Answer: s.Source.Answer(r.Context(), a.Question)}
			case machine.Send:
				leg := r.Clone(r.Context())
				if a.Authorization.Present() {
					leg.Header.Set("Authorization", a.Authorization.Text())
				}
				if leg.GetBody != nil {
					leg.Body, _ = leg.GetBody()
				}
				if last, err = tr.RoundTrip(leg); err != nil {
					return nil, err
				}
				if last.StatusCode == 401 {
					io.Copy(io.Discard, last.Body)
					last.Body.Close()
				}
				e = machine.Response{Status: last.StatusCode, Header: header.ParseResponse(last.Header.Values)}
			case machine.Deliver:
				return last, nil
			case machine.Fail:
				if last.StatusCode != 401 {
					last.Body.Close()
				}
				return nil, a.Fault.Err()
			default:
				return nil, errors.New("naive")
			}
		}
		return nil, errors.New("naive")
	}}, err
}

// answersAll is a client that does not count questions.
func answersAll(s ClientSetup) (Client, error) {
	fresh, err := machine.NewClient(s.Machine)
	tr := &http.Transport{DisableKeepAlives: true}
	return Client{Close: tr.CloseIdleConnections, Do: func(identity string, r *http.Request) (*http.Response, error) {
		as, host, port := place(r.URL.String())
		var e machine.Event = machine.Begin{Identity: identity, Request: machine.Request{
			Method: r.Method, URI: r.URL.RequestURI(), Scheme: as, Host: host, Port: port, Binding: gss.NoBinding(),
		}}
		for c := fresh; r.Context().Err() == nil; {
			next, acts, err := c.Step(env(), e)
			if err != nil {
				return nil, err
			}
			c = next
			switch a := acts.At(0).(type) {
			case machine.Ask:
				e = machine.Answered{ID: a.ID, Answer: s.Source.Answer(r.Context(), a.Question)}
			case machine.Send:
				response, err := tr.RoundTrip(r)
				if err != nil {
					return nil, err
				}
				response.Body.Close()
				e = machine.Response{Status: response.StatusCode, Header: header.ParseResponse(response.Header.Values)}
			default:
				return nil, errors.New("it ends")
			}
		}
		return nil, r.Context().Err()
	}}, err
}

// oneForAll gives all connections of a server the same state.
func oneForAll(auth *nethttp.Authenticator) func(context.Context, net.Conn) context.Context {
	one := auth.ConnContext(context.Background(), nil)
	return func(ctx context.Context, _ net.Conn) context.Context { return joined{ctx, one} }
}

type joined struct {
	context.Context
	also context.Context
}

func (j joined) Value(key any) any {
	if v := j.also.Value(key); v != nil {
		return v
	}
	return j.Context.Value(key)
}

// oneByOne is a listener that accepts a connection when the one before has been closed.
type oneByOne struct {
	net.Listener
	turn chan struct{}
}

func (l *oneByOne) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.turn <- struct{}{}
		conn = &turn{Conn: conn, done: sync.OnceFunc(func() { <-l.turn })}
	}
	return conn, err
}

type turn struct {
	net.Conn
	done func()
}

func (t *turn) Close() error {
	t.done()
	return t.Conn.Close()
}

// saboteurs are drivers with one fault each, by the check that must find it.
var saboteurs = []struct {
	check, name string
	leaks       bool // the leak is the only fault
	driver      Driver
}{
	{"client_completes", "does not authenticate", false, with(func(s *ClientSetup) { s.Machine.Schemes = nil })},
	{"client_completes", "leaks a goroutine", true, do(func(usual doFunc, identity string, r *http.Request) (*http.Response, error) {
		go func() { time.Sleep(20 * time.Second) }()
		return usual(identity, r)
	})},
	{"client_completes", "panics", false, do(func(doFunc, string, *http.Request) (*http.Response, error) { panic("no") })},
	{"client_completes", "cannot be made", false, Driver{Client: func(ClientSetup) (Client, error) { return Client{}, errors.New("no") }}},
	{"client_wrong_password", "calls a refusal a success", false, do(praise)},
	{"client_wrong_password", "insists", false, do(insist)},
	{"client_identities_apart", "has one identity", false, do(func(usual doFunc, _ string, r *http.Request) (*http.Response, error) { return usual("alice", r) })},
	{"client_legs_stay", "takes any connection", false, Driver{Client: naive}},
	{"client_body_once", "sends it twice", false, do(func(usual doFunc, identity string, r *http.Request) (*http.Response, error) {
		if r.GetBody != nil {
			if response, err := usual(identity, r.Clone(r.Context())); err == nil {
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			r.Body, _ = r.GetBody()
		}
		return usual(identity, r)
	})},
	{"client_body_once", "leaves it out", false, do(func(usual doFunc, identity string, r *http.Request) (*http.Response, error) {
		r.Body, r.GetBody, r.ContentLength = nil, nil, 0
		return usual(identity, r)
	})},
	{"client_drain_bounded", "reads everything", false, Driver{Client: naive}},
	{"client_loops_end", "insists", false, do(insist)},
	{"client_endless_questions", "answers them all", false, Driver{Client: answersAll}},
	{"client_closes_instead_of_answering", "insists", false, do(insist)},
	{"client_users_by_context", "gives all requests one identity", false, do(func(usual doFunc, _ string, r *http.Request) (*http.Response, error) { return usual("one", r) })},
	{"client_keeps_from_407", "takes it for a proxy's", false, do(func(usual doFunc, identity string, r *http.Request) (*http.Response, error) {
		response, err := usual(identity, r)
		if err != nil {
			again := r.Clone(r.Context())
			again.Header.Set("Proxy-Authorization", "Basic "+base64Of("alice:wonder"))
			return usual(identity, again)
		}
		return response, err
	})},
	{"client_realms", "takes each further question for a refusal", false, with(func(s *ClientSetup) {
		usual := s.Source
		var asked atomic.Int32
		s.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
			if need, ok := q.(gss.NeedCredential); ok && asked.Add(1) > 1 {
				need.Rejected = true
				q = need
			}
			return usual.Answer(ctx, q)
		})
	})},
	{"client_survives_closing", "calls everything a success", false, do(func(usual doFunc, identity string, r *http.Request) (*http.Response, error) {
		response, err := praise(usual, identity, r)
		response.Body = io.NopCloser(strings.NewReader("somebody:"))
		return response, err
	})},
	{"client_half_responses", "calls everything a success", false, do(praise)},
	{"client_header_bounded", "reads any header", false, Driver{Client: func(s ClientSetup) (Client, error) {
		tr, err := nethttp.NewTransport(nethttp.ClientConfig{Machine: s.Machine, Source: s.Source, Base: &http.Transport{MaxResponseHeaderBytes: 1 << 40}})
		return Client{Close: tr.CloseIdleConnections, Do: func(_ string, r *http.Request) (*http.Response, error) { return tr.RoundTrip(r) }}, err
	}}},
	{"client_context", "does not listen", false, do(func(usual doFunc, identity string, r *http.Request) (*http.Response, error) {
		return usual(identity, r.WithContext(context.WithoutCancel(r.Context())))
	})},
	{"client_context", "asks without it", false, with(func(s *ClientSetup) {
		usual := s.Source
		s.Source = answer.Func(func(_ context.Context, q gss.Question) gss.Answer { return usual.Answer(context.Background(), q) })
	})},
	{"client_hostile_servers", "insists", false, do(insist)},
	{"client_hostile_servers", "calls everything a success", false, do(praise)},
	{"client_hostile_servers", "follows redirections with what it sent", false, do(func(usual doFunc, identity string, r *http.Request) (*http.Response, error) {
		response, err := usual(identity, r)
		if err == nil && response.StatusCode == http.StatusTemporaryRedirect {
			again, _ := http.NewRequestWithContext(r.Context(), "GET", response.Header.Get("Location"), nil)
			again.Header.Set("Authorization", "Basic "+base64Of("alice:wonder"))
			if taken, err := usual(identity, again); err == nil {
				taken.Body.Close()
			}
		}
		return response, err
	})},
	{"client_too_early", "does not ask its machine", false, Driver{Client: func(ClientSetup) (Client, error) {
		tr := &http.Transport{}
		return Client{Close: tr.CloseIdleConnections, Do: func(_ string, r *http.Request) (*http.Response, error) { return tr.RoundTrip(r) }}, nil
	}}},
	{"client_wants_proof", "does not", false, with(func(s *ClientSetup) { s.Machine.MutualIfOffered = true })},
	{"client_asks_for_target", "asks for another one", false, with(func(s *ClientSetup) {
		usual := s.Source
		s.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
			if need, ok := q.(gss.NeedCredential); ok {
				need.Target.Host = "elsewhere.example"
				q = need
			}
			return usual.Answer(ctx, q)
		})
	})},
	{"client_leaves_http2", "was never there", false, Driver{HTTP2: true, Client: func(s ClientSetup) (Client, error) {
		old := new(http.Protocols)
		old.SetHTTP1(true)
		tr, err := nethttp.NewTransport(nethttp.ClientConfig{Machine: s.Machine, Source: s.Source, Base: &http.Transport{TLSClientConfig: s.TLS, Protocols: old}})
		return Client{Close: tr.CloseIdleConnections, Do: func(_ string, r *http.Request) (*http.Response, error) { return tr.RoundTrip(r) }}, err
	}}},
	{"client_soak", "has one identity", false, do(func(usual doFunc, _ string, r *http.Request) (*http.Response, error) { return usual("alice", r) })},
	{"client_soak", "keeps its connections", false, Driver{Client: func(s ClientSetup) (Client, error) {
		c, err := soundClient(s)
		end := c.Close
		c.Close = func() { time.AfterFunc(6*time.Second, end) }
		return c, err
	}}},

	{"server_completes", "never runs the handler", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Handler("", w, r) })
	}, nil)}},
	{"server_completes", "does not stop", true, Driver{Server: func(s ServerSetup) (func(), error) {
		stop, err := serverWith(nil, nil)(s)
		return func() { time.AfterFunc(15*time.Second, stop) }, err
	}}},
	{"server_refuses", "lets everybody in", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Handler("alice", w, r) })
	}, nil)}},
	{"server_unavailable", "does not say when to try again", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(&changed{w, func(h http.Header, status int) int { h.Del("Retry-After"); return status }}, r)
		})
	}, nil)}},
	{"server_unavailable", "challenges", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(&changed{w, func(h http.Header, status int) int {
				if status == 503 {
					h.Set("WWW-Authenticate", `Basic realm="a realm"`)
				}
				return status
			}}, r)
		})
	}, nil)}},
	{"server_unavailable", "takes one user for all", false, Driver{Server: func(s ServerSetup) (func(), error) {
		usual := s.Source
		var down atomic.Bool
		s.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
			a := usual.Answer(ctx, q)
			if a == (gss.Unverifiable{}) {
				down.Store(true)
			}
			if down.Load() {
				return gss.Unreachable{}
			}
			return a
		})
		return serverWith(nil, nil)(s)
	}}},
	{"server_handler_waits", "runs the handler first", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.Handler("", discard{}, r)
			h.ServeHTTP(w, r)
		})
	}, nil)}},
	{"server_legs_stay", "has one state for all connections", false, Driver{Server: serverWith(nil, oneForAll)}},
	{"server_identity_stays", "has one state for all connections", false, Driver{Server: serverWith(nil, oneForAll)}},
	{"server_identities_apart", "has one state for all connections", false, Driver{Server: serverWith(nil, oneForAll)}},
	{"server_body_once", "cuts it", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = io.NopCloser(io.LimitReader(r.Body, 5))
			h.ServeHTTP(w, r)
		})
	}, nil)}},
	{"server_body_stays_one", "reads heads only", false, Driver{Server: headsOnly}},
	{"server_one_reading", "reads heads only", false, Driver{Server: headsOnly}},
	{"server_one_reading", "serves what it does not judge", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if inner, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(body))); err == nil {
				user, _, _ := inner.BasicAuth()
				s.Handler(user, discard{}, inner)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			h.ServeHTTP(w, r)
		})
	}, nil)}},
	{"server_takes_nonsense", "fails on some", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.Header.Get("Authorization"), ",,,") {
				http.Error(w, "index out of range", 500)
				return
			}
			h.ServeHTTP(w, r)
		})
	}, nil)}},
	{"server_half_requests", "serves one connection at a time", false, Driver{Server: func(s ServerSetup) (func(), error) {
		s.Listener = &oneByOne{s.Listener, make(chan struct{}, 1)}
		return serverWith(nil, nil)(s)
	}}},
	{"server_header_bounded", "reads any header", false, Driver{Server: serverOf(nil, nil, 1<<30)}},
	{"server_drain_bounded", "reads everything", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			h.ServeHTTP(w, r)
		})
	}, nil)}},
	{"server_ends", "has no limits", false, Driver{Server: serverWith(nil, limitless)}},
	{"server_ends", "gives authenticated requests no more time", false, Driver{Server: hurried}},
	{"server_one_resource", "reads request-targets by itself", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.RequestURI = r.URL.EscapedPath() // the rest of an absolute form, or of what looks like one
			h.ServeHTTP(w, r)
		})
	}, nil)}},
	{"server_one_resource", "shows its handler another one", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if after, ok := strings.CutPrefix(r.URL.Path, "//"); ok {
				_, r.URL.Path, _ = strings.Cut(after, "/")
			}
			h.ServeHTTP(w, r)
		})
	}, nil)}},
	{"server_too_early", "does not look at the field", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Early-Data")
			h.ServeHTTP(w, r)
		})
	}, nil)}},
	{"server_too_early", "challenges", false, Driver{Server: serverWith(func(s ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			h.ServeHTTP(w, r)
		})
	}, nil)}},
	{"server_context", "asks without it", false, Driver{Server: func(s ServerSetup) (func(), error) {
		usual := s.Source
		s.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
			return usual.Answer(context.WithoutCancel(ctx), q)
		})
		return serverWith(nil, nil)(s)
	}}},
	{"server_binding", "looks at one certificate", false, Driver{Binds: true, Server: serverBy(func(list []tls.Certificate) drive.Certificates { return drive.CertificatesOf(list[0]) })}},
	{"server_binding", "does not know its certificates", false, Driver{Binds: true, Server: serverBy(func([]tls.Certificate) drive.Certificates { return drive.Certificates{} })}},
	{"server_soak", "has one state for all connections", false, Driver{Server: serverWith(nil, oneForAll)}},
	{"server_soak", "keeps its connections", false, Driver{Server: func(s ServerSetup) (func(), error) {
		s.Listener = keeping{s.Listener}
		return serverWith(nil, nil)(s)
	}}},
}

// limitless serves without limits.
func limitless(auth *nethttp.Authenticator) func(context.Context, net.Conn) context.Context {
	return auth.ConnContext
}

// hurried also limits the time of authenticated requests.
func hurried(s ServerSetup) (func(), error) {
	return serverWith(func(_ ServerSetup, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.Limits.Request))
			h.ServeHTTP(limited{w}, r)
		})
	}, nil)(s)
}

// limited is a ResponseWriter without deadlines.
type limited struct{ http.ResponseWriter }

// keeping is a listener on which connections are closed only by their clients.
type keeping struct{ net.Listener }

func (l keeping) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return kept{conn}, err
}

type kept struct{ net.Conn }

func (c kept) Close() error { return c.Conn.(*numbered).Conn.(*net.TCPConn).CloseWrite() }

// headsOnly reads one header after the other from a connection, whatever it contains,
// and rejects unauthenticated requests.
func headsOnly(s ServerSetup) (func(), error) {
	var all sync.WaitGroup
	var conns sync.Map
	all.Go(func() {
		for {
			conn, err := s.Listener.Accept()
			if err != nil {
				return
			}
			conns.Store(conn, nil)
			all.Go(func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					said := "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
					if user, _, ok := r.BasicAuth(); ok {
						r.Body = http.NoBody
						s.Handler(user, discard{}, r)
					}
					if _, err := io.WriteString(conn, said); err != nil {
						return
					}
				}
			})
		}
	})
	return func() {
		s.Listener.Close()
		conns.Range(func(conn, _ any) bool {
			conn.(net.Conn).Close()
			return true
		})
		all.Wait()
	}, nil
}

// changed is a ResponseWriter that changes the header of a response.
type changed struct {
	http.ResponseWriter
	change func(http.Header, int) int
}

func (c *changed) WriteHeader(status int) {
	c.ResponseWriter.WriteHeader(c.change(c.Header(), status))
}

// discard is a ResponseWriter that discards the response.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// Every check finds the driver that was made for it.
func TestChecksFind(t *testing.T) {
	for _, c := range slices.Concat(clientChecks, serverChecks) {
		found := false
		for _, s := range saboteurs {
			if s.check != c.name {
				continue
			}
			found = true
			t.Run(c.name+"/"+s.name, func(t *testing.T) {
				patience := time.Second
				if strings.HasSuffix(c.name, "_soak") {
					patience = 15 * time.Second
				}
				found := c.on(s.driver, patience)
				leaks := slices.DeleteFunc(slices.Clone(found), func(f string) bool { return !strings.HasPrefix(f, "goroutines are left") })
				if len(found) == 0 || len(leaks) == len(found) != s.leaks {
					t.Errorf("found %q", found)
				}
			})
		}
		if !found && !forHTTP3(c) { // package http3test has those
			t.Errorf("no saboteur is there for %s", c.name)
		}
	}
}

// forHTTP3 reports whether a check is for drivers that speak HTTP/3, and for no others.
func forHTTP3(c check) bool {
	all := Driver{HTTP2: true, Binds: true}
	if c.only == nil || c.only(all) {
		return false
	}
	all.HTTP3 = none{}
	return c.only(all)
}

// none is no HTTP/3.
type none struct{ HTTP3 }

// A driver is tested only for what it declares.
func TestChecksOfHalves(t *testing.T) {
	if err := Check(func() Driver { return Driver{} }); err == nil {
		t.Error("nothing passed for a driver")
	}
	server := serverWith(nil, nil)
	for _, d := range []struct {
		name          string
		driver        Driver
		without, with []string
	}{
		{"a client", Driver{Client: soundClient}, []string{"client_leaves_http2", "client_leaves_http3", "server_completes"}, []string{"client_completes"}},
		{"a client of HTTP/2", Driver{Client: soundClient, HTTP2: true}, []string{"client_leaves_http3"}, []string{"client_leaves_http2"}},
		{"a server", Driver{Server: server}, []string{"client_completes", "server_binding"}, []string{"server_completes", "server_legs_stay", "server_context"}},
		{"a server that binds", Driver{Server: server, Binds: true}, nil, []string{"server_binding"}},
		{"a deaf server", Driver{Server: server, NoDisconnectNotice: true}, []string{"server_context"}, []string{"server_completes"}},
		{"a server of HTTP/3", Driver{Server: server, HTTP3: none{}}, []string{"server_legs_stay", "client_leaves_http3"}, []string{"server_completes"}},
	} {
		has := func(name string) bool {
			return slices.ContainsFunc(checks(d.driver), func(c check) bool { return c.name == name })
		}
		for _, name := range d.without {
			if has(name) {
				t.Errorf("%s is looked at for %s", d.name, name)
			}
		}
		for _, name := range d.with {
			if !has(name) {
				t.Errorf("%s is not looked at for %s", d.name, name)
			}
		}
	}
}
