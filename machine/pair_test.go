package machine

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
)

// message is a response on the wire.
type message struct {
	status int
	www    header.Challenges
	proxy  header.Challenges
	info   header.Info
	pinfo  header.Info
	auth   header.PersistentAuth
	sess   bool
	close  bool
	unread bool // the request's body was not asked for
}

// parsed is the message as its receiver reads it: through text.
func (m message) parsed() header.Response {
	return header.ParseResponse(func(field string) []string {
		var lines []string
		list := func(cs header.Challenges) {
			for c := range cs.All() {
				lines = append(lines, c.Text())
			}
		}
		switch field {
		case header.WWWAuthenticate:
			list(m.www)
		case header.ProxyAuthenticate:
			list(m.proxy)
		case header.AuthenticationInfo:
			if m.info.Present() {
				lines = append(lines, m.info.Text())
			}
		case header.ProxyAuthenticationInfo:
			if m.pinfo.Present() {
				lines = append(lines, m.pinfo.Text())
			}
		case header.PersistentAuthField:
			if s := m.auth.Text(); s != "" {
				lines = append(lines, s)
			}
		case header.ProxySupportField:
			if m.sess {
				lines = append(lines, header.SessionBased)
			}
		}
		return lines
	})
}

func (r *rig) showMessage(who string, m message) {
	r.printf("%s< %d%s\n", who, m.status, opt(m.close, "close"))
	lines := r.challengeLines(gss.Proxy, m.proxy)
	lines = append(lines, r.challengeLines(gss.Origin, m.www)...)
	lines = append(lines, r.finishLines(gss.Origin, Finish{Info: m.info, PersistentAuth: m.auth})...)
	lines = append(lines, r.finishLines(gss.Proxy, Finish{Info: m.pinfo})...)
	if m.sess {
		lines = append(lines, "Proxy-Support: Session-Based-Authentication", "Connection: Proxy-Support")
	}
	for _, l := range lines {
		r.printf("%s< %s\n", who, l)
	}
}

// request is a request on the wire.
type request struct {
	Request
	creds  header.Credentials
	pcreds header.Credentials
	via    bool
	shared bool
	body   BodyUse
}

// received is the request as its receiver reads it: through text.
func (q request) received() Received {
	h := header.ParseRequest(func(field string) []string {
		switch {
		case field == header.Authorization && q.creds.Present():
			return []string{q.creds.Text()}
		case field == header.ProxyAuthorization && q.pcreds.Present():
			return []string{q.pcreds.Text()}
		case field == "Via" && q.via:
			return []string{"1.1 proxy"}
		}
		return nil
	})
	return Received{Request: q.Request, Header: h, SharedFront: q.shared}
}

func (r *rig) showRequest(who string, q request) {
	r.printf("%s> %s %s%s\n", who, q.Method, q.URI, [...]string{"", " +body", " +body if asked for"}[q.body])
	if q.pcreds.Present() {
		r.printf("%s> Proxy-Authorization: %s\n", who, r.credentials(q.pcreds))
	}
	if q.creds.Present() {
		r.printf("%s> Authorization: %s\n", who, r.credentials(q.creds))
	}
}

// conn is the named connection, made at need.
func (r *rig) conn(name string) *conn {
	c := r.conns[name]
	if c == nil {
		c = &conn{name: name}
		r.conns[name] = c
		r.redial(c)
	}
	return c
}

// redial puts c on a new connection.
func (r *rig) redial(c *conn) {
	c.client, c.server, c.proxy = r.newClient, r.newServer, r.newProxy
	c.pinned = nil
}

func (r *rig) space(kind string, b *Begin) string {
	q := &b.Request
	return fmt.Sprintf("%s %s://%s:%d via %v", kind, q.Scheme, q.Host, q.Port, b.Route)
}

// run plays one request of the named connection to its end: the exchange as the
// wire saw it, and what the application gets.
func (r *rig) run(name string, o order) {
	r.t.Helper()
	c := r.conn(name)
	b := o.begin
	first := b
	origin, proxy := r.space("origin", &b), r.space("proxy", &b)
	for range 10 { // connections
		if leased := b.Lease.Scheme == ""; leased {
			session := b.Lease.SessionBased
			r.spaces[origin], b.Lease = r.spaces[origin].Lease(b.Request.URI)
			b.Lease.SessionBased = b.Lease.SessionBased || session
		}
		if b.ProxyLease.Scheme == "" {
			r.spaces[proxy], b.ProxyLease = r.spaces[proxy].Lease(b.Request.URI)
		}
		var acts Actions
		c.client, acts = settle(r, "C", c.client, b)
		resume, again := r.exchange(c, o, acts, origin, proxy)
		if !again {
			return
		}
		lost := b
		b = first
		b.Resume = resume
		b.Request.Multiplexed = lost.Request.Multiplexed && o.begin.Request.Multiplexed
		o.begin.Request.Multiplexed = false // the next one is of its own where that was asked for
		b.Request.Multiplexed = false
		r.redial(c)
	}
	r.t.Fatal("the connections do not end")
}

// exchange does what the client says until the exchange or the connection ends.
func (r *rig) exchange(c *conn, o order, acts Actions, origin, proxy string) (Resume, bool) {
	r.t.Helper()
	for range 40 {
		switch a := acts.At(0).(type) {
		case Send:
			q := request{Request: o.begin.Request, creds: a.Authorization, pcreds: a.ProxyAuthorization, body: a.Body, via: o.via, shared: o.shared}
			if a.Probe {
				q.Method = "HEAD"
			}
			r.showRequest("C", q)
			m := r.deliverTo(c, q, o.begin.Route.Kind != Direct)
			e := Response{Status: m.status, Header: m.parsed(), Close: m.close}
			if a.Body == Whole || a.Body == Expect && !m.unread {
				e.BodySent = SentAll
			}
			if m.close { // what stands behind the connection goes with it
				c.server, c.proxy = r.newServer, r.newProxy
			}
			c.client, acts = settle(r, "C", c.client, e)
		case Deliver:
			r.showActions("C", acts)
			r.learn(origin, a.OriginFacts)
			r.learn(proxy, a.ProxyFacts)
			if c.client.phase == dead {
				r.redial(c)
			}
			return Resume{}, false
		case Fail:
			r.showActions("C", acts)
			r.learn(origin, a.OriginFacts)
			r.learn(proxy, a.ProxyFacts)
			if c.client.phase == dead {
				r.redial(c)
			}
			return Resume{}, false
		case Reopen:
			r.showActions("C", acts)
			r.learn(origin, a.OriginFacts)
			return a.Resume, true
		default:
			r.t.Fatalf("the client said %v", acts)
		}
	}
	r.t.Fatal("the exchange does not end")
	return Resume{}, false
}

func (r *rig) learn(name string, f Facts) { r.spaces[name] = r.spaces[name].Learn(f) }

// deliverTo delivers a request to the peer at the other end of c.
func (r *rig) deliverTo(c *conn, q request, proxied bool) message {
	r.t.Helper()
	if !proxied || !r.proxied {
		m := r.serve(&c.server, q)
		if m.close {
			c.server = r.newServer
		}
		return m
	}
	var acts Actions
	c.proxy, acts = settle(r, "P", c.proxy, q.received())
	for a := range acts.All() {
		switch a := a.(type) {
		case Reply:
			m := message{status: a.Status, close: a.Close, unread: true}
			if a.Side == gss.Proxy {
				m.proxy = a.Challenges
			} else {
				m.www = a.Challenges
			}
			r.showMessage("P", m)
			return m
		case Retire:
			r.showActions("P", Do(a))
			if a.End == Upstream {
				c.pinned = nil
			}
		case Forward:
			return r.forward(c, q, a)
		}
	}
	r.t.Fatalf("the proxy said %v", acts)
	return message{}
}

// forward sends a request upstream and the response back.
func (r *rig) forward(c *conn, q request, f Forward) message {
	r.t.Helper()
	var up *upstream
	switch f.Pin {
	case Same:
		up = c.pinned
	case Shared:
		if r.pool == nil {
			r.pool = r.dial()
		}
		up = r.pool
	case Fresh:
		up = r.dial()
		c.pinned = up
	case Tunnel:
		m := message{status: 200}
		r.printf("P: tunnel\n")
		return r.relay(c, nil, m)
	}
	q.pcreds, q.via = header.Credentials{}, true
	q.Multiplexed, q.shared = false, f.Pin == Shared
	r.showRequest("P "+up.name, q)
	m := r.serve(&up.server, q)
	return r.relay(c, up, m)
}

func (r *rig) dial() *upstream {
	r.ups++
	return &upstream{fmt.Sprintf("u%d", r.ups), r.newServer}
}

func (r *rig) relay(c *conn, up *upstream, m message) message {
	r.t.Helper()
	var acts Actions
	c.proxy, acts = settle(r, "P", c.proxy, Response{Status: m.status, Header: m.parsed(), Close: m.close})
	unread := m.unread
	for a := range acts.All() {
		switch a := a.(type) {
		case Reply:
			m = message{status: a.Status, close: a.Close, proxy: a.Challenges}
		case Relay:
			// Hop by hop: what the upstream said of itself stays here.
			m.sess, m.close = a.SessionBased, a.Close
			m.proxy, m.pinfo = a.Challenges, a.Info
			if a.Keep {
				if up == r.pool {
					r.pool = nil
				}
				c.pinned = up
				r.printf("P: keeps %s\n", up.name)
			}
		case Retire:
			r.showActions("P", Do(a))
		}
	}
	m.unread = unread
	r.showMessage("P", m)
	return m
}

// serve lets a server answer.
func (r *rig) serve(s *Server, q request) message {
	r.t.Helper()
	var acts Actions
	*s, acts = settle(r, "S", *s, q.received())
	m := message{status: 200}
	switch a := acts.At(0).(type) {
	case Reply:
		m = message{status: a.Status, www: a.Challenges, close: a.Close, unread: true}
		if r.closes > 0 && a.Status == 401 {
			r.closes--
			m.close = true
		}
	case Accept:
		r.showActions("S", acts)
		if st, ok := r.handler[q.URI]; ok {
			m.status = st
		}
		*s, acts = settle(r, "S", *s, Responding{m.status})
		f, ok := acts.At(0).(Finish)
		if !ok {
			r.t.Fatalf("the server said %v", acts)
		}
		m.www, m.info, m.auth, m.close = f.Challenges, f.Info, f.PersistentAuth, f.Close
	default:
		r.t.Fatalf("the server said %v", acts)
	}
	if m.close {
		*s = r.newServer
	}
	r.showMessage("S", m)
	return m
}
