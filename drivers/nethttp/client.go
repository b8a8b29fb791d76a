package nethttp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/machine"
)

// The defaults of a [ClientConfig] and of its Base.
const (
	defaultClientDrain   = 256 << 10
	defaultExpectTimeout = time.Second
	defaultMaxIdle       = 100
)

// ClientConfig configures a [Transport].
type ClientConfig struct {
	opaque[ClientConfig] // no output shows what is in it

	// Machine configures the schemes and the policy. Without schemes every challenge
	// results in an [*Error].
	Machine machine.ClientConfig
	// Source answers the schemes' questions, with the request's context. A nil Source
	// declines every question.
	//
	// A Source may base its answers on that context, and so serve several users. For
	// requests without an identity ([ActAs]) it is asked again before a
	// connection that was authenticated by its answers, or that runs in a tunnel
	// authenticated by them, serves another request: the same questions, once for each
	// request, with the new request's context. If an answer differs, or if it holds a
	// pointer and is not a gss.Subject, the request gets another connection. This does
	// not matter to a Source that answers with one user's password from memory; a
	// Source that prompts or looks things up should cache its answers, or requests
	// should have identities.
	Source answer.Source
	// FromRequest takes the user name and password of a request's Authorization field of the
	// scheme Basic, as (*http.Request).SetBasicAuth and user information in a URL set it, as the
	// login for that request's origin, which every scheme can use; Source is asked all other
	// questions. The field itself is never sent; one that cannot be read is an error.
	// Such a request acts under no name of [ActAs]. http.Client copies the field to requests
	// that follow a redirect within the host and its subdomains, and so the login.
	//
	// Without it the field is sent as it is, and the request not authenticated otherwise.
	FromRequest bool
	// Base configures how connections are made: dialer, TLS configuration, protocols,
	// timeouts, and the limits on idle connections (MaxIdleConns, MaxIdleConnsPerHost,
	// IdleConnTimeout) and headers. It is copied, and never carries a request itself.
	// An ExpectContinueTimeout of 0 means 1 second, and MaxIdleConns of 0 means 100.
	// Nil means http.DefaultTransport without its proxy. Base.Proxy is not used. Custom
	// TLS dialers are refused, because they hide the TLS state that channel bindings
	// are computed from.
	//
	// The functions of Base are called when a connection is made, not when it is
	// reused. If DialContext, or GetClientCertificate of TLSClientConfig, serves
	// several users by the context, requests need [ActAs].
	Base *http.Transport
	// Proxy returns the proxy for a request, as http.Transport.Proxy does, and with the
	// same URL schemes. Requests for http origins are forwarded by an HTTP proxy, those
	// for https go through a tunnel. If Proxy or the returned URL is nil, no proxy is
	// used. User information in the URL answers the proxy's questions that Source
	// declines.
	Proxy func(*http.Request) (*url.URL, error)
	// Multiplexed, if not nil, connects to https origins that are reached without a
	// proxy, in place of Base, for example by HTTP/3: see drivers/http3. Base still
	// connects if an exchange needs a connection of its own, as NTLM does; with
	// OnlyMultiplexed such an exchange ends in an [*Error] with gss.Unsupported.
	Multiplexed     func(ctx context.Context, host string, port uint16) (Multiplexed, error)
	OnlyMultiplexed bool
	// Discovered says that proxies were discovered from the network, not configured
	// manually. Such proxies get no Negotiate credentials.
	Discovered bool
	// BufferBody makes request bodies without GetBody replayable: up to so many bytes
	// of the body are read into memory before anything is sent. A longer body, and
	// every such body if BufferBody is 0, is sent at most once.
	BufferBody int64
	// MaxDrain bounds, in bytes, how much of a challenge's content is read so that the
	// connection can be reused; a connection with more is closed. 0 means
	// 256 KiB.
	MaxDrain int64
	// MaxBody bounds, in bytes, the response content that is held in memory to verify a
	// proof over it (Digest's qop=auth-int). Longer content, and content that Base
	// decompressed, cannot be verified, so that the exchange fails. 0 means
	// 1 MiB.
	MaxBody int64
	// DeliverRefused delivers the last 401, or the last 407 of a plain proxy, as a response
	// with its content, where otherwise an [*Error] is returned; [Refusal] returns that.
	// The content is read as far as MaxDrain before the connection is used again, so that
	// so much of each challenge is held in memory. A response of a server that did not
	// authenticate itself, and one to a CONNECT, is not delivered.
	DeliverRefused bool
	// Jar, if not nil, receives the cookies that a 401 sets, and the requests that follow it
	// in the same exchange carry those that Jar has for the URL, in place of the request's
	// cookies of the same names. Nothing else is taken from Jar or put there: the cookies of
	// the first request and of the response that is delivered are those of http.Client's
	// Jar, which should be the same one.
	Jar http.CookieJar
	// Observer, if not nil, is called for every step of every machine. The steps of one
	// machine are reported in order.
	Observer drive.Observer
}

// Transport is an http.RoundTripper that authenticates. It answers 401 and 407
// responses with as many requests as the scheme needs, over connections of its own. A
// connection belongs to one user: to one identity (see [ActAs]) or, without an
// identity, to one set of answers (see ClientConfig.Source), and to one user of the
// proxy. A Transport may be used by several goroutines at once. It must be made by
// [NewTransport].
//
// If the connection of a request is lost before the response, the request is sent again
// at most once (RFC 9110 section 9.2.2): if its method is idempotent, with new
// credentials. It is not sent again if it carried the proof of a handshake such as
// NTLM's, which the server may have counted as a login.
//
// The response that RoundTrip returns is the last one of its exchange; [Delivered]
// returns what was established. A challenge that could not be met is returned as an
// [*Error], not as a response, unless ClientConfig.DeliverRefused is set. So is a proxy's refusal to open a tunnel, with a zero
// Fault. Credentials are obtained for each origin, so that a redirect to another origin
// takes none along.
//
// A request that has an Authorization field (or Proxy-Authorization, with a plain
// proxy) is sent unchanged and that side is not authenticated: its challenge is
// returned like any other response. ClientConfig.FromRequest takes a login from such a
// field instead.
type Transport struct {
	opaque[Transport] // no output shows what is in it

	config  ClientConfig
	client  drive.Client[*conn]
	multi   *http.Transport // connects with any protocol of Base
	single  *http.Transport // with HTTP/1 only
	idle    time.Duration   // how long a connection may be idle, 0 for ever
	tunnels tunnels
}

// NewTransport returns a Transport. The error is a gss.Misuse and says what in the
// configuration cannot work.
func NewTransport(c ClientConfig) (*Transport, error) {
	if c.Base == nil {
		c.Base = &http.Transport{}
		if d, ok := http.DefaultTransport.(*http.Transport); ok {
			c.Base = d.Clone()
			c.Base.TLSNextProto = nil
		}
	}
	if err := cmp.Or(
		checkBase("ClientConfig.Base", c.Base),
		misuse.NotNegative("nethttp", "ClientConfig.BufferBody", c.BufferBody),
		misuse.NotNegative("nethttp", "ClientConfig.MaxDrain", c.MaxDrain),
		misuse.NotNegative("nethttp", "ClientConfig.MaxBody", c.MaxBody),
	); err != nil {
		return nil, err
	}
	if c.OnlyMultiplexed && c.Multiplexed == nil {
		return nil, misuse.Errorf("nethttp", "ClientConfig.OnlyMultiplexed is set and Multiplexed is nil, so that nothing could connect; set Multiplexed, to the Connect of an http3.Dialer for instance")
	}
	client, err := machine.NewClient(c.Machine)
	if err != nil {
		return nil, err
	}
	if c.MaxDrain == 0 {
		c.MaxDrain = defaultClientDrain
	}
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	t := &Transport{config: c, multi: newBase(c.Base, false), single: newBase(c.Base, true), idle: c.Base.IdleConnTimeout}
	t.client.Machine, t.client.Observer = client, c.Observer
	t.client.MaxIdle, t.client.MaxPerKey = c.Base.MaxIdleConns, c.Base.MaxIdleConnsPerHost
	if t.client.MaxIdle == 0 {
		t.client.MaxIdle = defaultMaxIdle
	}
	if c.Base.DisableKeepAlives {
		t.client.MaxIdle = -1
	}
	return t, nil
}

// checkBase returns a gss.Misuse for a transport that connects by functions of which
// nothing can be seen.
func checkBase(field string, base *http.Transport) error {
	if base == nil {
		return nil
	}
	//lint:ignore SA1019 they are refused, not used
	if base.DialTLSContext != nil || base.DialTLS != nil || base.Dial != nil {
		return misuse.Errorf("nethttp", "%s has DialTLSContext, DialTLS or Dial, and what they establish cannot be seen; connect by DialContext and TLSClientConfig", field)
	}
	return nil
}

// CloseIdleConnections closes the connections that no request is using.
func (t *Transport) CloseIdleConnections() { t.client.CloseIdle() }

type identityName struct{}

// ActAs returns a context for a client's requests that act under a local name. A Source
// sees the name as gss.Target.Identity and must answer for the same user whenever it
// sees the same name, because connections with an identity are reused without asking
// again. Connections and facts learned from peers are never shared between identities.
// The default is "": such connections are reused only after asking the Source again,
// see ClientConfig.Source. At a server, [IdentityFrom] returns the authenticated identity of
// a request, which has nothing to do with this name.
func ActAs(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, identityName{}, name)
}

type deliveredKey struct{}

// Delivered returns what was established with the peer that sent a response of a
// [Transport]: whether the peer is authenticated, its identity, and the security
// context, or that it could have proven itself and did not (Info.Unproven). It reports false for any other response.
func Delivered(r *http.Response) (machine.Deliver, bool) {
	if r == nil || r.Request == nil {
		return machine.Deliver{}, false
	}
	d, ok := r.Request.Context().Value(deliveredKey{}).(machine.Deliver)
	return d, ok
}

type refusalKey struct{}

// Refusal returns why a response of a [Transport] with ClientConfig.DeliverRefused is a
// challenge that could not be met. It reports false for any other response.
func Refusal(r *http.Response) (*drive.Error, bool) {
	if r == nil || r.Request == nil {
		return nil, false
	}
	e, ok := r.Request.Context().Value(refusalKey{}).(*drive.Error)
	return e, ok
}

// RoundTrip implements http.RoundTripper. It honours the request's context in
// every leg and question.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	x, err := t.newExchange(r)
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, hidden.Error(err) // from Proxy; it may quote a password
	}
	response, err := x.run()
	if err != nil {
		x.body.close()
		if ctx := r.Context(); ctx.Err() != nil { // the cause, whatever else failed
			return nil, context.Cause(ctx)
		}
		return nil, hidden.Error(err)
	}
	return response, nil
}

func (t *Transport) newExchange(r *http.Request) (*clientExchange, error) {
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
	x := &clientExchange{t: t, request: r, route: way, url: r.URL}
	identity, _ := r.Context().Value(identityName{}).(string)
	if way.via == machine.Forwarded && r.Host != "" { // its absolute form names the origin
		u := *r.URL
		u.Host = r.Host
		x.url = &u
	}
	source := t.config.Source
	if t.config.FromRequest {
		if x.request, source, err = takeLogin(r, x.url, source); err != nil {
			return nil, err
		}
		if x.request != r { // connections of a name are reused without asking again
			identity = ""
		}
	}
	x.keys, err = drive.NewKeys(drive.Destination{
		Owner: t.config.Base, Proxy: way.proxy, Route: way.via,
		Scheme: x.url.Scheme, Authority: x.url.Host, Identity: identity,
		Own: [2]bool{len(x.request.Header.Values("Authorization")) > 0, len(x.request.Header.Values("Proxy-Authorization")) > 0},
	})
	if err != nil {
		return nil, fmt.Errorf("nethttp: the request's URL or proxy: %w", err)
	}
	x.keys.Route.Explicit = x.keys.Route.Kind != machine.Direct && !t.config.Discovered // C1
	x.source = answer.Chain(source, way.login(identity))
	x.body, err = newContent(r.Context(), r, t.config.BufferBody)
	return x, err
}
