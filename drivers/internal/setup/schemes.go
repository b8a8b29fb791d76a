// Package setup makes schemes from names and options: for the command's client and server, for
// the replay of either, and for presets.
package setup

import (
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/scheme"
)

// Options describes how schemes are made. It holds no secret, so that a trace can contain it.
type Options struct {
	// Schemes holds the names of the schemes; nil means all.
	Schemes []string `json:"schemes,omitempty"`
	// Algorithms holds those of Digest; nil means package digest's default.
	Algorithms []string `json:"digest_algorithms,omitempty"`
	// NTLMLevel is the weakest NTLM to accept, one of [NTLMLevels]; "" means "v2".
	NTLMLevel string `json:"ntlm_level,omitempty"`
	// Kerberos makes Nego2 and Negotiate negotiate Kerberos, and NoNTLM leaves out NTLM.
	Kerberos bool `json:"kerberos,omitempty"`
	NoNTLM   bool `json:"no_ntlm,omitempty"`
	// AllowRC4 allows rc4-hmac in Kerberos, for old directories.
	AllowRC4 bool `json:"allow_rc4,omitempty"`

	// For clients only.

	// Krb5Conf is the text of a krb5.conf, which maps hosts to realms.
	Krb5Conf string `json:"krb5_conf,omitempty"`
	// Workstation is the computer name that a client sends in NTLM, "" for none.
	Workstation string `json:"workstation,omitempty"`
	// Fallback allows NTLM if Kerberos fails for any reason other than missing credentials.
	Fallback bool `json:"fallback,omitempty"`
	// Delegate delegates the user's ticket-granting ticket to servers.
	Delegate bool `json:"delegate,omitempty"`
	oneWay   bool // do not ask services to prove themselves; see [Machine].Mutual

	// For servers only.

	Realm string `json:"realm,omitempty"`
	// QOPs holds the qops that Digest offers; nil means auth.
	QOPs []string `json:"digest_qop,omitempty"`
	// NonceLifetime is how long a Digest nonce is valid; 0 means the default.
	NonceLifetime time.Duration `json:"nonce_lifetime,omitempty"`
	// Tolerances names errors of old Digest clients to accept, see [Tolerances].
	Tolerances []string `json:"digest_tolerate,omitempty"`
	// StrictURI makes a proxy refuse Digest clients that sign the path alone as their
	// uri.
	StrictURI bool `json:"digest_strict_uri,omitempty"`
	// Computer and Domain are the server's names in NTLM. An NTLM server needs a Computer.
	Computer string `json:"computer,omitempty"`
	Domain   string `json:"domain,omitempty"`
	// RequireMIC refuses NTLM clients that send no MIC.
	RequireMIC bool `json:"require_mic,omitempty"`
	// ChannelBinding is when to compare channel bindings, one of [Bindings]; "" means
	// if-available.
	ChannelBinding string `json:"channel_binding,omitempty"`
	// Services holds the principals for which Kerberos accepts tickets; nil means all that it
	// has keys of.
	Services []string `json:"services,omitempty"`
	// KeepPAC keeps what Kerberos' tickets say of a user's groups.
	KeepPAC bool `json:"keep_pac,omitempty"`
	// ClientRealms holds the realms of the clients that Kerberos accepts; nil means
	// all.
	ClientRealms []string `json:"client_realms,omitempty"`
}

// builder makes both halves of one scheme.
type builder struct {
	name   string
	what   what
	client func(*Options) (scheme.Client, error)
	server func(*Options, gss.Secret) (scheme.Server, error)
}

// what tells which mechanism a scheme runs.
type what uint8

const (
	neither what = iota // none: each request has a proof of its own
	isNTLM
	either // the one that is negotiated, Kerberos or NTLM
)

// builders holds all schemes, strongest first.
var builders = []builder{
	negotiating(scheme.Nego2),
	negotiating(scheme.Negotiate),
	{scheme.NTLM, isNTLM, ntlmClient, ntlmServer},
	{scheme.Digest, neither, digestClient, digestServer},
	{scheme.Basic, neither,
		func(*Options) (scheme.Client, error) { return scheme.BasicClient(), nil },
		func(o *Options, _ gss.Secret) (scheme.Server, error) {
			return scheme.BasicServer(o.Realm, scheme.AskVerdict), nil
		}},
}

// Names returns the names of all schemes, in lower case.
func Names() []string {
	var names []string
	for _, b := range builders {
		names = append(names, strings.ToLower(b.name))
	}
	return names
}

// chosen returns the builders of the schemes that o names, each once, or of all schemes that are usable
// if it names none: FIPS-only mode leaves out NTLM, so that only Kerberos is negotiated.
func (o *Options) chosen() ([]builder, error) {
	if len(o.Schemes) == 0 {
		if fips140.Enforced() {
			return slices.DeleteFunc(slices.Clone(builders), func(b builder) bool {
				return b.what == isNTLM || b.what == either && !o.Kerberos
			}), nil
		}
		return builders, nil
	}
	var out []builder
next:
	for _, name := range o.Schemes {
		for _, b := range builders {
			if ascii.EqualFold(b.name, name) {
				if !slices.ContainsFunc(out, func(other builder) bool { return other.name == b.name }) {
					out = append(out, b)
				}
				continue next
			}
		}
		return nil, fmt.Errorf("no scheme %q: expected %s", name, strings.Join(Names(), ", "))
	}
	return out, nil
}

// Clients returns the client halves of the schemes.
func (o *Options) Clients() ([]scheme.Client, error) {
	bs, err := o.chosen()
	if err != nil {
		return nil, err
	}
	var out []scheme.Client
	for _, b := range bs {
		c, err := b.client(o)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// Servers returns the server halves of the schemes. key authenticates their nonces, see
// [NonceKey].
func (o *Options) Servers(key gss.Secret) ([]scheme.Server, error) {
	bs, err := o.chosen()
	if err != nil {
		return nil, err
	}
	var out []scheme.Server
	for _, b := range bs {
		s, err := b.server(o, key)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// NonceKey derives a server's nonce key from a secret and a label, which differs from run to
// run.
func NonceKey(secret gss.Secret, label string) gss.Secret {
	key, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, "countersign nonce key "+label, 32)
	if err != nil { // only for other lengths
		panic(err)
	}
	return gss.NewSecret(string(key))
}

func (o *Options) algorithms() ([]digest.Algorithm, error) {
	var out []digest.Algorithm
	for _, name := range o.Algorithms {
		a, ok := digest.ParseAlgorithm(name)
		if !ok {
			return nil, fmt.Errorf("no Digest algorithm %q: expected MD5, SHA-256 or SHA-512-256, with or without -sess", name)
		}
		out = append(out, a)
	}
	return out, nil
}

func digestClient(o *Options) (scheme.Client, error) {
	algs, err := o.algorithms()
	if err != nil {
		return nil, err
	}
	return digest.NewClient(digest.ClientConfig{Algorithms: algs})
}

func digestServer(o *Options, key gss.Secret) (scheme.Server, error) {
	algs, err := o.algorithms()
	if err != nil {
		return nil, err
	}
	var qops []digest.QOP
	for _, name := range o.QOPs {
		q, ok := map[string]digest.QOP{"auth": digest.Auth, "auth-int": digest.AuthInt}[name]
		if !ok {
			return nil, fmt.Errorf("no Digest qop %q: expected auth or auth-int", name)
		}
		qops = append(qops, q)
	}
	tolerate, err := o.tolerances()
	if err != nil {
		return nil, err
	}
	return digest.NewServer(digest.ServerConfig{
		Realm: o.Realm, Keys: []gss.Secret{key},
		Algorithms: algs, QOPs: qops, NonceLifetime: o.NonceLifetime, Tolerate: tolerate, StrictURI: o.StrictURI,
	})
}

var tolerances = []struct {
	name string
	bit  digest.Tolerance
}{
	{"missing-query", digest.MissingQuery},
	{"get-for-post", digest.GetForPost},
	{"short-nc", digest.ShortNC},
	{"missing-opaque", digest.MissingOpaque},
	{"no-qop", digest.NoQOP},
	{"latin1", digest.Latin1},
	{"lone-backslash", digest.LoneBackslash},
	{"path-to-proxy", digest.PathToProxy},
}

// Tolerances returns the names for [Options].Tolerances.
func Tolerances() []string {
	var names []string
	for _, t := range tolerances {
		names = append(names, t.name)
	}
	return names
}

func (o *Options) tolerances() (all digest.Tolerance, err error) {
next:
	for _, name := range o.Tolerances {
		for _, t := range tolerances {
			if t.name == name {
				all |= t.bit
				continue next
			}
		}
		return 0, fmt.Errorf("no Digest tolerance %q: expected %s", name, strings.Join(Tolerances(), ", "))
	}
	return all, nil
}
