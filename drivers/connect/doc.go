// Package connect opens tunnels through HTTP proxies that require authentication: CONNECT
// (RFC 9110 section 9.3.6) with as many legs as the scheme needs, on one connection if it
// needs that. net/http's own CONNECT is a single request that ends with the 407.
//
// A [Dialer]'s DialContext fits http.Transport.DialContext, and other libraries that dial.
// The proxy's authentication ends with the CONNECT, and has no part in the traffic inside
// the tunnel.
package connect // HTA-15
