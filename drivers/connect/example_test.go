package connect_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"

	"golang.org/x/net/websocket"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
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
	fmt.Println(err)
	// Output:
	// from behind the proxy
	// connect: the proxy answered 403 and opened no tunnel
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

// A websocket's handshake runs inside the tunnel.
func ExampleDialer_Dial() {
	proxy := exampleProxy()
	defer proxy.Close()
	dialer, err := exampleDialer(proxy)
	if err != nil {
		fmt.Println(err)
		return
	}
	origin := httptest.NewServer(websocket.Handler(func(ws *websocket.Conn) { io.Copy(ws, ws) }))
	defer origin.Close()

	address := origin.Listener.Addr().String()
	tunnel, err := dialer.Dial(address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tunnel.Close()
	config, err := websocket.NewConfig("ws://"+address+"/echo", origin.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	ws, err := websocket.NewClient(config, tunnel)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(ws, "through the proxy")
	text := make([]byte, 32)
	n, _ := ws.Read(text)
	fmt.Println(string(text[:n]))
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
