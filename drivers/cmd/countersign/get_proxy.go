package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/countersign-auth/countersign/drivers/answer"
)

// proxies holds the proxy for URLs of each scheme.
type proxies map[string]proxy

type proxy struct {
	url *url.URL
	of  func(*url.URL) (*url.URL, error) // url, nil for the hosts that are reached without it
}

// request returns the proxy of a request, nil for none, as nethttp.ClientConfig.Proxy does.
func (p proxies) request(r *http.Request) (*url.URL, error) {
	if through, ok := p[r.URL.Scheme]; ok {
		return through.of(r.URL)
	}
	return nil, nil
}

// proxies returns the proxy that --proxy names, none if it is empty, and without the flag
// those of the environment.
func (o *getOptions) proxies(given bool) (proxies, error) {
	switch {
	case !given:
		return environmentProxies()
	case o.proxy == "":
		return nil, nil
	}
	u, err := parseURL(o.proxy)
	if err != nil {
		return nil, fmt.Errorf("--proxy: %w", err)
	}
	one := proxy{u, func(*url.URL) (*url.URL, error) { return u, nil }}
	return proxies{"http": one, "https": one}, nil
}

// environmentProxies returns the proxies that the environment names: those of net/http, and
// curl's ALL_PROXY for a scheme without a variable of its own.
func environmentProxies() (proxies, error) {
	all := proxies{}
	_, except := variable("no_proxy")
	for _, scheme := range []string{"http", "https"} {
		name, value := variable(scheme + "_proxy")
		// The field Proxy of a request to a CGI program becomes its HTTP_PROXY.
		forgeable := value != "" && scheme == "http" && os.Getenv("REQUEST_METHOD") != ""
		if value == "" {
			name, value = variable("all_proxy")
		}
		if value == "" {
			continue
		}
		u, err := parseURL(value)
		if err != nil { // net/http would go without this proxy
			return nil, fmt.Errorf("%s: %w; --proxy overrides it", name, err)
		}
		c := httpproxy.Config{HTTPProxy: u.String(), HTTPSProxy: u.String(), NoProxy: except, CGI: forgeable}
		of := c.ProxyFunc()
		all[scheme] = proxy{u, func(target *url.URL) (*url.URL, error) {
			through, err := of(target)
			if err != nil {
				err = errors.New(name + " is refused in a CGI program, since a client can set it; --proxy overrides it")
			}
			return through, err
		}}
	}
	return all, nil
}

// variable returns the name and the value of an environment variable, which may have the name in
// upper case. As with curl and net/http, an empty one counts as absent.
func variable(name string) (found, value string) {
	if value = os.Getenv(name); value != "" {
		return name, value
	}
	name = strings.ToUpper(name)
	return name, os.Getenv(name)
}

// logins returns the answers of a user to each of the proxies.
func (p proxies) logins(name, password string) (sources []answer.Source, err error) {
	for _, scheme := range []string{"http", "https"} {
		u := p[scheme].url
		if u == nil || u.Scheme != "http" && u.Scheme != "https" { // SOCKS has no challenges
			continue
		}
		s, err := answer.ForProxy(u.Scheme+"://"+u.Host, name, password)
		if err != nil {
			return nil, fmt.Errorf("--proxy-user: %w", err)
		}
		sources = append(sources, s)
	}
	if sources == nil {
		return nil, errors.New("--proxy-user needs --proxy, or an HTTP proxy that the environment names")
	}
	return sources, nil
}
