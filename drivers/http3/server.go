package http3

import (
	"context"

	"github.com/quic-go/quic-go"

	"github.com/countersign-auth/countersign/drivers/drive"
)

// ConnContext returns a context for a connection with a drive.Channel, in which a TLS
// configuration of drive.BindTLS records the certificate that it showed. Set it as
// quic.Transport's ConnContext: http3.Server's own is called after the handshake.
//
//	bound, err := drive.BindTLS(tlsConfig)
//	transport := &quic.Transport{Conn: packets, ConnContext: http3.ConnContext}
//	listener, err := transport.Listen(quichttp3.ConfigureTLSConfig(bound), quicConfig)
//	err = server.ServeListener(listener)
//
// The error is always nil.
func ConnContext(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
	return drive.WithChannel(ctx), nil
}
