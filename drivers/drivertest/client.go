package drivertest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/countersign-auth/countersign/scheme"
)

// client returns a client of the driver with the given schemes, and the usual logins
// unless tune sets others.
func (k *kit) client(tune func(*ClientSetup), ps ...pair) Client {
	setup := ClientSetup{Source: logins(people), TLS: &tls.Config{RootCAs: certificate().roots}}
	setup.Machine.Policy = scheme.Policy{Cleartext: true}
	for _, p := range ps {
		setup.Machine.Schemes = append(setup.Machine.Schemes, p.client)
	}
	if tune != nil {
		tune(&setup)
	}
	c, err := k.d.Client(setup)
	if err != nil {
		k.fatalf("the client could not be made: %v", err)
	}
	k.cleanup(c.Close)
	return c
}

// outcome is the outcome of a request.
type outcome struct {
	status int
	body   string
	err    error
}

// ok reports whether it is the site's response for a user and a body.
func (o outcome) ok(user, body string) bool {
	return o.err == nil && o.status == 200 && o.body == user+":"+body
}

func (o outcome) String() string {
	if o.err != nil {
		return "the error " + strconv.Quote(o.err.Error())
	}
	return fmt.Sprintf("status %d and %.60q", o.status, o.body)
}

// do sends a request under an identity, and reads the response.
func (k *kit) do(ctx context.Context, c Client, identity, method, url string, body io.Reader) outcome {
	defer k.goesOn()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		panic(err)
	}
	response, err := c.Do(identity, r)
	if err != nil {
		return outcome{err: err}
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, 1<<24))
	if err != nil {
		return outcome{err: fmt.Errorf("reading the response: %w", err)}
	}
	return outcome{status: response.StatusCode, body: string(b)}
}

// place returns a URL's scheme, host and port, as in questions.
func place(raw string) (as, host string, port uint16) {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	n, _ := strconv.ParseUint(u.Port(), 10, 16)
	return u.Scheme, u.Hostname(), uint16(n)
}
