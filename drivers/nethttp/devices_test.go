package nethttp_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/internal/prooftest"
	"github.com/countersign-auth/countersign/scheme"
)

// TestDevices: challenges as cameras, routers and old servers send them. Each device judges the proof by the standard, and
// gets no more than the request, the request with the proof, and another one that has a proof at once.
func TestDevices(t *testing.T) {
	const path = "/ISAPI/a%2Fb/[1]?user=x%40y&z=(1)"
	for _, row := range []struct {
		name       string
		challenges []string
		closes     bool     // the connection of each 401
		want       []string // what stands in the credentials
		without    []string // parameters that do not
	}{
		{name: "an empty domain, and an opaque that is empty", challenges: []string{`Digest qop="auth", realm="DS-2CD2032", nonce="4e4459314e", stale="FALSE", opaque="", domain="::"`}, want: []string{`opaque=""`, "qop=auth", "nc=00000001"}},
		{name: "a nonce with equals signs, and the end of the connection", challenges: []string{`Digest realm="Login to a=b", nonce="NDZlZTM=:c2Vjcg==", qop="auth", algorithm="MD5"`}, closes: true, want: []string{`nonce="NDZlZTM=:c2Vjcg=="`}},
		{name: "realm and nonce alone", challenges: []string{`Digest realm="Streaming Server", nonce="fb8c3d"`}, without: []string{"qop", "nc", "cnonce"}},
		{name: "an unknown scheme with quotes before it", challenges: []string{`Newauth realm="apps", type=1, title="Login to \"apps\", now", Digest realm="r", nonce="n1", qop="auth"`}},
		{name: "a list of qop without a space", challenges: []string{`Digest realm="r",nonce="n2",qop="auth,auth-int",algorithm=MD5`}, want: []string{"qop=auth,"}},
		{name: "two algorithms in two fields, the weaker first", challenges: []string{`Digest realm="r", nonce="n3", qop="auth", algorithm=MD5`, `Digest realm="r", nonce="n4", qop="auth", algorithm=SHA-256`}, want: []string{"algorithm=SHA-256", `nonce="n4"`}},
		{name: "small letters", challenges: []string{`digest REALM="r", Nonce="n5", QOP="auth", Algorithm=md5`}},
		{name: "Basic first", challenges: []string{`Basic realm="r"`, `Digest realm="r", nonce="n6", qop="auth"`}, want: []string{"Digest "}},
		{name: "spaces and an empty element", challenges: []string{`Digest   realm = "r" , , nonce="n7" ,qop = "auth"`}},
		{name: "an empty realm", challenges: []string{`Digest realm="", nonce="n8", qop="auth"`}, want: []string{`realm=""`}},
		{name: "a parameter that is unknown", challenges: []string{`Digest realm="r", nonce="n9", qop="auth", charset=UTF-8, x-vendor="1, 2", domain="/ /cgi"`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var proved []bool
			var credentials []string
			ended := make(chan struct{})
			go func() { // one connection at a time, as devices have it
				defer close(ended)
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					in := bufio.NewReader(c)
					for {
						r, err := http.ReadRequest(in)
						if err != nil {
							break
						}
						io.Copy(io.Discard, r.Body)
						field := r.Header.Get("Authorization")
						ok := r.RequestURI == path && prooftest.Proves(field, r.Method, path, "alice", people["alice"])
						proved, credentials = append(proved, ok), append(credentials, field)
						if ok {
							io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
							continue
						}
						var fields strings.Builder
						for _, challenge := range row.challenges {
							fmt.Fprintf(&fields, "WWW-Authenticate: %s\r\n", challenge)
						}
						if row.closes {
							fields.WriteString("Connection: close\r\n")
						}
						fmt.Fprintf(c, "HTTP/1.1 401 Unauthorized\r\n%sContent-Length: 0\r\n\r\n", fields.String())
						if row.closes {
							break
						}
					}
					c.Close()
				}
			}()
			d, err := digest.NewClient(digest.ClientConfig{})
			if err != nil {
				t.Fatal(err)
			}
			client := newClient(t, nil, d, scheme.BasicClient())
			for range 2 {
				r, err := http.NewRequest(http.MethodGet, "http://"+l.Addr().String()+path+"#fragment", nil)
				if err != nil {
					t.Fatal(err)
				}
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				text, _ := io.ReadAll(response.Body)
				response.Body.Close()
				if response.StatusCode != http.StatusOK || string(text) != "ok" {
					t.Errorf("%s, %q", response.Status, text)
				}
			}
			client.CloseIdleConnections()
			l.Close()
			<-ended
			if !slices.Equal(proved, []bool{false, true, true}) {
				t.Fatalf("of the requests were proved %v, want the second and the third: %q", proved, credentials)
			}
			for _, want := range row.want {
				if !strings.Contains(credentials[1], want) {
					t.Errorf("the credentials are %s, without %s", credentials[1], want)
				}
			}
			for _, name := range row.without {
				if _, ok := prooftest.Parameters(credentials[1])[name]; ok {
					t.Errorf("the credentials are %s, with %s", credentials[1], name)
				}
			}
		})
	}
}
