package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// signIn makes a request with a fresh nonce.
func signIn(t *testing.T, url, user, password string) int {
	t.Helper()
	c, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{c}},
		Source: answer.Func(func(context.Context, gss.Question) gss.Answer {
			return gss.Password{User: user, Password: gss.NewSecret(password)}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.CloseIdleConnections()
	r, err := (&http.Client{Transport: tr}).Get(url)
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	defer r.Body.Close()
	io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

// A user that fills serve's memory of nonces locks out no other user, and the log reports that
// the memory fills up.
func TestServeReplayMax(t *testing.T) {
	s := serve(t, "--user", "alice:wonder", "--user", "bob:builder", "--replay-max", "20")
	for range 50 {
		if status := signIn(t, s.url, "alice", "wonder"); status != 200 {
			t.Fatalf("alice: %d", status)
		}
	}
	if status := signIn(t, s.url, "bob", "builder"); status != 200 {
		t.Errorf("bob: %d", status)
	}
	s.stop()
	warned := strings.Count(s.stderr.String(), `"msg":"replay memory is 80 % full","of":"Digest nonces","held":16,"max":20`)
	if warned == 0 || warned > 5 {
		t.Errorf("the log warns %d times", warned)
	}
	requirement.Held(t, "unit:serve_replay_max")
}

// By default nothing was lost; --replay-since start refuses Kerberos requests from before the start.
func TestServeReplaySince(t *testing.T) {
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	need := gss.NeedReplayCheck{Scope: "Kerberos", Owner: "alice@A.TEST", Key: "k", Now: 1, Until: 2}
	for since, later := range map[string]bool{"": false, "start": true} {
		o := memoryOptions{max: 10, since: since}
		before := time.Now().UnixNano()
		a := o.requests(log).Answer(t.Context(), need).(gss.ReplayVerdict)
		if later && (a.Since < before || a.Since > time.Now().UnixNano()) || !later && a.Since != 0 {
			t.Errorf("--replay-since %q: since %d, started at %d", since, a.Since, before)
		}
	}
	for _, args := range [][]string{{"--replay-since", "ever"}, {"--replay-max", "0"}, {"--replay-max", "2000000000"}} {
		var stderr strings.Builder
		if code := run(t.Context(), append([]string{"serve", "--user", "a:b"}, args...), strings.NewReader(""), io.Discard, &stderr); code != exitUsage || !strings.Contains(stderr.String(), args[0]) {
			t.Errorf("%q: exit %d, %s", args, code, stderr.String())
		}
	}
	requirement.Held(t, "unit:serve_replay_since")
}
