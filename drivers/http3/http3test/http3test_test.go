package http3test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/drivers/drivertest"
	"github.com/countersign-auth/countersign/drivers/internal/patience"
	"github.com/countersign-auth/countersign/drivers/nethttp"
)

// saboteurs are drivers that do one thing wrong, by the check that is to find it.
var saboteurs = []struct {
	check, name string
	driver      drivertest.Driver
}{
	{"client_leaves_http3", "was never there", drivertest.Driver{HTTP3: Kit(), Client: overTCP}},
	{"server_refuses", "offers over HTTP/3 what needs a connection", drivertest.Driver{HTTP3: Kit(), Server: offering}},
	{"server_one_reading_http3", "serves what it does not judge", drivertest.Driver{HTTP3: Kit(), Server: asAlice}},
	{"server_ends_streams", "has no limits", drivertest.Driver{HTTP3: Kit(), Server: offering}},
}

// overTCP makes a client that authenticates well, and speaks no HTTP/3.
func overTCP(s drivertest.ClientSetup) (drivertest.Client, error) {
	tr, err := nethttp.NewTransport(nethttp.ClientConfig{Machine: s.Machine, Source: s.Source, Base: &http.Transport{TLSClientConfig: s.TLS}})
	if err != nil {
		return drivertest.Client{}, err
	}
	return drivertest.Client{Do: func(_ string, r *http.Request) (*http.Response, error) { return tr.RoundTrip(r) }, Close: tr.CloseIdleConnections}, nil
}

// asAlice serves all requests as if they were alice's.
func asAlice(s drivertest.ServerSetup) (func(), error) {
	return serve(s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Handler("alice", w, r) })), nil
}

// offering serves as quic-go does by itself, and offers NTLM.
func offering(s drivertest.ServerSetup) (func(), error) {
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: s.Machine, Source: s.Source})
	if err != nil {
		return nil, err
	}
	h := auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Handler("alice", w, r) }))
	return serve(s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("WWW-Authenticate", "NTLM")
		h.ServeHTTP(w, r)
	})), nil
}

func serve(s drivertest.ServerSetup, h http.Handler) (stop func()) {
	server := &quichttp3.Server{TLSConfig: quichttp3.ConfigureTLSConfig(s.TLS), Handler: h}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(s.Packets)
	}()
	return func() {
		server.Close()
		<-served
	}
}

// saboteur is the environment variable that names the saboteur of a run of TestSaboteur.
const saboteur = "COUNTERSIGN_SABOTEUR"

// TestSaboteur runs the kit on a saboteur, in a process of TestChecksFind.
func TestSaboteur(t *testing.T) {
	name := os.Getenv(saboteur)
	for _, s := range saboteurs {
		if s.check+"/"+s.name == name {
			patience.Bound = 4 * time.Second
			kit := drivertest.Run // by another name: it checks no requirement here
			kit(t, func() drivertest.Driver { return s.driver })
		}
	}
}

// finding is a line of the kit's output that says what a check found.
var finding = regexp.MustCompile(`(?m)^\s+\S+_test\.go:\d+:   - (.*)$`)

// TestChecksFind: every check for drivers that speak HTTP/3, and for no others, finds the driver that was made for it.
func TestChecksFind(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range saboteurs {
		t.Run(s.check+"/"+s.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), program, "-test.run", "^TestSaboteur$/^"+s.check+"$", "-test.count=1")
			cmd.Env = append(os.Environ(), saboteur+"="+s.check+"/"+s.name)
			out, err := cmd.CombinedOutput()
			if exit := new(exec.ExitError); !errors.As(err, &exit) {
				t.Fatalf("the kit passed it: %v\n%s", err, out)
			}
			found := finding.FindAllStringSubmatch(string(out), -1)
			if !slices.ContainsFunc(found, func(f []string) bool { return !strings.HasPrefix(f[1], "goroutines are left") }) {
				t.Errorf("found nothing but %q:\n%s", found, out)
			}
		})
	}
	without := checks(drivertest.Driver{HTTP2: true, Binds: true})
	for _, name := range checks(drivertest.Driver{HTTP3: Kit(), HTTP2: true, Binds: true}) {
		if slices.Contains(without, name) {
			continue
		}
		found := false
		for _, s := range saboteurs {
			found = found || s.check == name
		}
		if !found {
			t.Errorf("no saboteur is there for %s", name)
		}
	}
}

// checks returns the names of the checks for a driver: those that a driver fails which cannot be made.
func checks(d drivertest.Driver) (names []string) {
	no := errors.New("no")
	d.Client = func(drivertest.ClientSetup) (drivertest.Client, error) { return drivertest.Client{}, no }
	d.Server = func(drivertest.ServerSetup) (func(), error) { return nil, no }
	for line := range strings.Lines(drivertest.Check(func() drivertest.Driver { return d }).Error()) {
		if name, _, ok := strings.Cut(line, ": "); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
