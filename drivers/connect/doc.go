// Package connect opens tunnels through HTTP proxies that want authentication:
// CONNECT (RFC 9110 section 9.3.6) with as many legs as the scheme needs, on one
// connection where it needs that. net/http's own CONNECT is a single shot, to
// which a 407 is the end.
//
// A [Dialer]'s DialContext fits http.Transport.DialContext, or anything else
// that dials. What runs inside a tunnel is not its affair: there, the proxy's
// authentication does not exist (HTA-15).
package connect
