// Command echo5 serves routes with a policy for each, on version 5 of echo.
package main

import (
	"log"
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/countersign-auth/countersign/drivers/examples/internal/app"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/preset"
)

func main() {
	auth, err := preset.Server{Users: app.Users, NTLM: true, Optional: true}.Authenticator()
	if err != nil {
		log.Fatal(err)
	}
	server := newServer(auth)
	server.Addr = "127.0.0.1:8080"
	log.Fatal(server.ListenAndServe())
}

func newServer(auth *nethttp.Authenticator) *http.Server {
	e := echo.New()
	e.Use(middleware.Recover())
	e.GET("/public", hello)
	known := e.Group("", echo.WrapMiddleware(auth.Wrap))
	known.GET("/optional", hello)
	known.GET("/admin", hello, echo.WrapMiddleware(nethttp.Require(app.Admin)))
	private(known.Group("", echo.WrapMiddleware(nethttp.Require(nil))))
	server := &http.Server{Handler: e}
	auth.Install(server)
	return server
}

func private(g *echo.Group) {
	g.GET("/private", hello)
	g.POST("/upload", echo.WrapHandler(http.HandlerFunc(app.Upload)))
	g.GET("/again", func(*echo.Context) error { return echo.ErrUnauthorized })
	g.GET("/error", func(*echo.Context) error { return echo.NewHTTPError(http.StatusTeapot, "no tea") }) // rendered after all middleware
	g.GET("/panic", func(*echo.Context) error { panic("of a handler") })
	g.GET("/stream", echo.WrapHandler(http.HandlerFunc(app.Stream)))
	g.GET("/socket", echo.WrapHandler(http.HandlerFunc(app.Socket)))
}

func hello(c *echo.Context) error {
	id, _ := nethttp.IdentityFrom(c.Request().Context())
	return c.String(http.StatusOK, app.Greeting(id))
}
