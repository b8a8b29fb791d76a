package nethttp_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// remembering answers replay questions with seen, and all others from the users.
func remembering(seen gss.Answer) answer.Source {
	return answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
		if _, ok := q.(gss.NeedReplayCheck); ok {
			return seen
		}
		return users.Answer(ctx, q)
	})
}

// If the replay cache fails or is missing, the client is not told that its password is
// wrong: a right one gets a 503, a wrong one a 401.
func TestUnavailableMemory(t *testing.T) {
	for name, seen := range map[string]gss.Answer{"down": gss.Unreachable{RetryAfter: 9}, "not there": gss.Declined{}} {
		var last lastResult
		at := start(t, nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{digestScheme(t)}}, Source: remembering(seen), Log: last.log}, whoami)
		w := dialWire(t, at)
		challenge := w.do("GET", "/")
		challenge.want(t, 401, "")
		want := map[string]string{"down": "9", "not there": "5"}[name]
		r := w.do("GET", "/", digestOf(t, "", challenge, "GET", "/", "alice", "secret", "", nil))
		if r.StatusCode != 503 || r.Header.Get("Retry-After") != want || r.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %s, Retry-After %q; want 503, %s, no challenge", name, r.Status, r.Header.Get("Retry-After"), want)
		}
		if f := last.get().Fault; f.Code != gss.Unavailable {
			t.Errorf("%s: the log has %v", name, f)
		}
		w.do("GET", "/", digestOf(t, "", challenge, "GET", "/", "alice", "guess", "", nil)).want(t, 401, "")
	}
	requirement.Held(t, "unit:unavailable_memory")
}

// A proxy that cannot judge its clients answers 503, too; a fault of a single user is a
// 407.
func TestUnavailableProxy(t *testing.T) {
	origin := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Error("the request went upstream") }), nil)
	for _, c := range []struct {
		store  gss.Answer
		status int
		after  string
	}{{gss.Unreachable{RetryAfter: 30}, 503, "30"}, {gss.Unverifiable{}, 407, ""}, {gss.Unknown{}, 407, ""}} {
		conf := nethttp.ProxyConfig{Source: answer.Func(func(context.Context, gss.Question) gss.Answer { return c.store })}
		conf.Allow = func(string, string, uint16) bool { return true }
		conf.Proxy.Auth.Schemes = []scheme.Server{scheme.BasicServer("r", scheme.AskVerifier)}
		proxy := startProxy(t, conf)
		for method, target := range map[string]string{"GET": "http://" + origin + "/", "CONNECT": origin} {
			r := dialWire(t, proxy).do(method, target, "Proxy-"+basic("alice", "secret"))
			if r.StatusCode != c.status || r.Header.Get("Retry-After") != c.after || (r.Header.Get("Proxy-Authenticate") != "") != (c.status == 407) {
				t.Errorf("%s, %T: %s, %v; want %d", method, c.store, r.Status, r.Header, c.status)
			}
		}
	}
	requirement.Held(t, "unit:unavailable_proxy")
}
