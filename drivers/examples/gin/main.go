// Command gin serves routes with a policy for each, on gin's engine.
package main

import (
	"log"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/countersign-auth/countersign/drivers/drive"
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

// newServer wraps the engine, not a handler of it: gin's handlers write to a writer of
// gin's, which sends the header at a time of its own, and below which Wrap must be.
func newServer(auth *nethttp.Authenticator) *http.Server {
	engine := gin.New()
	engine.Use(gin.Recovery())
	engine.GET("/public", hello)
	engine.GET("/optional", hello)
	engine.GET("/admin", require(app.Admin), hello)
	private(engine.Group("", require(nil)))
	server := &http.Server{Handler: auth.Wrap(engine)}
	auth.Install(server)
	return server
}

// require answers requests without a named identity with 401, which Wrap makes a
// challenge, and those that are not allowed with 403.
func require(allowed func(drive.Identity) bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		switch id, named := nethttp.IdentityFrom(c.Request.Context()); {
		case !named:
			c.AbortWithStatus(http.StatusUnauthorized)
		case allowed != nil && !allowed(id):
			c.AbortWithStatus(http.StatusForbidden)
		}
	}
}

func private(r *gin.RouterGroup) {
	r.GET("/private", hello)
	r.POST("/upload", gin.WrapF(app.Upload))
	r.GET("/again", func(c *gin.Context) { c.Status(http.StatusUnauthorized) })
	r.GET("/error", func(c *gin.Context) { c.String(http.StatusTeapot, "no tea") })
	r.GET("/panic", func(*gin.Context) { panic("of a handler") })
	r.GET("/stream", gin.WrapF(app.Stream))
	r.GET("/socket", gin.WrapF(app.Socket))
}

func hello(c *gin.Context) {
	id, _ := nethttp.IdentityFrom(c.Request.Context())
	c.String(http.StatusOK, app.Greeting(id))
}
