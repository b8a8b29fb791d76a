package hop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/long"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

var env = gss.Env{Now: 1, Seed: [32]byte{7}}

func open(t interface {
	Helper()
	Fatal(...any)
}, set ...func(*machine.ProxyConfig)) Front {
	t.Helper()
	var c machine.ProxyConfig
	for _, f := range set {
		f(&c)
	}
	f, err := NewFront(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func basic(c *machine.ProxyConfig) {
	c.Auth.Schemes = []scheme.Server{scheme.BasicServer("r", scheme.AskVerdict)}
}

// get is a request for the origin o, with the fields that are given.
func get(fields ...string) Received { return to("o", fields...) }

func to(host string, fields ...string) Received {
	return Received{Received: machine.Received{
		Request: machine.Request{Method: "GET", URI: "/", Scheme: "http", Host: host, Port: 80, Binding: gss.NoBinding()},
		Header:  header.ParseRequest(textOf(fields).Values),
	}}
}

func connect() Received {
	r := to("o")
	r.Request.Method, r.Request.URI = "CONNECT", "o:80"
	return r
}

// reply is a response from upstream.
func reply(status int, fields ...string) Response {
	return Response{machine.Response{Status: status, Header: header.ParseResponse(textOf(fields).Values), BodySent: machine.SentAll}}
}

func closing(r Response) Response {
	r.Close = true
	return r
}

func textOf(lines []string) fields {
	f := fields{}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		f.Add(name, value)
	}
	return f
}

// brief is what a driver has to do, in few words.
func brief(o Orders) string {
	var words []string
	if o.CloseOwn {
		words = append(words, "close own")
	}
	if o.Used != Stay {
		words = append(words, o.Used.String())
	}
	switch do := o.Do.(type) {
	case Ask:
		words = append(words, "ask")
	case Reply:
		words = append(words, fmt.Sprint(do.Status))
		if do.Close {
			words = append(words, "closing")
		}
	case Send:
		words = append(words, "send "+do.Over.String())
	case Pass:
		words = append(words, "pass")
		if do.Close {
			words = append(words, "closing")
		}
	case Abort:
		words = append(words, "abort")
	}
	if o.CloseClient {
		words = append(words, "close client")
	}
	return strings.Join(words, ", ")
}

type turn struct {
	e    Event
	want string
}

const (
	ntlmOffer = "WWW-Authenticate: NTLM"
	ntlmLeg   = "Authorization: NTLM TlRM"
)

// What becomes of connections, one request after the other on a client's connection.
func TestFront(t *testing.T) {
	requirement.Held(t, "unit:front_orders", "RELAY-10", "RELAY-11", "RELAY-12", "RELAY-14", "R4559-6-5")
	whole := Ended{Usable: true}
	post := get()
	post.Request.Method = "POST"
	full := get()
	full.Content = true
	pinned := []turn{
		{get(), "send pooled"}, {reply(401, ntlmOffer), "keep, pass"}, {whole, ""},
		{get(ntlmLeg), "send own"}, {reply(200), "pass"}, {whole, ""},
	}
	judged := func(c *machine.ProxyConfig) { basic(c) }
	verdict := Answered{machine.Answered{ID: 1, Answer: gss.Verdict{Accepted: true}}}
	secret := "Proxy-Authorization: Basic YTpi"
	for name, c := range map[string]struct {
		set   func(*machine.ProxyConfig)
		turns []turn
	}{
		"pooled":                                {nil, []turn{{get(), "send pooled"}, {reply(200), "pass"}, {whole, "return"}, {get(), "send pooled"}}},
		"informational responses pass":          {nil, []turn{{get(), "send pooled"}, {reply(103), ""}, {reply(200), "pass"}, {whole, "return"}}},
		"a response that closes":                {nil, []turn{{get(), "send pooled"}, {closing(reply(200)), "pass"}, {whole, "close"}}},
		"what is no longer usable":              {nil, []turn{{get(), "send pooled"}, {reply(200), "pass"}, {Ended{}, "close"}}},
		"broken off":                            {nil, []turn{{get(), "send pooled"}, {reply(200), "pass"}, {Ended{Broken: true, Usable: true}, "close, close client"}, {get(), "abort"}}},
		"given up":                              {nil, []turn{{get(), "send pooled"}, {Ended{}, "close, close client"}, {get(), "abort"}, {Ended{Broken: true}, "close client"}, {Closed{}, ""}}},
		"a 407 that is not ours":                {nil, []turn{{get(), "send pooled"}, {reply(407), "close, 502"}, {whole, ""}, {get(), "send pooled"}}},
		"a pool that did not know":              {nil, []turn{{get(), "send pooled"}, {Lost{Idle: true}, "close, send new"}, {Lost{}, "close, 502"}, {whole, ""}}},
		"and a response then":                   {nil, []turn{{get(), "send pooled"}, {Lost{Idle: true}, "close, send new"}, {reply(200), "pass"}, {whole, "return"}}},
		"not twice":                             {nil, []turn{{get(), "send pooled"}, {Lost{Idle: true}, "close, send new"}, {Lost{Idle: true}, "close, 502"}}},
		"not on a new connection":               {nil, []turn{{get(), "send pooled"}, {Lost{}, "close, 502"}}},
		"not a POST":                            {nil, []turn{{post, "send pooled"}, {Lost{Idle: true}, "close, 502"}}},
		"not with content":                      {nil, []turn{{full, "send pooled"}, {Lost{Idle: true}, "close, 502"}}},
		"not what the client broke":             {nil, []turn{{get(), "send pooled"}, {Lost{Idle: true, Client: true}, "close, 502, closing, close client"}}},
		"pinned":                                {nil, pinned},
		"pinned, and the client goes":           {nil, slices.Concat(pinned, []turn{{Closed{}, "close own"}, {get(), "close, abort"}})},
		"pinned, and the upstream goes":         {nil, slices.Concat(pinned, []turn{{OwnLost{}, "close client"}, {get(), "abort"}, {Ended{Broken: true}, "close client"}, {Closed{}, ""}})},
		"pinned, and gone before the request":   {nil, slices.Concat(pinned, []turn{{get(), "send own"}, {Lost{Unsent: true}, "close own, abort, close client"}})},
		"pinned, and gone with the request":     {nil, slices.Concat(pinned, []turn{{get(), "send own"}, {OwnLost{}, ""}, {Lost{}, "close own, 502, closing, close client"}, {whole, ""}, {get(), "abort"}})},
		"pinned, and closing":                   {nil, slices.Concat(pinned, []turn{{get(), "send own"}, {closing(reply(200)), "pass, closing, close client"}, {whole, "close own"}})},
		"pinned, and of no more use":            {nil, slices.Concat(pinned, []turn{{get(), "send own"}, {reply(200), "pass"}, {Ended{}, "close own, close client"}})},
		"pinned, and broken off":                {nil, slices.Concat(pinned, []turn{{get(), "send own"}, {reply(200), "pass"}, {Ended{Broken: true}, "close own, close client"}})},
		"pinned, and a 407":                     {nil, slices.Concat(pinned, []turn{{get(), "send own"}, {reply(407), "close own, 502, closing, close client"}, {whole, ""}})},
		"pinned, and to another origin":         {nil, slices.Concat(pinned, []turn{{to("p"), "close own, send pooled"}, {reply(200), "pass"}, {whole, "return"}})},
		"pinned, and to another one bound":      {nil, slices.Concat(pinned, []turn{{to("p", ntlmLeg), "close own, send new own"}, {reply(200), "pass"}, {whole, ""}})},
		"pinned, and an upgrade":                {nil, slices.Concat(pinned, []turn{{get(), "send own"}, {reply(101), "detach, pass"}, {Closed{}, ""}})},
		"an upgrade":                            {nil, []turn{{get(), "send pooled"}, {reply(101), "detach, pass"}, {whole, ""}}},
		"a fresh one":                           {nil, []turn{{get(ntlmLeg), "send new own"}, {reply(401, ntlmOffer), "pass"}, {whole, ""}, {get(), "send own"}}},
		"a fresh one that cannot be had":        {nil, []turn{{get(ntlmLeg), "send new own"}, {Lost{Unsent: true}, "close own, 502, closing, close client"}}},
		"a fresh one, and the client goes":      {nil, []turn{{get(ntlmLeg), "send new own"}, {Closed{}, "close own"}, {reply(200), "close, abort"}, {Ended{}, "close"}}},
		"in use, and the client goes":           {nil, []turn{{get(), "send pooled"}, {Closed{}, "close"}, {Lost{}, "close, abort"}, {Ended{}, "close"}}},
		"a first challenge that closes":         {nil, []turn{{get(), "send pooled"}, {closing(reply(401, ntlmOffer)), "pass"}, {whole, "close"}, {get(ntlmLeg), "send new own"}}},
		"a tunnel":                              {nil, []turn{{connect(), "send tunnel"}, {reply(200), "pass"}, {Closed{}, ""}}},
		"no tunnel":                             {nil, []turn{{connect(), "send tunnel"}, {Lost{Unsent: true}, "502"}, {whole, ""}, {get(), "send pooled"}}},
		"what never came here":                  {nil, []turn{{whole, ""}, {get(), "send pooled"}}},
		"a challenge of ours":                   {judged, []turn{{get(), "407"}, {whole, ""}, {get(secret), "ask"}, {verdict, "send pooled"}, {reply(200), "pass"}, {whole, "return"}}},
		"pinned, and gone while another passes": {judged, []turn{{get(secret), "ask"}, {verdict, "send pooled"}, {reply(401, ntlmOffer), "keep, pass"}, {whole, ""}, {get(), "407"}, {OwnLost{}, ""}, {whole, "close client"}}},
		"pinned, and gone while it is judged":   {judged, []turn{{get(secret), "ask"}, {verdict, "send pooled"}, {reply(401, ntlmOffer), "keep, pass"}, {whole, ""}, {get(secret), "ask"}, {OwnLost{}, ""}, {verdict, "abort, close client"}, {Ended{Broken: true}, "close client"}}},
	} {
		f := open(t, func(p *machine.ProxyConfig) {
			if c.set != nil {
				c.set(p)
			}
		})
		for i, turn := range c.turns {
			next, o, err := f.Step(env, turn.e)
			if got := brief(o); err != nil || got != turn.want {
				t.Errorf("%s, turn %d: %v gives %q, %v; want %q", name, i+1, f, got, err, turn.want)
			}
			f = next
		}
	}
}

// An event that cannot come is the driver's mistake, and changes nothing.
func TestFrontMisuse(t *testing.T) {
	out, _, err := open(t).Step(env, get())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f Front
		e Event
	}{
		{Front{}, get()}, {open(t), Answered{}}, {open(t), reply(200)}, {open(t), Lost{}}, {open(t), nil}, {out, get()}, {out, Answered{}},
	} {
		next, o, err := c.f.Step(env, c.e)
		if _, misuse := err.(gss.Misuse); !misuse || next != c.f || o != (Orders{}) {
			t.Errorf("%v takes %T: %v, %v", c.f, c.e, o, err)
		}
	}
	if _, err := NewFront(machine.ProxyConfig{Reverse: true, Auth: machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("r", scheme.AskVerdict)}}}); err == nil {
		t.Error("a configuration that is misuse makes a Front")
	}
}

// party is a driver of one Front, which knows connections by numbers.
type party struct {
	f         Front
	do        Action
	own, used int
	shut      bool // the client's connection is to close, or has
	last      bool // the response's connection ends with it
	idle      bool
	gone      bool
}

// Whatever happens, in whatever order, a connection is in one place: in the pool, in use, or
// a client's own. Those that ended do not go back to the pool, one that is to close takes no
// request, and none is left behind. Each step is pure.
func TestFrontsShareNothing(t *testing.T) {
	requirement.Held(t, "prop:fronts_share_nothing", "R4559-6-5", "RELAY-10", "RELAY-14")
	for range long.Of(1, 50) {
		rapid.Check(t, fronts)
	}
}

func fronts(t *rapid.T) {
	configs := []func(*machine.ProxyConfig){
		func(*machine.ProxyConfig) {}, basic, func(c *machine.ProxyConfig) { c.Reverse, c.Strip = true, true }, func(c *machine.ProxyConfig) { c.Chain = true },
	}
	set := rapid.SampledFrom(configs).Draw(t, "proxy")
	parties := make([]party, 3)
	for i := range parties {
		parties[i].f = open(t, set)
	}
	var pool []int
	opened, closed := 0, map[int]bool{}
	for range rapid.IntRange(1, 60).Draw(t, "events") {
		n := rapid.IntRange(0, len(parties)-1).Draw(t, "client")
		p := &parties[n]
		e := p.next(t)
		if e == nil {
			continue
		}
		next, o, err := p.f.Step(env, e)
		if again, o2, err2 := p.f.Step(env, e); again != next || o2 != o || err2 != err {
			t.Fatalf("%v takes %T: %v, then %v", p.f, e, o, o2)
		}
		if err != nil {
			if next != p.f || o != (Orders{}) {
				t.Fatalf("%v takes %T: %v, and is changed", p.f, e, err)
			}
			continue
		}
		p.f = next
		if _, ok := e.(Received); ok {
			if _, abort := o.Do.(Abort); p.shut && !abort {
				t.Fatalf("a request on a connection that is to close gives %s", brief(o))
			}
		}
		if o.CloseOwn {
			closed[p.own] = true
			if p.used == p.own {
				p.used = 0
			}
			p.own = 0
		}
		switch o.Used {
		case Return:
			if p.used == 0 || p.used == p.own || closed[p.used] || p.last {
				t.Fatalf("%v: connection %d goes back to the pool, own %d, closed %t, last %t", p.f, p.used, p.own, closed[p.used], p.last)
			}
			pool = append(pool, p.used)
			p.used = 0
		case Keep:
			p.own = p.used
		case Close:
			closed[p.used] = true
			p.used = 0
		case Detach:
			if p.own == p.used {
				p.own = 0
			}
			p.used = 0
		}
		if _, lost := e.(OwnLost); lost && p.own != 0 {
			closed[p.own] = true
		}
		if !p.f.Owns() {
			if p.own != 0 && !closed[p.own] {
				t.Fatalf("%v: connection %d is forgotten", p.f, p.own)
			}
			p.own = 0
		}
		p.shut = p.shut || o.CloseClient
		if o.Do != nil || over(e) {
			p.do = o.Do
		}
		if send, ok := o.Do.(Send); ok {
			if p.used != 0 {
				t.Fatalf("%v: a request goes out while connection %d is in use", p.f, p.used)
			}
			p.idle = false
			switch send.Over {
			case Own:
				if p.used = p.own; p.own == 0 {
					t.Fatalf("%v: a request goes out on a connection that is not there", p.f)
				}
			case Pooled:
				if k := Pick(len(pool), func(int) Fit { return Fits }); k >= 0 {
					p.used, p.idle = pool[k], true
					pool = slices.Delete(pool, k, k+1)
					break
				}
				fallthrough
			case New, NewOwn:
				opened++
				p.used = opened
				if send.Over == NewOwn {
					if p.own != 0 {
						t.Fatalf("%v: connection %d is forgotten", p.f, p.own)
					}
					p.own = p.used
				}
			}
		}
		if over(e) && p.used != p.own && p.used != 0 {
			t.Fatalf("%v: connection %d stays in use", p.f, p.used)
		}
		if over(e) {
			p.used, p.last = 0, false
		}
		if _, ok := e.(Closed); ok {
			p.gone = true
		}
		if p.gone && (p.own != 0 || p.used != 0) {
			t.Fatalf("%v: connections %d and %d outlive the client", p.f, p.own, p.used)
		}
		inOnePlace(t, pool, parties)
	}
}

// inOnePlace wants each connection to be in the pool, in use, or a client's own.
func inOnePlace(t *rapid.T, pool []int, parties []party) {
	where := map[int]string{}
	put := func(c int, place string) {
		if c == 0 {
			return
		}
		if where[c] != "" {
			t.Fatalf("connection %d is %s and %s", c, where[c], place)
		}
		where[c] = place
	}
	for _, c := range pool {
		put(c, "in the pool")
	}
	for i, p := range parties {
		put(p.own, fmt.Sprintf("client %d's own", i+1))
		if p.used != p.own {
			put(p.used, fmt.Sprintf("in use for client %d", i+1))
		}
	}
}

// over reports whether an event is the end of a request.
func over(e Event) bool {
	switch e.(type) {
	case Ended, Closed:
		return true
	}
	return false
}

// next is something that may happen to a party now, or now and then something that may not.
func (p *party) next(t *rapid.T) Event {
	if p.gone && p.do == nil {
		return nil
	}
	switch rapid.IntRange(0, 19).Draw(t, "what") {
	case 0:
		return Closed{}
	case 1:
		if p.own != 0 {
			return OwnLost{}
		}
	case 2:
		return Ended{Broken: true}
	case 3:
		if p.used == 0 {
			return Lost{}
		}
	}
	switch p.do.(type) {
	case Ask:
		return Answered{machine.Answered{ID: p.do.(Ask).ID, Answer: rapid.SampledFrom([]gss.Answer{gss.Verdict{Accepted: true}, gss.Verdict{}, gss.Unreachable{}}).Draw(t, "answer")}}
	case Send:
		if rapid.IntRange(0, 3).Draw(t, "lost") == 0 {
			return Lost{Idle: p.idle, Unsent: rapid.Bool().Draw(t, "unsent"), Client: rapid.IntRange(0, 5).Draw(t, "client's") == 0}
		}
		r := reply(rapid.SampledFrom([]int{200, 401, 401, 101, 103, 407}).Draw(t, "status"), rapid.SampledFrom([]string{ntlmOffer, "WWW-Authenticate: Basic"}).Draw(t, "offer"))
		r.Close = rapid.IntRange(0, 4).Draw(t, "close") == 0
		p.last = r.Close && r.Status != 103
		return r
	case Reply, Pass, Abort:
		return Ended{Broken: rapid.IntRange(0, 5).Draw(t, "broken") == 0, Usable: rapid.IntRange(0, 5).Draw(t, "usable") > 0}
	}
	r := to(rapid.SampledFrom([]string{"o", "p"}).Draw(t, "host"), rapid.SampledFrom([]string{ntlmLeg, "Authorization: Basic YTpi", "Accept: */*"}).Draw(t, "credentials"),
		rapid.SampledFrom([]string{"Proxy-Authorization: Basic YTpi", "Via: 1.1 front", "Accept: */*"}).Draw(t, "front"))
	r.Request.Method = rapid.SampledFrom([]string{"GET", "POST", "CONNECT"}).Draw(t, "method")
	if r.Request.Method == "CONNECT" {
		r.Request.URI = r.Request.Host + ":80"
	}
	r.Content = r.Request.Method == "POST"
	return r
}

// What proves a password shows in no output.
func TestNothingShows(t *testing.T) {
	f := open(t, basic)
	for _, e := range []Event{
		get("Proxy-Authorization: Basic YTpjNG5hcnk=", "Authorization: Basic YTpjNG5hcnk="),
		Answered{machine.Answered{ID: 1, Answer: gss.Verdict{Accepted: true}}},
	} {
		next, o, err := f.Step(env, e)
		if err != nil {
			t.Fatal(err)
		}
		f = next
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			for _, v := range []any{e, f, &f, o} {
				if shown := fmt.Sprintf(verb, v); strings.Contains(shown, "c4nary") || strings.Contains(shown, "YTpjNG5hcnk=") {
					t.Errorf("%s of %T shows a password: %s", verb, v, shown)
				}
			}
		}
	}
}
