package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/internal/setup"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/machine/trace"
)

// getOptions holds the flags of get.
type getOptions struct {
	method, data    string
	headers         []string
	user, proxyUser string
	netrc           bool
	netrcFile       string
	proxy, cacert   string
	output          string
	machine         setup.Machine
	kerberos        clientKerberos
	insecure        bool
	head, verbose   bool
	http3           bool
	maxTime         float64
	trace           traceOptions

	location, remoteName bool
	maxRedirs            int
	silent, showError    bool
	writeOut             string
	cookie               []string
	cookieJar            string
	resolve              []string

	cookies *cookies // nil: none are kept
	given   []string // cookies that --cookie gives itself
	format  format
}

func newGet() *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use:   "get [flags] URL…",
		Short: "Send requests and authenticate them",
		Long: `Get requests each URL with one client, which reuses its connections and what it has
learned from challenges, and writes the contents to standard output. It answers the
challenges of origins with --user and those of the proxy with --proxy-user. It sends
credentials to the origins of the URLs only, also where --location follows a redirect
elsewhere; Authorization and Cookie of --header and --cookie stay with the URL's own.

Other users of the machine see a command line, so a password need not stand there: NAME:@FILE
takes it from the first line of a file. For NAME alone it is that of --netrc, or else of the
environment variable COUNTERSIGN_PASSWORD (COUNTERSIGN_PROXY_PASSWORD for the proxy), or else
it is entered on the terminal, or read from a line of standard input.

Without --proxy the environment names the proxies, as for curl: http_proxy and https_proxy by
the scheme of the URL, or else all_proxy; no_proxy has the hosts that are reached without one,
and this machine is always. The names may be in upper case; a CGI program refuses http_proxy.

For Kerberos (within Negotiate and Nego2) --user may be name@REALM:PASSWORD; --keytab and
--ccache are other sources of credentials. Without any of them, get uses the tickets that
kinit wrote to the default credential cache. KDCs are found by krb5.conf or DNS. The service
is HTTP at the host of the URL, which is not looked up unless dns_canonicalize_hostname of
krb5.conf says so; --service-name sets another name. Credentials are sent by the URL alone,
whatever the service is called. A --user without a realm is for NTLM. If no KDC answers, or
none knows the server, NTLM is used only with --fallback.

Basic exposes the password to anyone on the network path; without TLS it is used
only with --allow-cleartext.

The content of the last response is written also if authentication failed.

--write-out writes what is known of a transfer when it has ended. In its text \n, \r and \t are
control characters, %% is a percent sign, and %{NAME} a variable. These are curl's, and
auth_scheme, the scheme of the last credentials that an origin got:
` + columns(writeOutNames()) + `

Exit codes: 0 for a final status below 400, 22 for 400 or more, 2 for a transport error, a
file that cannot be read or written, or more redirects than --max-redirs, 1 for wrong use.
If authentication failed, with the reason on standard error: 2 if something that it needs is
missing and may come back (a KDC, a clock that is right), 3 if the credentials were refused,
4 if the options do not permit what the server wants, or there are no credentials, 5 if the
peer broke the protocol or did not prove itself, 6 for a defect of this program. With several
URLs, the code is that of the first failure.`,
		Example: `  countersign get -u alice:secret http://127.0.0.1:8080/
  countersign get -v --scheme digest -u alice:secret -d @form.txt https://api.example/
  countersign get --scheme negotiate -u alice@EXAMPLE.COM:secret https://intranet.example/
  countersign get -L -O -s -S -w '%{http_code} %{url_effective}\n' https://www.example/a.pdf
  countersign get -x http://127.0.0.1:3128 -U bob:pw -u alice:secret https://api.example/`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, urls []string) error { return o.heard(o.run(cmd, urls)) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.method, "request", "X", "", "`METHOD` (default GET, or POST with --data)")
	f.StringVarP(&o.data, "data", "d", "", "body to send: `DATA`, @FILE, or @- for standard input")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "`FIELD` to send, 'Name: value'; may be repeated")
	f.StringVarP(&o.user, "user", "u", "", "`NAME[:PASSWORD]` for the origins; NAME:@FILE takes the first line of a file, NAME alone $COUNTERSIGN_PASSWORD, or asks")
	f.BoolVarP(&o.netrc, "netrc", "n", false, "take names and passwords for the origins from $NETRC, or .netrc in the home folder")
	f.StringVar(&o.netrcFile, "netrc-file", "", "`FILE` to take them from, likewise")
	f.StringSliceVar(&o.machine.Schemes, "scheme", nil, "`LIST` of the schemes that may be used (default all): "+strings.Join(setup.Names(), ", "))
	f.StringSliceVar(&o.machine.Algorithms, "digest-algorithm", nil, "`LIST` of the Digest algorithms that may be used (default all)")
	o.kerberos.flags(f)
	f.BoolVar(&o.machine.Delegate, "delegate", false, "delegate your ticket-granting ticket to the servers of the URLs (Kerberos)")
	f.StringVar(&o.machine.Mutual, "mutual", "require", "`WHEN` a server must authenticate itself where the scheme allows it (Kerberos): require, if-offered for servers that never do, "+
		"which accepts unproven responses, or off, which does not ask for it")
	f.StringVar(&o.machine.ServiceName, "service-name", "", "`NAME` of the service at the URLs for Kerberos and NTLM: SERVICE, SERVICE/HOST or /HOST (default HTTP and the host of the URL)")
	f.StringVar(&o.machine.ProxyServiceName, "proxy-service-name", "", "`NAME` of the service at the proxy, likewise")
	f.StringVar(&o.machine.Workstation, "workstation", "", "`NAME` of this computer to send in NTLM (default none)")
	f.BoolVar(&o.machine.Fallback, "fallback", false, "allow NTLM if Kerberos fails (an attacker can force this by blocking the KDC)")
	f.BoolVar(&o.machine.AllowRC4, "allow-rc4", false, "allow rc4-hmac in Kerberos, for old directories")
	f.StringVar(&o.machine.NTLMLevel, "ntlm-level", "v2", "`LEVEL` of the NTLM to use: "+strings.Join(setup.NTLMLevels(), ", "))
	f.StringVarP(&o.proxy, "proxy", "x", "", "`URL` of the proxy to use, '' for none (default that of the environment)")
	f.StringVarP(&o.proxyUser, "proxy-user", "U", "", "`NAME[:PASSWORD]` for the proxy, like --user, with $COUNTERSIGN_PROXY_PASSWORD")
	f.StringVar(&o.cacert, "cacert", "", "`FILE` of certificates in PEM to trust instead of the system's")
	f.BoolVarP(&o.insecure, "insecure", "k", false, "do not check the peer's certificate")
	f.BoolVar(&o.machine.Cleartext, "allow-cleartext", false, "allow Basic without TLS, which exposes the password")
	f.BoolVar(&o.http3, "http3", false, "use HTTP/3 for https origins, and HTTP/1.1 for schemes that need a connection of their own")
	f.BoolVarP(&o.head, "head", "I", false, "send HEAD and print the response header")
	f.StringVarP(&o.output, "output", "o", "", "`FILE` to write the contents to")
	f.BoolVarP(&o.remoteName, "remote-name", "O", false, "write each content to a file of the working directory, named by the end of the URL's path")
	f.BoolVarP(&o.location, "location", "L", false, "follow redirects; credentials do not follow to another origin")
	f.IntVar(&o.maxRedirs, "max-redirs", 50, "`NUMBER` of redirects that --location follows for each URL")
	f.StringArrayVarP(&o.cookie, "cookie", "b", nil, "cookies to send: `DATA`, 'name=value; …', or a FILE that --cookie-jar, curl or a browser wrote ('' for an empty one); may be repeated")
	f.StringVarP(&o.cookieJar, "cookie-jar", "c", "", "`FILE` to write the cookies to at the end, or - for standard output")
	f.StringArrayVar(&o.resolve, "resolve", nil, "`HOST:PORT:ADDR[,ADDR]`: connect to ADDR for that host and port; may be repeated")
	f.BoolVarP(&o.silent, "silent", "s", false, "do not print why a transfer failed")
	f.BoolVarP(&o.showError, "show-error", "S", false, "print it also with --silent")
	f.StringVarP(&o.writeOut, "write-out", "w", "", "`TEXT` to write to standard output after each transfer, with %{http_code} and other variables (see above)")
	f.Float64VarP(&o.maxTime, "max-time", "m", 0, "`SECONDS` that each URL may take")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show each leg on standard error: > sent, < received, * decided")
	o.trace.flags(f)
	return cmd
}

func (o *getOptions) run(cmd *cobra.Command, args []string) (err error) {
	urls, err := parseURLs(args)
	if err != nil {
		return exit{exitUsage, err}
	}
	body, err := o.body(cmd.InOrStdin())
	if err != nil {
		return err
	}
	through, err := o.proxies(cmd.Flags().Changed("proxy"))
	if err != nil {
		return exit{exitUsage, err}
	}
	if err := o.check(); err != nil {
		return exit{exitOfSetup(err), err}
	}
	source, err := o.source(cmd, urls, through)
	if err != nil {
		return exit{exitOfSetup(err), err}
	}
	base, err := o.base()
	if err != nil {
		return err
	}
	config, err := o.machine.Client()
	if err != nil {
		return exit{exitUsage, err}
	}
	record, err := o.trace.open(o.machine)
	if err != nil {
		return exit{exitOfSetup(err), err}
	}
	defer func() {
		if closing := record.Close(); closing != nil && err == nil {
			err = exit{exitTransport, closing}
		}
	}()
	defer func() {
		if o.cookieJar == "" {
			return
		}
		if writing := o.cookies.write(o.cookieJar, cmd.OutOrStdout()); writing != nil && err == nil {
			err = exit{exitTransport, fmt.Errorf("--cookie-jar: %w", writing)}
		}
	}()
	out := cmd.OutOrStdout()
	if o.output != "" {
		f, err := os.Create(o.output)
		if err != nil {
			return exit{exitTransport, fmt.Errorf("--output: %w", err)}
		}
		defer f.Close()
		out = f
	}
	var current *transfer
	observers := []drive.Observer{record.observer(trace.Client), sentScheme(func(scheme string) { current.scheme = scheme })}
	if o.verbose {
		observers = append(observers, newNarrator(cmd.ErrOrStderr()).observe)
	}
	c := nethttp.ClientConfig{Machine: config, Source: source, Base: base, Proxy: through.request, Observer: all(observers), DeliverRefused: true}
	if o.cookies != nil {
		c.Jar = o.cookies
	}
	if o.http3 {
		c.Multiplexed = (&http3.Dialer{TLS: base.TLSClientConfig}).Connect
	}
	t, err := nethttp.NewTransport(c)
	if err != nil {
		return exit{exitUsage, err}
	}
	defer t.CloseIdleConnections()
	var first error
	for i, u := range urls {
		current = &transfer{getOptions: o, url: u, number: i, file: o.output}
		if err := o.one(cmd, t, current, body, out); err != nil {
			var e exit
			if errors.As(err, &e) && e.err != nil && len(urls) > 1 {
				fmt.Fprintln(o.notes(cmd), "countersign:", e.err)
				err = exit{code: e.code}
			}
			if first == nil {
				first = err
			}
		}
	}
	return first
}

// one runs a transfer and writes what --write-out asks for.
func (o *getOptions) one(cmd *cobra.Command, through *nethttp.Transport, t *transfer, body []byte, out io.Writer) (err error) {
	if o.remoteName {
		if t.file, err = remoteName(t.url); err != nil {
			return exit{exitUsage, fmt.Errorf("%s: %w", named(t.url), err)}
		}
	}
	err = t.run(cmd.Context(), through, body, out, o.notes(cmd))
	if e, ok := errors.AsType[exit](err); ok {
		t.exit = e.code
		err = exit{e.code, fmt.Errorf("%s: %w", named(t.url), e.err)}
	}
	if _, writing := io.WriteString(cmd.OutOrStdout(), o.format.of(t)); writing != nil && err == nil {
		err = exit{exitTransport, writing}
	}
	return err
}

// check reads the flags that need to be parsed.
func (o *getOptions) check() (err error) {
	switch {
	case o.remoteName && o.output != "":
		return errors.New("--remote-name and --output exclude each other")
	case o.maxRedirs < 0:
		return errors.New("--max-redirs: expected 0 or more")
	case o.http3 && len(o.resolve) > 0:
		return errors.New("--resolve does not work with --http3")
	}
	if o.format, err = parseFormat(o.writeOut); err != nil {
		return err
	}
	o.cookies, o.given, err = o.openCookies()
	return err
}

// notes returns the writer for what the user should know, which --silent turns off.
func (o *getOptions) notes(cmd *cobra.Command) io.Writer {
	if o.silent && !o.showError {
		return io.Discard
	}
	return cmd.ErrOrStderr()
}

// heard returns the error that is printed: with --silent only that of a wrong use.
func (o *getOptions) heard(err error) error {
	if e, ok := errors.AsType[exit](err); ok && o.silent && !o.showError && e.code != exitUsage {
		return exit{code: e.code}
	}
	return err
}

// all returns one observer that calls the non-nil ones of observers, or nil if there are none.
func all(observers []drive.Observer) drive.Observer {
	var some []drive.Observer
	for _, o := range observers {
		if o != nil {
			some = append(some, o)
		}
	}
	if some == nil {
		return nil
	}
	return func(conn uint64, env gss.Env, e machine.Event, a machine.Actions) {
		for _, o := range some {
			o(conn, env, e, a)
		}
	}
}

// unproven returns why a response may be another server's although its scheme could tell, "" if it is not.
func unproven(d machine.Deliver) string {
	switch {
	case d.Info.Unproven:
		return "the server did not authenticate itself"
	case d.Authenticated && d.Info.Mech == gss.Kerberos && d.Context != nil && !d.Info.Flags.Has(gss.Mutual):
		return "the server was not asked to authenticate itself"
	}
	return ""
}

// verb returns the method of the request, which may have a body.
func (o *getOptions) verb(body []byte) string {
	switch {
	case o.method != "":
		return o.method
	case o.head:
		return http.MethodHead
	case body != nil:
		return http.MethodPost
	}
	return http.MethodGet
}

func (o *getOptions) request(ctx context.Context, u *url.URL, body []byte) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body) // replayable
	}
	r, err := http.NewRequestWithContext(ctx, o.verb(body), u.String(), content)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "countersign")
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if len(o.given) > 0 {
		r.Header.Set("Cookie", strings.Join(o.given, "; "))
	}
	for _, line := range o.headers {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, errors.New("--header: expected 'Name: value'")
		}
		if name, value = strings.TrimSpace(name), strings.TrimSpace(value); strings.EqualFold(name, "Host") {
			r.Host = value
		} else {
			r.Header.Add(name, value)
		}
	}
	return r, nil
}

// failure returns the error for a request without a response, with the exit code of its cause.
func (o *getOptions) failure(err error) error {
	e, ok := errors.AsType[*drive.Error](err)
	if !ok || e.Fault.IsZero() { // the last: a proxy did not open a tunnel
		return exit{exitTransport, err}
	}
	if _, lost := errors.AsType[*drive.Loss](e.Err); lost {
		return exit{exitTransport, err}
	}
	text := remedied(e, e.Fault, o.machine.AllowRC4)
	if o.kerberos.other != "" && strings.Contains(e.Tried, "Nego") {
		text = fmt.Errorf("%w (Kerberos was not tried, since the user's name has no realm; here: %s)", text, o.kerberos.other)
	}
	return exit{exitOf(text), text}
}

// parseURLs parses the arguments. As with curl, the scheme is http if there is none.
func parseURLs(args []string) ([]*url.URL, error) {
	var urls []*url.URL
	for _, arg := range args {
		u, err := parseURL(arg)
		if err != nil {
			return nil, err
		}
		if u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%s: expected a URL of scheme http or https", named(u))
		}
		urls = append(urls, u)
	}
	return urls, nil
}

func parseURL(arg string) (*url.URL, error) {
	if !strings.Contains(arg, "://") {
		arg = "http://" + arg
	}
	u, err := url.Parse(arg)
	if err != nil || u.Hostname() == "" { // err may hold a password
		return nil, errors.New("invalid URL: expected http://host[:port]/path or https://…")
	}
	return u, nil
}

// body returns the request's body, nil for none.
func (o *getOptions) body(stdin io.Reader) ([]byte, error) {
	file, isFile := strings.CutPrefix(o.data, "@")
	switch {
	case o.data == "":
		return nil, nil
	case !isFile:
		return []byte(o.data), nil
	}
	var b []byte
	var err error
	if file == "-" {
		b, err = io.ReadAll(stdin)
	} else {
		b, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, exit{exitTransport, fmt.Errorf("--data: %w", err)}
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// base returns the transport that opens connections.
func (o *getOptions) base() (*http.Transport, error) {
	c := &tls.Config{InsecureSkipVerify: o.insecure} // what the flag asks for
	if o.cacert != "" {
		pem, err := os.ReadFile(o.cacert)
		if err != nil {
			return nil, exit{exitTransport, fmt.Errorf("--cacert: %w", err)}
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, exit{exitUsage, fmt.Errorf("--cacert: %s holds no certificate in PEM", o.cacert)}
		}
	}
	hosts, err := parseResolved(o.resolve)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	return &http.Transport{TLSClientConfig: c, TLSHandshakeTimeout: 10 * time.Second, DisableCompression: true, DialContext: hosts.dial}, nil
}
