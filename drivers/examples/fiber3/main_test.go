package main

import (
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/examples/internal/rows"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/machine"
)

func TestRows(t *testing.T) {
	rows.Run(t, func(t *testing.T, auth machine.ServerConfig, source answer.Source) string {
		a, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: auth, Source: source})
		if err != nil {
			t.Fatal(err)
		}
		l := rows.Listen(t)
		go newApp(a).Listener(l)
		return l.Addr().String()
	})
}
