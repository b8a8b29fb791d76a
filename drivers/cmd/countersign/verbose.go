package main

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/countersign-auth/countersign/drivers/cmd/countersign/internal/show"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// narrator prints the legs of a client's exchanges as its machines see them: > for what is
// sent, < for what is received, * for decisions.
type narrator struct {
	mu    sync.Mutex
	w     io.Writer
	begun map[uint64]machine.Begin // by machine
}

func newNarrator(w io.Writer) *narrator {
	return &narrator{w: w, begun: make(map[uint64]machine.Begin)}
}

// observe prints one step. It is a drive.Observer.
func (n *narrator) observe(conn uint64, _ gss.Env, e machine.Event, acts machine.Actions) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch e := e.(type) {
	case machine.Begin:
		n.begun[conn] = e
	case machine.Response:
		n.say("< %s", show.Status(e.Status))
		n.fields("<", show.Response(e.Header))
		if e.Close {
			n.say("* the peer closes this connection")
		}
	case machine.Closed, machine.Lost:
		n.say("* the connection was closed")
	}
	for a := range acts.All() {
		n.act(conn, a)
	}
}

func (n *narrator) act(conn uint64, a machine.Action) {
	switch a := a.(type) {
	case machine.Send:
		b := n.begun[conn]
		method, note := b.Request.Method, ""
		if a.Probe {
			method = "HEAD"
		}
		if b.Body != machine.NoBody {
			note = [...]string{machine.Omit: " (body held back)", machine.Whole: " (with the body)", machine.Expect: " (with the body, after 100 Continue)"}[a.Body]
		}
		n.say("> %s %s%s", method, show.Printable(target(&b)), note)
		if b.Route.Kind == machine.Direct {
			n.say("> Host: %s", show.Printable(hostPort(b.Request.Host, b.Request.Port)))
		}
		n.fields(">", show.Request(requestOf(a)))
	case machine.Ask:
		if q, ok := a.Question.(gss.NeedCredential); ok {
			n.say("* %s needs credentials for the %v, realm %q", q.Scheme, q.Side, q.Realm)
		}
	case machine.Deliver:
		switch text := unproven(a); {
		case a.Authenticated && text != "":
			n.say("* authenticated; %s", text)
		case a.Authenticated:
			n.say("* authenticated")
		case text != "":
			n.say("* not authenticated: %s", text)
		}
	case machine.Reopen:
		n.say("* continuing on a new connection")
	case machine.Fail:
		n.say("* %v: %v", a.Side, a.Fault)
	}
}

func (n *narrator) say(format string, a ...any) { fmt.Fprintf(n.w, format+"\n", a...) }

func (n *narrator) fields(mark string, fields []show.Field) {
	for _, f := range fields {
		n.say("%s %s: %s", mark, f.Name, f.Value)
	}
}

// target returns the request-target as it is sent.
func target(b *machine.Begin) string {
	if b.Route.Kind == machine.Forwarded {
		return b.Request.Scheme + "://" + hostPort(b.Request.Host, b.Request.Port) + b.Request.URI
	}
	return b.Request.URI
}

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// requestOf returns the fields that a Send adds.
func requestOf(a machine.Send) header.Request {
	return header.Request{Authorization: a.Authorization, ProxyAuthorization: a.ProxyAuthorization}
}
