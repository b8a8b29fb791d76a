package drivertest

import (
	"bufio"
	"fmt"
	"net"
	"strings"

	"github.com/countersign-auth/countersign/drivers/internal/smuggle"
)

// serverReadings sends messages that two readers may read differently, with each kind
// of credentials, on connections with and without an identity.
func (k *kit) serverReadings() {
	rightly, bound := "Basic "+base64Of("bob:"+people["bob"]), threeLegs()
	var seen smuggle.Sightings
	s := k.serve(func(s *ServerSetup) { s.Handler = seen.Handle }, basic(), bound)
	setting := smuggle.Setting{Basic: rightly, Deaf: k.d.NoDisconnectNotice}
	if k.d.Absolute {
		setting.Authority = strings.TrimPrefix(s.url, "http://")
	}
	tries := 0
	for i, credentials := range []struct {
		name, fields, user string
		carried            bool // the connection carries alice's identity
	}{
		{"no credentials", "", "", false},
		{"a wrong password", "Authorization: Basic " + base64Of("alice:guess") + "\r\n", "", false},
		{"the first leg of a handshake", "Authorization: NTLM " + base64Of("toy/NTLM:i1:u=alice") + "\r\n", "", false},
		{"a right password", "Authorization: Basic " + base64Of("alice:"+people["alice"]) + "\r\n", "alice", false},
		{"an identity that the connection carries", "", "alice", true},
	} {
		setting.Fields, setting.User, setting.Next, setting.NextUser = credentials.fields, credentials.user, "Authorization: "+rightly+"\r\n", "bob"
		if credentials.carried {
			setting.Next, setting.NextUser = "", "alice"
		}
		for n := range setting.Cases() {
			for m, method := range smuggle.Methods {
				if !k.d.Thorough && m != (n+i)%len(smuggle.Methods) {
					continue
				}
				tries++
				setting.Method, setting.Tag = method, fmt.Sprint(tries)
				c := setting.Cases()[n]
				conn, r := k.carrying(s, bound, credentials.carried)
				seen.Take()
				for _, f := range c.Try(conn, r, setting, &seen) {
					k.errorf("%s %s, %s: %s", method, c.Name, credentials.name, f)
				}
			}
		}
	}
}

// carrying returns a connection to a server, authenticated as alice if handshake is
// set. If the connection closes during the handshake it starts again, because a busy
// proxy may lose the upstream connection.
func (k *kit) carrying(s *served, p pair, handshake bool) (net.Conn, *bufio.Reader) {
	for try := 1; ; try++ {
		c := k.dial(s.url, "alice", p)
		if !handshake {
			return c.conn, c.r
		}
		switch o := c.request("GET", ""); {
		case o.status == 200:
			return c.conn, c.r
		case o.status != 0 || try == 4:
			k.fatalf("the handshake: %v", o)
		}
	}
}
