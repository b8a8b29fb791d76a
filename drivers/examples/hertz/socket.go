package main

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net/http"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/network"

	"github.com/countersign-auth/countersign/drivers/nethttp"
)

// socket sends the user's name over a websocket, without a library: this is the server's
// part of a handshake (RFC 6455 section 4.2.2) and one frame.
func socket(ctx context.Context, c *app.RequestContext) {
	id, _ := nethttp.IdentityFrom(ctx)
	c.SetStatusCode(http.StatusSwitchingProtocols)
	c.Response.Header.Set("Upgrade", "websocket")
	c.Response.Header.Set("Connection", "Upgrade")
	c.Response.Header.Set("Sec-WebSocket-Accept", accept(string(c.GetHeader("Sec-WebSocket-Key"))))
	c.Hijack(func(conn network.Conn) {
		defer conn.Close()
		io.WriteString(conn, "\x81"+string(rune(len(id.Info.Peer)))+id.Info.Peer)
	})
}

// accept answers the key of a websocket's client.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
