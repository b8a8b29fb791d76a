package nethttp

import (
	"net/http"
	"testing"

	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/internal/configtest"
	"github.com/countersign-auth/countersign/internal/requirement"
)

const (
	ownPool   = "harmless: a Transport has a pool of its own, and this is the same for all of it"
	tunnelOwn = "harmless: the Transport's, to which the Dialer belongs"
)

// Everything in a Transport's configuration that may differ from one request to the
// next is part of the key of its connections. A new field must be classified here.
func TestConfigurationsAreKeyed(t *testing.T) {
	configtest.Check[ClientConfig](t, configtest.Fields{
		"Machine":         ownPool,
		"Source":          "harmless: asked again before a connection that it opened serves another request",
		"Base":            "key: the owner",
		"Proxy":           "key: the URL that it gives, with its user information",
		"Multiplexed":     "key: by scheme, host, port and HTTP/1.1, which is all that decides whether it is called",
		"OnlyMultiplexed": ownPool,
		"FromRequest":     "harmless: such a request has no identity, and its login is asked for again before a connection serves it",
		"Discovered":      ownPool,
		"BufferBody":      "harmless: about requests",
		"MaxDrain":        "harmless: about responses",
		"MaxBody":         "harmless: about responses",
		"DeliverRefused":  "harmless: about responses",
		"Jar":             "harmless: about fields of requests",
		"Observer":        "harmless: it only looks on",
	})
	configtest.Check[http.Transport](t, configtest.Fields{
		"DialContext":            ownPool,
		"TLSClientConfig":        ownPool,
		"TLSHandshakeTimeout":    ownPool,
		"DisableKeepAlives":      ownPool,
		"DisableCompression":     ownPool,
		"MaxIdleConns":           ownPool,
		"MaxIdleConnsPerHost":    ownPool,
		"MaxConnsPerHost":        ownPool,
		"IdleConnTimeout":        ownPool,
		"ResponseHeaderTimeout":  ownPool,
		"ExpectContinueTimeout":  ownPool,
		"TLSNextProto":           ownPool,
		"ProxyConnectHeader":     ownPool,
		"MaxResponseHeaderBytes": ownPool,
		"WriteBufferSize":        ownPool,
		"ReadBufferSize":         ownPool,
		"ForceAttemptHTTP2":      ownPool,
		"HTTP2":                  ownPool,
		"Protocols":              "key: by HTTP/1.1, where that is all that will do",

		"Proxy":                  "harmless: replaced",
		"OnProxyConnectResponse": "harmless: not called, tunnels are package connect's",
		"GetProxyConnectHeader":  "harmless: not called, tunnels are package connect's",
		"Dial":                   "harmless: refused",
		"DialTLS":                "harmless: refused",
		"DialTLSContext":         "harmless: refused",
	})
	configtest.Check[connect.Config](t, configtest.Fields{
		"Proxy":      "key: with its user information, in the proxy's protection space",
		"Identity":   "key: in the proxy's protection space",
		"Machine":    tunnelOwn,
		"Source":     tunnelOwn,
		"Discovered": tunnelOwn,
		"TLS":        tunnelOwn,
		"Dial":       tunnelOwn,
		"Header":     tunnelOwn,
		"Observer":   "harmless: it only looks on",
	})
	requirement.Held(t, "unit:configurations_are_keyed", "CONN-1")
}
