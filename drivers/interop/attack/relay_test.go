package attack

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mutation is one thing that goes wrong with one message of an exchange. It is drawn from a seed.
type mutation struct {
	seed     uint64
	response bool // of the messages that the server sends
	nth      int  // from 0, of that direction, of those that carry credentials or challenges
	op       int
}

// ops are what may become of a message's head. line is one that authenticates, its name and value. They
// return the lines in its place.
var ops = []struct {
	name string
	do   func(r *rand.Rand, name, value string) []string
}{
	{"a bit of the token flips", token(func(r *rand.Rand, b []byte) []byte {
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		return b
	})},
	{"the token is cut", token(func(r *rand.Rand, b []byte) []byte { return b[:r.IntN(len(b))] })},
	{"the token is longer", token(func(r *rand.Rand, b []byte) []byte { return append(b, noise(r)...) })},
	{"bytes stand within the token", token(func(r *rand.Rand, b []byte) []byte {
		i := r.IntN(len(b))
		return append(b[:i:i], append(noise(r), b[i:]...)...)
	})},
	{"a part of the token stands there twice", token(func(r *rand.Rand, b []byte) []byte {
		i := r.IntN(len(b))
		return append(b[:len(b):len(b)], b[i:]...)
	})},
	{"bytes of the token change places", token(func(r *rand.Rand, b []byte) []byte {
		i, j := r.IntN(len(b)), r.IntN(len(b))
		b[i], b[j] = b[j], b[i]
		return b
	})},
	{"a bit of the field flips", field(func(r *rand.Rand, v []byte) []byte {
		i := r.IntN(len(v))
		if c := v[i] ^ 1<<r.IntN(7); c >= ' ' && c < 0x7F {
			v[i] = c
		}
		return v
	})},
	{"the field is cut", field(func(r *rand.Rand, v []byte) []byte { return v[:r.IntN(len(v))] })},
	{"a part of the field stands there twice", field(func(r *rand.Rand, v []byte) []byte { return append(v[:len(v):len(v)], v[r.IntN(len(v)):]...) })},
	{"the field is missing", func(*rand.Rand, string, string) []string { return nil }},
	{"the field stands there twice", func(_ *rand.Rand, name, value string) []string {
		return []string{name + ": " + value, name + ": " + value}
	}},
	{"another scheme", func(r *rand.Rand, name, value string) []string {
		_, rest, _ := strings.Cut(value, " ")
		return []string{name + ": " + pick(r, "NTLM", "Negotiate", "Nego2", "Digest", "Basic", "Bearer", "") + " " + rest}
	}},
	{"the scheme alone", func(_ *rand.Rand, name, value string) []string {
		as, _, _ := strings.Cut(value, " ")
		return []string{name + ": " + as}
	}},
	{"another field", func(r *rand.Rand, name, value string) []string {
		return []string{pick(r, "WWW-Authenticate", "Proxy-Authenticate", "Authorization", "Proxy-Authorization", "Authentication-Info", "Proxy-Authentication-Info") + ": " + value}
	}},
	{"one more field", func(r *rand.Rand, name, value string) []string {
		return []string{name + ": " + value, pick(r,
			"Persistent-Auth: true", "Persistent-Auth: false", "Connection: close", "Connection: keep-alive", "Connection: authorization, www-authenticate",
			"Proxy-Support: Session-Based-Authentication", "Content-Length: 0", "Content-Length: 99", "Transfer-Encoding: chunked", "Via: 1.1 x",
			"WWW-Authenticate: NTLM", "WWW-Authenticate: Negotiate", "WWW-Authenticate: Basic realm=\"r\"", "Proxy-Authenticate: Basic realm=\"r\"",
			"Authentication-Info: rspauth=\"00000000000000000000000000000000\"", "Authentication-Info: nextnonce=\"x\"", "Authorization: Basic YWxpY2U6d29uZGVy", "X-Forwarded-For: 127.0.0.1")}
	}},
}

// Operations beside ops, on whole messages.
const (
	opStatus  = 100 + iota // another status, of responses
	opTwice                // the message comes twice
	opNever                // it never comes
	opInterim              // a 1xx comes first, of responses
	opBreaks               // its connection breaks off within it
	opSwaps                // it changes places with one of another connection
	opEnd
)

func pick(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

func noise(r *rand.Rand) []byte {
	b := make([]byte, 1+r.IntN(9))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// field changes the text of a field.
func field(change func(*rand.Rand, []byte) []byte) func(*rand.Rand, string, string) []string {
	return func(r *rand.Rand, name, value string) []string {
		if value == "" {
			return nil
		}
		return []string{name + ": " + string(change(r, []byte(value)))}
	}
}

// token changes what stands in base64, or the text where nothing does.
func token(change func(*rand.Rand, []byte) []byte) func(*rand.Rand, string, string) []string {
	return func(r *rand.Rand, name, value string) []string {
		as, text, _ := strings.Cut(value, " ")
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(b) == 0 {
			return field(change)(r, name, value)
		}
		return []string{name + ": " + as + " " + base64.StdEncoding.EncodeToString(change(r, b))}
	}
}

// clean takes out of a line what would end it.
func clean(line string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7F {
			return '?'
		}
		return c
	}, line)
}

// authenticates reports whether a line is of a field that carries credentials, challenges or proofs.
func authenticates(line string) (name, value string, ok bool) {
	name, value, _ = strings.Cut(line, ":")
	switch strings.ToLower(name) {
	case "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info", "proxy-authentication-info":
		return name, strings.TrimSpace(value), true
	}
	return "", "", false
}

// lines changes the lines of a head: the first one that authenticates.
func (m mutation) lines(r *rand.Rand, head []string) []string {
	for i, line := range head {
		if name, value, ok := authenticates(line); ok {
			var put []string
			for _, l := range ops[m.op].do(r, name, value) {
				put = append(put, clean(l))
			}
			return append(head[:i:i], append(put, head[i+1:]...)...)
		}
	}
	return head
}

// statuses are what a response's is changed to.
var statuses = []string{"200 OK", "204 No Content", "304 Not Modified", "400 Bad Request", "401 Unauthorized", "403 Forbidden", "407 Proxy Authentication Required", "421 Misdirected Request", "425 Too Early", "500 Oops", "503 Service Unavailable", "100 Continue", "101 Switching Protocols", "999 What", "abc", "302 Found"}

// relay stands between a client and a server.
type relay struct {
	listener net.Listener
	to       string
	m        mutation
	made     atomic.Bool // the mutation
	idle     time.Duration

	mu    sync.Mutex
	count [2]int
	wait  chan string // a message that waits for one of another connection
	conns []net.Conn
	all   sync.WaitGroup
}

// between is a relay as the tests see it.
type between struct {
	addr  string
	made  *atomic.Bool // the mutation was
	close func()
}

func newRelay(t testing.TB, to string, m mutation) between {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, to: to, m: m, wait: make(chan string), idle: 150 * time.Millisecond}
	r.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.all.Go(func() { r.join(c) })
		}
	})
	return between{l.Addr().String(), &r.made, r.close}
}

// close ends all of its connections.
func (r *relay) close() {
	r.listener.Close()
	r.mu.Lock()
	for _, c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.all.Wait()
}

// join passes messages between a client and the server, until one of them has nothing more to say, or both are silent
// after a message went wrong.
func (r *relay) join(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer server.Close()
	r.mu.Lock()
	r.conns = append(r.conns, client, server)
	r.mu.Unlock()
	var last atomic.Int64
	heard := func() { last.Store(time.Now().UnixNano()) }
	heard()
	done := make(chan struct{}, 2)
	go func() { r.pass(client, server, false, heard); done <- struct{}{} }()
	go func() { r.pass(server, client, true, heard); done <- struct{}{} }()
	tick := time.NewTicker(r.idle / 3)
	defer tick.Stop()
	for ended := 0; ended == 0; {
		select {
		case <-done:
			ended++
		case <-tick.C:
			if r.made.Load() && time.Since(time.Unix(0, last.Load())) > r.idle {
				ended++
			}
		}
	}
	client.Close()
	server.Close()
	<-done
}

// pass reads the messages of one direction.
func (r *relay) pass(from, to net.Conn, response bool, heard func()) {
	b := bufio.NewReader(from)
	for {
		head, body, err := message(b)
		if err != nil {
			return
		}
		heard()
		text, goes := r.change(head, body, response)
		if _, err := io.WriteString(to, text); err != nil || !goes {
			return
		}
		if response && strings.Contains(head[0], " 200 ") && strings.Contains(strings.Join(head, "\n"), "Tunnel") {
			io.Copy(to, b)
			return
		}
	}
}

// message reads one, the lines of its head and its body.
func message(b *bufio.Reader) (head []string, body string, err error) {
	length := 0
	for {
		line, err := b.ReadString('\n')
		if err != nil {
			return nil, "", err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		head = append(head, line)
	}
	content := make([]byte, length)
	_, err = io.ReadFull(b, content)
	return head, string(content), err
}

// change makes the mutation where its time has come. The connection goes on if goes is set.
func (r *relay) change(head []string, body string, response bool) (text string, goes bool) {
	whole := strings.Join(head, "\r\n") + "\r\n\r\n" + body
	carries := false
	for _, l := range head {
		_, _, ok := authenticates(l)
		carries = carries || ok
	}
	if !carries || response != r.m.response {
		return whole, true
	}
	r.mu.Lock()
	n := r.count[0]
	r.count[0]++
	r.mu.Unlock()
	if r.m.op == opSwaps && (n == r.m.nth || n == r.m.nth+1) {
		r.made.Store(true)
		select {
		case r.wait <- whole:
			return <-r.wait, true
		case other := <-r.wait:
			r.wait <- whole
			return other, true
		case <-time.After(r.idle / 2):
			return whole, true
		}
	}
	if n != r.m.nth {
		return whole, true
	}
	r.made.Store(true)
	rnd := rand.New(rand.NewPCG(r.m.seed, 7))
	switch r.m.op {
	case opStatus:
		if response {
			proto, _, _ := strings.Cut(head[0], " ")
			head[0] = proto + " " + pick(rnd, statuses...)
		}
	case opTwice:
		return whole + whole, true
	case opNever:
		return "", true
	case opInterim:
		if response {
			return pick(rnd, "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nWWW-Authenticate: NTLM\r\n\r\n", "HTTP/1.1 199 X\r\nAuthentication-Info: a=b\r\n\r\n", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 1+rnd.IntN(20))) + whole, true
		}
	case opBreaks:
		return whole[:rnd.IntN(len(whole))], false
	case opSwaps:
	default:
		head = r.m.lines(rnd, head)
	}
	return strings.Join(head, "\r\n") + "\r\n\r\n" + body, true
}

func (m mutation) String() string {
	names := map[int]string{opStatus: "another status", opTwice: "it comes twice", opNever: "it never comes", opInterim: "interim responses come first", opBreaks: "its connection breaks off", opSwaps: "it changes places with another connection's"}
	name := names[m.op]
	if m.op < len(ops) {
		name = ops[m.op].name
	}
	return fmt.Sprintf("seed %d: message %d (response %v): %s", m.seed, m.nth, m.response, name)
}

// drawn is the mutation of a seed.
func drawn(seed uint64) mutation {
	r := rand.New(rand.NewPCG(seed, 1))
	m := mutation{seed: seed, response: r.IntN(2) == 0, nth: r.IntN(3)}
	if m.op = r.IntN(len(ops) + opEnd - opStatus); m.op >= len(ops) {
		m.op += opStatus - len(ops)
	}
	return m
}
