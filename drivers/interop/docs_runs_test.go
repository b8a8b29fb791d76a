package interop

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Frames that several pieces share: what their text names.
const (
	usersFrame = `users := answer.NewUsers(map[string]string{"alice": "correct horse"})
	schemes := machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("staff", scheme.AskVerdict)}}`
	appFrame = `app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := nethttp.IdentityFrom(r.Context())
		fmt.Fprintln(w, "hello", user.Name())
	})`
	authFrame = usersFrame + `
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: schemes, Source: users})
	if err != nil {
		log.Fatal(err)
	}
	` + appFrame
	loginFrame = `login, err := answer.For(os.Getenv("ORIGIN"), "alice", "correct horse")
	if err != nil {
		log.Fatal(err)
	}
	schemes := machine.ClientConfig{Schemes: []scheme.Client{scheme.BasicClient()}, Policy: scheme.Policy{Cleartext: true}}`
	getFrame = `if err != nil {
		log.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport}).Get(os.Getenv("ORIGIN"))
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(os.Stdout, response.Body)`
	tlsFrame = `certificate, err := tls.LoadX509KeyPair("cert.pem", "key.pem")
	if err != nil {
		log.Fatal(err)
	}
	tlsConfig := &tls.Config{Certificates: []tls.Certificate{certificate}}`
	serveFrame = `if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: os.Getenv("ADDR"), Handler: auth.Wrap(app)}
	auth.Install(server)
	log.Fatal(server.ListenAndServe())`
)

const (
	helloAlice = "hello alice\n"
	helloRealm = "hello alice@INTEROP.TEST\n" // Kerberos names come with their realm
	horse      = "alice:correct horse"
)

// trust has a program trust the tests' certificate.
func trust() string { return "SSL_CERT_FILE=" + pki.file }

// atLocalhost is the URL of an address of 127.0.0.1 by the name that certificates and keys have.
func atLocalhost(scheme, addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return scheme + "://localhost:" + port
}

// wantHello runs a client, which gets alice's page.
func wantHello(t *testing.T, client docProgram, env ...string) {
	t.Helper()
	wantSaid(t, helloAlice, client, env...)
}

func wantSaid(t *testing.T, want string, client docProgram, env ...string) {
	t.Helper()
	if out, errs, err := client.run(env); err != nil || out != want {
		t.Errorf("the client got %q, %v: %s", out, err, errs)
	}
}

// wantShown runs a program of docs/model.md, which says what the page shows below it: in a text and a diagram.
func wantShown(t *testing.T, nth int, p docProgram) {
	t.Helper()
	page := readText(t, "../../docs/model.md")
	shown := ""
	for _, kind := range [...]string{"```text\n", "```mermaid\n"} {
		parts := strings.Split(page, kind)
		if len(parts) < nth+2 {
			t.Fatalf("docs/model.md has %d times %q, want %d at least", len(parts)-1, kind, nth+1)
		}
		text, _, _ := strings.Cut(parts[nth+1], "```")
		shown += text
	}
	wantSaid(t, shown, p)
}

// wantCurl has curl get alice's page, and no other one with a wrong password.
func wantCurl(t *testing.T, url string, args ...string) {
	t.Helper()
	args = append(args, "--cacert", pki.file, url)
	c := curl(t, append(args, "--user", horse)...)
	c.want(t, 200)
	if c.bodies != helloAlice {
		t.Errorf("curl got %q", c.bodies)
	}
	curl(t, append(args, "--user", "alice:guess")...).want(t, 401)
}

// serveHtdigest starts a server of documented code with TLS beside the users that its users.htdigest
// names, and returns its URL.
func serveHtdigest(t *testing.T, p docProgram) string {
	t.Helper()
	// H("alice:staff:correct horse") and H("bob:staff:battery"), by md5sum
	users := "alice:staff:0414063c2d12b97f83136799a5dbd2d8\nbob:staff:32c73d9ff4a50f111947116de370df54\n"
	return atLocalhost("https", serveBeside(t, p, users))
}

// serveBeside starts a server of documented code beside a file of users, users.htdigest, and returns
// its address.
func serveBeside(t *testing.T, p docProgram, users string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(p.exe), "users.htdigest"), []byte(users), 0o600); err != nil {
		t.Fatal(err)
	}
	return p.serve("tcp")
}

// serveKeytab starts a server of documented code beside the keys that its www.keytab and the
// environment name, and returns its address.
func serveKeytab(t *testing.T, p docProgram) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(p.exe), "www.keytab"), []byte(readText(t, krbFile("http.keytab"))), 0o600); err != nil {
		t.Fatal(err)
	}
	return p.serve("tcp", krbEnv(krbDir)...)
}

// wantKerberosCurl has curl log in at a server by its ticket, twice on one connection.
func wantKerberosCurl(t *testing.T, p docProgram) {
	t.Helper()
	c := krbCurl(t, "localhost", "http://"+serveKeytab(t, p))
	c.want(t, 200, 200)
	if c.bodies != helloRealm+helloRealm {
		t.Errorf("curl got %q", c.bodies)
	}
}

// docRuns are the runs of documented code.
var docRuns = map[string]docRun{
	"errors.md: In a program": {
		before: `var err error = &drive.Error{Fault: gss.Fault{Code: gss.NoCredentials, Detail: "no source has any"}}`,
		run: func(t *testing.T, program func(string) docProgram) {
			wantSaid(t, "log in first: no source has any\n", program("errors.md: In a program"))
		},
	},
	"README.md: A client": {
		before: `origin := os.Getenv("ORIGIN")`,
		after: `response, err := client.Get(origin)
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(os.Stdout, response.Body)`,
		run: func(t *testing.T, program func(string) docProgram) {
			client := program("README.md: A client")
			wantHello(t, client, trust(), "ORIGIN="+serveHtdigest(t, program("README.md: A server")))
			other := startServe(t, "--user", "alice:other", "--tls-cert", pki.file, "--tls-key", pki.key)
			if out, errs, err := client.run([]string{trust(), "ORIGIN=" + other.url}); err == nil || out != "" || !strings.Contains(errs, "refused") {
				t.Errorf("another password: %q, %v: %s", out, err, errs)
			}
		},
	},
	"README.md: A client (2)": {
		before: `origin := os.Getenv("ORIGIN")
	transport, err := preset.Client{Origin: origin, User: "alice", Password: "correct horse"}.Transport()
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport}`,
		after: `if err != nil {
		log.Fatal(err)
	}
	io.Copy(os.Stdout, response.Body)`,
		run: func(t *testing.T, program func(string) docProgram) {
			client := program("README.md: A client (2)")
			wantHello(t, client, trust(), "ORIGIN="+serveHtdigest(t, program("README.md: A server")))
			other := startServe(t, "--user", "alice:other", "--tls-cert", pki.file, "--tls-key", pki.key)
			if out, errs, err := client.run([]string{trust(), "ORIGIN=" + other.url}); err == nil || out != "" || !strings.Contains(errs, "refused") {
				t.Errorf("another password: %q, %v: %s", out, err, errs)
			}
		},
	},
	"README.md: A server": {
		before: `addr := os.Getenv("ADDR")
	` + appFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			url := serveHtdigest(t, program("README.md: A server"))
			wantCurl(t, url, "--digest")
			wantCurl(t, url, "--anyauth")
			curl(t, "--cacert", pki.file, url).want(t, 401)
		},
	},
	"README.md: Kerberos": {
		before: appFrame, after: serveFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			mitKDC.up(t)
			wantKerberosCurl(t, program("README.md: Kerberos"))
		},
	},
	"README.md: Kerberos (2)": {
		after: getFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			mitKDC.up(t)
			addr := serveKeytab(t, program("README.md: Kerberos"))
			wantSaid(t, helloRealm, program("README.md: Kerberos (2)"), append(krbEnv(krbDir), "ORIGIN="+atLocalhost("http", addr))...)
		},
	},
	"cookbook.md: Presets and configuration": {
		before: `origin := os.Getenv("ORIGIN")`, after: getFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			wantHello(t, program("cookbook.md: Presets and configuration"), trust(), "ORIGIN="+serveHtdigest(t, program("README.md: A server")))
		},
	},
	"cookbook.md: Presets and configuration (2)": {
		before: `origin := os.Getenv("ORIGIN")`, after: getFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			wantHello(t, program("cookbook.md: Presets and configuration (2)"), trust(), "ORIGIN="+serveHtdigest(t, program("README.md: A server")))
		},
	},
	"cookbook.md: Presets and configuration (3)": {
		before: appFrame, after: serveFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			wantCurl(t, "http://"+program("cookbook.md: Presets and configuration (3)").serve("tcp"), "--digest")
		},
	},
	"cookbook.md: Presets and configuration (4)": {
		before: appFrame, after: serveFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			mitKDC.up(t)
			wantKerberosCurl(t, program("cookbook.md: Presets and configuration (4)"))
		},
	},
	"cookbook.md: Presets and configuration (5)": {
		after: getFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			mitKDC.up(t)
			addr := serveKeytab(t, program("cookbook.md: Presets and configuration (4)"))
			wantSaid(t, helloRealm, program("cookbook.md: Presets and configuration (5)"), append(krbEnv(krbDir), "ORIGIN="+atLocalhost("http", addr))...)
		},
	},
	"cookbook.md: Routes": {
		before: `addr := os.Getenv("ADDR")
	` + appFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			url := serveHtdigest(t, program("cookbook.md: Routes"))
			for path, statuses := range map[string][3]int{"/public": {200, 200, 200}, "/private": {401, 200, 200}, "/admin": {401, 200, 403}} {
				args := []string{"--cacert", pki.file, "--digest", url + path}
				curl(t, args...).want(t, statuses[0])
				curl(t, append(args, "--user", horse)...).want(t, statuses[1])
				curl(t, append(args, "--user", "bob:battery")...).want(t, statuses[2])
			}
		},
	},
	"cookbook.md: Sessions": {
		before: `addr := os.Getenv("ADDR")
	` + appFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			url := serveHtdigest(t, program("cookbook.md: Sessions"))
			jar := filepath.Join(t.TempDir(), "jar")
			args := []string{"--cacert", pki.file, "--cookie", jar}
			curl(t, append(args, url)...).want(t, 401)
			curl(t, append(args, "--cookie-jar", jar, "--digest", "--user", horse, url)...).want(t, 200)
			if r := curl(t, append(args, url, "--next", "--cacert", pki.file, "--cookie", jar, "--http2", url)...); r.bodies != helloAlice+helloAlice {
				t.Errorf("with the cookie: %q", r.bodies)
			}
			curl(t, append(args, "--request", "POST", "--header", "Sec-Fetch-Site: cross-site", url+"/logout")...).want(t, 403)
			if r := curl(t, append(args, "--request", "POST", url+"/logout")...); r.bodies != "goodbye\n" {
				t.Errorf("the logout: %q", r.bodies)
			}
			curl(t, append(args, url)...).want(t, 401) // the jar still has the cookie
		},
	},
	"cookbook.md: Sessions (2)": {
		before: `old, next := gss.NewSecret(strings.Repeat("o", 32)), gss.NewSecret(strings.Repeat("n", 32))
	turn := time.Now().Add(time.Hour)
	users := map[string]string{"alice": "correct horse"}
	` + appFrame, after: serveFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			wantCurl(t, "http://"+program("cookbook.md: Sessions (2)").serve("tcp"), "--digest")
		},
	},
	"cookbook.md: Logins of requests": {
		before: `origin := os.Getenv("ORIGIN")`,
		after: `if err != nil {
		log.Fatal(err)
	}
	io.Copy(os.Stdout, response.Body)`,
		run: func(t *testing.T, program func(string) docProgram) {
			wantHello(t, program("cookbook.md: Logins of requests"), trust(), "ORIGIN="+serveHtdigest(t, program("README.md: A server")))
		},
	},
	"cookbook.md: Users from elsewhere": {
		before: `lookUp := func(_ context.Context, user, password string) bool { return user == "alice" && password == "correct horse" }
	` + appFrame, after: serveFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			wantCurl(t, "http://"+program("cookbook.md: Users from elsewhere").serve("tcp"), "--basic")
		},
	},
	"cookbook.md: Users from elsewhere (2)": {
		before: `check := func(_ context.Context, q gss.NeedVerdict) gss.Answer {
		switch {
		case q.User != "carol":
			return gss.Unknown{}
		default:
			return gss.Verdict{Accepted: q.Proof.Reveal() == "tale"}
		}
	}
	` + appFrame, after: serveFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			// H("alice:staff:correct horse"), by md5sum
			url := "http://" + serveBeside(t, program("cookbook.md: Users from elsewhere (2)"), "alice:staff:0414063c2d12b97f83136799a5dbd2d8\n")
			wantCurl(t, url, "--digest")
			wantCurl(t, url, "--basic")
			curl(t, "--basic", "--user", "carol:tale", url).want(t, 200)
			curl(t, "--basic", "--user", "carol:horse", url).want(t, 401)
		},
	},
	"cookbook.md: Behind a corporate proxy": {
		before: `proxy := os.Getenv("PROXY")`, after: getFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, helloAlice) }))
			defer origin.Close()
			proxy := startServe(t, "--proxy", "--scheme", "ntlm", "--user", "alice:secret")
			wantHello(t, program("cookbook.md: Behind a corporate proxy"), "ORIGIN="+origin.URL, "PROXY="+strings.TrimPrefix(proxy.url, "http://"))
			refusing := startServe(t, "--proxy", "--scheme", "digest", "--user", "alice:other")
			if out, errs, err := program("cookbook.md: Behind a corporate proxy").run([]string{"ORIGIN=" + origin.URL, "PROXY=" + strings.TrimPrefix(refusing.url, "http://")}); err == nil || out != "" || strings.Contains(errs, "secret") {
				t.Errorf("another password: %q, %v: %s", out, err, errs)
			}
		},
	},
	"moving.md: icholy/digest":                {program: "icholy-digest/before", run: moved("moving.md: icholy/digest", movedDigest)},
	"moving.md: icholy/digest (2)":            {program: "icholy-digest/after", run: moved("moving.md: icholy/digest (2)", movedDigest)},
	"moving.md: Azure/go-ntlmssp":             {program: "go-ntlmssp/before", run: moved("moving.md: Azure/go-ntlmssp", movedNTLM)},
	"moving.md: Azure/go-ntlmssp (2)":         {program: "go-ntlmssp/after", run: moved("moving.md: Azure/go-ntlmssp (2)", movedNTLM)},
	"moving.md: abbot/go-http-auth":           {program: "go-http-auth/before", run: moved("moving.md: abbot/go-http-auth", movedHtdigest)},
	"moving.md: abbot/go-http-auth (2)":       {program: "go-http-auth/after", run: moved("moving.md: abbot/go-http-auth (2)", movedHtdigest)},
	"moving.md: jcmturner/gokrb5, client":     {program: "gokrb5-client/before", run: moved("moving.md: jcmturner/gokrb5, client", movedKerberosClient)},
	"moving.md: jcmturner/gokrb5, client (2)": {program: "gokrb5-client/after", run: moved("moving.md: jcmturner/gokrb5, client (2)", movedKerberosClient)},
	"moving.md: jcmturner/gokrb5, server":     {program: "gokrb5-server/before", run: moved("moving.md: jcmturner/gokrb5, server", movedKerberosServer)},
	"moving.md: jcmturner/gokrb5, server (2)": {program: "gokrb5-server/after", run: moved("moving.md: jcmturner/gokrb5, server (2)", movedKerberosServer)},
	"model.md: A scheme": {
		after: "func main() {}",
		run:   func(t *testing.T, program func(string) docProgram) { wantSaid(t, "", program("model.md: A scheme")) },
	},
	"model.md: A scheme (2)": {
		beside: "model.md: A scheme",
		run: func(t *testing.T, program func(string) docProgram) {
			wantShown(t, 0, program("model.md: A scheme (2)"))
		},
	},
	"model.md: A mechanism": {
		after: "func main() {}",
		run:   func(t *testing.T, program func(string) docProgram) { wantSaid(t, "", program("model.md: A mechanism")) },
	},
	"model.md: A mechanism (2)": {
		beside: "model.md: A mechanism",
		run: func(t *testing.T, program func(string) docProgram) {
			wantShown(t, 1, program("model.md: A mechanism (2)"))
		},
	},
	"model.md: A driver": {
		run: func(t *testing.T, program func(string) docProgram) { wantShown(t, 2, program("model.md: A driver")) },
	},
	"transport.md: A client": {
		beside: "transport.md: A server", after: "func main() { Example_client() }",
		run: func(t *testing.T, program func(string) docProgram) {
			if out, errs, err := program("transport.md: A client").run(nil); err != nil || out != "authenticated: true, hello alice\n" {
				t.Errorf("it says %q, %v: %s", out, err, errs)
			}
		},
	},
	"transport.md: A server": {
		after: "func main() {\n fmt.Println(exampleOrigin().Addr())\n select {}\n}",
		run: func(t *testing.T, program func(string) docProgram) {
			cmd := program("transport.md: A server").command(nil)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				cmd.Process.Kill()
				cmd.Wait()
			})
			addr, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			url := "http://" + strings.TrimSpace(addr)
			c := curl(t, "--basic", "--user", "alice:wonder", url+"/1", url+"/2")
			c.want(t, 200, 200)
			if c.bodies != helloAlice+helloAlice {
				t.Errorf("curl got %q", c.bodies)
			}
			curl(t, "--basic", "--user", "alice:guess", url).want(t, 401)
		},
	},
	"package drivers/answer": {
		before: `intranet, partner := answer.NewUsers(map[string]string{"alice": "a"}), answer.NewUsers(map[string]string{"bob": "b"})
	askTheUser := func(context.Context, gss.Question) gss.Answer { return gss.Password{User: "carol"} }`,
		after: `fmt.Println(source.Answer(context.Background(), gss.NeedCredential{}).(gss.Password).User)`,
		run: func(t *testing.T, program func(string) docProgram) {
			if out, errs, err := program("package drivers/answer").run(nil); err != nil || out != "carol\n" {
				t.Errorf("it says %q, %v: %s", out, err, errs)
			}
		},
	},
	"package drivers/drivertest": {
		after: `func newClient(s drivertest.ClientSetup) (drivertest.Client, error) {
	tr, err := nethttp.NewTransport(nethttp.ClientConfig{Machine: s.Machine, Source: s.Source, Base: &http.Transport{TLSClientConfig: s.TLS}})
	if err != nil {
		return drivertest.Client{}, err
	}
	return drivertest.Client{Close: tr.CloseIdleConnections, Do: func(identity string, r *http.Request) (*http.Response, error) {
		return tr.RoundTrip(r.WithContext(nethttp.ActAs(r.Context(), identity)))
	}}, nil
}

func newServer(s drivertest.ServerSetup) (func(), error) {
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: s.Machine, Source: s.Source, Limits: s.Limits})
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := nethttp.IdentityFrom(r.Context())
		s.Handler(id.Info.Peer, w, r)
	}))}
	auth.Install(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(s.Listener)
	}()
	return func() {
		server.Close()
		<-served
	}, nil
}`,
		run: func(t *testing.T, program func(string) docProgram) {
			wantTests(t, program("package drivers/drivertest"), "TestKit/(client|server)_(completes|legs_stay)")
		},
	},
	"package drivers/fasthttp": {
		before: usersFrame + `
	app := func(ctx *fast.RequestCtx) {
		user, _ := fasthttp.IdentityFrom(ctx)
		fmt.Fprintln(ctx, "hello", user.Name())
	}
	listener, err := net.Listen("tcp", os.Getenv("ADDR"))
	if err != nil {
		log.Fatal(err)
	}`,
		after: "log.Fatal(err)",
		run: func(t *testing.T, program func(string) docProgram) {
			wantCurl(t, "http://"+program("package drivers/fasthttp").serve("tcp"), "--basic")
		},
	},
	"package drivers/fasthttp (2)": {
		before: loginFrame,
		after: `if err != nil {
		log.Fatal(err)
	}
	_, body, err := client.Get(nil, os.Getenv("ORIGIN"))
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout.Write(body)`,
		run: func(t *testing.T, program func(string) docProgram) {
			wantHello(t, program("package drivers/fasthttp (2)"), "ORIGIN=http://"+program("package drivers/fasthttp").serve("tcp"))
		},
	},
	"package drivers/fasthttp (3)": {
		before: tlsFrame + "\n" + usersFrame + `
	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: schemes, Source: users})
	if err != nil {
		log.Fatal(err)
	}
	server := &fast.Server{Handler: auth.Wrap(func(ctx *fast.RequestCtx) {
		user, _ := fasthttp.IdentityFrom(ctx)
		fmt.Fprintln(ctx, "hello", user.Name())
	})}
	auth.Install(server)
	listener, err := net.Listen("tcp", os.Getenv("ADDR"))
	if err != nil {
		log.Fatal(err)
	}`,
		after: "log.Fatal(err)",
		run: func(t *testing.T, program func(string) docProgram) {
			wantCurl(t, atLocalhost("https", program("package drivers/fasthttp (3)").serve("tcp")), "--basic")
		},
	},
	"package drivers/http3": {
		before: loginFrame, after: getFrame,
		run: func(t *testing.T, program func(string) docProgram) {
			origin := atLocalhost("https", program("package drivers/http3 (2)").serve("udp"))
			wantHello(t, program("package drivers/http3"), trust(), "ORIGIN="+origin)
		},
	},
	"package drivers/http3 (2)": {
		before: usersFrame + "\n" + appFrame + "\n" + tlsFrame + `
	socket, err := net.ListenPacket("udp", os.Getenv("ADDR"))
	if err != nil {
		log.Fatal(err)
	}
	ctx, grace := context.Background(), time.Second`,
		after: "log.Fatal(err)",
		run: func(t *testing.T, program func(string) docProgram) {
			addr := program("package drivers/http3 (2)").serve("udp")
			if g := runGet(t, "--http3", "--cacert", pki.file, "--user", horse, atLocalhost("https", addr)); g.code != 0 || g.stdout != helloAlice {
				t.Errorf("exit code %d", g.code)
			}
		},
	},
	"package drivers/http3/http3test": {
		after: `func newServer(s drivertest.ServerSetup) (func(), error) {
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: s.Machine, Source: s.Source, Limits: s.Limits})
	if err != nil {
		return nil, err
	}
	server := &quichttp3.Server{TLSConfig: s.TLS, Handler: auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := nethttp.IdentityFrom(r.Context())
		s.Handler(id.Info.Peer, w, r)
	}))}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		http3.Serve(ctx, s.Packets, server, s.Limits, 0)
	}()
	return func() {
		stop()
		<-served
	}, nil
}`,
		run: func(t *testing.T, program func(string) docProgram) {
			wantTests(t, program("package drivers/http3/http3test"), "TestKit/server_(completes|refuses)")
		},
	},
	"package drivers/nethttp": {
		before: `addr := os.Getenv("ADDR")
	auth, app := made()`,
		after: `log.Fatal(err)
}

func made() (*nethttp.Authenticator, http.Handler) {
	` + authFrame + `
	return auth, app`,
		run: func(t *testing.T, program func(string) docProgram) {
			wantCurl(t, atLocalhost("https", program("package drivers/nethttp").serve("tcp")), "--basic")
		},
	},
	"package drivers/nethttp (2)": {
		before: tlsFrame + "\n" + authFrame + `
	server := &http.Server{Addr: os.Getenv("ADDR"), Handler: auth.Wrap(app)}
	auth.Install(server)`,
		after: `if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.ListenAndServeTLS("", ""))`,
		run: func(t *testing.T, program func(string) docProgram) {
			wantCurl(t, atLocalhost("https", program("package drivers/nethttp (2)").serve("tcp")), "--basic")
		},
	},
	"drivers/nethttp.Authenticator": {
		before: authFrame,
		after: `server.Addr = os.Getenv("ADDR")
	log.Fatal(server.ListenAndServe())`,
		run: func(t *testing.T, program func(string) docProgram) {
			wantCurl(t, "http://"+program("drivers/nethttp.Authenticator").serve("tcp"), "--basic")
		},
	},
	"drivers/nethttp.Visit": {
		before: authFrame + `
	server := &http.Server{Addr: os.Getenv("ADDR")}
	auth.Install(server)
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK`,
		after: `app.ServeHTTP(w, r)
	})
	log.Fatal(server.ListenAndServe())`,
		run: func(t *testing.T, program func(string) docProgram) {
			wantCurl(t, "http://"+program("drivers/nethttp.Visit").serve("tcp"), "--basic")
		},
	},
	"drivers/nethttp.Proxy": {
		before: usersFrame + `
	proxy, err := nethttp.NewProxy(nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Auth: schemes}, Source: users})
	if err != nil {
		log.Fatal(err)
	}`,
		after: `server.Addr = os.Getenv("ADDR")
	log.Fatal(server.ListenAndServe())`,
		run: func(t *testing.T, program func(string) docProgram) {
			at := []string{"--proxy", "http://" + program("drivers/nethttp.Proxy").serve("tcp"), "--proxy-basic", page(t, false).URL}
			c := curl(t, append(at, "--proxy-user", horse)...)
			c.want(t, 200)
			if len(c.reports(t)) != 1 {
				t.Errorf("curl got %q", c.bodies)
			}
			curl(t, append(at, "--proxy-user", "alice:guess")...).want(t, 407)
		},
	},
	"package kerberos": {
		before: `path, err := krb5.KeytabPath("")
	if err != nil {
		log.Fatal(err)
	}
	keys, err := (&krb5.Keytab{Path: path}).Load()
	if err != nil {
		log.Fatal(err)
	}
	certificate := ""`,
		after: `fmt.Println(err, ctx.Info().Mech == gss.Kerberos)`,
		run: func(t *testing.T, program func(string) docProgram) {
			mitKDC.up(t)
			wantContext(t, program("package kerberos"), "KRB5_KTNAME="+filepath.Join(krbDir, "http.keytab"))
		},
	},
	"package ntlm": {
		before: `certificate := ""`,
		after:  `fmt.Println(err, ctx.Info().Mech == gss.NTLM)`,
		run:    func(t *testing.T, program func(string) docProgram) { wantContext(t, program("package ntlm")) },
	},
	"package proptest": {
		after: `var client, server = toy, toy
var toy = gsstoy.Toy{Legs: 2, Final: true, Mutual: true, Fresh: true, Asks: true}
var target = gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443}
func answers(q gss.Question) gss.Answer {
	switch q := q.(type) {
	case gss.NeedCredential:
		return gss.Password{User: "alice", Password: gss.NewSecret("correct horse")}
	case gss.NeedVerifier:
		if q.User == "alice" {
			return gss.Password{Password: gss.NewSecret("correct horse")}
		}
		return gss.Unknown{}
	}
	return nil
}`,
		run: func(t *testing.T, program func(string) docProgram) {
			wantTests(t, program("package proptest"), "TestKit")
		},
	},
}

// wantContext runs a program that makes an acceptor's context.
func wantContext(t *testing.T, p docProgram, env ...string) {
	t.Helper()
	if out, errs, err := p.run(env); err != nil || out != "<nil> true\n" {
		t.Errorf("it says %q, %v: %s", out, err, errs)
	}
}

// wantTests runs tests, of which there has to be one.
func wantTests(t *testing.T, p docProgram, which string) {
	t.Helper()
	if out, errs, err := p.run(nil, "-test.v", "-test.run", which); err != nil || !strings.Contains(out, "--- PASS: TestKit/") {
		t.Errorf("%v: %s%s", err, out, errs)
	}
}
