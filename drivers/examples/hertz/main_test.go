package main

import (
	"testing"

	"github.com/cloudwego/hertz/pkg/app/server"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/examples/internal/rows"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/machine"
)

func TestRows(t *testing.T) {
	rows.Run(t, func(t *testing.T, auth machine.ServerConfig, source answer.Source) string {
		a, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: auth, Source: source})
		if err != nil {
			t.Fatal(err)
		}
		l := rows.Listen(t)
		h := newServer(a, server.WithListener(l))
		go h.Run()
		t.Cleanup(func() { h.Close() })
		return l.Addr().String()
	})
}
