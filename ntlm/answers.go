package ntlm

import (
	"crypto/fips140"
	"encoding/hex"
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// Hash is a user with the NT hash in place of the password. It answers
// gss.NeedCredential (as good as the password) and gss.NeedVerifier. In the
// latter User and Domain name the account as the application is to know it; ""
// is what the peer claimed, in its spelling. A store that answers for several
// spellings of a domain had better name one.
type Hash struct {
	User, Domain string
	NT           Key
}

// HashOf is the NT hash of a password, NTOWFv1 (MS-NLMP section 3.3.1).
// Unsupported under FIPS-only mode, which bars MD4.
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

// Anonymous answers gss.NeedCredential: log on as nobody.
type Anonymous struct{}

// External answers gss.NeedCredential: the user is this one, and who holds the
// secret (an agent, a smart card, single sign-on) computes the response. The
// context then asks [NeedResponse].
type External struct{ User, Domain string }

// NeedResponse asks for the NTLMv2 response of a user whose secret stays where
// it is. With NTOWFv2 the user's response key (MS-NLMP section 3.3.2) the answer
// is
//
//	Proof       HMAC-MD5(NTOWFv2, Server || Temp)
//	SessionKey  HMAC-MD5(NTOWFv2, Proof)
//
// Answers: [Computed], gss.Declined, gss.Unreachable.
type NeedResponse struct {
	User, Domain string
	Target       gss.Target
	Server       Nonce
	Temp         string // what NTProofStr covers beside the server's challenge
}

// Computed answers [NeedResponse].
type Computed struct {
	Proof      Key // NTProofStr
	SessionKey Key // SessionBaseKey
}

// NeedLogon hands a verification out to who can do it, a domain controller
// (NetrLogonSamLogonWithFlags, NETLOGON_NETWORK_INFO). An acceptor with
// Config.PassThrough asks it in place of gss.NeedVerifier. The names are the
// peer's claims, decoded; NT and LM are its responses as they came. What the MIC,
// the channel binding and the policy ask for is checked by the acceptor after
// the answer.
//
// Answers: [Logon], gss.Unknown, gss.Unverifiable, gss.Declined, gss.Unreachable.
type NeedLogon struct {
	User, Domain, Workstation string
	Server                    Nonce
	NT, LM                    gss.Secret
	Flags                     Flags
}

// Logon answers [NeedLogon]. A Logon without a SessionKey is refused where the
// key is needed, for a MIC or for message protection.
type Logon struct {
	Accepted bool
	// User and Domain name the account, "" as the peer claimed it.
	User, Domain string
	SessionKey   Key // UserSessionKey, that is SessionBaseKey
	// Guest: the controller let the user in as a guest. An acceptor refuses that,
	// so that nobody becomes a guest by a slip of the finger.
	Guest bool
	// Data is what else the controller says of the account, groups for instance,
	// in a form that is the driver's own; see [LogonData].
	Data string
}

// LogonData is the Data of the [Logon] that let the peer of an established
// acceptor in; false for all other contexts. It finds a method of that name, so
// a context around ours can hand it on.
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
