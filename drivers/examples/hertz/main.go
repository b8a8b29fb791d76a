// Command hertz serves routes with a policy for each, on hertz.
package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/middlewares/server/recovery"
	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/adaptor"
	"github.com/cloudwego/hertz/pkg/common/config"
	"github.com/cloudwego/hertz/pkg/network"
	"github.com/cloudwego/hertz/pkg/route"

	"github.com/countersign-auth/countersign/drivers/drive"
	handlers "github.com/countersign-auth/countersign/drivers/examples/internal/app"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/preset"
)

func main() {
	auth, err := preset.Server{Users: handlers.Users, NTLM: true, Optional: true}.Authenticator()
	if err != nil {
		log.Fatal(err)
	}
	newServer(auth, server.WithHostPorts("127.0.0.1:8080")).Spin()
}

func newServer(auth *nethttp.Authenticator, options ...config.Option) *server.Hertz {
	// Hertz is no http.Server to Install: it gets the connections' states, and the limits for
	// clients that are not authenticated, by options of its own.
	limits := drive.Limits{}.WithDefaults()
	h := server.New(append(options, server.WithReadTimeout(limits.Request), server.WithIdleTimeout(limits.Idle),
		server.WithOnConnect(func(ctx context.Context, c network.Conn) context.Context { return auth.ConnContext(ctx, c) }))...)
	h.GET("/public", hello)
	known := h.Group("", authenticate(auth), recovery.Recovery()) // in this order: authenticate sees the status
	known.GET("/optional", hello)
	known.GET("/admin", require(handlers.Admin), hello)
	private(known.Group("", require(nil)))
	return h
}

// authenticate hands a request to the Authenticator as one of net/http, and the fields of
// its response to hertz.
func authenticate(auth *nethttp.Authenticator) app.HandlerFunc {
	return func(ctx context.Context, c *app.RequestContext) {
		adaptor.HertzHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			v := auth.Begin(w, r)
			defer v.End()
			if v.Refused() {
				v.Refuse()
				c.Abort()
				return
			}
			c.Next(v.Request().Context())
			v.Finish(c.Response.StatusCode())
			for name, values := range w.Header() {
				for _, value := range values {
					c.Response.Header.Add(name, value)
				}
			}
		}))(ctx, c)
	}
}

// require answers requests without a named identity with 401, which Finish makes a
// challenge, and those that are not allowed with 403.
func require(allowed func(drive.Identity) bool) app.HandlerFunc {
	return func(ctx context.Context, c *app.RequestContext) {
		switch id, named := nethttp.IdentityFrom(ctx); {
		case !named:
			c.AbortWithStatus(http.StatusUnauthorized)
		case allowed != nil && !allowed(id):
			c.AbortWithStatus(http.StatusForbidden)
		}
	}
}

func private(r *route.RouterGroup) {
	r.GET("/private", hello)
	r.POST("/upload", func(ctx context.Context, c *app.RequestContext) {
		id, _ := nethttp.IdentityFrom(ctx)
		c.String(http.StatusOK, handlers.Received(id, int64(len(c.Request.Body()))))
	})
	r.GET("/again", func(_ context.Context, c *app.RequestContext) { c.SetStatusCode(http.StatusUnauthorized) })
	r.GET("/error", func(_ context.Context, c *app.RequestContext) { c.AbortWithMsg("no tea", http.StatusTeapot) })
	r.GET("/panic", func(context.Context, *app.RequestContext) { panic("of a handler") })
	r.GET("/stream", func(_ context.Context, c *app.RequestContext) { c.SetBodyStream(ticks{}, -1) })
	r.GET("/socket", socket)
}

func hello(ctx context.Context, c *app.RequestContext) {
	id, _ := nethttp.IdentityFrom(ctx)
	c.String(http.StatusOK, handlers.Greeting(id))
}

// ticks is an endless stream of lines.
type ticks struct{}

func (ticks) Read(p []byte) (int, error) {
	time.Sleep(handlers.Pause)
	return copy(p, handlers.Tick), nil
}
