package ntlm

import (
	"crypto/fips140"
	"encoding/hex"
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// Hash is a user with the NT hash in place of the password. It answers
// gss.NeedCredential (as good as the password) and gss.NeedVerifier. In the
// latter User and Domain name the account as the application is to know it, a Domain of ""
// for none; without a User both are what the peer claimed, in its spelling. A store that
// answers for several spellings had better name one.
type Hash struct {
	User, Domain string
	NT           Key
}

// HashOf returns the NT hash of a password, NTOWFv1 (MS-NLMP section 3.3.1). The fault
// is Unsupported, in FIPS-only mode, which does not allow MD4.
func HashOf(password gss.Secret) (Key, gss.Fault) {
	if fips140.Enforced() {
		return Key{}, barred()
	}
	return ntowfv1(password.Reveal()), gss.Fault{}
}

// ParseKey reads a key or hash of 32 hexadecimal digits, in either case, as it
// stands in smbpasswd files. It is false for everything else, such as the X's of
// a locked account.
func ParseKey(text string) (k Key, ok bool) {
	if len(text) != 2*len(k) {
		return Key{}, false
	}
	if _, err := hex.Decode(k[:], []byte(strings.ToLower(text))); err != nil {
		return Key{}, false
	}
	return k, true
}

// Anonymous answers gss.NeedCredential: log on without a name.
type Anonymous struct{}

// External answers gss.NeedCredential: the user is this one, and the holder of the
// secret (an agent, a smart card, single sign-on) computes the response. The context
// then asks [NeedResponse].
type External struct{ User, Domain string }

// NeedResponse asks for the NTLMv2 response of a user, without the secret.
//
// With the user's response key NTOWFv2 (MS-NLMP section 3.3.2) the answer is
//
//	Proof       HMAC-MD5(NTOWFv2, Server || Temp)
//	SessionKey  HMAC-MD5(NTOWFv2, Proof)
//
// Asked by: ntlm, the initiator of an [External] user when the CHALLENGE message has arrived.
//
// Answers: [Computed], gss.Unreachable, gss.Declined.
//
// Declined: the context fails with gss.NoCredentials.
type NeedResponse struct {
	User, Domain string
	Target       gss.Target
	Server       [8]byte
	Temp         string // what NTProofStr covers beside the server's challenge
}

// Computed answers [NeedResponse].
type Computed struct {
	Proof      Key // NTProofStr
	SessionKey Key // SessionBaseKey
}

// NeedLogon asks a domain controller to verify a response (NetrLogonSamLogonWithFlags,
// NETLOGON_NETWORK_INFO). The names are the peer's claims, decoded; NT and LM are its
// responses, unchanged. The acceptor checks the MIC, the channel binding and the policy
// after the answer.
//
// Asked by: ntlm, the acceptor with Config.PassThrough, in place of gss.NeedVerifier.
//
// Answers: [Logon], gss.Unknown, gss.Unverifiable, gss.Unreachable, gss.Declined.
//
// Declined: the request is refused with 401, as for an unknown user.
type NeedLogon struct {
	User, Domain, Workstation string
	Server                    [8]byte
	NT, LM                    gss.Secret
	Flags                     uint32 // NegotiateFlags (MS-NLMP section 2.2.2.5)
}

// Logon answers [NeedLogon]. A Logon without a SessionKey is refused where the
// key is needed, for a MIC or for message protection.
type Logon struct {
	Accepted bool
	// User and Domain name the account, "" as the peer claimed it.
	User, Domain string
	SessionKey   Key // UserSessionKey, that is SessionBaseKey
	// Guest tells that the controller accepted the user as a guest. An acceptor refuses
	// that, so that a mistyped name does not log on as a guest.
	Guest bool
	// Data is what else the controller says of the account, groups for instance,
	// in a form that is the driver's own; see [LogonData].
	Data string
}

// LogonData returns the Data of the [Logon] by which an established acceptor accepted its
// peer, and false for all other contexts. It calls a method of that name, so that a
// context around ours can pass it on.
func LogonData(c gss.Context) (string, bool) {
	if e, ok := c.(interface{ LogonData() (string, bool) }); ok {
		return e.LogonData()
	}
	return "", false
}

// Derived implements [gss.Derived]: it is asked for the user of an [External].
func (NeedResponse) Derived() {}

func (NeedResponse) Question() {}
func (NeedLogon) Question()    {}

func (Hash) Answer()      {}
func (Anonymous) Answer() {}
func (External) Answer()  {}
func (Computed) Answer()  {}
func (Logon) Answer()     {}
