package ntlm

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// proof is an AUTHENTICATE taken apart, and what came of it.
type proof struct {
	m         ntlmssp.Authenticate
	flags     ntlmssp.Flags // what both sides said
	names     ntlmssp.Flags // the character set of the names
	anonymous bool
	v2        bool
	response  ntlmssp.Response // NTLMv2
	announced bool             // the response says that there is a MIC
	exported  Key
	intact    bool // the MIC is right
	bound     bool // the channel bindings were compared, and are equal
}

// read parses the message and refuses what cannot be judged, before any question about
// the user. granted are the flags of the CHALLENGE.
func (p *proof) read(c *config, granted ntlmssp.Flags, token string) (fault gss.Fault) {
	if p.m, fault = ntlmssp.ParseAuthenticate(token); !fault.IsZero() {
		return fault
	}
	p.flags, p.names = p.m.Flags&granted, p.m.Flags
	if p.m.Flags == 0 { // very old clients say nothing
		p.flags, p.names = granted, granted
	}
	if !p.names.Any(ntlmssp.FlagUnicode|ntlmssp.FlagOEM) || !granted.Has(ntlmssp.FlagUnicode) { // wget claims UNICODE ungranted, and writes OEM
		p.names = granted
	}
	if p.flags.Has(ntlmssp.FlagKeyExchange) && len(p.m.SessionKey) != len(Key{}) { // NLMP-3.2.5.1.2-3
		return malformed("KEY_EXCH was agreed upon, but there is no session key of 16 bytes")
	}
	switch n := len(p.m.NT); {
	case p.m.User == "" && n == 0 && (p.m.LM == "" || p.m.LM == "\x00"):
		p.anonymous = true
		p.flags &^= ntlmssp.FlagKeyExchange
	case p.m.User == "":
		return malformed("a response without a user")
	case n > ntlmssp.V1Size:
		p.v2 = true
		if p.response, fault = ntlmssp.ParseResponse(p.m.NT); !fault.IsZero() {
			return fault
		}
		p.announced = p.response.Pairs.Flags()&ntlmssp.AVFlagMIC != 0
	case n == 0:
		return gss.Fault{Code: gss.NotPermitted, Detail: "ntlm: the client sent an LM response only, which is never accepted"}
	case n != ntlmssp.V1Size:
		return malformed("an NT response of an invalid length")
	case c.Level == V2, c.Level == V1Session && !p.mixed():
		return gss.Fault{Code: gss.NotPermitted, Detail: "ntlm: the client sent an NTLMv1 response; Config.Level can allow it for old clients"}
	}
	return gss.Fault{}
}

// mixed reports whether an NTLMv1 response answers a challenge of each side:
// extended session security was agreed upon, and the LM field holds the client's.
func (p *proof) mixed() bool { return p.flags.Has(ntlmssp.FlagESS) && len(p.m.LM) == ntlmssp.V1Size }

// verify compares the response with what nt, the user's NT hash, gives, in
// constant time, and gives the session base key.
func (p *proof) verify(server ntlmssp.Nonce, nt Key) (base Key, ok bool) {
	if !p.v2 {
		challenge := server
		if p.mixed() {
			var client ntlmssp.Nonce
			copy(client[:], p.m.LM)
			challenge = sessionChallenge(server, client)
		}
		want := desl(nt, challenge[:])
		if !gss.Equal(string(want[:]), p.m.NT) {
			return Key{}, false
		}
		return baseKeyV1(nt), true
	}
	var room [scratch]byte
	names := p.wide(p.wide(room[:0], p.m.User), p.m.Domain)
	user := len(p.m.User)
	if !p.names.Has(ntlmssp.FlagUnicode) {
		user *= 2
	}
	key := ntowfv2(nt, names, user)
	sum := proofV2(key, server, p.response.Temp)
	if ok = sum.equal(p.response.Proof); !ok && len(names) > user {
		// Some clients leave the domain out of the key though they send it (section
		// 3.2.5.1.2).
		key = ntowfv2(nt, names[:user], user)
		sum = proofV2(key, server, p.response.Temp)
		ok = sum.equal(p.response.Proof)
	}
	return hmacMD5(key, p.response.Proof[:]), ok
}

// wide appends a name as UTF-16LE.
func (p *proof) wide(b []byte, raw string) []byte {
	if p.names.Has(ntlmssp.FlagUnicode) {
		return append(b, raw...)
	}
	for i := range len(raw) {
		b = append(b, raw[i], 0)
	}
	return b
}

// keys finds the exported session key, none without a base key.
func (p *proof) keys(server ntlmssp.Nonce, base Key) {
	if base.isZero() {
		return
	}
	if !p.v2 {
		var lm [ntlmssp.V1Size]byte
		copy(lm[:], p.m.LM)
		base = kxkeyV1(p.flags, base, Key{}, server, &lm)
	}
	p.exported = base
	if p.flags.Has(ntlmssp.FlagKeyExchange) {
		copy(p.exported[:], p.m.SessionKey)
		p.exported = rc4Once(base, p.exported)
	}
}

// judge applies the policy to a client that has proved its password; now is in
// nanoseconds since the Unix epoch.
func (c *config) judge(p *proof, binding gss.Binding, now int64) gss.Fault {
	switch {
	case p.announced && !p.intact:
		return gss.Fault{Code: gss.NotAuthentic, Detail: "ntlm: the MIC that the client announced is missing or does not match: the messages were changed in transit"}
	case c.RequireMIC && !p.intact:
		return gss.Fault{Code: gss.NotPermitted, Detail: "ntlm: the client sent no MIC, which Config.RequireMIC demands"}
	case c.Require128 && !p.flags.Has(ntlmssp.Flag128|ntlmssp.FlagESS):
		return gss.Fault{Code: gss.NotPermitted, Detail: "ntlm: the client did not agree on 128-bit keys and extended session security, which Config.Require128 demands"}
	}
	if fault := c.judgeBinding(p, binding); !fault.IsZero() {
		return fault
	}
	if fault := c.judgeTarget(p); !fault.IsZero() {
		return fault
	}
	if c.MaxSkew > 0 && p.v2 {
		ours, limit := ntlmssp.TimeOf(now), ntlmssp.Time(c.MaxSkew/100)
		if max(ours, p.response.Time)-min(ours, p.response.Time) > limit {
			return gss.Fault{Code: gss.ClockSkew, Detail: "ntlm: the time in the client's response is too far from the server's"}
		}
	}
	return gss.Fault{}
}

// judgeEcho compares the names and the time in the response with those of our challenge
// (NLMP-3.2.5.1.2-5); now is the challenge's time. A client computes its proof over the
// names and the time that it was shown (sections 2.2.2.7 and 3.3.2), and the time makes
// it send a MIC. An attacker that changes the challenge to suppress the MIC therefore
// changes the response.
//
//	names and time          by default   AllowUnechoed
//	unchanged               accepted     accepted
//	none of them            refused      accepted
//	some of them, changed   refused      refused
//
// Responses before NTLMv2 hold nothing of the challenge but its nonce.
func (c *config) judgeEcho(p *proof, now ntlmssp.Time) gss.Fault {
	if !p.v2 {
		return gss.Fault{}
	}
	theirs, timed := p.response.Pairs.Timestamp()
	none, same := !timed, timed && theirs == now
	for id := ntlmssp.AVComputer; id <= ntlmssp.AVDNSTree; id++ {
		theirs, came := p.response.Pairs.Get(id)
		ours, shown := c.names.Get(id)
		none = none && !came
		same = same && came == shown && theirs == ours
	}
	switch {
	case same, none && c.AllowUnechoed:
		return gss.Fault{}
	case none:
		return gss.Fault{Code: gss.NotAuthentic, Detail: "ntlm: the response has none of the names and times of the challenge: it was changed in transit, or the client echoes nothing, which Config.AllowUnechoed accepts"}
	}
	return gss.Fault{Code: gss.NotAuthentic, Detail: "ntlm: the names or the time in the response are not those of the challenge: the challenge was changed in transit"}
}

// judgeBinding compares the client's MsvAvChannelBindings with this side's channel
// (NLMP-3.2.5.1.2-1). A client that leaves the pair out says nothing of bindings.
func (c *config) judgeBinding(p *proof, binding gss.Binding) (fault gss.Fault) {
	sum, said := p.response.Pairs.Get(ntlmssp.AVChannelBindings)
	var why string
	if p.bound, why = binding.Admit(c.ChannelBinding, false, said, sum); why != "" { // there is no FIPS-only mode here: New refused it
		fault = gss.Fault{Code: gss.BadBinding, Detail: "ntlm: " + why}
	}
	return fault
}

// judgeTarget compares the service that the client means with ours.
func (c *config) judgeTarget(p *proof) gss.Fault {
	if len(c.Targets) == 0 {
		return gss.Fault{}
	}
	raw, _ := p.response.Pairs.Get(ntlmssp.AVTargetName)
	if p.response.Pairs.Flags()&ntlmssp.AVFlagUntrustedTarget != 0 { // as if there were none (section 3.2.5.1.2)
		raw = ""
	}
	if raw == "" {
		if c.RequireTarget {
			return gss.Fault{Code: gss.NotPermitted, Detail: "ntlm: the client does not name its target service, which Config.RequireTarget demands"}
		}
		return gss.Fault{}
	}
	if spn, ok := ntlmssp.DecodeUTF16(raw); !ok || !c.means(spn) {
		return gss.Fault{Code: gss.WrongTarget, Detail: "ntlm: the client names a service that is not in Config.Targets"}
	}
	return gss.Fault{}
}

// malformed returns a fault of the peer's bytes.
func malformed(detail string) gss.Fault {
	return gss.Fault{Code: gss.Malformed, Detail: "ntlm: " + detail}
}
