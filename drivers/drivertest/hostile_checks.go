package drivertest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// hostile is a server that breaks the protocol.
type hostile struct {
	name string
	// says writes the response to the nth request, from 1. elsewhere is another origin.
	says func(w http.ResponseWriter, r *http.Request, n int, elsewhere string)
}

// challenges returns a hostile server that answers each request with 401 and the
// challenges of of.
func challenges(name string, of func(n int, elsewhere string) []string) hostile {
	return hostile{name, func(w http.ResponseWriter, r *http.Request, n int, elsewhere string) {
		w.Header()["Www-Authenticate"] = of(n, elsewhere)
		w.WriteHeader(http.StatusUnauthorized)
	}}
}

// after returns a hostile server that begins a handshake of NTLM, and answers its first
// token with something else.
func after(name string, says func(w http.ResponseWriter, r *http.Request, elsewhere string)) hostile {
	return hostile{name, func(w http.ResponseWriter, r *http.Request, _ int, elsewhere string) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", "NTLM")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		says(w, r, elsewhere)
	}}
}

// digests returns a challenge of Digest with other parameters.
func digests(name, format string) hostile {
	return challenges(name, func(n int, elsewhere string) []string {
		return []string{"Digest " + strings.NewReplacer("@N", fmt.Sprint(n), "@E", elsewhere).Replace(format)}
	})
}

// ntlmChallenge returns the server's message of NTLM. name and info are its security
// buffers: length, capacity and offset.
func ntlmChallenge(flags uint32, name, info [3]uint32, payload string) string {
	field := func(b []byte, f [3]uint32) []byte {
		b = binary.LittleEndian.AppendUint16(b, uint16(f[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(f[1]))
		return binary.LittleEndian.AppendUint32(b, f[2])
	}
	b := binary.LittleEndian.AppendUint32([]byte("NTLMSSP\x00"), 2)
	b = field(b, name)
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = append(b, "challnge\x00\x00\x00\x00\x00\x00\x00\x00"...)
	b = append(field(b, info), "\x0a\x00\x63\x45\x00\x00\x00\x0f"...)
	return string(b) + payload
}

// hostiles returns the servers.
func hostiles() []hostile {
	many := func(of string) []string {
		list := make([]string, 3000)
		for i := range list {
			list[i] = fmt.Sprintf(of, i)
		}
		return list
	}
	const usual = `realm="r", nonce="n@N", algorithm=SHA-256, qop="auth"`
	list := []hostile{
		challenges("3,000 challenges of Basic", func(int, string) []string { return many(`Basic realm="%d"`) }),
		challenges("3,000 challenges of Digest", func(int, string) []string { return many(`Digest realm="%d", nonce="n", qop="auth"`) }),
		challenges("3,000 schemes", func(int, string) []string { return many("Scheme%d a=b") }),
		challenges("3,000 challenges in one line", func(int, string) []string { return []string{strings.Join(many(`Basic realm="%d"`), ", ")} }),
		challenges("a scheme after the other", func(n int, _ string) []string {
			return [][]string{{"NTLM"}, {`Basic realm="r"`}, {`Digest realm="r", nonce="n", qop="auth"`}, {"Negotiate"}, {"NTLM " + base64Of("NTLMSSP\x00")}, {"Negotiate " + base64Of("x")}}[n%6]
		}),
		challenges("another realm each time", func(n int, _ string) []string { return []string{fmt.Sprintf(`Basic realm="%d"`, n)} }),
		challenges("a long token", func(int, string) []string { return []string{"NTLM " + base64Of(strings.Repeat("A", 150_000))} }),
		challenges("a token for no handshake", func(int, string) []string { return []string{"NTLM " + base64Of("toy"), "Negotiate " + base64Of("toy")} }),
		digests("a space that is another origin", usual+`, domain="@E / //elsewhere/ x:"`),
		digests("a space of thousands", usual+`, domain="`+strings.Repeat("/a ", 20_000)+`"`),
		digests("thousands of qop", `realm="r", nonce="n@N", qop="`+strings.Repeat("auth-x,", 10_000)+`auth"`),
		digests("a qop that is unknown", `realm="r", nonce="n@N", qop="auth-conf"`),
		digests("a body to cover", `realm="r", nonce="n@N", qop="auth-int"`),
		digests("an algorithm that is unknown", `realm="r", nonce="n@N", algorithm=SHA-999, qop="auth"`),
		digests("a long nonce", `realm="r", nonce="`+strings.Repeat("n", 100_000)+`", qop="auth"`),
		digests("a long opaque", usual+`, opaque="`+strings.Repeat("o", 100_000)+`"`),
		digests("parameters twice", usual+`, realm="s", nonce="m"`),
		digests("stale without an end", usual+`, stale=true`),
		digests("a next nonce in place of a proof", usual+`, rspauth="00", nextnonce="x"`),
		after("a redirection in mid-handshake", func(w http.ResponseWriter, r *http.Request, elsewhere string) {
			http.Redirect(w, r, elsewhere+"/taken", http.StatusTemporaryRedirect)
		}),
		after("a 407 in mid-handshake", func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Proxy-Authenticate", "NTLM "+base64Of("toy"))
			w.WriteHeader(http.StatusProxyAuthRequired)
		}),
		after("a place of its own in mid-handshake", func(w http.ResponseWriter, _ *http.Request, elsewhere string) {
			w.Header().Set("Alt-Svc", `h3=":1"; ma=99999, h2="`+strings.TrimPrefix(elsewhere, "http://")+`"`)
			w.Header().Set("Refresh", "0; url="+elsewhere)
			w.Header().Set("Location", elsewhere)
			w.WriteHeader(http.StatusMisdirectedRequest)
		}),
	}
	const flags, end = 0xe2898215, "\x00\x00\x00\x00"
	for _, c := range []struct {
		name       string
		flags      uint32
		where      [3]uint32 // the target's name
		info       [3]uint32
		payload    string
		truncateTo int
	}{
		{"no name and no pairs", flags, [3]uint32{}, [3]uint32{}, "", 0},
		{"a name beyond the end", flags, [3]uint32{8, 8, 1 << 20}, [3]uint32{4, 4, 56}, end, 0},
		{"a name at the last offset", flags, [3]uint32{8, 8, 0xFFFFFFFF}, [3]uint32{4, 4, 56}, end, 0},
		{"a name whose end overflows", flags, [3]uint32{0xFFFE, 0xFFFE, 0xFFFFFFF0}, [3]uint32{4, 4, 56}, end, 0},
		{"a name within the head", flags, [3]uint32{8, 8, 0}, [3]uint32{4, 4, 56}, end, 0},
		{"a name of an odd length", flags, [3]uint32{3, 3, 56}, [3]uint32{4, 4, 56}, end, 0},
		{"pairs beyond the end", flags, [3]uint32{}, [3]uint32{0xFFFF, 0xFFFF, 56}, end, 0},
		{"pairs at the last offset", flags, [3]uint32{}, [3]uint32{4, 4, 0xFFFFFFFF}, end, 0},
		{"pairs within the head", flags, [3]uint32{}, [3]uint32{48, 48, 8}, end, 0},
		{"pairs longer than their room", flags, [3]uint32{}, [3]uint32{4, 0, 56}, end, 0},
		{"pairs without an end", flags, [3]uint32{}, [3]uint32{8, 8, 56}, "\x02\x00\x04\x00W\x00W\x00", 0},
		{"a pair that is longer than all", flags, [3]uint32{}, [3]uint32{8, 8, 56}, "\x02\x00\xff\xffW\x00W\x00", 0},
		{"a time of the wrong length", flags, [3]uint32{}, [3]uint32{10, 10, 56}, "\x07\x00\x02\x00xx" + end, 0},
		{"a binding from the server", flags, [3]uint32{}, [3]uint32{24, 24, 56}, "\x0a\x00\x10\x000123456789abcdef" + end, 0},
		{"a thousand pairs", flags, [3]uint32{}, [3]uint32{6004, 6004, 56}, strings.Repeat("\x01\x00\x02\x00W\x00", 1000) + end, 0},
		{"name and pairs in one place", flags, [3]uint32{4, 4, 56}, [3]uint32{4, 4, 56}, end, 0},
		{"no flags", 0, [3]uint32{}, [3]uint32{4, 4, 56}, end, 0},
		{"all flags", 0xFFFFFFFF, [3]uint32{}, [3]uint32{4, 4, 56}, end, 0},
		{"its first bytes", flags, [3]uint32{}, [3]uint32{4, 4, 56}, end, 20},
		{"all but the pairs", flags, [3]uint32{}, [3]uint32{4, 4, 56}, end, 40},
	} {
		text := ntlmChallenge(c.flags, c.where, c.info, c.payload)
		if c.truncateTo > 0 {
			text = text[:c.truncateTo]
		}
		list = append(list, after("a challenge of NTLM with "+c.name, func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("WWW-Authenticate", "NTLM "+base64Of(text))
			w.WriteHeader(http.StatusUnauthorized)
		}))
	}
	return list
}

// realNTLM returns the NTLM mechanism itself, as a client only.
func realNTLM() pair {
	m, err := ntlm.New(ntlm.Config{})
	if err != nil {
		panic(err)
	}
	return pair{name: "NTLM", client: scheme.NTLMClient(m), bound: true}
}

func (k *kit) clientHostile() {
	var stranger atomic.Int32 // requests with credentials that arrived at another origin
	other := k.raw(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Proxy-Authorization") != "" {
			stranger.Add(1)
		}
	})
	all := []pair{realNTLM(), digestPair(), oneLeg(), basic()}
	for _, h := range hostiles() {
		if k.ctx.Err() != nil {
			return
		}
		var n atomic.Int32
		s := k.raw(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			h.says(w, r, int(n.Add(1)), other.URL)
		})
		c := k.client(nil, all...)
		for _, method := range []string{"GET", "POST"} {
			before := s.seen()
			o := k.do(k.ctx, c, "", method, s.URL, strings.NewReader("a body"))
			if o.err == nil && o.status < 300 {
				k.errorf("%s, %s: %v", h.name, method, o)
			}
			if n := s.seen() - before; n == 0 || n > most {
				k.errorf("%s, %s: %d requests", h.name, method, n)
			}
		}
		if o := k.do(k.ctx, c, "", "GET", other.URL, nil); o.err != nil || o.status != 200 {
			k.errorf("%s: a request to another origin afterwards: %v", h.name, o)
		}
		if stranger.Swap(0) > 0 {
			k.errorf("%s: credentials were sent to another origin", h.name)
		}
		c.Close()
		s.CloseClientConnections()
	}
	k.clientCuts()
}

// clientCuts ends the challenge within a handshake after each of its bytes, and sends
// one a byte at a time.
func (k *kit) clientCuts() {
	const head = "HTTP/1.1 401 Unauthorized\r\n"
	second := head + "WWW-Authenticate: NTLM " + base64Of(ntlmChallenge(0xe2898215, [3]uint32{}, [3]uint32{4, 4, 56}, "\x00\x00\x00\x00")) + "\r\nContent-Length: 4\r\n\r\nbody"
	c := k.client(nil, realNTLM())
	for cut := 0; cut < len(second); cut += 3 {
		w := k.script(func(conn io.Writer, r *http.Request) bool {
			if r.Header.Get("Authorization") == "" {
				io.WriteString(conn, head+"WWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n")
				return true
			}
			io.WriteString(conn, second[:cut])
			return false
		})
		if o := k.do(k.ctx, c, "", "GET", w.url, nil); o.err == nil && o.status < 400 {
			k.errorf("a challenge cut after %d bytes: %v", cut, o)
		}
		if n := w.requests.Load(); n == 0 || n > most {
			k.errorf("a challenge cut after %d bytes: %d requests", cut, n)
		}
	}
	w := k.script(func(conn io.Writer, _ *http.Request) bool {
		io.WriteString(conn, head)
		drips(conn)
		return false
	})
	ctx, cancel := context.WithTimeout(k.ctx, 3*drop)
	defer cancel()
	start := time.Now()
	if o := k.do(ctx, c, "", "GET", w.url, nil); o.err == nil {
		k.errorf("a header sent a byte at a time: %v", o)
	}
	if took := time.Since(start); took > k.grace {
		k.errorf("a header sent a byte at a time: the request took %v, its context %v", took, 3*drop)
	}
}
