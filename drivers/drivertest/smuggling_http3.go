package drivertest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/drivers/internal/smuggle"
)

// The frames of a request in HTTP/3 (RFC 9114 section 7.2).
const (
	frameData    = 0
	frameHeaders = 1
)

// quicFrame returns a frame.
func quicFrame(kind uint64, payload string) string {
	return varint(kind) + varint(uint64(len(payload))) + payload
}

// varint returns an integer of QUIC, in four bytes (RFC 9000 section 16).
func varint(n uint64) string {
	return string([]byte{0x80 | byte(n>>24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// section returns a field section of literals (RFC 9204 section 4.5.6) from alternating
// names and values.
func section(fields ...string) string {
	b := []byte{0, 0}
	for i, text := range fields {
		first, bits := byte(0x20), 3 // a name
		if i%2 == 1 {
			first, bits = 0, 7
		}
		n, limit := len(text), 1<<bits-1
		if n < limit {
			b = append(b, first|byte(n))
		} else {
			b = append(b, first|byte(limit))
			for n -= limit; n >= 128; n /= 128 {
				b = append(b, byte(n)|128)
			}
			b = append(b, byte(n))
		}
		b = append(b, text...)
	}
	return string(b)
}

// stream3 is the content of a stream. In its path @T stands for the tag, in its
// authority @A, and @C for its credentials, if it has any.
type stream3 struct {
	name    string
	fields  []string
	then    string // the frames after the header's
	verdict smuggle.Verdict
	method  string
	body    string
}

// streams returns invalid requests over HTTP/3.
func streams(inner string) (list []stream3) {
	pseudo := func(method, path string) []string {
		return []string{":method", method, ":scheme", "https", ":authority", "@A", ":path", path}
	}
	usual := append(pseudo("POST", "/outer?@T"), "@C", "")
	with := func(fields ...string) []string { return append(usual[:len(usual):len(usual)], fields...) }
	data := quicFrame(frameData, inner)
	add := func(name string, fields []string, then string, v smuggle.Verdict, body string) {
		method := "POST"
		for i := 0; i < len(fields); i += 2 {
			if fields[i] == ":method" {
				method = fields[i+1]
			}
		}
		list = append(list, stream3{name, fields, then, v, method, body})
	}
	for _, method := range smuggle.Methods {
		add("a body", append(pseudo(method, "/outer?@T"), "@C", ""), data, smuggle.Whole, inner)
		add("a length that is right", append(pseudo(method, "/outer?@T"), "@C", "", "content-length", fmt.Sprint(len(inner))), data, smuggle.Whole, inner)
	}
	add("no body", usual, "", smuggle.Whole, "")
	add("a body in many frames", usual, quicFrame(frameData, "he")+quicFrame(frameData, "")+quicFrame(frameData, "llo"), smuggle.Whole, "hello")
	add("a length longer than what comes", with("content-length", fmt.Sprint(len(inner)+9)), data, smuggle.Broken, "")
	add("a length shorter than what comes", with("content-length", "5"), data, smuggle.Broken, "")
	add("a length of nothing before something", with("content-length", "0"), data, smuggle.Breaks, "")
	add("a length and nothing", with("content-length", "5"), "", smuggle.Broken, "")
	add("two lengths", with("content-length", "5", "content-length", fmt.Sprint(len(inner))), data, smuggle.Broken, "")
	for _, n := range []string{"+5", "-5", "0x5", "five", "5, 6", "99999999999999999999"} {
		add(fmt.Sprintf("the length %q", n), with("content-length", n), quicFrame(frameData, "hello"), smuggle.Refused, "")
	}
	for _, f := range []string{"transfer-encoding: chunked", "connection: close", "keep-alive: 5", "proxy-connection: close", "upgrade: h2c", "te: gzip"} {
		name, value, _ := strings.Cut(f, ": ")
		add("the field "+name, with(name, value), quicFrame(frameData, "hello"), smuggle.Refused, "")
	}
	for _, name := range []string{"Authorization2", "x field", "x:field", "x\x00", "x\r\nauthorization", "", ":foo", ":status", ":path", ":method", ":scheme", ":authority"} {
		add(fmt.Sprintf("the name %q", name), with(name, "y"), "", smuggle.Refused, "")
	}
	for _, value := range []string{"a\r\nauthorization: x", "a\nb", "a\x00b"} {
		add(fmt.Sprintf("the value %q", value), with("x-field", value), "", smuggle.Refused, "")
	}
	for i := 0; i < 8; i += 2 { // one that is missing, and one that comes late
		missing := smuggle.Refused
		if usual[i] == ":scheme" { // quic-go does not require it, and no handler sees it
			missing = smuggle.Either
		}
		add("no "+usual[i], append(append([]string{}, usual[:i]...), usual[i+2:]...), "", missing, "")
		late := append(append([]string{}, usual[:i]...), usual[i+2:]...)
		add("a late "+usual[i], append(late, usual[i], usual[i+1]), "", smuggle.Refused, "")
		add("two of "+usual[i], append([]string{usual[i], usual[i+1]}, usual...), "", smuggle.Refused, "")
	}
	for _, path := range []string{"", "admin", "*", "https:/admin", "x:/admin", "/outer?@T HTTP/1.1\r\nx: y", "/outer?@T#admin"} {
		add(fmt.Sprintf("the path %q", path), append(pseudo("GET", path), "@C", ""), "", smuggle.Refused, "")
	}
	for _, method := range []string{"", "GET /admin", "GET\r\nx", "CONNECT"} {
		add(fmt.Sprintf("the method %q", method), append(pseudo(method, "/outer?@T"), "@C", ""), "", smuggle.Refused, "")
	}
	add("another Host", with("host", "elsewhere"), "", smuggle.Refused, "")
	add("a trailer with credentials", usual, quicFrame(frameData, "hello")+quicFrame(frameHeaders, section("authorization", "Basic "+base64Of("bob:"+people["bob"]))), smuggle.Breaks, "hello")
	add("a trailer with a path", usual, quicFrame(frameData, "hello")+quicFrame(frameHeaders, section(":path", "/admin")), smuggle.Breaks, "hello")
	add("a second request behind the first", usual, quicFrame(frameHeaders, section(append(pseudo("GET", "/admin"), "authorization", "Basic "+base64Of("bob:"+people["bob"]))...)), smuggle.Breaks, "")
	add("data behind a trailer", usual, quicFrame(frameData, "hello")+quicFrame(frameHeaders, section("x", "y"))+data, smuggle.Breaks, "hello")
	add("a frame of HTTP/2", usual, quicFrame(8, "x")+data, smuggle.Breaks, inner)
	add("settings", usual, quicFrame(4, "")+data, smuggle.Breaks, inner)
	add("a frame that is unknown", usual, quicFrame(0x21, "x")+data, smuggle.Whole, inner)
	// quic-go takes the end of the stream for the end of the body, even within a frame.
	// Only the client can end it.
	add("half a frame", usual, data[:len(data)/2], smuggle.Breaks, data[len(data)-len(inner):len(data)/2])
	add("credentials for a proxy", with("proxy-authorization", "Basic "+base64Of("bob:"+people["bob"])), "", smuggle.Whole, "")
	add("two credentials", with("authorization", "Basic "+base64Of("bob:"+people["bob"]), "authorization", "Basic "+base64Of("carol:"+people["carol"])), "", smuggle.Refused, "")
	return list
}

// serverStreams sends requests over HTTP/3 that are invalid, or that two readers may
// read differently.
func (k *kit) serverStreams() {
	var seen smuggle.Sightings
	s := k.serve(func(s *ServerSetup) { s.Handler = seen.Handle }, basic())
	authority := strings.TrimPrefix(s.url, "https://")
	inner := "GET " + smuggle.Path + " HTTP/1.1\r\nHost: h\r\nAuthorization: Basic " + base64Of("bob:"+people["bob"]) + "\r\n\r\n"
	var c *caller
	for _, credentials := range []struct{ name, value, user string }{
		{"no credentials", "", ""},
		{"a wrong password", "Basic " + base64Of("alice:guess"), ""},
		{"a right password", "Basic " + base64Of("alice:"+people["alice"]), "alice"},
	} {
		for n, x := range streams(inner) {
			if c == nil {
				c = k.dial(s.url, "alice")
			}
			tag := fmt.Sprintf("%s%d", credentials.user, n)
			var fields []string
			for i := 0; i < len(x.fields); i += 2 {
				name, value := x.fields[i], x.fields[i+1]
				if name == "@C" {
					if credentials.value == "" {
						continue
					}
					name, value = "authorization", credentials.value
				}
				fields = append(fields, name, strings.NewReplacer("@T", tag, "@A", authority).Replace(value))
			}
			seen.Take()
			k.say(c, quicFrame(frameHeaders, section(fields...))+x.then)
			k.judge(x, credentials.name, credentials.user, seen.Take())
			if x.verdict != smuggle.Whole { // the server may end its connection, and the client learns of it at any time
				c.close()
				c = nil
			}
		}
	}
}

// say opens a stream, writes text to it, and reads until the end.
func (k *kit) say(c *caller, text string) {
	stream, err := c.http3.Open(k.ctx)
	if err != nil {
		k.errorf("no stream: %v", err)
		return
	}
	stream.SetDeadline(time.Now().Add(k.grace))
	io.WriteString(stream, text)
	stream.Close()
	if _, err := io.Copy(io.Discard, stream); errors.Is(err, os.ErrDeadlineExceeded) {
		k.errorf("a stream is neither answered nor closed")
	}
}

// judge checks how the server read a stream.
func (k *kit) judge(x stream3, credentials, user string, seen []smuggle.Sighting) {
	what := fmt.Sprintf("%s %s, %s", x.method, x.name, credentials)
	for _, g := range seen {
		switch {
		case g.Path != "/outer" || user == "":
			k.errorf("%s: the handler saw %s %s as %q", what, g.Method, g.Path, g.User)
		case g.User != user || g.Method != x.method:
			k.errorf("%s: the handler saw it as %s of %q", what, g.Method, g.User)
		case x.verdict == smuggle.Refused:
			k.errorf("%s: the handler saw a malformed request", what)
		case g.Whole && x.verdict == smuggle.Broken:
			k.errorf("%s: the handler saw an incomplete body as the complete %.60q", what, g.Body)
		case g.Whole && g.Body != x.body:
			k.errorf("%s: the handler saw the body %.60q", what, g.Body)
		case !g.Whole && x.verdict == smuggle.Whole:
			k.errorf("%s: the handler saw an incomplete body", what)
		}
	}
	if x.verdict == smuggle.Whole && user != "" && len(seen) != 1 {
		k.errorf("%s: the handler saw %d requests, want 1", what, len(seen))
	}
}
