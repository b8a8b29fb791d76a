package machine

import "github.com/countersign-auth/countersign/gss"

// recalls returns why a session is not accepted in place of credentials; no fault if it is.
func (s *Server) recalls(env gss.Env, x Session) gss.Fault {
	switch {
	case x.Scheme == "":
		return gss.Fault{Code: gss.NoCredentials, Detail: "the request carries no credentials"}
	case s.conf.side != gss.Origin || !s.configured(x.Scheme): // SESS-3
		return gss.Fault{Code: gss.NotPermitted, Detail: "the session began with a login of a scheme that is not configured here"}
	case x.Info.Peer == "" || x.Info.Anonymous:
		return gss.Fault{Code: gss.NotPermitted, Detail: "the session has no named identity"}
	case expired(env, x.Info): // CONN-7
		return gss.Fault{Code: gss.Expired, Detail: "the context that the session began with has ended"}
	}
	return gss.Fault{}
}

// configured reports whether a scheme of that name is.
func (s *Server) configured(name string) bool {
	for _, sch := range s.conf.Schemes {
		if sch.Traits().Name == name {
			return true
		}
	}
	return false
}
