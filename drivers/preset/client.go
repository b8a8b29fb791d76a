package preset

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/setup"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/internal/misuse"
)

// Client describes a client. It needs a User with a Password, Tickets, FromRequest or a Proxy, or
// several of them, and uses the strongest scheme of those that a peer offers.
type Client struct {
	opaque[Client] // no output shows what is in it

	// Origin is the server that User logs on to, as a URL of which scheme, host and port
	// count: "https://intranet.example". No other server is shown the login.
	Origin string
	// User and Password are the login: for Negotiate and NTLM, where user may be
	// DOMAIN\user, for Digest, and for Basic over TLS. A user@REALM of which krb5.conf or DNS
	// knows the KDCs logs on by Kerberos.
	User, Password string
	// Tickets uses the tickets that kinit, or a logon to the machine, has put into the default
	// credential cache: Kerberos within Negotiate, with every server that Kerberos knows. The
	// cache is read when a server asks, and may not exist before. Where it has tickets, they come
	// before the login of User.
	Tickets bool
	// FromRequest takes the login of a request from its SetBasicAuth, for the request's origin, and
	// never sends that field; see nethttp.ClientConfig.
	FromRequest bool
	// Fallback allows NTLM with the login where Kerberos fails for another reason than that
	// there are no tickets. An attacker can force this by blocking the KDC.
	Fallback bool
	// Proxy is the URL of a proxy for all requests, with the login for it as user information:
	// "http://alice:secret@proxy.example:3128". Tickets are used with it as well. If it is "",
	// the environment names the proxies, see http.ProxyFromEnvironment.
	Proxy string
}

// Transport returns the client's transport, for an http.Client.
func (c Client) Transport() (*nethttp.Transport, error) {
	config, err := c.Config()
	if err != nil {
		return nil, err
	}
	return nethttp.NewTransport(config)
}

// Config returns the configuration of the client's transport. The error is a gss.Misuse that
// names the field that cannot be used, or that of reading krb5.conf.
func (c Client) Config() (nethttp.ClientConfig, error) {
	var config nethttp.ClientConfig
	var sources []answer.Source
	switch {
	case c.User == "" && c.Password != "":
		return config, misuse.Errorf("preset", "Client has a Password and no User; set both, or Tickets")
	case c.User == "" && !c.Tickets && !c.FromRequest && c.Proxy == "":
		return config, misuse.Errorf("preset", "Client has nothing to log on with; set User and Password, Tickets, FromRequest or Proxy")
	case c.User != "" && c.Origin == "":
		return config, misuse.Errorf("preset", "Client has a User and no Origin; set the server's URL, such as https://intranet.example, which alone is shown the login")
	case c.User != "":
		login, err := answer.For(c.Origin, c.User, c.Password)
		if err != nil {
			return config, err
		}
		sources = append(sources, login)
	}
	proxy, err := c.proxy()
	if err != nil {
		return config, err
	}
	config.Proxy = http.ProxyFromEnvironment
	if proxy != nil {
		config.Proxy = http.ProxyURL(proxy)
	}
	passwords := c.User != "" || c.FromRequest || proxy != nil && proxy.User != nil
	m := setup.Machine{Options: setup.Options{Fallback: c.Fallback, NoNTLM: c.Tickets && !passwords}}
	if c.Tickets || strings.Contains(c.User, "@") {
		conf, err := krb5.ReadConfig("")
		if err != nil {
			return config, err
		}
		m.Kerberos, m.Krb5Conf = true, string(conf.Append(nil))
		if c.Tickets {
			sources = slices.Insert(sources, 0, answer.Source(&krb5.Cache{Config: conf})) // before the login
		}
		sources = append(sources, &krb5.Tickets{}, &krb5.Client{Config: conf})
	}
	if config.Machine, err = m.Client(); err != nil {
		return config, err
	}
	config.Source, config.FromRequest = answer.Chain(sources...), c.FromRequest
	return config, nil
}

// proxy returns the URL of Proxy, nil for none.
func (c Client) proxy() (*url.URL, error) {
	if c.Proxy == "" {
		return nil, nil
	}
	u, err := url.Parse(c.Proxy)
	if err != nil || u.Hostname() == "" { // err quotes the URL, which may have a password
		return nil, misuse.Errorf("preset", "Client.Proxy is no URL; expected http://host:port, with user:password@ before the host for a login")
	}
	return u, nil
}
