package interop

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
)

// gssPeer is MIT's GSS-API as one half of a handshake, by python3-gssapi.
type gssPeer struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// aboutContext is what it says of its context.
type aboutContext struct {
	Error, Name, Delegated string
	Flags                  uint32
	Lifetime               int
}

func newGSSPeer(t testing.TB, args ...string) *gssPeer {
	t.Helper()
	needFile(t, "/usr/lib/python3/dist-packages/gssapi", "python3-gssapi")
	return startPython(t, "gss_peer.py", krbEnv(krbDir), args...)
}

// startPython runs a script that is one half of a handshake, or another peer that answers in lines.
func startPython(t testing.TB, script string, env []string, args ...string) *gssPeer {
	t.Helper()
	const interpreter = "/usr/bin/python3" // Debian's, which has Debian's packages
	needFile(t, interpreter, "python3")
	cmd := exec.Command(interpreter, append([]string{filepath.Join("testdata", script)}, args...)...)
	cmd.Env = append(slices.Clone(env), "HOME="+t.TempDir(), "PATH="+os.Getenv("PATH"), "LC_ALL=C.UTF-8")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &gssPeer{in, bufio.NewReader(out)}
}

func (p *gssPeer) line(t testing.TB) string {
	t.Helper()
	s, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("python: %v after %q", err, s)
	}
	return strings.TrimSpace(s)
}

// say writes tokens, and ends with the last.
func (p *gssPeer) say(t testing.TB, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		text := base64.StdEncoding.EncodeToString([]byte(token))
		if token == "" {
			text = "-"
		}
		if _, err := fmt.Fprintln(p.in, text); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *gssPeer) about(t testing.TB) aboutContext {
	t.Helper()
	return aboutOf(t, p.line(t))
}

func aboutOf(t testing.TB, line string) (a aboutContext) {
	t.Helper()
	if json.Unmarshal([]byte(line), &a) != nil {
		t.Fatalf("python: %s", line)
	}
	return a
}

// judge returns what an acceptor says of a token, and no more of it: an acceptor that fails
// has no token for the initiator at times.
func (p *gssPeer) judge(t testing.TB, token gss.Token) aboutContext {
	t.Helper()
	p.say(t, token.Bytes())
	line := p.line(t)
	if !strings.HasPrefix(line, "{") {
		line = p.line(t)
	}
	return aboutOf(t, line)
}

// advance steps a context and answers what it asks, until it has something for the peer.
func advance(t testing.TB, c gss.Context, source answer.Source, in gss.Input) (gss.Context, gss.Output) {
	t.Helper()
	for {
		next, out, err := c.Step(entropy.Env(), in)
		if err != nil {
			t.Fatal(err)
		}
		if out.Ask == nil {
			return next, out
		}
		c, in = next, gss.Input{Answer: source.Answer(t.Context(), out.Ask)}
	}
}

// exchange protects messages in both directions (RFC 4121 section 4.2, RFC 4757 section 7).
func (p *gssPeer) exchange(t testing.TB, c gss.Context) {
	t.Helper()
	s, ok := c.Session()
	if !ok {
		t.Fatal("no session")
	}
	s, fault := s.VerifyMIC("hello", decodeLine(t, p.line(t)))
	if !fault.IsZero() {
		t.Error(fault)
	}
	for _, sealed := range []bool{false, true} {
		next, plain, confidential, fault := s.Unwrap(decodeLine(t, p.line(t)))
		if !fault.IsZero() || plain != "hello" || confidential != sealed {
			t.Errorf("sealed %v: %q, %v, %v", sealed, plain, confidential, fault)
		}
		s = next
	}
	s, mic, fault := s.MIC("hello")
	if !fault.IsZero() {
		t.Error(fault)
	}
	s, open, fault := s.Wrap(entropy.Env(), "hello", false)
	if !fault.IsZero() {
		t.Error(fault)
	}
	_, shut, fault := s.Wrap(entropy.Env(), "hello", true)
	if !fault.IsZero() {
		t.Error(fault)
	}
	p.say(t, mic, open, shut)
	if verdict := p.line(t); verdict != "right" {
		t.Errorf("MIT says: %s", verdict)
	}
}

const krbBinding = "tls-server-end-point:certificate"

// TestKerberosToMIT: our initiator and MIT's acceptor, in each encryption type: what each
// knows of the other, the channel binding, delegation, and protected messages.
func TestKerberosToMIT(t *testing.T) {
	t.Parallel()
	mitKDC.up(t)
	login := krbSource(t, &krb5.Cache{Name: krbFile("alice.ccache"), ReadOnly: true})
	for _, e := range krbTypes {
		for _, row := range []struct {
			name       string
			ours       gss.Binding
			theirs     string
			want       gss.Flags
			refused    bool
			delegation kerberos.Delegation
		}{
			{"mutual", gss.Binding{}, "", gss.Mutual, false, 0},
			{"one way", gss.Binding{}, "", 0, false, 0},
			{"bound", gss.BindingOf(krbBinding), krbBinding, gss.Mutual, false, 0},
			{"bound to another", gss.BindingOf(krbBinding), "tls-server-end-point:another", gss.Mutual, true, 0},
			{"delegating", gss.Binding{}, "", gss.Mutual | gss.Delegate, false, kerberos.DelegateAlways},
		} {
			t.Run(e.mit+" "+row.name, func(t *testing.T) {
				t.Parallel()
				peer := newGSSPeer(t, "accept", hex.EncodeToString([]byte(row.theirs)))
				m := krbMechanism(t, kerberos.Config{Delegate: row.delegation, OneWay: row.want&gss.Mutual == 0})
				target := gss.Target{Service: "HTTP", Scheme: "http", Host: e.host, Binding: row.ours, Want: row.want | gss.Integrity | gss.Confidential}
				c, out := advance(t, m.Initiate(target), login, gss.Input{})
				if !out.Token.Present() {
					t.Fatalf("%v %v", out.State, out.Fault)
				}
				peer.say(t, out.Token.Bytes())
				if reply := decodeLine(t, peer.line(t)); reply != "" {
					c, out = advance(t, c, login, gss.Input{Token: gss.TokenOf(reply)})
				}
				if row.refused { // with a KRB-ERROR
					if out.State != gss.Failed || out.Fault.Code != gss.Refused {
						t.Errorf("%v %v, want a refusal", out.State, out.Fault)
					}
					return
				}
				if out.State != gss.Complete {
					t.Fatalf("%v %v", out.State, out.Fault)
				}
				about, info := peer.about(t), c.Info()
				if about.Name != alice+"@"+krbRealm || info.Flags.Has(gss.Mutual) != row.want.Has(gss.Mutual) {
					t.Errorf("MIT says %+v, we say %+v", about, info)
				}
				if delegated := about.Delegated == alice+"@"+krbRealm; delegated != row.want.Has(gss.Delegate) {
					t.Errorf("MIT says %+v", about)
				}
				peer.exchange(t, c)
			})
		}
	}
}

// TestKerberosFromMIT: MIT's initiator and our acceptor, likewise.
func TestKerberosFromMIT(t *testing.T) {
	t.Parallel()
	mitKDC.up(t)
	for _, e := range krbTypes {
		for _, row := range []struct {
			name, theirs, flags string
			ours                gss.Binding
			demand              gss.Requirement
			want                gss.Code
		}{
			{"mutual", "", "mutual", gss.Binding{}, gss.IfAvailable, 0},
			{"one way", "", "", gss.Binding{}, gss.IfAvailable, 0},
			{"bound", krbBinding, "mutual", gss.BindingOf(krbBinding), gss.Require, 0},
			{"bound to another", "tls-server-end-point:another", "mutual", gss.BindingOf(krbBinding), gss.IfAvailable, gss.BadBinding},
			{"not bound", "", "mutual", gss.BindingOf(krbBinding), gss.IfAvailable, 0},
			{"not bound, required", "", "mutual", gss.BindingOf(krbBinding), gss.Require, gss.BadBinding},
			{"delegating", "", "mutual,deleg", gss.Binding{}, gss.IfAvailable, 0},
		} {
			t.Run(e.mit+" "+row.name, func(t *testing.T) {
				t.Parallel()
				peer := newGSSPeer(t, "initiate", "HTTP@"+e.host, hex.EncodeToString([]byte(row.theirs)), row.flags)
				m := krbMechanism(t, kerberos.Config{ChannelBinding: row.demand})
				c, out := advance(t, m.Accept(gss.Target{Binding: row.ours}), krb5.NewReplayCache(10, 0), gss.Input{Token: gss.TokenOf(decodeLine(t, peer.line(t)))})
				if out.Fault.Code != row.want || (out.State == gss.Complete) != (row.want == 0) {
					t.Fatalf("%v %v, want %v", out.State, out.Fault, row.want)
				}
				mutual := strings.Contains(row.flags, "mutual")
				if out.Token.Present() != (mutual && row.want == 0) {
					t.Fatalf("a token: %v", out.Token.Present())
				}
				if row.want != 0 {
					return
				}
				if mutual {
					peer.say(t, out.Token.Bytes())
				}
				info := c.Info()
				if info.Peer != alice || info.Domain != krbRealm || info.Flags.Has(gss.Mutual) != mutual {
					t.Errorf("%+v", info)
				}
				d, delegated := info.Delegated.(kerberos.Delegated)
				if delegated != strings.Contains(row.flags, "deleg") || delegated && !d.Cache().Principal().Equal(krbPrincipal(t, alice)) {
					t.Errorf("delegated: %v", info.Delegated)
				}
				if about := peer.about(t); about.Error != "" {
					t.Fatalf("MIT says %+v", about)
				}
				peer.exchange(t, c)
			})
		}
	}
}
