package drivertest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/countersign-auth/countersign/drivers/drivertest"
	"github.com/countersign-auth/countersign/drivers/nethttp"
)

// The client half of a driver.
func ExampleCheck() {
	newClient := func(s drivertest.ClientSetup) (drivertest.Client, error) {
		tr, err := nethttp.NewTransport(nethttp.ClientConfig{
			Machine: s.Machine, Source: s.Source,
			Base: &http.Transport{TLSClientConfig: s.TLS, ForceAttemptHTTP2: true},
		})
		if err != nil {
			return drivertest.Client{}, err
		}
		return drivertest.Client{
			Do: func(identity string, r *http.Request) (*http.Response, error) {
				return tr.RoundTrip(r.WithContext(nethttp.ActAs(r.Context(), identity)))
			},
			Close: tr.CloseIdleConnections,
		}, nil
	}
	driver := func() drivertest.Driver { return drivertest.Driver{Client: newClient, HTTP2: true} }
	_ = func(t *testing.T) { drivertest.Run(t, driver) } // in a test: a subtest for each check
	fmt.Println(drivertest.Check(driver))
	// Output: <nil>
}
