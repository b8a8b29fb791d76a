package drivertest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/scheme"
)

func (k *kit) clientDrain() {
	const enough = 64 << 20
	var wrote atomic.Int64
	s := k.raw(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			io.WriteString(w, "alice:")
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
		w.WriteHeader(401)
		block := make([]byte, 1<<16)
		for wrote.Load() < enough {
			n, err := w.Write(block)
			if wrote.Add(int64(n)); err != nil {
				return
			}
		}
	})
	c := k.client(nil, basic())
	if o := k.do(k.ctx, c, "", "GET", s.URL, nil); o.err == nil && !o.ok("alice", "") {
		k.errorf("%v", o)
	}
	if n := wrote.Load(); n >= enough {
		k.errorf("%d bytes of the challenge's content were read", n)
	}
}

func (k *kit) clientLoops() {
	digest := digestPair()
	for _, l := range []struct {
		name string
		p    pair
		say  func(*http.Request) string
	}{
		{"bare NTLM", twoLegs(), func(*http.Request) string { return "NTLM" }},
		{"NTLM with a token", twoLegs(), func(*http.Request) string { return "NTLM " + base64Of("toy/NTLM:c1:n=0000") }},
		{"Negotiate with a token", mutual(), func(*http.Request) string { return "Negotiate " + base64Of("toy:c1:n=0000") }},
		{"Negotiate with a last token", oneLeg(), func(*http.Request) string { return "Negotiate " + base64Of("toy:f:u=alice:p=wonder") }},
		{"Basic", basic(), func(*http.Request) string { return `Basic realm="r"` }},
		{"Digest with new nonces", digest, func(r *http.Request) string { return k.challenge(digest, r) }},
		{"Digest, always stale", digest, func(r *http.Request) string { return k.challenge(digest, r) + ", stale=true" }},
		{"Digest of new realms", digest, func(r *http.Request) string {
			return strings.Replace(k.challenge(digest, r), "a realm", "realm of "+base64Of(r.Header.Get("Authorization")), 1)
		}},
	} {
		s := k.raw(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("WWW-Authenticate", l.say(r))
			w.WriteHeader(401)
		})
		c := k.client(nil, l.p)
		for _, method := range []string{"GET", "POST"} {
			before := s.seen()
			if o := k.do(k.ctx, c, "", method, s.URL, strings.NewReader("a body")); o.err == nil && o.status < 400 {
				k.errorf("%s: %v", l.name, o)
			}
			if n := s.seen() - before; n == 0 || n > most {
				k.errorf("%s: %d requests", l.name, n)
			}
		}
	}
}

// asker is a scheme with a client that never stops asking.
type asker struct{ scheme.Client }

func (a asker) Initiate(scheme.Exchange) scheme.Initiator { return asking{} }

type asking struct{ n uint32 }

func (asking) Info() gss.Info { return gss.Info{} }

func (asking) Context() gss.Context { return nil }

func (a asking) Step(gss.Env, scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	return asking{a.n + 1}, scheme.InitiatorOutput{State: gss.Waiting, Ask: gss.NeedCredential{Target: gss.Target{Service: "HTTP"}}}, nil
}

func (k *kit) clientQuestions() {
	const enough = 1 << 12
	p := basic()
	p.client = asker{p.client}
	s := k.raw(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
		w.WriteHeader(401)
	})
	ctx, cancel := context.WithCancel(k.ctx)
	defer cancel()
	var asked atomic.Int64
	c := k.client(func(c *ClientSetup) {
		c.Source = answer.Func(func(context.Context, gss.Question) gss.Answer {
			if asked.Add(1) >= enough {
				cancel()
			}
			return gss.Password{User: "alice", Password: gss.NewSecret("wonder")}
		})
	}, p)
	if o := k.do(ctx, c, "", "GET", s.URL, nil); o.err == nil && o.status < 400 {
		k.errorf("%v", o)
	}
	if n := asked.Load(); n == 0 || n >= enough {
		k.errorf("%d questions", n)
	}
	if n := s.seen(); n == 0 || n > most {
		k.errorf("%d requests", n)
	}
}
