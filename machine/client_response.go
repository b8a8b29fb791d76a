package machine

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/side"
)

// The way back: what a response means for each side, and what comes next.

// respond goes through a response: the proxy's side first, then the origin's. A side that has judged it has no part in it any
// more, so that after a question it begins anew.
func (c *Client) respond(env gss.Env) (Actions, error) {
	x := &c.ex
	r := &x.response
	if x.use != Omit && r.BodySent == SentNone { // of this request; an empty leg gives nothing back
		x.spent = false
	}
	if r.Status == statusTooEarly && !x.late && !x.spent { // R8470-5.2-2
		return c.tooEarly(env)
	}
	// A 407 is the proxy's, which did not pass the request on: the origin's side has not been reached and is left as it is. Any
	// other status came through the proxy, so that its side passed, even if the origin challenges.
	if r.Status == 407 {
		if x.route.Kind == Direct {
			return c.fail(env, gss.Proxy, gss.Fault{Code: gss.Unexpected, Detail: "407 without a proxy, or from inside a tunnel"}), nil
		}
		return c.challenged(env, gss.Proxy, r.Header.ProxyAuthenticate)
	}
	acts, err := c.tell(env, gss.Proxy, side.Event{Kind: side.Passed, Offers: r.Header.ProxyAuthenticate, Info: r.Header.ProxyAuthenticationInfo, Status: r.Status})
	if acts.Len() > 0 || err != nil {
		return acts, err
	}
	if r.Status == 401 && x.route.Kind != Tunneling { // N2HT-2.2.3-7
		if x.route.Kind == Forwarded {
			x.session, x.heard = Unsupported, true
			if r.Header.SessionBased {
				x.session = Supported
			}
		}
		return c.challenged(env, gss.Origin, r.Header.WWWAuthenticate)
	}
	acts, err = c.tell(env, gss.Origin, side.Event{Kind: side.Passed, Offers: r.Header.WWWAuthenticate, Info: r.Header.AuthenticationInfo, Status: r.Status})
	if acts.Len() > 0 || err != nil {
		return acts, err
	}
	return c.settle(env)
}

// tooEarly sends the request again, once, after a 425. Nothing was done with it, so that a handshake stays where it is and the
// same leg is sent once more; what proves each request by itself proves this one anew. Where the peer closes, the exchange goes
// on over another connection, there after the TLS handshake, too.
func (c *Client) tooEarly(env gss.Env) (Actions, error) {
	x := &c.ex
	if x.response.Close {
		x.late = true
		return c.reopen(env, c.underWay(), false), nil
	}
	for _, s := range proxyFirst {
		if c.sides[s].Legged() {
			continue
		}
		if acts, err := c.tell(env, s, side.Event{Kind: side.Passed, Status: x.response.Status}); acts.Len() > 0 || err != nil {
			return acts, err // after an answer it is here again
		}
		c.tell(env, s, side.Event{Kind: side.Renew})
	}
	x.late = true
	return c.proceed(env)
}

// challenged deals with the challenge status of side s.
func (c *Client) challenged(env gss.Env, s gss.Side, offers header.Challenges) (Actions, error) {
	x, mine, other := &c.ex, &c.sides[s], &c.sides[1-s]
	acts, err := c.tell(env, s, side.Event{Kind: side.Challenged, Offers: offers})
	switch {
	case acts.Len() > 0 || err != nil:
		return acts, err
	// Between the two steps of a challenge is what may not depend on its answer: the bound on challenges goes first, then the
	// body, and only then anything is given up for an answer.
	case x.spent: // HTA-22: whatever comes of it, the body would be wanted again
		return c.fail(env, s, bodySpent), nil
	}
	if s == gss.Origin && mine.Stage != side.Proven {
		x.resent = false // what answered an empty leg did not ask for what is asked for now
	}
	lost := x.response.Close && other.Stage == side.Halfway && other.Legged() // the other side's handshake ends with the connection
	c.disconnect()
	if s == gss.Origin { // a challenge from behind the proxy's side passed that
		c.tell(env, gss.Proxy, side.Event{Kind: side.Renew})
	}
	acts, err = c.tell(env, s, side.Event{Kind: side.TakeUp})
	switch {
	case acts.Len() > 0 || err != nil:
		return acts, err
	case lost:
		return c.reopen(env, s, false), nil
	}
	return c.proceed(env)
}

// settle ends an exchange with a response that is no challenge.
func (c *Client) settle(env gss.Env) (Actions, error) {
	x := &c.ex
	status := x.response.Status
	for s, sd := range c.sides {
		if sd.Unproven() && status < 400 && !c.conf.MutualIfOffered { // R4559-4.1-10, R4559-4.1-11
			return c.fail(env, gss.Side(s), gss.Fault{Code: gss.NotAuthentic, Detail: "the peer did not prove itself: no final token came (MutualIfOffered accepts such responses)"}), nil
		}
	}
	// A response without a challenge may still not be the last one: it answers an empty leg, and the request with its body is
	// still to be sent. A failure of an empty leg is delivered, but not that of a probe, which was another request than the
	// application's.
	if !c.empty() || !(x.probe && !x.resent || status < 300) {
		return c.deliver(env), nil
	}
	o, _ := c.both()
	switch authenticated := x.probe && o.Stage == side.Proven && o.Legged(); {
	case authenticated && !o.Persistent:
		return c.fail(env, gss.Origin, gss.Fault{Code: gss.NotPermitted, Detail: "Strict needs a server that keeps the connection authenticated, and this one does not"}), nil
	case authenticated && x.response.Close: // what was authenticated is gone, and the body has nothing to go over
		return c.reopen(env, gss.Origin, false), nil
	}
	x.resent = true
	c.disconnect()
	c.tell(env, gss.Proxy, side.Event{Kind: side.Renew})
	c.tell(env, gss.Origin, side.Event{Kind: side.Renew})
	return c.proceed(env)
}

// disconnect forgets what the connection keeps for both sides if it ends with the response, and the exchange does not.
func (c *Client) disconnect() {
	if o, p := c.both(); c.ex.response.Close {
		o.Connection, p.Connection = side.Connection{}, side.Connection{}
	}
}
