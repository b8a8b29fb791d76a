package hop

import (
	"net/textproto"
	"slices"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// fields are a message's, as net/http has them.
type fields map[string][]string

func (f fields) Values(name string) []string { return textproto.MIMEHeader(f).Values(name) }
func (f fields) Get(name string) string      { return textproto.MIMEHeader(f).Get(name) }
func (f fields) Set(name, value string)      { textproto.MIMEHeader(f).Set(name, value) }
func (f fields) Add(name, value string)      { textproto.MIMEHeader(f).Add(name, value) }
func (f fields) Del(name string)             { textproto.MIMEHeader(f).Del(name) }

func TestApplySend(t *testing.T) {
	h := fields{"Authorization": {"Bearer mine"}}
	ApplySend(h, machine.Send{})
	if h.Get("Authorization") != "Bearer mine" || len(h) != 1 {
		t.Errorf("%v", h)
	}
	ApplySend(h, machine.Send{Authorization: header.TokenCredentials("NTLM", "a"), ProxyAuthorization: header.TokenCredentials("NTLM", "b")})
	if h.Get("Authorization") != "NTLM YQ==" || h.Get("Proxy-Authorization") != "NTLM Yg==" {
		t.Errorf("%v", h)
	}
}

// Challenges go into the field of their side, one to a line.
func TestApplyReply(t *testing.T) {
	cs := header.ListOf(header.TokenChallenge("Negotiate", ""), header.ParamChallenge("Basic", `realm="a, b"`))
	want := []string{"Negotiate", `Basic realm="a, b"`}
	for side, field := range map[gss.Side]string{gss.Origin: "Www-Authenticate", gss.Proxy: "Proxy-Authenticate"} {
		h := fields{}
		ApplyReply(h, machine.Reply{Side: side, Challenges: cs})
		if !slices.Equal(h[field], want) || len(h) != 1 {
			t.Errorf("%v: %v", side, h)
		}
		ApplyReply(h, machine.Reply{Close: true})
		if h.Get("Connection") != "close" {
			t.Errorf("%v: not closed", side)
		}
	}
}

func TestApplyFinish(t *testing.T) {
	h := fields{}
	ApplyFinish(h, machine.Finish{})
	if len(h) != 0 {
		t.Errorf("%v", h)
	}
	ApplyFinish(h, machine.Finish{
		Challenges: header.ListOf(header.TokenChallenge("Negotiate", "done")), Info: header.ParseInfo(`nextnonce="n"`),
		PersistentAuth: header.PersistFalse, Close: true,
	})
	for field, want := range map[string]string{
		"WWW-Authenticate": "Negotiate ZG9uZQ==", "Authentication-Info": `nextnonce="n"`, "Persistent-Auth": "false", "Connection": "close",
	} {
		if h.Get(field) != want {
			t.Errorf("%s: %q, want %q", field, h.Get(field), want)
		}
	}
}

// HTA-17: a received Proxy-Support never passes, and ours is listed in
// Connection.
func TestPassApply(t *testing.T) {
	h := fields{"Proxy-Support": {"Session-Based-Authentication"}}
	Pass{conf: new(conf)}.Apply(h, "")
	if len(h) != 0 {
		t.Errorf("%v", h)
	}
	h = fields{"Proxy-Support": {"forged"}}
	Pass{Relay: machine.Relay{
		SessionBased: true, Close: true, Info: header.ParseInfo("a=b"), Challenges: header.ListOf(header.TokenChallenge("Negotiate", "done")),
	}}.Apply(h, "1.1 proxy")
	if got := h["Connection"]; !slices.Equal(got, []string{"close", "Proxy-Support"}) {
		t.Errorf("Connection %q", got)
	}
	if h.Get("Proxy-Support") != "Session-Based-Authentication" || h.Get("Proxy-Authentication-Info") != "a=b" || h.Get("Proxy-Authenticate") != "Negotiate ZG9uZQ==" || h.Get("Via") != "1.1 proxy" {
		t.Errorf("%v", h)
	}
}

// Stripping takes the named schemes wherever they stand, and nothing else, not
// even what does not parse.
func TestStrip(t *testing.T) {
	h := fields{"Www-Authenticate": {
		`Basic realm="NTLM, Negotiate"`, `negotiate`, `Digest realm="r", nonce="n",  NTLM , Basic realm="x"`, `Bearer not base64!`, `NTLM TlRM`,
	}}
	c := new(conf)
	c.PinnedSchemes = []string{"Negotiate", "NTLM"}
	Pass{machine.Relay{Strip: true}, c}.Apply(h, "")
	want := []string{`Basic realm="NTLM, Negotiate"`, `Digest realm="r", nonce="n"`, `Basic realm="x"`, `Bearer not base64!`}
	if got := h["Www-Authenticate"]; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What a client proves to this proxy stays here, and what an upstream says as a proxy, unless
// proxies cooperate; everything of the origin passes.
func TestFieldsOfThisHop(t *testing.T) {
	h := fields{"Authorization": {"Basic QQ=="}, "Proxy-Authorization": {"Basic Qg=="}, "Via": {"1.0 before"}}
	Send{}.Apply(h, "1.1 proxy")
	if want := []string{"1.0 before", "1.1 proxy"}; len(h["Proxy-Authorization"]) > 0 || h.Get("Authorization") != "Basic QQ==" || !slices.Equal(h["Via"], want) {
		t.Errorf("the request goes up with %v", h)
	}
	for chain, want := range map[bool]int{false: 1, true: 3} {
		c := new(conf)
		c.Chain = chain
		h := fields{"Www-Authenticate": {"NTLM"}, "Proxy-Authenticate": {"NTLM"}, "Proxy-Authentication-Info": {"a=b"}}
		if (Pass{conf: c}).Apply(h, ""); len(h) != want || h.Get("WWW-Authenticate") != "NTLM" {
			t.Errorf("in a chain %t the response goes down with %v, want %d fields", chain, h, want)
		}
	}
}
