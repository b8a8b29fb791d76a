package machine_test

import (
	"testing"

	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A proxy may ask for credentials without insisting on them, but not without a scheme to ask for.
func TestOptionalProxyNeedsSchemes(t *testing.T) {
	basic := []scheme.Server{scheme.BasicServer("proxy", scheme.AskVerifier)}
	if _, err := machine.NewProxy(machine.ProxyConfig{Auth: machine.ServerConfig{Optional: true, Schemes: basic}}); err != nil {
		t.Error(err)
	}
	if _, err := machine.NewProxy(machine.ProxyConfig{Auth: machine.ServerConfig{Optional: true}}); err == nil {
		t.Error("a proxy that has no scheme to ask for is optional")
	}
}

// A CONNECT on a multiplexed connection without any target is refused, as other requests without one.
func TestMultiplexedConnectWithoutTarget(t *testing.T) {
	in := machine.Incoming{Method: "CONNECT", Authority: "h", Secure: true, Multiplexed: true}
	if _, status := in.AtOrigin(); status != 400 {
		t.Errorf("status %d, want 400", status)
	}
}
