package krb5

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
)

const (
	// defaultTimeout is how long one try at one KDC may take, and how long names are looked up.
	defaultTimeout = 3 * time.Second
	// defaultPatience is how long the KDCs that were asked are waited for before another one is
	// asked as well.
	defaultPatience = time.Second
	// maxRealms bounds for how many realms the address that answered is remembered.
	maxRealms = 64
	// defaultDatagram is the maximum size of a request that is sent by UDP first, in bytes,
	// if udp_preference_limit is not set.
	defaultDatagram = 1465
	// maxReply bounds a KDC's answer, in bytes.
	maxReply = message.MaxMessage
	// maxKDCs bounds how many addresses of a realm are tried for one question.
	maxKDCs = 16

	defaultPort = "88"
)

// Client asks KDCs. Its zero value finds them by DNS.
type Client struct {
	_ struct{}

	// Config names KDCs as krb5conf.Config.KDCs gives them. Realms that it does not know are
	// looked up by DNS.
	Config *krb5conf.Config
	// Lookup finds the SRV records of a service; nil is net.DefaultResolver. It is not asked
	// where Config has dns_lookup_kdc = false.
	Lookup func(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
	// LookupHost finds the addresses of a KDC's name, which are all asked; nil is
	// net.DefaultResolver, or, where Dial is set, to leave names to Dial.
	LookupHost func(ctx context.Context, host string) (addrs []string, err error)
	// LookupCNAME finds the canonical name of a service's host, and LookupAddr the names of an
	// address of it; nil is net.DefaultResolver. They are asked where the mechanism's
	// Config.Canonicalize says so, and the latter only without rdns = false in Config.
	LookupCNAME func(ctx context.Context, host string) (cname string, err error)
	LookupAddr  func(ctx context.Context, addr string) (names []string, err error)
	// Dial connects; nil is a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout is for one try at one address by one network; 0 is 3 seconds. Another address is
	// asked as well when one has not answered for a second.
	Timeout time.Duration
	// TLS is for proxies; nil is the default configuration, with the anchors of Config (http_anchors).
	TLS *tls.Config

	patience time.Duration // defaultPatience if 0

	mu       sync.Mutex
	answered map[string]string // the address that answered last, by realm
}

// Answer implements answer.Source: gss.Reply with the first answer that any KDC of the
// realm gives, gss.Unreachable if none does before the context ends; and the canonical names of
// hosts.
func (c *Client) Answer(ctx context.Context, q gss.Question) gss.Answer {
	if need, ok := q.(kerberos.NeedHostName); ok {
		return kerberos.HostName{Host: c.canonical(ctx, need.Host)}
	}
	need, ok := q.(gss.NeedExchange)
	if !ok || need.Service != "kdc" {
		return gss.Declined{}
	}
	a, err := c.answer(ctx, need)
	answer.Explain(ctx, err) // LEG-3
	return a
}

// answer returns the answer, and why no KDC gave one.
func (c *Client) answer(ctx context.Context, need gss.NeedExchange) (gss.Answer, error) {
	reply, err := c.roundTrip(ctx, need.Realm, []byte(need.Request))
	if err != nil {
		return gss.Unreachable{}, err
	}
	return gss.Reply{Data: string(reply)}, nil
}

// roundTrip makes one exchange with a KDC of the realm. Addresses are asked one after the
// other: the next one as soon as one fails, and after the patience with the first ones while
// these are waited for. The error says what became of each address that was tried.
func (c *Client) roundTrip(ctx context.Context, realm string, request []byte) ([]byte, error) {
	addresses := c.addresses(ctx, realm)
	if len(addresses) == 0 {
		return nil, fmt.Errorf("krb5: no KDC is known for the realm %q; name one in krb5.conf, or publish _kerberos._udp and _kerberos._tcp", realm)
	}
	type outcome struct {
		address string
		reply   []byte
		err     error
	}
	var tries sync.WaitGroup
	defer tries.Wait() // no try outlives the answer
	each, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan outcome, len(addresses))
	due := time.NewTimer(0)
	defer due.Stop()
	var failed error
	var busy []byte
	ended := ctx.Done()
	for next, open := 0, 0; next < len(addresses) || open > 0; {
		turn := due.C
		if next == len(addresses) {
			turn = nil
		}
		select {
		case <-ended: // the tries end as well, and say so
			next, ended = len(addresses), nil
		case <-turn:
			a := addresses[next]
			tries.Go(func() {
				reply, err := c.try(each, a, realm, request)
				outcomes <- outcome{a, reply, err}
			})
			next, open = next+1, open+1
			due.Reset(cmp.Or(c.patience, defaultPatience)) // KRB-23
		case o := <-outcomes:
			open--
			switch {
			case o.err != nil:
				failed = both(failed, fmt.Errorf("%s: %w", o.address, o.err))
			case codeOf(o.reply) == message.ErrServiceUnavail: // another KDC may be available
				busy = o.reply
			default:
				c.remember(realm, o.address)
				return o.reply, nil
			}
			due.Reset(0)
		}
	}
	if busy != nil {
		return busy, nil
	}
	return nil, fmt.Errorf("krb5: no KDC of the realm %q answered: %w", realm, both(failed, ctx.Err()))
}

// both returns both errors, in one line.
func both(one, other error) error {
	switch {
	case one == nil:
		return other
	case other == nil:
		return one
	}
	return fmt.Errorf("%w, %w", one, other)
}

// remember has the address that answered asked first the next time.
func (c *Client) remember(realm, address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered == nil || len(c.answered) >= maxRealms {
		c.answered = map[string]string{}
	}
	c.answered[realm] = address
}

// addresses returns those of a realm's KDCs in the order of trying, each once.
func (c *Client) addresses(ctx context.Context, realm string) []string {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	var list []string
	for _, place := range c.places(ctx, realm) {
		for _, a := range c.resolve(ctx, place) {
			if !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(list, c.answered[realm]); i > 0 {
		list = slices.Insert(slices.Delete(list, i, i+1), 0, c.answered[realm])
	}
	return list[:min(len(list), maxKDCs)]
}

// places returns the KDCs of a realm, by the configuration, or by the SRV records of both
// networks: a KDC that is published under one alone counts as well.
func (c *Client) places(ctx context.Context, realm string) []string {
	list := c.Config.KDCs(realm)
	if len(list) > 0 || !c.Config.Bool("dns_lookup_kdc", true) {
		return list
	}
	lookup := c.Lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupSRV
	}
	for _, proto := range [...]string{"tcp", "udp"} {
		_, records, _ := lookup(ctx, "kerberos", proto, realm)
		for _, r := range records {
			if r.Target == "." || r.Target == "" { // there is no such service here (RFC 2782)
				continue
			}
			list = append(list, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
		}
	}
	return list
}

// resolve returns all addresses of a KDC, with their port and the network that it had before
// it. A name stays as it is if there is a Dial of its own without LookupHost, or it cannot be
// resolved, which dialing then reports; so does a proxy's URL.
func (c *Client) resolve(ctx context.Context, place string) []string {
	if strings.HasPrefix(place, "https://") {
		return []string{place}
	}
	network := ""
	for _, n := range [...]string{"tcp/", "udp/"} {
		if rest, ok := strings.CutPrefix(place, n); ok {
			network, place = n, rest
		}
	}
	host, port, err := net.SplitHostPort(place)
	if err != nil {
		host, port = strings.Trim(place, "[]"), defaultPort
	}
	lookup := c.LookupHost
	if lookup == nil && c.Dial == nil {
		lookup = net.DefaultResolver.LookupHost
	}
	hosts := []string{host}
	if lookup != nil && net.ParseIP(host) == nil {
		if found, err := lookup(ctx, host); err == nil && len(found) > 0 {
			hosts = found
		}
	}
	list := make([]string, len(hosts))
	for i, h := range hosts {
		list[i] = network + net.JoinHostPort(h, port)
	}
	return list
}

func (c *Client) timeout() time.Duration {
	if c.Timeout <= 0 {
		return defaultTimeout
	}
	return c.Timeout
}

// try asks one KDC: by UDP if the request fits, by TCP otherwise and if the KDC says so
// (RFC 4120 section 7.2), by HTTPS for a proxy.
func (c *Client) try(ctx context.Context, address, realm string, request []byte) ([]byte, error) {
	timeout := c.timeout()
	if strings.HasPrefix(address, "https://") {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return c.proxy(ctx, address, realm, request)
	}
	only := ""
	for _, network := range [...]string{"tcp", "udp"} {
		if rest, ok := strings.CutPrefix(address, network+"/"); ok {
			only, address = network, rest
		}
	}
	var byUDP error
	if only == "udp" || only == "" && len(request) <= c.Config.Number("udp_preference_limit", defaultDatagram) {
		reply, err := c.exchange(ctx, timeout, "udp", address, request)
		switch {
		case err == nil && !isReply(reply) && only == "": // any host can send a datagram
			err = errors.New("the answer is no KDC's")
		case err == nil && codeOf(reply) == message.ErrResponseTooBig && only == "":
			err = errors.New("the answer does not fit into a datagram")
		}
		if err == nil || only == "udp" || ctx.Err() != nil {
			return reply, err
		}
		byUDP = err
	}
	reply, err := c.exchange(ctx, timeout, "tcp", address, request)
	if err != nil && byUDP != nil {
		err = fmt.Errorf("UDP: %w; TCP: %w", byUDP, err)
	}
	return reply, err
}

// isReply reports whether b begins like an AS-REP, a TGS-REP or a KRB-ERROR.
func isReply(b []byte) bool {
	return len(b) > 0 && (b[0] == 0x6B || b[0] == 0x6D || b[0] == 0x7E)
}

// codeOf returns the code of a KRB-ERROR, and 0 for anything else.
func codeOf(reply []byte) message.ErrorCode {
	if !message.IsError(string(reply)) {
		return 0
	}
	e, fault := message.ParseError(string(reply))
	if !fault.IsZero() {
		return 0
	}
	return e.Code
}

func (c *Client) exchange(ctx context.Context, timeout time.Duration, network, address string, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	dial := c.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if network == "udp" {
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		reply := make([]byte, 1<<16)
		n, err := conn.Read(reply)
		return reply[:n], err
	}
	if _, err := conn.Write(frame(request)); err != nil {
		return nil, err
	}
	return unframe(conn)
}

// frame puts the length before a message, as TCP needs it (RFC 4120 section 7.2.2).
func frame(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b))), b...)
}

func unframe(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxReply {
		return nil, fmt.Errorf("an answer of %d bytes, where at most %d are accepted", n, maxReply)
	}
	// What was promised is not believed before it comes.
	b, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(b) < int(n) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// proxy asks by MS-KKDCP section 2.2.2.
func (c *Client) proxy(ctx context.Context, address, realm string, request []byte) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, hidden.Error(err)
	}
	if u.Path == "" {
		u.Path = "/KdcProxy"
	}
	body, err := proxyMessage(frame(request), realm)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/kerberos")
	conf := c.TLS
	if conf == nil {
		if conf, err = anchored(c.Config.Anchors(realm)); err != nil {
			return nil, err
		}
	}
	transport := &http.Transport{TLSClientConfig: conf, DialContext: c.Dial, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	// Where a redirect leads is not where the request was meant to go (KRB-20).
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return nil, hidden.Error(err) // of ProxyFromEnvironment, which may quote a password
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the proxy responded with status %d", resp.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1024))
	if err != nil {
		return nil, err
	}
	return parseProxyMessage(answer)
}

// anchored returns the configuration for http_anchors of krb5.conf, nil for the system's certificates.
func anchored(anchors []string) (*tls.Config, error) {
	if len(anchors) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	for _, anchor := range anchors {
		kind, name, _ := strings.Cut(anchor, ":")
		if kind == "ENV" {
			kind, name, _ = strings.Cut(os.Getenv(name), ":")
		}
		var files []string
		switch kind {
		case "FILE":
			files = []string{name}
		case "DIR":
			entries, err := os.ReadDir(name)
			if err != nil {
				return nil, fmt.Errorf("http_anchors of krb5.conf: %w", err)
			}
			for _, e := range entries {
				if !e.IsDir() {
					files = append(files, filepath.Join(name, e.Name()))
				}
			}
		default:
			return nil, errors.New("http_anchors of krb5.conf has another kind than FILE, DIR and ENV")
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("http_anchors of krb5.conf: %w", err)
			}
			if !pool.AppendCertsFromPEM(b) && kind == "FILE" {
				return nil, fmt.Errorf("http_anchors of krb5.conf: %s has no certificate", file)
			}
		}
	}
	return &tls.Config{RootCAs: pool}, nil // KRB-70
}
