package line

import (
	"net/http"
	"testing"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/drivertest"
)

func newDriver() drivertest.Driver {
	return drivertest.Driver{
		Client: func(s drivertest.ClientSetup) (drivertest.Client, error) {
			c, err := NewClient(s.Machine, s.Source, s.TLS)
			if err != nil {
				return drivertest.Client{}, err
			}
			return drivertest.Client{Do: c.Do, Close: c.Close}, nil
		},
		Server: func(s drivertest.ServerSetup) (func(), error) {
			server := &Server{Source: s.Source, Limits: s.Limits, Handler: func(user drive.Identity, w http.ResponseWriter, r *http.Request) {
				s.Handler(user.Info.Peer, w, r)
			}}
			return server.Start(s.Machine, s.Listener, s.TLS)
		},
		NoDisconnectNotice: true, Binds: true,
	}
}

// TestKit: the driver keeps the rules of drivers.
func TestKit(t *testing.T) { drivertest.Run(t, newDriver) }
