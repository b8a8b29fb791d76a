package header

// The fields of this package, in canonical form.
const (
	WWWAuthenticate         = "WWW-Authenticate"
	Authorization           = "Authorization"
	AuthenticationInfo      = "Authentication-Info"
	ProxyAuthenticate       = "Proxy-Authenticate"
	ProxyAuthorization      = "Proxy-Authorization"
	ProxyAuthenticationInfo = "Proxy-Authentication-Info"
	PersistentAuthField     = "Persistent-Auth"
	ProxySupportField       = "Proxy-Support"
)

// Of these this package only reads that they are there.
const (
	via       = "Via"
	earlyData = "Early-Data"
)

// Response is what a response's fields say about authentication.
type Response struct {
	WWWAuthenticate         Challenges
	ProxyAuthenticate       Challenges
	AuthenticationInfo      Info
	ProxyAuthenticationInfo Info
	PersistentAuth          PersistentAuth
	SessionBased            bool // Proxy-Support: Session-Based-Authentication
}

// Request is what a request's fields say about authentication.
type Request struct {
	Authorization      Credentials
	ProxyAuthorization Credentials
	Via                bool // a Via field is there: the request came through an intermediary
	// EarlyData tells that an Early-Data field is there: on the way here the request
	// was sent before a TLS handshake was over, and may be a replay (RFC 8470 section
	// 5.1). Its one value is "1"; other values, and several fields, count as that one.
	EarlyData bool
}

// ParseResponse reads the fields of a response. lines returns the lines of a field by
// its name in the case of the constants above. Note that net/http's canonical form is
// "Www-Authenticate"; its Header.Values canonicalizes the name that it is given.
func ParseResponse(lines func(field string) []string) Response {
	return Response{
		WWWAuthenticate:         ParseChallenges(lines(WWWAuthenticate)...),
		ProxyAuthenticate:       ParseChallenges(lines(ProxyAuthenticate)...),
		AuthenticationInfo:      ParseInfo(lines(AuthenticationInfo)...),
		ProxyAuthenticationInfo: ParseInfo(lines(ProxyAuthenticationInfo)...),
		PersistentAuth:          parsePersistentAuth(lines(PersistentAuthField)...),
		SessionBased:            parseProxySupport(lines(ProxySupportField)...),
	}
}

// ParseRequest reads the fields of a request; lines is as for [ParseResponse].
func ParseRequest(lines func(field string) []string) Request {
	return Request{
		Authorization:      ParseCredentials(lines(Authorization)...),
		ProxyAuthorization: ParseCredentials(lines(ProxyAuthorization)...),
		Via:                len(lines(via)) > 0,
		EarlyData:          len(lines(earlyData)) > 0, // R8470-5.1-1
	}
}
