package scheme

import "github.com/countersign-auth/countersign/gss"

// NegotiateClient returns the client half of Negotiate (RFC 4559) over m, which is SPNEGO, or Kerberos alone. It asks m for mutual authentication and for the
// services of want, as [MechanismClient] does.
func NegotiateClient(m gss.Mechanism, want ...gss.Flags) Client {
	return MechanismClient(standard(Negotiate), m, want...)
}

// NegotiateServer returns the server half of Negotiate (RFC 4559) over m, which is SPNEGO.
func NegotiateServer(m gss.Mechanism) Server { return MechanismServer(standard(Negotiate), m) }

// Nego2Client returns the client half of Nego2 (MS-N2HT) over m, which is SPNEGO. It asks m for mutual authentication and for the services of want, as
// [MechanismClient] does.
func Nego2Client(m gss.Mechanism, want ...gss.Flags) Client {
	return MechanismClient(standard(Nego2), m, want...)
}

// Nego2Server returns the server half of Nego2 (MS-N2HT) over m, which is SPNEGO.
func Nego2Server(m gss.Mechanism) Server { return MechanismServer(standard(Nego2), m) }

// NTLMClient returns the client half of NTLM (MS-NTHT) over m, which is NTLM without SPNEGO.
func NTLMClient(m gss.Mechanism, want ...gss.Flags) Client {
	return MechanismClient(standard(NTLM), m, want...)
}

// NTLMServer returns the server half of NTLM (MS-NTHT) over m, which is NTLM without SPNEGO.
func NTLMServer(m gss.Mechanism) Server { return MechanismServer(standard(NTLM), m) }

// standard returns the traits of a scheme of this package.
func standard(name string) Traits {
	t, _ := TraitsOf(name)
	return t
}
