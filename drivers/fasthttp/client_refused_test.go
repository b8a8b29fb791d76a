package fasthttp_test

import (
	"context"
	"net"
	"testing"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// With DeliverRefused the last challenge is a response with its page; without, it is an error and no response.
func TestClientDeliversWhatWasRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go fast.Serve(l, func(ctx *fast.RequestCtx) {
		ctx.SetStatusCode(401)
		ctx.Response.Header.Set("WWW-Authenticate", "Bearer")
		ctx.SetBodyString("page")
	})
	for _, deliver := range []bool{true, false} {
		tr, err := fasthttp.NewTransport(fasthttp.ClientConfig{
			Machine: machine.ClientConfig{Schemes: []scheme.Client{scheme.BasicClient()}}, DeliverRefused: deliver,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.CloseIdleConnections()
		hc := &fast.HostClient{Addr: l.Addr().String(), Transport: tr}
		req, resp := fast.AcquireRequest(), fast.AcquireResponse()
		req.SetRequestURI("http://" + l.Addr().String() + "/")
		err = hc.Do(req, resp)
		if (err == nil) != deliver || deliver && (resp.StatusCode() != 401 || string(resp.Body()) != "page") || !deliver && len(resp.Body()) > 0 {
			t.Errorf("deliver %t: %v, %d %q", deliver, err, resp.StatusCode(), resp.Body())
		}
		resp.Reset()
		if _, err := tr.Do(context.Background(), hc, req, resp); err == nil || deliver != (string(resp.Body()) == "page") {
			t.Errorf("deliver %t: Do returns %v and %q", deliver, err, resp.Body())
		}
	}
	requirement.Held(t, "unit:fasthttp_delivers_refused", "LEG-5")
}
