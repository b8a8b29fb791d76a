package machine

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// side is one of the two authentications of a client: with the origin (401) or
// with the proxy (407). Its code knows neither a status nor a field name.
type side struct {
	standing
	attempt
}

// standing is what a side keeps for the life of the connection.
type standing struct {
	// persistent is MS-N2HT's persistent-auth-value (N2HT-3.2.1-1, N2HT-3.2.1-2), 0
	// at first (N2HT-3.2.3-1).
	persistent bool
	// bound: the peer holds, or may hold, an identity for this connection, and
	// that is identity's (HTA-9).
	bound    bool
	identity string
	mech     gss.Mech
}

// attempt is what a side keeps for the life of one exchange.
type attempt struct {
	scheme                uint8                 // index+1 in the sorted list, 0: none chosen
	todo                  scheme.InitiatorEvent // what to feed ctx next: Start, Challenged, or nothing
	state                 gss.State             // of ctx
	sent                  bool                  // ctx has sent credentials
	ended                 bool                  // ctx has seen the response that passed this side
	proven                bool                  // and is complete
	asked                 bool                  // ctx asked for credentials
	again                 bool                  // they are asked for again, the last ones were refused
	met                   bool                  // challenged on this connection
	fed                   bool                  // ctx took the token of the offer in
	rounds                uint8                 // challenges received
	tries                 uint8                 // credentials refused
	legs                  uint8                 // credentials sent by ctx
	count                 uint32                // with which offer is answered
	tried, declined, seen scheme.Set
	opening               string // the token that ctx began with, where the scheme has one
	ctx                   scheme.Initiator
	offer                 header.Challenges // the newest challenge, or the remembered one
	creds                 header.Credentials
	fault                 gss.Fault // why the last scheme failed
	why                   string    // why each one did that was given up
	memory                scheme.Memory
}

// choose makes a fresh context of scheme i, to be fed event.
func (a *attempt) choose(i int, ctx scheme.Initiator, event scheme.InitiatorEvent) {
	a.scheme, a.ctx, a.todo = uint8(i)+1, ctx, event
	a.state, a.sent, a.ended, a.proven, a.asked, a.fed, a.legs = gss.Continue, false, false, false, false, false, 0
	a.creds, a.opening = header.Credentials{}, ""
}

// drop ends the context without success.
func (a *attempt) drop() {
	a.scheme, a.ctx, a.todo = 0, nil, 0
	a.sent, a.ended, a.proven = false, false, false
	a.creds = header.Credentials{}
}

// done marks the current scheme, of that name, as tried, and as declined where
// there never were any credentials for it.
func (a *attempt) done(name string, f gss.Fault) {
	a.note(name, f)
	i := int(a.scheme) - 1
	a.tried = a.tried.With(i)
	if f.Code == gss.NoCredentials && !a.again { // HTA-13
		a.declined = a.declined.With(i)
	}
	if a.fault.IsZero() || f.Code != gss.NoCredentials {
		a.fault = f
	}
}

// note keeps why a scheme was given up, for the end of the exchange.
func (a *attempt) note(name string, f gss.Fault) {
	if a.why != "" {
		a.why += "; "
	}
	a.why += name + ": " + f.String()
}

// heard is what a challenge says of a scheme with legs.
type heard uint8

const (
	nothing heard = iota
	bare
	token
)

// hear looks for the scheme among the challenges (C6). A malformed one counts
// as a token: the initiator refuses it.
func hear(offers header.Challenges, name string) heard {
	h := nothing
	for c := range offers.Of(name) {
		if c.Form() == header.Bare {
			h = max(h, bare)
		} else {
			h = token
		}
	}
	return h
}

// tokenOf returns the token of the scheme's first challenge that has one.
func tokenOf(offers header.Challenges, name string) string {
	for c := range offers.Of(name) {
		if t, ok := c.Token(); ok {
			return t
		}
	}
	return ""
}
