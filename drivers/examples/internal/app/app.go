// Package app provides what the examples share: users, and handlers that know of
// authentication no more than nethttp.IdentityFrom.
package app

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
)

// Users are the users that may log in, with their passwords.
var Users = map[string]string{"alice": "wonder", "bob": "builder"}

// Admin reports whether a user may see the routes of administrators.
func Admin(id drive.Identity) bool { return id.Info.Peer == "alice" }

// Greeting greets the user of a request.
func Greeting(id drive.Identity) string {
	name := "nobody"
	if id.Named() {
		name = id.Info.Peer
	}
	return fmt.Sprintf("hello %s by %s\n", name, id.Scheme)
}

// Received says how much a user sent.
func Received(id drive.Identity, n int64) string {
	return fmt.Sprintf("%d bytes of %s by %s\n", n, id.Info.Peer, id.Scheme)
}

// Tick is a line of an endless response.
const Tick = "tick\n"

// Pause is the time between two lines.
const Pause = 10 * time.Millisecond

// Hello greets the user.
func Hello(w http.ResponseWriter, r *http.Request) {
	id, _ := nethttp.IdentityFrom(r.Context())
	io.WriteString(w, Greeting(id))
}

// Upload counts the bytes of a request's body.
func Upload(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, "the body is incomplete", http.StatusBadRequest)
		return
	}
	id, _ := nethttp.IdentityFrom(r.Context())
	io.WriteString(w, Received(id, n))
}

// Stream sends lines until the client has gone.
func Stream(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		io.WriteString(w, Tick)
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		time.Sleep(Pause)
	}
}

// Socket sends the user's name over a websocket.
func Socket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has responded
	}
	defer c.CloseNow()
	id, _ := nethttp.IdentityFrom(r.Context())
	c.Write(r.Context(), websocket.MessageText, []byte(id.Info.Peer))
}
