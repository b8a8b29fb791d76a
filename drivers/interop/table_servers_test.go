package interop

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gokrb5client "github.com/jcmturner/gokrb5/v8/client"
	gokrb5spnego "github.com/jcmturner/gokrb5/v8/spnego"
	fast "github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// ourServer is a scheme as our servers have it, with what knows alice.
func ourServer(t testing.TB, by string) (scheme.Server, answer.Source) {
	t.Helper()
	switch by {
	case byBasic:
		return scheme.BasicServer(realm, scheme.AskVerdict), accountSource()
	case byDigest:
		return digestServer(t, digest.ServerConfig{}), accountSource()
	case bareNTLM:
		return ntlmServer(t, ntlm.Config{}), ntlmSource(t)
	case inNTLM:
		return serverOf(scheme.Negotiate, spnegoOver(t, spnego.Config{}, ntlmMechanism(t, ntlm.Config{}))), ntlmSource(t)
	}
	return serverOf(scheme.Negotiate, spnegoOver(t, spnego.Config{}, krbMechanism(t, kerberos.Config{}))), krb5.NewReplayCache(1000, 0)
}

// serverDrivers are our origins, with the echo behind their doors.
var serverDrivers = map[string]func(t testing.TB, s scheme.Server, source answer.Source) string{
	"nethttp": func(t testing.TB, s scheme.Server, source answer.Source) string {
		return newOrigin(t, false, source, s).URL
	},
	"fasthttp": func(t testing.TB, s scheme.Server, source answer.Source) string {
		auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{s}}, Source: source})
		if err != nil {
			t.Fatal(err)
		}
		server := &fast.Server{ReadBufferSize: 64 << 10, CloseOnShutdown: true, Handler: auth.Wrap(func(ctx *fast.RequestCtx) {
			id, _ := fasthttp.IdentityFrom(ctx)
			fasthttpadaptor.NewFastHTTPHandler(echo(func(*http.Request) (string, string) { return id.Info.Peer, id.Scheme }))(ctx)
		})}
		auth.Install(server)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var served sync.WaitGroup
		served.Go(func() { server.Serve(l) })
		t.Cleanup(func() {
			server.Shutdown()
			served.Wait()
		})
		return "http://" + l.Addr().String()
	},
}

// visitor is a peer that gets in at our servers.
type visitor struct {
	by, peer string
	up       func(testing.TB)
	// visit sends a GET, and a POST of a file, or where it has none but GET two of them, and gives what
	// came of it: what the echo said.
	visit func(t testing.TB, by, at, file string) string
}

var visitors = []visitor{
	{byBasic, "curl", needCurl, byCurl},
	{byBasic, "wget", nothing, byWget},
	{byBasic, "Python requests", nothing, byRequests},
	{byDigest, "curl", needCurl, byCurl},
	{byDigest, "wget", nothing, byWget},
	{byDigest, "Python requests", nothing, byRequests},
	{bareNTLM, "curl", needCurl, byCurl},
	{bareNTLM, "Python requests-ntlm", nothing, byRequestsNTLM},
	{inNTLM, "curl, gss-ntlmssp", needCurl, byCurl},
	{inKerberos, "curl, MIT krb5", mitKDC.up, byCurl},
	{inKerberos, "gokrb5", mitKDC.up, byGokrb5},
}

func nothing(testing.TB) {}

// curlLogin is how curl logs in, and its environment.
func curlLogin(t testing.TB, by string) (login, env []string) {
	t.Helper()
	switch by {
	case byBasic, byDigest, bareNTLM:
		return []string{"--" + strings.ToLower(by), "--user", alice + ":" + password}, nil
	case inNTLM:
		return []string{"--negotiate", "--user", ":"}, gssUser(t, alice, password)
	}
	return []string{"--negotiate", "--user", ":"}, krbEnv(krbDir)
}

func byCurl(t testing.TB, by, at, file string) string {
	t.Helper()
	login, env := curlLogin(t, by)
	at = strings.Replace(at, "127.0.0.1", "localhost", 1)
	get, post := curlWith(t, env, append(login, at)...), curlWith(t, env, append(login, "--data-binary", "@"+file, at)...)
	get.want(t, 200)
	post.want(t, 200)
	return get.bodies + post.bodies
}

func byWget(t testing.TB, by, at, file string) string {
	t.Helper()
	path, said := find(t, "wget", "wget"), ""
	for _, more := range [][]string{nil, {"--post-file=" + file}} {
		cmd := exec.Command(path, append(more, "--no-config", "--no-proxy", "--tries=1", "--timeout=20", "-O-", "--user="+alice, "--password="+password, at)...)
		cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		said += string(out)
	}
	return said
}

func byRequests(t testing.TB, by, at, file string) string {
	t.Helper()
	const interpreter = "/usr/bin/python3"
	needFile(t, "/usr/lib/python3/dist-packages/requests", "python3-requests")
	needFile(t, interpreter, "python3")
	cmd := exec.Command(interpreter, filepath.Join("testdata", "requests_client.py"), strings.ToLower(by), alice, password, file, at)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func byRequestsNTLM(t testing.TB, by, at, file string) string {
	t.Helper()
	return python(t, "absent", domain+`\`+alice, password, "", at) + python(t, "absent", domain+`\`+alice, password, file, at)
}

func byGokrb5(t testing.TB, by, at, file string) string {
	t.Helper()
	c := gokrb5client.NewWithPassword(alice, krbRealm, password, gokrb5Conf(t), gokrb5client.DisablePAFXFAST(true))
	if err := c.Login(); err != nil {
		t.Fatal(err)
	}
	defer c.Destroy()
	client, said := gokrb5spnego.NewClient(c, nil, "HTTP/localhost"), ""
	for _, method := range []string{"GET", "POST"} {
		var body io.Reader
		if method == "POST" {
			body = strings.NewReader(readText(t, file))
		}
		r, err := http.NewRequest(method, at, body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		said += string(text)
	}
	return said
}
