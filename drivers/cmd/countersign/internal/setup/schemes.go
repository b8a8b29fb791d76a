// Package setup turns the program's options into schemes: what the client, the
// server and the replay of either are made of.
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
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// Options say how schemes are to be made. They hold no secret, so that a trace
// can carry them.
type Options struct {
	// Schemes are the names to use; nil is all that there are.
	Schemes []string `json:"schemes,omitempty"`
	// Algorithms are Digest's; nil is what package digest takes by itself.
	Algorithms []string `json:"digest_algorithms,omitempty"`
	// NTLMLevel is the weakest NTLM to take part in: "v2", which "" stands for too,
	// or one of [NTLMLevels].
	NTLMLevel string `json:"ntlm_level,omitempty"`
	// Kerberos is negotiated by Nego2 and Negotiate; NoNTLM: and NTLM is not.
	Kerberos bool `json:"kerberos,omitempty"`
	NoNTLM   bool `json:"no_ntlm,omitempty"`
	// AllowRC4 lets Kerberos use rc4-hmac, as old directories want it.
	AllowRC4 bool `json:"allow_rc4,omitempty"`

	// The client's alone.

	// Krb5Conf is the text of a krb5.conf: what realms hosts are in.
	Krb5Conf string `json:"krb5_conf,omitempty"`
	// Fallback lets NTLM take over where Kerberos fails for another reason than that there
	// are no credentials for it.
	Fallback bool `json:"fallback,omitempty"`
	// Delegate hands a ticket-granting ticket of the user to servers.
	Delegate bool `json:"delegate,omitempty"`

	// The rest is the server's alone.

	Realm string `json:"realm,omitempty"`
	// QOPs are what Digest offers; nil is auth.
	QOPs []string `json:"digest_qop,omitempty"`
	// NonceLifetime is how long a Digest nonce is taken; 0 is the default.
	NonceLifetime time.Duration `json:"nonce_lifetime,omitempty"`
	// Tolerances are faults of old Digest clients to put up with.
	Tolerances []string `json:"digest_tolerate,omitempty"`
	// StrictURI makes a proxy refuse Digest clients that sign the path alone.
	StrictURI bool `json:"digest_strict_uri,omitempty"`
	// Computer and Domain are what NTLM calls the server; without a computer there
	// is no NTLM server.
	Computer string `json:"computer,omitempty"`
	Domain   string `json:"domain,omitempty"`
	// RequireMIC refuses NTLM clients whose messages are not protected.
	RequireMIC bool `json:"require_mic,omitempty"`
	// ChannelBinding is when to look at channel bindings, one of [Bindings]; "" is
	// if-available.
	ChannelBinding string `json:"channel_binding,omitempty"`
	// Services are the principals that Kerberos answers to; nil is all that it has keys of.
	Services []string `json:"services,omitempty"`
	// ClientRealms are the realms whose clients Kerberos accepts; nil is all.
	ClientRealms []string `json:"client_realms,omitempty"`
}

// builder makes both halves of one scheme.
type builder struct {
	name   string
	what   what
	client func(*Options) (scheme.Client, error)
	server func(*Options, gss.Secret) (scheme.Server, error)
}

// what a scheme comes to.
type what uint8

const (
	neither what = iota // what proves each request
	isNTLM
	either // what is negotiated: Kerberos or NTLM
)

// builders are the schemes that exist, in the order of their strength.
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

// Names are the schemes that exist, in lower case.
func Names() []string {
	var names []string
	for _, b := range builders {
		names = append(names, strings.ToLower(b.name))
	}
	return names
}

// chosen are the builders of the schemes that o names, without names of all that
// there can be: under FIPS-only mode there is no NTLM, and Kerberos alone is left to
// negotiate.
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
			if header.EqualFold(b.name, name) {
				out = append(out, b)
				continue next
			}
		}
		return nil, fmt.Errorf("no scheme %q: expected %s", name, strings.Join(Names(), ", "))
	}
	return out, nil
}

// Clients are the client halves.
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

// Servers are the server halves. key is what their nonces are authenticated
// with, see [NonceKey].
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

// NonceKey derives a server's nonce key from a secret and a label that tells
// runs apart.
func NonceKey(secret gss.Secret, label string) gss.Secret {
	key, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, "countersign nonce key "+label, digest.MinKey)
	if err != nil { // only for lengths that this is not
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

// Tolerances are the names for [Options].Tolerances.
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
