package interop

import (
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"

	"golang.org/x/net/websocket"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A websocket's handshake runs inside a tunnel through a proxy that wants a user name and password.
func Example_websocket() {
	p, err := nethttp.NewProxy(nethttp.ProxyConfig{
		Proxy:  machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("proxy", scheme.AskVerdict)}}},
		Source: answer.NewUsers(map[string]string{"alice": "wonder"}),
		Allow:  func(_, host string, _ uint16) bool { return host == "127.0.0.1" },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	proxy := httptest.NewUnstartedServer(p)
	p.Install(proxy.Config)
	proxy.Start()
	defer proxy.Close()
	origin := httptest.NewServer(websocket.Handler(func(ws *websocket.Conn) { io.Copy(ws, ws) }))
	defer origin.Close()

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
		Proxy: proxyURL, Source: login,
		Machine: machine.ClientConfig{Schemes: []scheme.Client{scheme.BasicClient()}, Policy: scheme.Policy{Cleartext: true}}, // this proxy is on loopback
	})
	if err != nil {
		fmt.Println(err)
		return
	}
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
