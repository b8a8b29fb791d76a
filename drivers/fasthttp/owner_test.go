package fasthttp

import (
	"crypto/tls"
	"net"
	"reflect"
	"testing"
	"time"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/drivers/internal/configtest"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// hostClient lists the fields of fasthttp's HostClient that a Transport uses to dial.
var hostClient = configtest.Fields{
	"Addr":           "key: the owner's",
	"IsTLS":          "key: the owner's, and the scheme",
	"TLSConfig":      "key: the owner's, by its pointer",
	"Dial":           "key: the owner's, by the HostClient that has it",
	"DialTimeout":    "key: the owner's, by the HostClient that has it",
	"DialDualStack":  "key: the owner's",
	"ReadBufferSize": "key: the owner's, since the connection's reader is made with it",

	"WriteBufferSize":               "harmless: not read here",
	"ReadTimeout":                   "harmless: read anew for each request",
	"WriteTimeout":                  "harmless: read anew for each request",
	"MaxResponseBodySize":           "harmless: read anew for each request",
	"DisableHeaderNamesNormalizing": "harmless: read anew for each response",
	"MaxIdleConnDuration":           "harmless: how long a connection is kept",

	"Transport":                 "harmless: it is this Transport",
	"Name":                      "harmless: a field of each request",
	"NoDefaultUserAgentHeader":  "harmless: a field of each request",
	"DisablePathNormalizing":    "harmless: of each request",
	"MaxConns":                  "harmless: of fasthttp's own pool, which is not used",
	"MaxConnDuration":           "harmless: of fasthttp's own pool, which is not used",
	"MaxConnWaitTimeout":        "harmless: of fasthttp's own pool, which is not used",
	"ConnPoolStrategy":          "harmless: of fasthttp's own pool, which is not used",
	"MaxIdemponentCallAttempts": "harmless: of fasthttp's own retries, of which there are none",
	"RetryIf":                   "harmless: of fasthttp's own retries, of which there are none",
	"RetryIfErr":                "harmless: of fasthttp's own retries, of which there are none",
	"RetryIfErrUpstream":        "harmless: of fasthttp's own retries, of which there are none",
	"SecureErrorLogMessage":     "harmless: about errors",
	"StreamResponseBody":        "harmless: has no effect here",
}

// Every field of a HostClient that determines to which server a connection leads, or as
// which client, is part of the key. A field that a new version of fasthttp adds must be
// classified here.
func TestOwnerHasWhatDialReads(t *testing.T) {
	configtest.Check[fast.HostClient](t, hostClient)
	for _, name := range hostClient.Keyed() {
		one, two := new(fast.HostClient), new(fast.HostClient)
		if ownerOf(one) != ownerOf(two) {
			t.Fatal("two HostClients of one configuration have two owners")
		}
		for _, hc := range []*fast.HostClient{one, two} {
			f := reflect.ValueOf(hc).Elem().FieldByName(name)
			switch v := f.Addr().Interface().(type) {
			case *string:
				*v = "host.example:80"
			case *bool:
				*v = true
			case *int:
				*v = 1
			case **tls.Config:
				*v = new(tls.Config)
			case *fast.DialFunc:
				*v = func(string) (net.Conn, error) { return nil, nil }
			case *fast.DialFuncWithTimeout:
				*v = func(string, time.Duration) (net.Conn, error) { return nil, nil }
			default:
				t.Fatalf("%s: a %T", name, v)
			}
			if ownerOf(hc) == ownerOf(new(fast.HostClient)) {
				t.Errorf("%s makes no other owner", name)
			}
		}
		switch name {
		case "TLSConfig", "Dial", "DialTimeout": // different values never share a connection
			if ownerOf(one) == ownerOf(two) {
				t.Errorf("two HostClients, each with a %s of its own, have one owner", name)
			}
		}
		requirement.Held(t, "unit:configurations_are_keyed", "CONN-1")
	}
	configtest.Check[ClientConfig](t, configtest.Fields{
		"Machine":        "harmless: a Transport's connections are its own",
		"Source":         "harmless: asked again before a connection that it opened serves another request",
		"Identity":       "key: what it gives is the key's identity",
		"BufferBody":     "harmless: about requests",
		"MaxDrain":       "harmless: about responses",
		"DeliverRefused": "harmless: about responses",
		"Observer":       "harmless: it only looks on",
	})
}
