package connect_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A tunnel through a proxy that wants a user name and password, under any
// protocol; here HTTP over TLS.
func ExampleDialer() {
	origin := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "from behind the proxy")
	}))
	defer origin.Close()
	proxy := exampleProxy()
	defer proxy.Close()

	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	login, err := answer.ForProxy(proxy.URL, "alice", "wonder")
	if err != nil {
		fmt.Println(err)
		return
	}
	dialer, err := connect.New(connect.Config{
		Proxy: proxyURL,
		Machine: machine.ClientConfig{
			Schemes: []scheme.Client{scheme.BasicClient()},
			Policy:  scheme.Policy{Cleartext: true}, // this proxy is on loopback
		},
		Source: login,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	transport := origin.Client().Transport.(*http.Transport).Clone()
	transport.DialContext = dialer.DialContext
	response, err := (&http.Client{Transport: transport}).Get(origin.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Println(string(body))

	// A port that the proxy does not allow.
	_, err = dialer.DialContext(context.Background(), "tcp", net.JoinHostPort("mail.example", "25"))
	var refused *drive.Error
	if errors.As(err, &refused) {
		fmt.Println("the proxy answered", refused.Status)
	}
	// Output:
	// from behind the proxy
	// the proxy answered 403
}

// exampleDialer opens tunnels through the proxy for alice.
func exampleDialer(proxy *httptest.Server) (*connect.Dialer, error) {
	u, err := url.Parse(proxy.URL)
	if err != nil {
		return nil, err
	}
	login, err := answer.ForProxy(proxy.URL, "alice", "wonder")
	if err != nil {
		return nil, err
	}
	return connect.New(connect.Config{
		Proxy: u, Source: login,
		Machine: machine.ClientConfig{Schemes: []scheme.Client{scheme.BasicClient()}, Policy: scheme.Policy{Cleartext: true}},
	})
}

// A tunnel carries any protocol; here the client sends a line, and the server sends it back.
func ExampleDialer_Dial() {
	proxy := exampleProxy()
	defer proxy.Close()
	dialer, err := exampleDialer(proxy)
	if err != nil {
		fmt.Println(err)
		return
	}
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer origin.Close()
	go func() {
		if conn, err := origin.Accept(); err == nil {
			io.Copy(conn, conn)
			conn.Close()
		}
	}()

	tunnel, err := dialer.Dial(origin.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tunnel.Close()
	fmt.Fprintln(tunnel, "through the proxy")
	line, _ := bufio.NewReader(tunnel).ReadString('\n')
	fmt.Print(line)
	// Output:
	// through the proxy
}

// exampleProxy is a forward proxy for alice.
func exampleProxy() *httptest.Server {
	p, err := nethttp.NewProxy(nethttp.ProxyConfig{
		Proxy: machine.ProxyConfig{Auth: machine.ServerConfig{
			Schemes: []scheme.Server{scheme.BasicServer("proxy", scheme.AskVerdict)},
		}},
		Source: answer.NewUsers(map[string]string{"alice": "wonder"}),
		Allow:  func(_, host string, _ uint16) bool { return host == "127.0.0.1" },
	})
	if err != nil {
		panic(err)
	}
	s := httptest.NewUnstartedServer(p)
	p.Install(s.Config)
	s.Start()
	return s
}
