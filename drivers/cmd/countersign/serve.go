package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	quichttp3 "github.com/quic-go/quic-go/http3"
	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/drivers/internal/setup"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/machine/trace"
)

// serveOptions holds the flags of serve.
type serveOptions struct {
	addr            string
	named           []string // users
	users           setup.Users
	kerberos        serverKerberos
	memory          memoryOptions
	machine         setup.Machine
	tlsCert, tlsKey string
	session         bool
	proxy           bool
	connectPorts    []string
	transport       string
	limits          drive.Limits
	trace           traceOptions
}

func newServe() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve authenticated requests",
		Long: `Serve answers authenticated requests with 200 and "hello NAME via SCHEME", and all
others with 401. With --proxy it is a forward proxy instead, which authenticates its
clients with 407 and then forwards their requests, CONNECT included.

The first line on standard output is "listening on http://ADDR", with the actual port
if --addr has port 0. Each request is logged as one line of JSON on standard error:
method, path, status, user and scheme, whether it came by a session, for a refused request its
reason and detail, and the error if a file or another server did not respond. These are not
sent to the client. The level is WARN if the client broke the protocol or something around
the request is missing, ERROR for a defect of this program, and INFO for all others.

Unauthenticated clients are limited in time and size. Over TLS, HTTP/2 is offered if
every scheme can run on it: NTLM cannot, nor can Negotiate with NTLM among its
mechanisms.

With --session one login is enough: the response to it sets a sealed cookie, and requests
with that cookie need no credentials for 8 hours, or until none came for 30 minutes. The key
is of this process alone: the sessions end with it.

SIGINT and SIGTERM stop the server after the requests in progress are answered.`,
		Example: `  countersign serve --scheme digest --user alice:secret
  countersign serve --addr 127.0.0.1:0 --scheme digest,basic --htdigest users --realm api
  countersign serve --scheme ntlm --domain EXAMPLE --nthash users --require-mic
  countersign serve --scheme nego2,negotiate,ntlm --user alice:secret
  countersign serve --scheme negotiate --keytab /etc/krb5.keytab
  countersign serve --session --tls-cert cert.pem --tls-key key.pem --keytab /etc/krb5.keytab --scheme negotiate
  countersign serve --transport http3 --tls-cert cert.pem --tls-key key.pem --user alice:secret
  countersign serve --proxy --addr 127.0.0.1:3128 --user alice:secret`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:8080", "`HOST:PORT` to listen on; port 0 selects a free port")
	f.StringVar(&o.transport, "transport", "nethttp", "`LIBRARY` to serve with: "+strings.Join(transports, ", ")+" (which needs TLS)")
	f.StringSliceVar(&o.machine.Schemes, "scheme", []string{"digest"}, "`LIST` of the schemes to offer: "+strings.Join(setup.Names(), ", "))
	f.StringArrayVarP(&o.named, "user", "u", nil, "`NAME[:PASSWORD]` of a user; may be repeated; NAME:@FILE takes the first line of a file, NAME alone $COUNTERSIGN_PASSWORD, or asks")
	f.StringArrayVar(&o.users.Htdigest, "htdigest", nil, "`FILE` of users, as written by htdigest; may be repeated, and the next is asked where one does not know a user")
	f.StringArrayVar(&o.users.NTHash, "nthash", nil, "`FILE` of users for NTLM, in lines of user:nthash or of smbpasswd; may be repeated")
	f.StringVar(&o.machine.Realm, "realm", "", "`REALM` of the challenges (default that of all users in --htdigest, or else countersign)")
	f.StringSliceVar(&o.machine.Algorithms, "digest-algorithm", nil, "`LIST` of the Digest algorithms to offer (default those that --htdigest has hashes of, or else SHA-256,MD5)")
	f.StringSliceVar(&o.machine.QOPs, "digest-qop", nil, "`LIST` of the Digest qops to offer: auth, auth-int (default auth)")
	f.StringSliceVar(&o.machine.Tolerances, "digest-tolerate", nil, "`LIST` of errors of old Digest clients to accept: "+strings.Join(setup.Tolerances(), ", ")+" (the last is always accepted with --proxy)")
	f.BoolVar(&o.machine.StrictURI, "digest-strict-uri", false, "with --proxy: refuse Digest clients that sign the path alone as their uri, as all known clients do")
	f.DurationVar(&o.machine.NonceLifetime, "nonce-lifetime", 5*time.Minute, "how long a Digest nonce is valid")
	f.StringVar(&o.machine.Domain, "domain", "", "`DOMAIN` of NTLM users, which clients may omit")
	f.StringVar(&o.machine.NTLMLevel, "ntlm-level", "v2", "`LEVEL` of the weakest NTLM to accept: "+strings.Join(setup.NTLMLevels(), ", "))
	f.BoolVar(&o.machine.RequireMIC, "require-mic", false, "refuse NTLM clients that send no MIC, such as curl and Firefox")
	o.kerberos.flags(f)
	o.memory.flags(f)
	f.BoolVar(&o.machine.AllowRC4, "allow-rc4", false, "allow rc4-hmac in Kerberos, for old directories")
	f.StringVar(&o.tlsCert, "tls-cert", "", "`FILE` with a certificate chain in PEM: serve https")
	f.StringVar(&o.tlsKey, "tls-key", "", "`FILE` with its private key in PEM")
	f.StringVar(&o.machine.ChannelBinding, "channel-binding", "if-available", "`WHEN` to compare channel bindings: "+strings.Join(setup.Bindings(), ", "))
	f.BoolVar(&o.session, "session", false, "keep each login in a sealed cookie, so that the next request needs no credentials; needs TLS")
	f.BoolVar(&o.machine.KeepAlways, "connection-based", false, "keep the identity for the connection with every scheme that has a handshake")
	limits := drive.Limits{}.WithDefaults()
	f.DurationVar(&o.limits.Header, "header-timeout", limits.Header, "how long a TLS handshake, or the header of a request, may take")
	f.DurationVar(&o.limits.Request, "request-timeout", limits.Request, "how long a request, or its response, of an unauthenticated client may take")
	f.DurationVar(&o.limits.Idle, "idle-timeout", limits.Idle, "how long a connection may be idle, also in the middle of a handshake")
	f.BoolVar(&o.proxy, "proxy", false, "run a forward proxy, which authenticates with 407")
	f.StringSliceVar(&o.connectPorts, "connect-port", []string{"443"}, "`LIST` of the ports that --proxy allows for CONNECT, or any")
	o.trace.flags(f)
	return cmd
}

func (o *serveOptions) run(cmd *cobra.Command) error {
	if err := o.passwords(newLogins(cmd)); err != nil {
		return exit{exitOfSetup(err), err}
	}
	h, err := o.handler(cmd.ErrOrStderr())
	if err != nil {
		return exit{exitOfSetup(err), err}
	}
	defer h.close()
	at, err := h.front.listen(o.addr)
	if err != nil {
		return exit{exitTransport, fmt.Errorf("--addr: %w", err)}
	}
	proto := "http"
	if h.tls != nil {
		proto = "https"
	}
	fmt.Fprintf(cmd.OutOrStdout(), "listening on %s://%s\n", proto, at)
	return h.serve(cmd.Context())
}

// passwords finds the passwords of the users that --user names.
func (o *serveOptions) passwords(from *logins) error {
	o.users.Passwords = map[string]string{}
	for _, value := range o.named {
		name, password, err := from.of("--user", value, "", passwordVariable)
		switch {
		case err != nil:
			return err
		case password == "":
			return errors.New("--user: a user needs a password")
		}
		o.users.Passwords[name] = password
	}
	return nil
}

// service holds what serve runs.
type service struct {
	front front
	tls   *tls.Config
	trace *recorder
}

func (s *service) close() { s.trace.Close() }

// grace is how long requests in progress may take after the signal to stop.
const grace = 5 * time.Second

// serve runs the service until ctx ends.
func (s *service) serve(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.front.serve() }()
	select {
	case err := <-done:
		return exit{exitTransport, err}
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	s.front.shutdown(ctx)
	if err := <-done; err != nil {
		return exit{exitTransport, err}
	}
	return nil
}

// handler returns the service that the options describe.
func (o *serveOptions) handler(stderr io.Writer) (*service, error) {
	if err := o.memory.check(); err != nil {
		return nil, err
	}
	log := slog.NewJSONHandler(stderr, nil)
	o.users.Memory = o.memory.nonces(slog.New(log))
	keys, err := o.kerberos.source(&o.machine, o.memory.requests(slog.New(log)))
	if err != nil {
		return nil, err
	}
	o.machine.NoNTLM = keys != nil && (o.users.Empty() || o.transport == "http3")
	if o.machine.NTLM() {
		host, _ := os.Hostname()
		o.machine.Computer = setup.ComputerName(host)
	}
	source, err := o.source(keys)
	if err != nil {
		return nil, err
	}
	o.users.Complete(&o.machine.Options)
	s := &service{}
	if s.tls, err = o.tlsConfig(); err != nil {
		return nil, err
	}
	certificate, err := o.binding(s.tls)
	if err != nil {
		return nil, err
	}
	if s.tls != nil {
		if s.tls, err = drive.BindTLS(s.tls); err != nil {
			return nil, err
		}
	}
	if err := o.fits(s.tls); err != nil {
		return nil, err
	}
	if s.trace, err = o.trace.open(o.machine); err != nil {
		return nil, err
	}
	key := s.trace.nonceKey()
	server := &http.Server{ErrorLog: slog.NewLogLogger(log, slog.LevelWarn), TLSConfig: s.tls}
	s.front = &overHTTP{Server: server}
	if o.proxy {
		allow, err := o.allow()
		if err != nil {
			return nil, err
		}
		conf, err := o.machine.Proxy(key)
		if err != nil {
			return nil, err
		}
		p, err := nethttp.NewProxy(nethttp.ProxyConfig{
			Proxy: conf, Source: source, Certificate: certificate, Allow: allow, Limits: o.limits,
			Log: logRequests(slog.New(log)), Observer: s.trace.observer(trace.Proxy),
		})
		if err != nil {
			return nil, err
		}
		server.Handler = p
		p.Install(server)
		return s, nil
	}
	conf, err := o.machine.Server(key)
	if err != nil {
		return nil, err
	}
	if o.transport == "fasthttp" {
		s.front, err = newFast(fasthttp.ServerConfig{
			Auth: conf, Source: source, Session: o.sessions(), Certificate: certificate, Limits: o.limits, Observer: s.trace.observer(trace.Server),
		}, slog.New(log), s.tls)
		return s, err
	}
	a, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth: conf, Source: source, Session: o.sessions(), Certificate: certificate, Limits: o.limits,
		Log: logRequests(slog.New(log)), Observer: s.trace.observer(trace.Server),
	})
	if err != nil {
		return nil, err
	}
	server.Handler = a.Wrap(http.HandlerFunc(hello))
	a.Install(server)
	if o.transport == "http3" {
		s.front = newQUIC(&quichttp3.Server{Handler: server.Handler, TLSConfig: s.tls}, o.limits)
	}
	return s, nil
}

// fits returns an error if the options ask for what the chosen library cannot do.
func (o *serveOptions) fits(secure *tls.Config) error {
	switch {
	case !slices.Contains(transports, o.transport):
		return fmt.Errorf("--transport: expected %s", strings.Join(transports, ", "))
	case o.proxy && o.transport != "nethttp":
		return errors.New("--proxy needs --transport nethttp")
	case o.session && o.proxy:
		return errors.New("--session: a proxy has none, since its clients send cookies to origins alone; leave out --session or --proxy")
	case o.session && secure == nil:
		return errors.New("--session needs --tls-cert and --tls-key: its cookie is sent over TLS alone")
	case o.transport == "http3" && secure == nil:
		return errors.New("--transport http3 needs --tls-cert and --tls-key")
	case o.transport == "http3" && o.machine.NTLM():
		return errors.New("--transport http3: NTLM, and Negotiate without --keytab, cannot run on a multiplexed connection")
	}
	return nil
}

// sessions returns how logins are kept, nil if they are not.
func (o *serveOptions) sessions() *session.Config {
	if !o.session {
		return nil
	}
	return new(session.Config)
}

// allow returns the rule for the hosts and ports that the proxy may connect to.
func (o *serveOptions) allow() (func(method, host string, port uint16) bool, error) {
	var ports []uint16
	anyPort := false
	for _, text := range o.connectPorts {
		n, err := strconv.ParseUint(text, 10, 16)
		if text == "any" {
			anyPort = true
		} else if err != nil || n == 0 {
			return nil, errors.New("--connect-port: expected ports from 1 to 65535, or any")
		}
		ports = append(ports, uint16(n))
	}
	return func(method, host string, port uint16) bool {
		if method == http.MethodConnect {
			return anyPort || slices.Contains(ports, port)
		}
		return nethttp.AllowWeb(method, host, port)
	}, nil
}

// source returns the answers to the server's questions. keys answers those of Kerberos, nil
// without it.
func (o *serveOptions) source(keys answer.Source) (answer.Source, error) {
	if keys != nil && !o.machine.Negotiates() {
		return nil, errors.New("--keytab needs negotiate or nego2 in --scheme")
	}
	if o.users.Empty() && keys != nil && o.machine.OnlyNegotiates() {
		return keys, nil
	}
	if o.users.Empty() {
		return nil, errors.New("no users configured: give --user NAME, --htdigest FILE or --nthash FILE, or --keytab FILE for negotiate and nego2")
	}
	o.users.NTLM = o.machine.NTLM()
	if len(o.users.NTHash) > 0 && !o.users.NTLM {
		return nil, errors.New("--nthash needs ntlm, negotiate or nego2 in --scheme")
	}
	o.users.Domains = []string{o.machine.Domain, o.machine.Computer}
	users, err := o.users.Store()
	if err != nil {
		return nil, err
	}
	return answer.Chain(keys, users), nil
}

func (o *serveOptions) tlsConfig() (*tls.Config, error) {
	if o.tlsCert == "" && o.tlsKey == "" {
		return nil, nil
	}
	if o.tlsCert == "" || o.tlsKey == "" {
		return nil, errors.New("--tls-cert and --tls-key need each other")
	}
	cert, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}, nil
}

// binding returns the certificates that logins are bound to, and what cannot be required of them.
func (o *serveOptions) binding(c *tls.Config) (served drive.Certificates, err error) {
	if !slices.Contains(setup.Bindings(), o.machine.ChannelBinding) {
		return served, fmt.Errorf("--channel-binding: expected %s", strings.Join(setup.Bindings(), ", "))
	}
	if c != nil {
		served = drive.CertificatesFrom(c)
	}
	if o.machine.ChannelBinding == "require" {
		switch names := o.machine.Unbindable(); { // required bindings that could never be compared
		case names != "":
			return served, fmt.Errorf("--channel-binding require: %s cannot bind to a channel", names)
		case c == nil:
			return served, errors.New("--channel-binding require: needs TLS; give --tls-cert and --tls-key")
		case served.Undefined():
			return served, errors.New("--channel-binding require: no client can bind to the certificate in --tls-cert, since its signature uses no hash function or several (RFC 5929 section 4.1); use one that is signed with RSA or ECDSA")
		}
	}
	return served, served.Err()
}

// logRequests returns a function that logs each request.
func logRequests(log *slog.Logger) func(*http.Request, drive.Result) {
	return func(r *http.Request, res drive.Result) {
		path := r.URL.Path
		if r.Method == http.MethodConnect {
			path = r.Host
		}
		log.LogAttrs(r.Context(), levelOf(res.Fault), "request", attributes(r.Method, path, res)...)
	}
}

// attributes returns the attributes of a request's log line.
func attributes(method, path string, res drive.Result) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("method", method), slog.String("path", path), slog.Int("status", res.Status),
		slog.String("user", res.Identity.Name()), slog.String("scheme", res.Identity.Scheme),
	}
	if res.Identity.Session != nil {
		attrs = append(attrs, slog.Bool("session", true))
	}
	if !res.Fault.IsZero() {
		attrs = append(attrs, slog.String("reason", res.Fault.Code.String()), slog.String("detail", res.Fault.Detail))
	}
	if res.Err != nil {
		attrs = append(attrs, slog.String("error", res.Err.Error()))
	}
	return attrs
}
