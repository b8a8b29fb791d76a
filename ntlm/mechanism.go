package ntlm

import (
	"crypto/fips140"
	"fmt"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// Level is the weakest NTLM that a side takes part in. An initiator sends that
// one, since the version is not negotiated (MS-NLMP section 3.3.1); an acceptor
// takes it and everything stronger.
type Level uint8

const (
	// V2 is NTLMv2 and nothing else.
	V2 Level = iota
	// V1Session is NTLMv1 with extended session security ("NTLM2 session
	// response"): 56-bit DES keys, but with a challenge from each side.
	V1Session
	// V1 is NTLMv1 as it was. The password's hash can be found from one response.
	V1
	// LM is NTLMv1 with the LM response beside it, for servers of the last
	// century. An acceptor never looks at LM responses and treats it as V1.
	LM
	levels
)

// Config says what both sides of a mechanism do. Its zero value is an initiator
// of NTLMv2, and no acceptor.
type Config struct {
	_ struct{}

	// Level is V2 unless an old peer needs less.
	Level Level
	// ChannelBinding is how strictly gss.Target.Binding is required. An acceptor with a
	// binding refuses another one, and the all-zero binding of a client that supports
	// bindings, also under IfAvailable. Under Require it refuses clients that send no
	// binding, and all clients if it has none itself. An initiator under Require fails
	// without a binding.
	ChannelBinding gss.Requirement
	// RequireMIC refuses peers that do not protect the three messages: an acceptor
	// refuses clients that send no MIC (curl and Firefox send none), an initiator
	// refuses challenges without a timestamp, which is what makes clients send one.
	RequireMIC bool
	// Require128 refuses peers that do not agree on 128-bit keys and extended
	// session security. It is implied for an initiator that wants services of
	// message protection.
	Require128 bool
	// Workstation is the computer name that an initiator sends, "" for none.
	Workstation string
	// SingleHost is CustomData (8 bytes) and MachineID (32 bytes) of the
	// initiator's Single_Host_Data (MS-NLMP section 2.2.2.2); zero sends none.
	SingleHost [40]byte
	// Version is what both sides say they are, for debugging; zero says Windows
	// 10, since a few peers turn anything odd away.
	Version Version

	// Computer is the acceptor's NetBIOS name, without which there is no
	// acceptor; Domain is that of its domain, "" for a computer that is in none.
	Computer, Domain string
	// DNSComputer, DNSDomain and DNSTree are the DNS names of computer, domain and
	// forest, "" for none.
	DNSComputer, DNSDomain, DNSTree string
	// Targets are the service principal names that the acceptor answers to, for
	// instance "HTTP/www.example". Compared without case, and without a port or an
	// ending dot that the client added. Empty: the name that the client meant is not looked at.
	// RequireTarget refuses clients that name none.
	Targets       []string
	RequireTarget bool
	// MaxSkew is how far the time in a client's NTLMv2 response may be from ours;
	// 0 does not look. Clients send the time of our challenge back, or their own.
	MaxSkew time.Duration
	// PassThrough asks [NeedLogon] in place of gss.NeedVerifier.
	PassThrough bool
	// AllowAnonymous lets an acceptor accept clients that log on without a name.
	AllowAnonymous bool
	// AllowEmptyPassword accepts users with an empty password.
	AllowEmptyPassword bool
	// AllowUnechoed accepts NTLMv2 responses that return none of the names and times of
	// the acceptor's challenge. No known client needs it. An attacker that rewrites the
	// challenge can then suppress the MIC, and with it the protection of the flags and
	// of SPNEGO's choice; RequireMIC prevents that in any case. Names and times that are
	// returned changed are refused even so.
	AllowUnechoed bool
}

// Version is the VERSION structure (MS-NLMP section 2.2.2.10), for debugging only: nothing is ever decided by it.
type Version struct {
	Major, Minor uint8
	Build        uint16
	Revision     uint8 // of NTLM; 15 everywhere
}

// mechanism is NTLM as a gss.Mechanism.
type mechanism struct{ cfg *config }

// config is a validated Config. It is read-only after New.
type config struct {
	Config
	// The challenge's target name and target info up to the time, for both
	// character sets.
	unicodeName, oemName string
	names                ntlmssp.AVPairs
	infoBefore           string
	targetType           ntlmssp.Flags
	fault                gss.Fault // of an acceptor that cannot be
}

// maxServerName bounds each of the acceptor's names, in characters.
const maxServerName = 255

// New returns NTLM as a mechanism. It is a comparable value, which implements [gss.Checker] and prints no secret. The error is a [gss.Misuse]: a
// field out of range, or FIPS-only mode (crypto/fips140), where nothing of NTLM is allowed.
func New(c Config) (gss.Mechanism, error) {
	switch {
	case fips140.Enforced():
		return nil, misuse.Errorf("ntlm", "nothing of NTLM is available in FIPS-only mode; use Kerberos, or leave NTLM out")
	case c.Level >= levels:
		return nil, misuse.Errorf("ntlm", "Config.Level is %d; use V2, V1Session, V1 or LM", c.Level)
	case !c.ChannelBinding.Valid():
		return nil, misuse.Errorf("ntlm", "Config.ChannelBinding is %d; use a gss.Requirement", c.ChannelBinding)
	case c.MaxSkew < 0:
		return nil, misuse.Errorf("ntlm", "Config.MaxSkew is %v; want more than 0, or 0 for no check", c.MaxSkew)
	}
	for _, name := range [...]struct{ field, value string }{
		{"Workstation", c.Workstation}, {"Computer", c.Computer}, {"Domain", c.Domain},
		{"DNSComputer", c.DNSComputer}, {"DNSDomain", c.DNSDomain}, {"DNSTree", c.DNSTree},
	} {
		if len(name.value) > maxServerName {
			return nil, misuse.Errorf("ntlm", "Config.%s has %d bytes; want up to %d", name.field, len(name.value), maxServerName)
		}
	}
	for i, spn := range c.Targets {
		if service, host, ok := strings.Cut(spn, "/"); !ok || service == "" || host == "" {
			return nil, misuse.Errorf("ntlm", "Config.Targets[%d] is %q; want a service principal name such as HTTP/www.example", i, spn)
		}
	}
	if c.Version == (Version{}) {
		c.Version = Version{Major: 10, Build: 19041, Revision: 15}
	}
	c.Targets = append([]string(nil), c.Targets...)
	p := &config{Config: c}
	p.prepare()
	return mechanism{p}, nil
}

const noComputer = "this side is no acceptor, Config.Computer is empty; set it to the server's NetBIOS name"

// CheckInitiate implements [gss.Checker].
func (m mechanism) CheckInitiate() error { return nil }

// CheckAccept implements [gss.Checker].
func (m mechanism) CheckAccept() error {
	if m.cfg.Computer == "" {
		return misuse.Errorf("ntlm", noComputer)
	}
	return nil
}

// prepare writes what is the same in every challenge.
func (c *config) prepare() {
	if c.Computer == "" {
		c.fault = gss.Fault{Code: gss.NotPermitted, Detail: "ntlm: " + noComputer}
		return
	}
	name, domain := c.Domain, c.Domain
	c.targetType = ntlmssp.FlagTargetDomain
	if domain == "" {
		name, domain = c.Computer, c.Computer
		c.targetType = ntlmssp.FlagTargetServer
	}
	c.unicodeName = string(ntlmssp.AppendUTF16(nil, name))
	oem, ok := ntlmssp.FlagOEM.AppendText(nil, name)
	if !ok { // old clients do without the name
		oem = nil
	}
	c.oemName = string(oem)
	var b []byte
	for _, pair := range [...]struct {
		id   ntlmssp.AVID
		text string
	}{{ntlmssp.AVDomain, domain}, {ntlmssp.AVComputer, c.Computer}, {ntlmssp.AVDNSDomain, c.DNSDomain}, {ntlmssp.AVDNSComputer, c.DNSComputer}, {ntlmssp.AVDNSTree, c.DNSTree}} {
		if pair.text != "" {
			b = ntlmssp.AppendAVText(b, pair.id, pair.text)
		}
	}
	c.names = ntlmssp.PairsOf(string(append(b, 0, 0, 0, 0)))
	c.infoBefore = string(ntlmssp.AppendAV(b, ntlmssp.AVTimestamp, 8))
}

// Mech implements gss.Mechanism.
func (m mechanism) Mech() gss.OID { return gss.NTLM }

// Traits implements gss.Mechanism. The acceptor never proves itself (MS-NTHT section
// 5.1).
func (m mechanism) Traits() gss.Traits { // NTHT-5.1-1
	return gss.Traits{ConnectionBased: true, Integrity: true, MaxLegs: 2}
}

// Initiate implements gss.Mechanism.
func (m mechanism) Initiate(t gss.Target) gss.Context { return initiator{m.cfg, t} }

// Accept implements gss.Mechanism.
func (m mechanism) Accept(t gss.Target) gss.Context { return acceptor{m.cfg, t.Binding} }

// Format implements fmt.Formatter.
func (m mechanism) Format(f fmt.State, _ rune) { fmt.Fprint(f, "ntlm mechanism") }

// means reports whether the service principal name is one of c.Targets.
func (c *config) means(spn string) bool {
	service, host, _ := strings.Cut(spn, "/")
	if at := strings.LastIndexByte(host, ':'); at >= 0 && strings.Trim(host[at+1:], "0123456789") == "" {
		host = host[:at]
	}
	plain := gss.Target{Service: service, Host: host}.SPN() // NAMES-1
	for _, t := range c.Targets {
		if strings.EqualFold(t, spn) || strings.EqualFold(t, plain) {
			return true
		}
	}
	return false
}
