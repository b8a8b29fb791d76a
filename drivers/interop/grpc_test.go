package interop

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"net/url"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A gRPC client takes its connections from a connect.Dialer, and so speaks through a proxy that
// authenticates it.
func Example_gRPC() {
	gate, err := nethttp.NewProxy(nethttp.ProxyConfig{
		Proxy: machine.ProxyConfig{Auth: machine.ServerConfig{
			Schemes: []scheme.Server{scheme.BasicServer("proxy", scheme.AskVerdict)},
		}},
		Source: answer.NewUsers(map[string]string{"alice": "wonder"}),
		Allow:  func(_, host string, _ uint16) bool { return host == "127.0.0.1" },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	proxy := httptest.NewUnstartedServer(gate)
	gate.Install(proxy.Config)
	proxy.Start()
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
		Proxy: proxyURL, Source: login,
		Machine: machine.ClientConfig{Schemes: []scheme.Client{scheme.BasicClient()}, Policy: scheme.Policy{Cleartext: true}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go server.Serve(l)
	defer server.Stop()

	// passthrough: the proxy resolves names, not gRPC.
	conn, err := grpc.NewClient("passthrough:///"+l.Addr().String(),
		grpc.WithContextDialer(dialer.DialAddress), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	reply, err := grpc_health_v1.NewHealthClient(conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(reply.Status)
	// Output:
	// SERVING
}
