// Package kerberosserver is the example httpServer.go of gokrb5, with countersign:
//
//	kt := keytab.New()
//	kt.Unmarshal(b)
//	l := log.New(os.Stderr, "GOKRB5 Service: ", log.Ldate|log.Ltime|log.Lshortfile)
//	mux.Handle("/", spnego.SPNEGOKRB5Authenticate(th, kt, service.Logger(l), service.SessionManager(…)))
//
// and its handler, which shows the user's name, realm and groups of the directory.
package kerberosserver

import (
	"fmt"
	"log"
	"net/http"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// New returns a server with the keys of a keytab file.
func New(addr, keytab string, logger *log.Logger) (*http.Server, error) {
	mech, err := kerberos.New(kerberos.Config{KeepPAC: true})
	if err != nil {
		return nil, err
	}
	negotiate, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{mech}})
	if err != nil {
		return nil, err
	}
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{scheme.NegotiateServer(negotiate)}},
		Source: answer.Chain(&krb5.Keytab{Path: keytab}, new(krb5.ReplayCache)),
		Log: func(r *http.Request, result drive.Result) {
			logger.Printf("%s %d %s %v", r.Method, result.Status, result.Identity.Name(), result.Fault)
		},
	})
	if err != nil {
		return nil, err
	}
	server := &http.Server{Addr: addr, Handler: auth.Wrap(http.HandlerFunc(handle))}
	auth.Install(server)
	return server, nil
}

func handle(w http.ResponseWriter, r *http.Request) {
	user, _ := nethttp.IdentityFrom(r.Context())
	fmt.Fprintf(w, "%s of %s\n", user.Info.Peer, user.Info.Domain)
	verified, ok, fault := kerberos.PAC(spnego.Leaf(user.Context))
	if !ok || !fault.IsZero() {
		return
	}
	logon, ok, fault := verified.Logon()
	if !ok || !fault.IsZero() {
		return
	}
	for group := range logon.Groups() {
		fmt.Fprintln(w, "group", group)
	}
}
