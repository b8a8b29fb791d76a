package setup

import (
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// ntlmLevels holds the levels of NTLM by name, strongest first.
var ntlmLevels = []struct {
	name  string
	level ntlm.Level
}{
	{"v2", ntlm.V2},
	{"v1-session", ntlm.V1Session},
	{"v1", ntlm.V1},
}

// NTLMLevels returns the names for [Options].NTLMLevel, strongest first.
func NTLMLevels() []string {
	var names []string
	for _, l := range ntlmLevels {
		names = append(names, l.name)
	}
	return names
}

// demands holds the demands for channel bindings by name.
var demands = []struct {
	name   string
	demand gss.Requirement
}{
	{"ignore", gss.Ignore},
	{"if-available", gss.IfAvailable},
	{"require", gss.Require},
}

// Bindings returns the names for [Options].ChannelBinding.
func Bindings() []string {
	var names []string
	for _, d := range demands {
		names = append(names, d.name)
	}
	return names
}

// ntlmConfig returns the configuration that both halves have in common.
func (o *Options) ntlmConfig() (c ntlm.Config, err error) {
	for _, l := range ntlmLevels {
		if l.name == o.NTLMLevel || o.NTLMLevel == "" {
			c.Level = l.level
			return c, nil
		}
	}
	return c, fmt.Errorf("no NTLM level %q: expected %s", o.NTLMLevel, strings.Join(NTLMLevels(), ", "))
}

func (o *Options) demand() (gss.Requirement, error) {
	if o.ChannelBinding == "" {
		return gss.IfAvailable, nil
	}
	for _, d := range demands {
		if d.name == o.ChannelBinding {
			return d.demand, nil
		}
	}
	return 0, fmt.Errorf("no channel binding %q: expected %s", o.ChannelBinding, strings.Join(Bindings(), ", "))
}

// ntlmInitiator returns NTLM for clients.
func (o *Options) ntlmInitiator() (gss.Mechanism, error) {
	c, err := o.ntlmConfig()
	if err != nil {
		return nil, err
	}
	c.Workstation = o.Workstation
	return ntlm.New(c)
}

// ntlmAcceptor returns NTLM for servers.
func (o *Options) ntlmAcceptor() (gss.Mechanism, error) {
	c, err := o.ntlmConfig()
	if err != nil {
		return nil, err
	}
	if c.ChannelBinding, err = o.demand(); err != nil {
		return nil, err
	}
	c.Computer, c.Domain, c.RequireMIC = o.Computer, o.Domain, o.RequireMIC
	if c.Computer == "" {
		return nil, fmt.Errorf("an NTLM server needs a computer name")
	}
	return ntlm.New(c)
}

func ntlmClient(o *Options) (scheme.Client, error) {
	m, err := o.ntlmInitiator()
	if err != nil {
		return nil, err
	}
	return scheme.NTLMClient(m), nil
}

func ntlmServer(o *Options, _ gss.Secret) (scheme.Server, error) {
	m, err := o.ntlmAcceptor()
	if err != nil {
		return nil, err
	}
	return scheme.NTLMServer(m), nil
}

// Unbindable returns the names of o's schemes that cannot be bound to a channel, "" for none.
func (o *Options) Unbindable() string {
	var names []string
	bs, _ := o.chosen()
	for _, b := range bs {
		if b.what == neither {
			names = append(names, b.name)
		}
	}
	return strings.Join(names, " and ")
}

// NTLM reports whether o names a scheme that is NTLM or can negotiate it.
func (o *Options) NTLM() bool {
	bs, _ := o.chosen()
	return slices.ContainsFunc(bs, func(b builder) bool {
		return b.what == isNTLM || b.what == either && o.negotiatesNTLM()
	})
}

// Negotiates reports whether o names a scheme that negotiates.
func (o *Options) Negotiates() bool {
	bs, _ := o.chosen()
	return slices.ContainsFunc(bs, func(b builder) bool { return b.what == either })
}

// OnlyNegotiates reports whether all schemes that o names negotiate.
func (o *Options) OnlyNegotiates() bool {
	bs, _ := o.chosen()
	return !slices.ContainsFunc(bs, func(b builder) bool { return b.what != either })
}

// ComputerName returns the NTLM computer name for a host name: its first label in capitals,
// 15 characters at most.
func ComputerName(host string) string {
	host, _, _ = strings.Cut(host, ".")
	name := strings.Map(func(r rune) rune {
		switch {
		case r == '-', '0' <= r && r <= '9', 'A' <= r && r <= 'Z':
			return r
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		}
		return -1
	}, host)
	if name == "" {
		return "SERVER"
	}
	return name[:min(len(name), 15)]
}
