package digest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
	"pgregory.net/rapid"
)

var (
	anyName      = rapid.StringN(1, 20, 60)
	anyPassword  = rapid.StringN(0, 20, 60)
	anyAlgorithm = rapid.Map(rapid.IntRange(int(MD5), int(algorithms)-1), func(n int) Algorithm { return Algorithm(n) })
	anyQOP       = rapid.SampledFrom([]QOP{Auth, AuthInt})
	anyURI       = rapid.StringMatching(`/[a-z0-9"\\%?=&,]{0,30}`)
	anyMethod    = rapid.SampledFrom([]string{"GET", "POST", "DESCRIBE", "REGISTER"})
	// Values that a quoted-string can carry, escapes, quotes and commas among them.
	anyQuotable = rapid.StringOfN(rapid.RuneFrom([]rune("ab \t\"\\,=;:/\u00e4\u20ac")), 1, 24, -1)
)

// digest_verify_iff_same_secret (MSDIG-12): a login succeeds exactly with the same
// name and password, for every algorithm, qop, name, method and URI; and then the
// server's proof does, exactly as it was sent.
func TestDigestVerifyIffSameSecret(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name, secret := anyName.Draw(rt, "name"), anyPassword.Draw(rt, "password")
		alg, qop := anyAlgorithm.Draw(rt, "algorithm"), anyQOP.Draw(rt, "qop")
		other := rapid.OneOf(rapid.Just(secret), anyPassword).Draw(rt, "the client's password")
		stored := rapid.Bool().Draw(rt, "the store has hashes")
		hashed := rapid.Bool().Draw(rt, "userhash")
		x := exchange(anyMethod.Draw(rt, "method"), anyURI.Draw(rt, "uri"))
		x.Side = rapid.SampledFrom([]gss.Side{gss.Origin, gss.Proxy}).Draw(rt, "side")
		theRealm := anyQuotable.Draw(rt, "realm")
		if !quotable(theRealm) {
			rt.Skip()
		}
		f := function(t, alg)
		key := f.HA1(name, theRealm, secret).Secret()
		s := newServer(t, ServerConfig{Realm: theRealm, Algorithms: []Algorithm{alg}, QOPs: []QOP{qop}, UserHash: hashed})
		w := newWorld(t)
		w.body, w.respBody = anyPassword.Draw(rt, "body"), anyPassword.Draw(rt, "response body")
		w.login = gss.Password{User: name, Password: gss.NewSecret(other)}
		w.users = func(q gss.NeedVerifier) gss.Answer {
			if q.Realm != theRealm || q.Kind != alg.Base().String() || q.Hashed != hashed || hashed != (q.User == f.UserHash(name, theRealm).String()) || !hashed && q.User != name {
				return gss.Unknown{}
			}
			if stored {
				return HA1{User: name, MD5: key, SHA256: key, SHA512_256: key}
			}
			return gss.Password{User: name, Password: gss.NewSecret(secret)}
		}
		i, sent := w.challenged(newClient(t, ClientConfig{RequireProof: true}).Initiate(x), w.offer(s, x))
		if sent.State != gss.Ready {
			rt.Fatalf("nothing sent: %v", sent.Fault)
		}
		a, out := w.presented(s, x, sent.Credentials)
		if (out.State == gss.Complete) != (other == secret) {
			rt.Fatalf("same password %v: %v %v", other == secret, out.State, out.Fault)
		}
		requirement.Held(t, "prop:digest_verify_iff_same_secret")
		if other != secret {
			return
		}
		if a.Info().Peer != name || a.Info().Domain != theRealm {
			rt.Fatalf("the identity is %+v", a.Info())
		}
		if !reflect.ValueOf(a).Comparable() || !reflect.ValueOf(i).Comparable() {
			rt.Fatal("a state is not comparable")
		}
		// rspauth_verified (R7616-3.5-1)
		_, final, info := w.respond(i, a, 200)
		if final.State != gss.Complete {
			rt.Fatalf("the server's proof: %v", final.Fault)
		}
		text := []byte(info.Text())
		at := rapid.IntRange(0, len(text)-1).Draw(rt, "changed byte")
		text[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "change"))
		changed := header.ParseInfo(string(text))
		if infoMeans(changed, qop) == infoMeans(info, qop) {
			return
		}
		if _, out := w.initiate(i, scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: changed}); out.State == gss.Complete {
			rt.Fatalf("a changed proof convinces: %s", text)
		}
		requirement.Held(t, "prop:rspauth_verified")
	})
}

// infoMeans is Authentication-Info as far as it is checked.
func infoMeans(i header.Info, sent QOP) string {
	var s []string
	for _, name := range []string{"rspauth", "cnonce", "nc", "qop"} {
		v, ok := i.Param(name)
		if name == "qop" && !ok {
			v = sent.String() // the proof may leave it out; what counts is then the request's
		}
		if name != "cnonce" {
			v = strings.ToLower(v)
		}
		s = append(s, v)
	}
	return strings.Join(s, "|")
}

// digest_echo and digest_quoting (R7616-3.4-1, R7616-3.3-1): realm, nonce, opaque
// and algorithm go back as they came, and each value stands in quotes or not as
// the RFC has it, whatever the challenge did.
func TestDigestEcho(t *testing.T) {
	write := func(rt *rapid.T, b []byte, name, value string) []byte {
		if rapid.Bool().Draw(rt, name+" as a token") {
			return header.AppendToken(b, name, value)
		}
		return header.AppendQuoted(b, name, value)
	}
	quoted := map[string]bool{"username": true, "realm": true, "nonce": true, "uri": true, "response": true, "cnonce": true, "opaque": true}
	rapid.Check(t, func(rt *rapid.T) {
		alg := anyAlgorithm.Draw(rt, "algorithm")
		spelled := alg.String()
		if rapid.Bool().Draw(rt, "lower case") {
			spelled = strings.ToLower(spelled)
		}
		sentParams := map[string]string{
			"realm": anyQuotable.Draw(rt, "realm"), "nonce": anyQuotable.Draw(rt, "nonce"),
			"opaque": anyQuotable.Draw(rt, "opaque"), "algorithm": spelled,
		}
		var b []byte
		for _, name := range []string{"realm", "nonce", "opaque", "algorithm"} {
			b = write(rt, b, name, sentParams[name])
		}
		b = write(rt, b, "qop", "auth")
		w := newWorld(t)
		w.login = gss.Password{User: anyQuotable.Draw(rt, "user"), Password: gss.NewSecret(password)}
		names := rapid.SampledFrom([]Names{ExtNames, Latin1Names, UTF8Names}).Draw(rt, "names")
		_, out := w.challenged(newClient(t, ClientConfig{Names: names}).Initiate(exchange("GET", "/")), challenge1("Digest "+string(b)))
		if out.State != gss.Ready {
			rt.Fatalf("%s: %v", b, out.Fault)
		}
		got := wire(out.Credentials)
		for name, want := range sentParams {
			if v, ok := got.Param(name); !ok || v != want {
				rt.Errorf("%s came as %q and went back as %q", name, want, v)
			}
		}
		for p := range got.Params() {
			if p.Quoted != quoted[p.Name] {
				rt.Errorf("%s: quoted %v", p.Name, p.Quoted)
			}
		}
		if nc, _ := got.Param("nc"); len(nc) != 8 {
			rt.Errorf("nc=%s", nc)
		}
		if algorithm, _ := got.Param("algorithm"); !strings.Contains(out.Credentials.Text(), "algorithm="+algorithm) {
			rt.Error("the algorithm is quoted")
		}
		requirement.Held(t, "prop:digest_echo")
		requirement.Held(t, "prop:digest_quoting")
	})
}

// digest_no_downgrade, prop:strongest_scheme within Digest (R7616-3.4-2, C32):
// whatever is offered in whatever order, the answer is to the strongest, with a
// qop of its own list, and cnonce and nc go exactly with a qop.
func TestDigestNoDowngrade(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type offered struct {
			Alg int
			QOP string
		}
		offers := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) offered {
			return offered{rapid.IntRange(0, int(algorithms)).Draw(rt, "algorithm"), rapid.SampledFrom([]string{"", "auth", "auth-int", "auth,auth-int", "auth-conf"}).Draw(rt, "qop")}
		}), 1, 6).Draw(rt, "offers")
		best := noAlgorithm
		var lines []string
		for _, o := range offers {
			alg := Algorithm(o.Alg)
			line := `Digest realm="r", nonce="n", algorithm=` + strings.ReplaceAll(alg.String(), " ", "-")
			if o.QOP != "" {
				line += `, qop="` + o.QOP + `"`
			}
			lines = append(lines, line)
			if alg.valid() && o.QOP != "auth-conf" && !(alg.Session() && o.QOP == "") && alg.Stronger(best) {
				best = alg
			}
		}
		w := newWorld(t)
		_, out := w.challenged(newClient(t, ClientConfig{}).Initiate(exchange("GET", "/")), header.ParseChallenges(lines...))
		if best == noAlgorithm {
			if out.State != gss.Failed || out.Fault.Code != gss.Unsupported {
				rt.Fatalf("nothing that is known was offered: %v", out.Fault)
			}
			return
		}
		got, _ := ParseAlgorithm(param(t, out.Credentials, "algorithm"))
		if best.Stronger(got) || got.Stronger(best) {
			rt.Fatalf("answered %v where %v was offered", got, best)
		}
		requirement.Held(t, "prop:strongest_scheme")
		qop, hasQOP := out.Credentials.Param("qop")
		_, hasCNonce := out.Credentials.Param("cnonce")
		_, hasNC := out.Credentials.Param("nc")
		if hasQOP != hasCNonce || hasQOP != hasNC {
			rt.Fatalf("qop %v, cnonce %v, nc %v", hasQOP, hasCNonce, hasNC)
		}
		for _, o := range offers {
			if Algorithm(o.Alg) == got && (o.QOP == qop || strings.HasPrefix(o.QOP, qop+",") && hasQOP) {
				requirement.Held(t, "prop:digest_no_downgrade")
				return
			}
		}
		rt.Fatalf("%v with qop %q was not offered", got, qop)
	})
}

// nonce_fresh_per_seed (MSDIG-6), zero_seed_fails_closed (HTA-3).
func TestNonceFreshPerSeed(t *testing.T) {
	s, x := newServer(t, ServerConfig{}), exchange("GET", "/")
	c := newClient(t, ClientConfig{})
	rapid.Check(t, func(rt *rapid.T) {
		var one, two gss.Env
		copy(one.Seed[:], rapid.SliceOfN(rapid.Byte(), gss.SeedSize, gss.SeedSize).Draw(rt, "seed"))
		one.Now = rapid.Int64().Draw(rt, "now")
		two = one
		two.Seed[rapid.IntRange(0, gss.SeedSize-1).Draw(rt, "changed byte")] ^= 1
		draw := func(env gss.Env) (nonce, cnonce string) {
			cs, f := s.Offer(env, x)
			if env.Seed.IsZero() {
				if f.Code != gss.NoEntropy || !cs.Empty() {
					rt.Fatalf("no entropy: offered %d challenges, %v", cs.Len(), f)
				}
			}
			nonce, _ = nonceOf(cs)
			i, _, _ := c.Initiate(x).Step(env, scheme.InitiatorInput{Event: scheme.Challenged, Offer: challenge1(`Digest realm="r", nonce="n", qop="auth"`)})
			_, out, err := i.Step(env, scheme.InitiatorInput{Event: scheme.Answered, Answer: gss.Password{User: user}})
			if err != nil {
				rt.Fatal(err)
			}
			if env.Seed.IsZero() && (out.State != gss.Failed || out.Fault.Code != gss.NoEntropy || out.Credentials.Present()) {
				rt.Fatalf("no entropy: %v %v", out.State, out.Fault)
			}
			return nonce, param(t, out.Credentials, "cnonce")
		}
		n1, c1 := draw(one)
		n2, c2 := draw(two)
		if n1 == n2 || c1 == c2 {
			rt.Fatal("two seeds, one nonce")
		}
		if again, cagain := draw(one); again != n1 || cagain != c1 {
			rt.Fatal("one seed, two nonces")
		}
		draw(gss.Env{Now: one.Now})
		requirement.Held(t, "prop:nonce_fresh_per_seed", "MSDIG-6")
		requirement.Held(t, "prop:zero_seed_fails_closed", "HTA-3")
	})
	// A refusal without entropy has no new nonce, and is a refusal.
	w := newWorld(t)
	_, sent := w.challenged(c.Initiate(x), w.offer(s, x))
	late := gss.Env{Now: w.now + 1<<50}
	a, _, _ := s.Accept(x).Step(late, scheme.AcceptorInput{Event: scheme.Presented, Credentials: sent.Credentials})
	_, out, err := a.Step(late, scheme.AcceptorInput{Event: scheme.Answered, Answer: gss.Password{Password: gss.NewSecret(password)}})
	if err != nil || out.Fault.Code != gss.Expired || !out.Challenges.Empty() {
		t.Errorf("no entropy for a new nonce: %v, %d challenges, %v", out.Fault, out.Challenges.Len(), err)
	}
}

// opaque_is_self_contained_or_asked (MSDIG-7, C19): another node with the same key
// and nothing else judges what this one made.
func TestOpaqueIsSelfContained(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.SliceOfNDistinct(rapid.Byte(), 1, 4, rapid.ID).Draw(rt, "keys")
		var rotated []gss.Secret
		for _, k := range keys {
			rotated = append(rotated, nonceKeyOf(k))
		}
		madeWith := rapid.SampledFrom(keys).Draw(rt, "key of the maker")
		w, x := newWorld(t), exchange("GET", "/")
		maker := newServer(t, ServerConfig{Keys: []gss.Secret{nonceKeyOf(madeWith)}})
		_, sent := w.challenged(newClient(t, ClientConfig{}).Initiate(x), w.offer(maker, x))
		if _, out := w.presented(newServer(t, ServerConfig{Keys: rotated}), x, sent.Credentials); out.State != gss.Complete {
			rt.Fatalf("another node: %v", out.Fault)
		}
		dropped := []gss.Secret{nonceKeyOf(madeWith + 1)}
		w.seen = map[string]gss.Window{}
		if _, out := w.presented(newServer(t, ServerConfig{Keys: dropped}), x, sent.Credentials); out.Fault.Code != gss.Expired {
			rt.Fatalf("a node without the key: %v", out.Fault)
		}
		requirement.Held(t, "prop:opaque_is_self_contained_or_asked")
	})
}

// Parallel requests may come in any order, and none counts twice.
func TestDigestWindow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, x := newWorld(t), exchange("GET", "/")
		c, s := newClient(t, ClientConfig{}), newServer(t, ServerConfig{})
		remembered := w.offer(s, x)
		order := rapid.SliceOfN(rapid.Uint32Range(1, 40), 1, 30).Draw(rt, "counts")
		used := map[uint32]bool{}
		for _, n := range order {
			_, sent := w.initiate(c.Initiate(x), scheme.InitiatorInput{Event: scheme.Start, Offer: remembered, Count: n})
			_, out := w.presented(s, x, sent.Credentials)
			if (out.State == gss.Complete) == used[n] {
				rt.Fatalf("count %d, used before %v: %v", n, used[n], out.Fault)
			}
			used[n] = true
		}
	})
	requirement.Held(t, "prop:digest_window", "R7616-3.4-3")
}
