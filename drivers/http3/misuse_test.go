package http3

import (
	"context"
	"crypto/tls"
	"net"
	"testing"

	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/internal/misuse/misusetest"
)

// What cannot work is a gss.Misuse of Serve, which says why, before anything is served.
func TestServeThatCannotWork(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	good := &quichttp3.Server{TLSConfig: new(tls.Config)}
	ended, cancel := context.WithCancel(context.Background()) // so that nothing is served if nothing is refused
	cancel()
	for want, err := range map[string]error{
		"the server is nil": Serve(ended, conn, nil, drive.Limits{}, 0),
		"TLSConfig":         Serve(ended, conn, &quichttp3.Server{}, drive.Limits{}, 0),
		"conn is nil":       Serve(ended, nil, good, drive.Limits{}, 0),
		"grace":             Serve(ended, conn, good, drive.Limits{}, -1),
		"limits.Idle":       Serve(ended, conn, good, drive.Limits{Idle: -1}, 0),
	} {
		misusetest.Check(t, "http3", want, err)
	}
}
