package nethttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/machine"
)

// The defaults of a [ClientConfig].
const (
	// DefaultClientDrain bounds, in bytes, what is read of a challenge's content.
	DefaultClientDrain = 256 << 10
	// DefaultExpectTimeout is how long a body waits for 100 (Continue) where
	// Base.ExpectContinueTimeout is 0.
	DefaultExpectTimeout = time.Second

	defaultMaxIdle = 100
)

// ClientConfig configures a [Transport].
type ClientConfig struct {
	_ struct{}

	// Machine are the schemes and the policy. Without schemes every challenge ends
	// in an [*Error].
	Machine machine.ClientConfig
	// Source answers what the schemes ask, with the request's context. Nil declines
	// everything.
	//
	// A Source may answer by that context, and so for several users. Where requests
	// carry no name ([WithIdentity]) it is asked again before a connection that was
	// authenticated by its answers, or that runs in a tunnel which was, serves another
	// request: the same questions, once for each request, with the new request's
	// context. Any other answer takes another connection, and so does an answer that
	// holds a pointer and is no gss.Subject. A Source that answers one user's password
	// from memory need not care; one that prompts or looks things up should keep its
	// answers, or name identities.
	Source answer.Source
	// Base says how to connect, and bounds: its dialer, TLS configuration,
	// protocols, timeouts, limits on idle connections (MaxIdleConns,
	// MaxIdleConnsPerHost, IdleConnTimeout) and on headers. It is copied, and never
	// carries a request itself. Nil is http.DefaultTransport without its proxy. Its
	// Proxy is not used; custom TLS dialers, which hide what channel bindings are
	// made of, are refused.
	//
	// Its functions are called when a connection is made, and not when it is used
	// again. A DialContext, or a GetClientCertificate of its TLSClientConfig, that
	// serves several users by the context needs [WithIdentity].
	Base *http.Transport
	// Proxy gives a request's proxy, as http.Transport.Proxy does, and with the
	// same schemes. Requests for http origins are forwarded by an HTTP proxy, those
	// for https go through a tunnel. Nil, or a nil URL, is none. User information in
	// the URL answers the proxy's questions that Source declines.
	Proxy func(*http.Request) (*url.URL, error)
	// Multiplexed, if not nil, connects to https origins that no proxy stands before, in place of
	// Base: by HTTP/3, see drivers/http3. Base still connects where an exchange needs a connection of
	// its own, as NTLM does; with OnlyMultiplexed such an exchange ends in an [*Error] with
	// gss.Unsupported.
	Multiplexed     func(ctx context.Context, host string, port uint16) (Multiplexed, error)
	OnlyMultiplexed bool
	// Discovered: proxies were found by the network, not configured by hand, and
	// get no Negotiate (C1).
	Discovered bool
	// BufferBody makes request bodies that cannot be read twice replayable, by
	// reading as many bytes of them into memory before anything is sent. What is
	// longer, and every such body where it is 0, goes out once at most.
	BufferBody int64
	// MaxDrain bounds, in bytes, what is read of a challenge's content to keep its
	// connection; beyond it the connection is closed. 0 is DefaultClientDrain.
	MaxDrain int64
	// MaxBody bounds, in bytes, the content of a response that is held in memory to
	// verify a proof over it (Digest's qop=auth-int). A longer one, or one that Base
	// decompressed, cannot be verified, and fails. 0 is DefaultMaxBody.
	MaxBody int64
	// Observer, if not nil, sees every step of every machine. Steps of one machine
	// come in order.
	Observer Observer
}

// Transport is an http.RoundTripper that authenticates: it answers 401 and 407
// by as many requests as the scheme takes, over connections of its own that
// belong to one user each: of one identity (see [WithIdentity]) or, without a name,
// of one set of answers (see ClientConfig.Source), and of one user of the proxy. It
// may be used by several goroutines at once. Make one with [NewTransport].
//
// A request whose connection is lost before a response is sent once more at most
// (RFC 9110 section 9.2.2): if its method is idempotent, with credentials made anew,
// and not if it carried the proof of a handshake such as NTLM's, which the server
// may have counted.
//
// A response that comes back is the last one of its exchange; [Delivered] tells
// what was established. A challenge that could not be met is an [*Error], not a
// response, and so is a proxy's refusal to open a tunnel, with a zero Fault.
// Credentials are asked for by origin, so a redirect takes none along
// (V17).
//
// A request that carries an Authorization field of its own (Proxy-Authorization
// for a plain proxy) is passed through as it is, and that side is not
// authenticated: its challenge is a response like any other.
type Transport struct {
	hidden.In[Transport] // no output shows what is in it

	config  ClientConfig
	client  drive.Client[*conn]
	multi   *http.Transport // connects with any protocol of Base
	single  *http.Transport // with HTTP/1 only
	idle    time.Duration   // how long a connection may be, 0 for ever
	tunnels tunnels
}

// NewTransport makes a Transport. The error says what is wrong with the
// configuration.
func NewTransport(c ClientConfig) (*Transport, error) {
	if c.Base == nil {
		c.Base = &http.Transport{}
		if d, ok := http.DefaultTransport.(*http.Transport); ok {
			c.Base = d.Clone()
			c.Base.TLSNextProto = nil
		}
	}
	//lint:ignore SA1019 they are refused, not used
	if c.Base.DialTLSContext != nil || c.Base.DialTLS != nil || c.Base.Dial != nil {
		return nil, errors.New("nethttp: Base must connect by DialContext and TLSClientConfig: what other dialers establish cannot be seen")
	}
	client, err := machine.NewClient(c.Machine)
	if err != nil {
		return nil, err
	}
	if c.MaxDrain == 0 {
		c.MaxDrain = DefaultClientDrain
	}
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	t := &Transport{config: c, multi: newBase(c.Base, false), single: newBase(c.Base, true), idle: c.Base.IdleConnTimeout}
	t.client.Fresh = func() drive.Runner[machine.Client] {
		return drive.Runner[machine.Client]{Machine: client, ID: drive.NextID(), Observer: c.Observer}
	}
	pool := &t.client.Pool
	pool.MaxIdle, pool.MaxPerKey = c.Base.MaxIdleConns, c.Base.MaxIdleConnsPerHost
	if pool.MaxIdle == 0 {
		pool.MaxIdle = defaultMaxIdle
	}
	if c.Base.DisableKeepAlives {
		pool.MaxIdle = -1
	}
	return t, nil
}

// CloseIdleConnections closes the connections that no request is using.
func (t *Transport) CloseIdleConnections() { t.client.Pool.CloseIdle() }

type identityName struct{}

// WithIdentity makes requests with the returned context act under a local name.
// Sources see it as gss.Target.Identity, and must answer for the same user whenever
// they see the same name: connections of a named identity are used again without
// asking. Connections and what was learned from peers are never shared between
// identities (HTA-9). The default is "", whose connections are told apart by asking
// the Source again, see ClientConfig.Source.
func WithIdentity(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, identityName{}, name)
}

type deliveredKey struct{}

// Delivered tells what was established with the peer that sent a response of a
// [Transport]: whether it is authenticated, who it is, and the security context.
// False for any other response.
func Delivered(r *http.Response) (machine.Deliver, bool) {
	if r == nil || r.Request == nil {
		return machine.Deliver{}, false
	}
	d, ok := r.Request.Context().Value(deliveredKey{}).(machine.Deliver)
	return d, ok
}

// RoundTrip implements http.RoundTripper. It honours the request's context in
// every leg and question.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	x, err := t.newTrip(r)
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, hidden.Error(err) // of Proxy, which may quote a password
	}
	response, err := x.run()
	if err != nil {
		x.body.close()
		if ctx := r.Context(); ctx.Err() != nil { // whatever broke, this is why
			return nil, context.Cause(ctx)
		}
		return nil, hidden.Error(err)
	}
	return response, nil
}

func (t *Transport) newTrip(r *http.Request) (*trip, error) {
	switch {
	case r.URL == nil || r.URL.Host == "":
		return nil, errors.New("nethttp: the request's URL has no host")
	case r.URL.Scheme != "http" && r.URL.Scheme != "https":
		return nil, errors.New("nethttp: the request's URL must be of scheme http or https")
	}
	if err := r.Context().Err(); err != nil {
		return nil, context.Cause(r.Context())
	}
	way, err := t.route(r)
	if err != nil {
		return nil, err
	}
	x := &trip{t: t, request: r, route: way, url: r.URL}
	identity, _ := r.Context().Value(identityName{}).(string)
	if way.via == machine.Forwarded && r.Host != "" { // it goes where its absolute form says
		u := *r.URL
		u.Host = r.Host
		x.url = &u
	}
	x.keys, err = drive.NewKeys(drive.Way{
		Owner: t.config.Base, Proxy: way.proxy, Route: way.via,
		Scheme: x.url.Scheme, Authority: x.url.Host, Identity: identity,
		Own: [2]bool{len(r.Header.Values("Authorization")) > 0, len(r.Header.Values("Proxy-Authorization")) > 0},
	})
	if err != nil {
		return nil, fmt.Errorf("nethttp: the request's URL or proxy: %w", err)
	}
	x.keys.Via.Explicit = x.keys.Via.Route != machine.Direct && !t.config.Discovered
	x.source = answer.Chain(t.config.Source, way.login(identity))
	x.body, err = newContent(r.Context(), r, t.config.BufferBody)
	return x, err
}
