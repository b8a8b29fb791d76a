// Command fiber3 serves routes with a policy for each, on version 3 of fiber.
package main

import (
	"bufio"
	"log"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"
	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/examples/internal/app"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/drivers/preset"
)

func main() {
	config, err := preset.Server{Users: app.Users, NTLM: true, Optional: true}.Config()
	if err != nil {
		log.Fatal(err)
	}
	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: config.Auth, Source: config.Source})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(newApp(auth).Listen("127.0.0.1:8080"))
}

func newApp(auth *fasthttp.Authenticator) *fiber.App {
	a := fiber.New(fiber.Config{ReadBufferSize: 128 << 10}) // fasthttp's 4 KiB are too small for tickets
	a.Use(recover.New())
	a.Get("/public", hello)
	known := a.Group("", authenticate(auth))
	known.Get("/optional", hello)
	known.Get("/admin", require(app.Admin), hello)
	private(known.Group("", require(nil)))
	auth.Install(a.Server())
	return a
}

// authenticate renders an error of a handler while Wrap can still add what belongs to its
// status: fiber renders errors after all middleware.
func authenticate(auth *fasthttp.Authenticator) fiber.Handler {
	return func(c fiber.Ctx) (err error) {
		auth.Wrap(func(*fast.RequestCtx) {
			if err = c.Next(); err != nil {
				err = c.App().ErrorHandler(c, err)
			}
		})(c.RequestCtx())
		return err
	}
}

// require answers requests without a named identity with 401, which Wrap makes a
// challenge, and those that are not allowed with 403.
func require(allowed func(drive.Identity) bool) fiber.Handler {
	return func(c fiber.Ctx) error {
		switch id, named := fasthttp.IdentityFrom(c.RequestCtx()); {
		case !named:
			return fiber.ErrUnauthorized
		case allowed != nil && !allowed(id):
			return fiber.ErrForbidden
		}
		return c.Next()
	}
}

func private(r fiber.Router) {
	r.Get("/private", hello)
	r.Post("/upload", func(c fiber.Ctx) error {
		id, _ := fasthttp.IdentityFrom(c.RequestCtx())
		return c.SendString(app.Received(id, int64(len(c.Body()))))
	})
	r.Get("/again", func(fiber.Ctx) error { return fiber.ErrUnauthorized })
	r.Get("/error", func(fiber.Ctx) error { return fiber.NewError(fiber.StatusTeapot, "no tea") })
	r.Get("/panic", func(fiber.Ctx) error { panic("of a handler") })
	r.Get("/stream", func(c fiber.Ctx) error {
		c.RequestCtx().SetBodyStreamWriter(func(w *bufio.Writer) {
			for w.Flush() == nil {
				w.WriteString(app.Tick)
				time.Sleep(app.Pause)
			}
		})
		return nil
	})
	r.Get("/socket", func(c fiber.Ctx) error {
		id, _ := fasthttp.IdentityFrom(c.RequestCtx())
		name := []byte(id.Info.Peer)
		return new(websocket.FastHTTPUpgrader).Upgrade(c.RequestCtx(), func(ws *websocket.Conn) { ws.WriteMessage(websocket.TextMessage, name) })
	})
}

func hello(c fiber.Ctx) error {
	id, _ := fasthttp.IdentityFrom(c.RequestCtx())
	return c.SendString(app.Greeting(id))
}
