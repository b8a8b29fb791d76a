package krb5

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
)

const (
	// defaultTimeout is how long one try at one KDC may take.
	defaultTimeout = 3 * time.Second
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
	// Dial connects; nil is a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout is for one try at one KDC; 0 is 3 seconds.
	Timeout time.Duration
	// TLS is for proxies; nil is the default configuration.
	TLS *tls.Config
}

// Answer implements answer.Source: gss.Reply with the first answer that any KDC of the
// realm gives, gss.Unreachable if none does before the context ends.
func (c *Client) Answer(ctx context.Context, q gss.Question) gss.Answer {
	need, ok := q.(gss.NeedExchange)
	if !ok || need.Service != "kdc" {
		return gss.Declined{}
	}
	reply, err := c.roundTrip(ctx, need.Realm, []byte(need.Request))
	if err != nil {
		return gss.Unreachable{}
	}
	return gss.Reply{Data: string(reply)}
}

// roundTrip makes one exchange with a KDC of the realm. The error says what happened at
// each address that was tried.
func (c *Client) roundTrip(ctx context.Context, realm string, request []byte) ([]byte, error) {
	addresses := c.addresses(ctx, realm)
	if len(addresses) == 0 {
		return nil, fmt.Errorf("krb5: no KDC is known for the realm; name one in krb5.conf, or publish _kerberos._udp and _kerberos._tcp")
	}
	var errs []error
	for _, a := range addresses {
		if ctx.Err() != nil {
			break
		}
		reply, err := c.try(ctx, a, realm, request)
		if err == nil {
			return reply, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", a, err))
	}
	return nil, fmt.Errorf("krb5: no KDC answered: %w", errors.Join(append(errs, ctx.Err())...))
}

// addresses returns those of a realm's KDCs in the order of trying.
func (c *Client) addresses(ctx context.Context, realm string) []string {
	list := c.Config.KDCs(realm)
	if len(list) == 0 && c.Config.Bool("dns_lookup_kdc", true) {
		lookup := c.Lookup
		if lookup == nil {
			lookup = net.DefaultResolver.LookupSRV
		}
		_, records, err := lookup(ctx, "kerberos", "tcp", realm)
		if err != nil || len(records) == 0 {
			_, records, _ = lookup(ctx, "kerberos", "udp", realm)
		}
		for _, r := range records {
			if r.Target == "." || r.Target == "" { // there is no such service here (RFC 2782)
				continue
			}
			list = append(list, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
		}
	}
	return list[:min(len(list), maxKDCs)]
}

// try asks one KDC: by UDP if the request fits, by TCP otherwise and if the KDC says so
// (RFC 4120 section 7.2), by HTTPS for a proxy.
func (c *Client) try(ctx context.Context, address, realm string, request []byte) ([]byte, error) {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
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
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), defaultPort)
	}
	if only == "udp" || only == "" && len(request) <= c.Config.Number("udp_preference_limit", defaultDatagram) {
		reply, err := c.exchange(ctx, timeout, "udp", address, request)
		if err == nil && isReply(reply) && !tooBig(reply) || only == "udp" { // any host can send a datagram
			return reply, err
		}
	}
	return c.exchange(ctx, timeout, "tcp", address, request)
}

// isReply reports whether b begins like an AS-REP, a TGS-REP or a KRB-ERROR.
func isReply(b []byte) bool {
	return len(b) > 0 && (b[0] == 0x6B || b[0] == 0x6D || b[0] == 0x7E)
}

// tooBig reports whether a reply is KRB_ERR_RESPONSE_TOO_BIG.
func tooBig(reply []byte) bool {
	if !message.IsError(string(reply)) {
		return false
	}
	e, fault := message.ParseError(string(reply))
	return fault.IsZero() && e.Code == message.ErrResponseTooBig
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
	transport := &http.Transport{TLSClientConfig: c.TLS, DialContext: c.Dial, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
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
