// Package session keeps a login for the requests that follow it: the client gets a cookie in which
// its identity is sealed, and a request with that cookie needs no credentials, no challenge and no
// exchange. So a login by Negotiate, which otherwise is one for each request over HTTP/2, HTTP/3
// and behind fronts that share connections, is made once.
//
// Servers take a [Config] as one option:
//
//	nethttp.ServerConfig{…, Session: new(session.Config)}
//
// What is sealed is an identity: the scheme, the mechanism, the user, the realm or domain, the
// groups (see [Config].Groups), and times. It holds no password, ticket, key or context, so that a
// handler that needs a context, for delegated credentials or message protection, needs a login of
// its own. The cookie is sealed with XChaCha20-Poly1305, and is good for one cookie name at one
// host; a key is named by an id in it, so that one key is tried, and keys can be replaced
// ([Ring]). Libraries for cookies try one key after the other or have no place for what a cookie is
// bound to, and those for tokens bring a language of algorithms that the token itself chooses from.
//
// # How long
//
// A session ends when [Config].Lifetime has passed since the login, when [Config].Idle has passed
// without a request, or when the context of the login ends, such as a ticket. A request renews its
// cookie when an eighth of Idle has passed, so that Idle counts from a use within that time.
//
// # Logout
//
// Without a [Store] the server remembers nothing: a logout makes the browser forget its cookie, but
// a copy of the cookie can be used until the session ends, which the two times above bound, and a
// response that is on its way at the time of the logout can set it once more. With a Store a session
// that was logged out is refused from then on, on every server that shares it. In either case a browser
// that holds a ticket, or remembers a password, logs in again with its next request, unless the
// application does not ask it to.
//
// # Requests of other sites
//
// A browser adds cookies to requests that other sites cause, as it adds Negotiate, NTLM and what it
// remembers of Basic. The default, SameSite=Lax, keeps the cookie from requests that other sites
// embed or post, and sends it when a user follows a link. With Strict such a user would come without
// a session, be challenged, and with Negotiate log in unseen; with NTLM, Digest and Basic be asked
// for a password. None is for pages that other sites embed. No choice of SameSite replaces a check of
// a request's origin, such as http.CrossOriginProtection: where the cookie is missing the server
// challenges, and a browser may answer with Negotiate for that site.
//
// # Caches
//
// Shared caches store no response to a request with an Authorization field, unless the response says
// that they may (RFC 9111 section 3.5). A request with a session has no such field, so that its
// response gets Cache-Control: private, unless its handler said the same or that they may. A response
// that they may store gets no cookie, and that of a logout they may not store, whatever its handler
// said. Where requests without a login are served, too, a response to one says Vary: Cookie, or shared
// caches give it to users with a session.
package session
