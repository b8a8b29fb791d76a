package http3_test

import (
	"testing"

	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/internal/configtest"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// A Dialer's fields are the same for all connections of the transport that it is
// configured in. A new field must be classified here.
func TestConfigurationsAreKeyed(t *testing.T) {
	const own = "harmless: the same for all connections of the nethttp.Transport that has the Dialer"
	configtest.Check[http3.Dialer](t, configtest.Fields{"TLS": own, "QUIC": own, "Transport": own})
	requirement.Held(t, "unit:configurations_are_keyed", "CONN-1")
}
