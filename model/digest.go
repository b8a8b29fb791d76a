package model

import (
	"slices"
	"strings"
	"time"

	rfc7616 "github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/scheme"
)

// digestPeers are the two halves of package digest as a world configures them, and what
// there is besides of challenges that a network may hold.
type digestPeers struct {
	client scheme.Client
	server scheme.Server
	algs   []rfc7616.Algorithm // that the server offers
	qops   []rfc7616.QOP
	// By side: what the server offers, what it offered longer ago than a nonce lives,
	// and what another server of the same realm does.
	offered, expired, alien [2]header.Challenges
}

const digestRealm = "r"

// nonceLifetime is that of a world's Digest.
const nonceLifetime = 5 * time.Minute

// users are those that the stores of all worlds know.
var users = [...]string{"alice", "bob"}

// digestOf puts package digest in a toy's place, with the world's realm and keys. Where a
// configuration is refused both halves are nil, and the world cannot be made.
func digestOf(c rfc7616.ClientConfig, s rfc7616.ServerConfig) toy {
	d := &digestPeers{algs: s.Algorithms, qops: s.QOPs}
	s.Realm, s.Keys, s.NonceLifetime = digestRealm, []gss.Secret{gss.NewSecret("a key for nonces, of thirty-two b")}, nonceLifetime
	d.client, _ = rfc7616.NewClient(c)
	d.server, _ = rfc7616.NewServer(s)
	t := toy{name: scheme.Digest, mech: gsstoy.Toy{Mutual: c.RequireProof}, shipped: &shipped{digest: d}}
	if d.server == nil {
		return t
	}
	other := s
	other.Keys = []gss.Secret{gss.NewSecret("another server's, of thirty-two b")}
	alien, _ := rfc7616.NewServer(other)
	long := env
	long.Now -= int64(nonceLifetime)
	for _, side := range sides {
		x := scheme.Exchange{Side: side}
		d.offered[side], _ = d.server.Offer(env, x)
		d.expired[side], _ = d.server.Offer(long, x)
		d.alien[side], _ = alien.Offer(env, x)
	}
	return t
}

// digestPeers returns those of a side, nil where its Digest is a toy or there is none.
func (c *setup) digestPeers(side gss.Side) *digestPeers {
	if t, ok := c.toyFor(side, scheme.Digest); ok && t.shipped != nil {
		return t.shipped.digest
	}
	return nil
}

// remembering has an order know one of the challenges of a world's Digest.
func remembering(offers header.Challenges) func(*order) {
	return func(o *order) { o.lease.Scheme, o.lease.Memory = scheme.Digest, memoryOf(offers) }
}

func rememberingProxy(offers header.Challenges) func(*order) {
	return func(o *order) { o.proxyLease.Scheme, o.proxyLease.Memory = scheme.Digest, memoryOf(offers) }
}

// memoryOf returns what a client remembers that answered the first of some challenges.
func memoryOf(offers header.Challenges) scheme.Memory {
	for c := range offers.All() {
		return scheme.Memory{Offer: c, Count: 2}
	}
	return scheme.Memory{}
}

// The bodies that drivers hash: one of all requests, one of all responses, and what a
// network makes of either.
const (
	requestBody  = "what is asked"
	responseBody = "what is answered"
	changedBody  = "what became of it"
)

// bodyAnswers returns the answers to the question for a body's hash: it is there, it cannot be
// hashed, or it was changed on its way.
func bodyAnswers(q rfc7616.NeedBodyHash) []gss.Answer {
	text := requestBody
	if q.Response {
		text = responseBody
	}
	return []gss.Answer{bodyHash(q.Algorithm, text), gss.Declined{}, bodyHash(q.Algorithm, changedBody)}
}

func bodyHash(a rfc7616.Algorithm, text string) rfc7616.BodyHash {
	f, _ := rfc7616.For(a)
	return rfc7616.BodyHash{Sum: f.BodyHash([]byte(text)).String()}
}

// bodies are the texts that a driver gave the hashes of, for an exchange: of the request, and of
// the response.
type bodies [2]string

// see takes note of an answer.
func (b *bodies) see(v answered) {
	q, ok := v.question.(rfc7616.NeedBodyHash)
	if !ok {
		return
	}
	at := 0
	if q.Response {
		at = 1
	}
	b[at] = ""
	for _, text := range [...]string{requestBody, responseBody, changedBody} {
		if v.answer == gss.Answer(bodyHash(q.Algorithm, text)) {
			b[at] = text
		}
	}
}

// claim is what credentials of Digest say.
type claim struct {
	user, realm, nonce, opaque, uri, cnonce, nc, response string
	alg                                                   rfc7616.Algorithm
	qop                                                   rfc7616.QOP
}

// claimOf reads credentials of the shipped package. The toy has none with a uri.
func claimOf(c header.Credentials) (p claim, ok bool) {
	if !c.Is(scheme.Digest) {
		return p, false
	}
	for name, to := range map[string]*string{
		"username": &p.user, "realm": &p.realm, "nonce": &p.nonce, "opaque": &p.opaque, "uri": &p.uri, "cnonce": &p.cnonce, "nc": &p.nc, "response": &p.response,
	} {
		*to, _ = c.Param(name)
	}
	p.alg = algorithmOf(c.Param("algorithm"))
	if qop, ok := c.Param("qop"); ok {
		p.qop = qopOf(qop)
	}
	if hashed, _ := c.Param("userhash"); hashed == "true" {
		p.user = hashedUser(p.alg.String(), p.user)
	}
	return p, p.uri != ""
}

// algorithmOf returns the algorithm that a parameter names, which may be absent.
func algorithmOf(text string, there bool) rfc7616.Algorithm {
	if !there {
		return rfc7616.MD5
	}
	a, _ := rfc7616.ParseAlgorithm(text)
	return a
}

// qopOf returns the qop of a name, one that does not exist for another name.
func qopOf(name string) rfc7616.QOP {
	for _, q := range [...]rfc7616.QOP{rfc7616.Auth, rfc7616.AuthInt} {
		if q.String() == name {
			return q
		}
	}
	return rfc7616.AuthInt + 1
}

// hashedUser returns the user that a hash by the named algorithm is the name of, "" if none.
func hashedUser(algorithm, hash string) string {
	f, _ := rfc7616.For(algorithmOf(algorithm, true))
	for _, user := range users {
		if f.UserHash(user, digestRealm).Equal(hash) {
			return user
		}
	}
	return ""
}

// params returns what the proof is computed over.
func (p *claim) params(f rfc7616.Function, qop rfc7616.QOP, method, body string) rfc7616.Params {
	return rfc7616.Params{Nonce: p.nonce, CNonce: p.cnonce, NC: p.nc, QOP: qop, Method: method, URI: p.uri, BodyHash: f.BodyHash([]byte(body))}
}

// proves reports whether the response is right for a password, a method and a body.
func (p *claim) proves(password gss.Secret, method, body string) bool {
	f, err := rfc7616.For(p.alg)
	return err == nil && f.Response(f.HA1(p.user, p.realm, password.Reveal()), p.params(f, p.qop, method, body)).Equal(p.response)
}

// proven tells whether a server's Authentication-Info has a proof, and whether it is the
// right one: by one that knows the user's password, for this very request, and over this
// body where it covers one. What does not parse hides a proof.
func (p *claim) proven(info header.Info, side gss.Side, body string) (came, right bool) {
	proof, came := info.Param("rspauth")
	if !came {
		return info.Malformed(), false
	}
	qop := p.qop
	if text, ok := info.Param("qop"); ok {
		qop = qopOf(text)
	}
	cnonce, _ := info.Param("cnonce")
	nc, _ := info.Param("nc")
	f, err := rfc7616.For(p.alg)
	return true, err == nil && qop >= p.qop && cnonce == p.cnonce && nc == p.nc &&
		f.ResponseAuth(f.HA1(p.user, p.realm, secretOf(p.user, side).Reveal()), p.params(f, qop, "", body)).Equal(proof)
}

// answers reports whether credentials answer a challenge: they have its realm, its nonce,
// its opaque and its algorithm as they came, and one of its qops.
func (p *claim) answers(c header.Challenge, creds header.Credentials) bool {
	for _, name := range [...]string{"realm", "nonce", "opaque", "algorithm"} {
		theirs, there := c.Param(name)
		ours, here := creds.Param(name)
		if theirs != ours || there != here {
			return false
		}
	}
	list, there := c.Param("qop")
	if !there {
		return p.qop == rfc7616.Legacy
	}
	return p.qop != rfc7616.Legacy && slices.Contains(listed(list), p.qop.String())
}

// message returns the claim as a toy's message would say it.
func (p *claim) message(side gss.Side, method string) message {
	m := message{kind: 'i', leg: 1, user: p.user, proof: true}
	for _, body := range [...]string{requestBody, changedBody} {
		m.ours = m.ours || p.proves(secretOf(p.user, side), method, body) || p.proves(wrongSecret(side), method, body)
	}
	return m
}

// readCredentials reads what credentials of any scheme say on a side, for a request of a
// method.
func readCredentials(c header.Credentials, side gss.Side, method string) message {
	if p, ok := claimOf(c); ok {
		return p.message(side, method)
	}
	token, _ := c.Token()
	return read(token, side)
}

// staleIn reports whether a challenge of Digest says that the proof was right.
func staleIn(offers header.Challenges) bool {
	for c := range offers.Of(scheme.Digest) {
		if stale, _ := c.Param("stale"); ascii.EqualFold(stale, "true") {
			return true
		}
	}
	return false
}

// digestTricks are what a network does to Digest, which it can read but not compute.
var digestTricks = []trick{
	{"turns stale around", answers, digestChallenge(func(b []byte, p header.Param) []byte {
		switch {
		case p.Name == "stale":
			return b
		case p.Name == "nonce":
			return header.AppendToken(appendParam(b, p), "stale", "true")
		}
		return appendParam(b, p)
	})},
	{"says stale=false", answers, digestChallenge(func(b []byte, p header.Param) []byte {
		if p.Name == "nonce" {
			return header.AppendToken(appendParam(b, p), "stale", "false")
		}
		return appendParam(b, p)
	})},
	{"takes the algorithms out", answers, digestChallenge(leaveOut("algorithm"))},
	{"takes the qops out", answers, digestChallenge(leaveOut("qop"))},
	{"offers another algorithm", answers, digestChallenge(instead("algorithm", rfc7616.SHA512_256.String()))},
	{"offers auth-int alone", answers, digestChallenge(instead("qop", "auth-int"))},
	{"replays an old challenge", answers, digestOffer(func(d *digestPeers) *[2]header.Challenges { return &d.expired })},
	{"hands another server's challenge on", answers, digestOffer(func(d *digestPeers) *[2]header.Challenges { return &d.alien })},
	{"takes the proof out", answers, digestInfo(func(header.Info) header.Info { return header.Info{} })},
	{"garbles the proof", answers, digestInfo(inInfo("rspauth", func(v string) string { return garbled(v) }))},
	{"gives the proof of another request", answers, digestInfo(inInfo("nc", func(string) string { return "0000000a" }))},
	{"names another server's nonce as the next one", answers, func(w *World, k packet) packet {
		for side, f := range [...]*header.Info{gss.Origin: &k.resp.header.AuthenticationInfo, gss.Proxy: &k.resp.header.ProxyAuthenticationInfo} {
			if d := w.setup.digestPeers(gss.Side(side)); d != nil && f.Present() {
				nonce, _ := memoryOf(d.alien[side]).Offer.Param("nonce")
				*f = header.ParseInfo(string(header.AppendQuoted([]byte(f.Text()), "nextnonce", nonce)))
			}
		}
		return k
	}},
	{"garbles Authentication-Info", answers, digestInfo(func(header.Info) header.Info { return header.ParseInfo("=") })},
	{"garbles the response", asks, digestClaim(func(_ *World, _ gss.Side, _ *request, p claim, c header.Credentials) header.Credentials {
		return inCredentials(c, map[string]string{"response": garbled(p.response)})
	})},
	{"counts on", asks, digestClaim(func(_ *World, _ gss.Side, _ *request, _ claim, c header.Credentials) header.Credentials {
		return inCredentials(c, map[string]string{"nc": "0000000a"})
	})},
	{"replays credentials for another method", asks, replayedClaim(func(_ *claim, method *string) { *method = "DELETE" })},
	{"replays credentials for another resource", asks, replayedClaim(func(p *claim, _ *string) { p.uri = "/other" })},
	{"replays credentials of another algorithm", asks, replayedClaim(func(p *claim, _ *string) { p.alg = rfc7616.SHA512_256 })},
	{"replays credentials of another server", asks, digestClaim(func(w *World, side gss.Side, q *request, p claim, c header.Credentials) header.Credentials {
		p.nonce, _ = memoryOf(w.setup.digestPeers(side).alien[side]).Offer.Param("nonce")
		return p.again(side, q.r.Method, c)
	})},
	{"replays credentials of an old nonce", asks, digestClaim(func(w *World, side gss.Side, q *request, p claim, c header.Credentials) header.Credentials {
		p.nonce, _ = memoryOf(w.setup.digestPeers(side).expired[side]).Offer.Param("nonce")
		return p.again(side, q.r.Method, c)
	})},
}

// realmTricks make an origin of one realm one of two. They are for worlds about that alone.
var realmTricks = []trick{
	{"names another realm", answers, digestChallenge(instead("realm", "another"))},
}

// listed returns the items of a list.
func listed(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// appendParam writes a parameter as it came.
func appendParam(b []byte, p header.Param) []byte {
	if p.Quoted {
		return header.AppendQuoted(b, p.Name, p.Value)
	}
	return header.AppendToken(b, p.Name, p.Value)
}

func leaveOut(name string) func([]byte, header.Param) []byte {
	return func(b []byte, p header.Param) []byte {
		if p.Name == name {
			return b
		}
		return appendParam(b, p)
	}
}

func instead(name, value string) func([]byte, header.Param) []byte {
	return func(b []byte, p header.Param) []byte {
		if p.Name == name {
			p.Value = value
		}
		return appendParam(b, p)
	}
}

// garbled returns a hash with another last digit.
func garbled(hash string) string {
	if hash == "" {
		return hash
	}
	last := byte('0')
	if hash[len(hash)-1] == last {
		last = '1'
	}
	return hash[:len(hash)-1] + string(last)
}

// digestChallenge rewrites the parameters of Digest's challenges.
func digestChallenge(each func([]byte, header.Param) []byte) func(*World, packet) packet {
	return challenges(func(cs []header.Challenge) []header.Challenge {
		for i, c := range cs {
			if !ascii.EqualFold(c.Scheme(), scheme.Digest) {
				continue
			}
			var b []byte
			for p := range c.Params() {
				b = each(b, p)
			}
			cs[i] = header.ParamChallenge(scheme.Digest, string(b))
		}
		return cs
	})
}

// digestOffer puts other challenges of Digest in place of those of a response.
func digestOffer(which func(*digestPeers) *[2]header.Challenges) func(*World, packet) packet {
	return func(w *World, k packet) packet {
		side := gss.Origin
		if k.resp.status == 407 {
			side = gss.Proxy
		}
		d := w.setup.digestPeers(side)
		if d == nil {
			return k
		}
		return challenges(func(cs []header.Challenge) []header.Challenge {
			others := slices.DeleteFunc(slices.Clone(cs), func(c header.Challenge) bool { return ascii.EqualFold(c.Scheme(), scheme.Digest) })
			if len(others) == len(cs) {
				return cs
			}
			return append(slices.Collect(which(d)[side].All()), others...)
		})(w, k)
	}
}

// digestInfo works on the server's word beside a response, of either side.
func digestInfo(do func(header.Info) header.Info) func(*World, packet) packet {
	return func(_ *World, k packet) packet {
		for _, f := range [...]*header.Info{&k.resp.header.AuthenticationInfo, &k.resp.header.ProxyAuthenticationInfo} {
			if f.Present() {
				*f = do(*f)
			}
		}
		return k
	}
}

func inInfo(name string, do func(string) string) func(header.Info) header.Info {
	return func(i header.Info) header.Info {
		var b []byte
		for p := range i.Params() {
			if p.Name == name {
				p.Value = do(p.Value)
			}
			b = appendParam(b, p)
		}
		return header.ParseInfo(string(b))
	}
}

// digestClaim works on credentials of Digest, of either side.
func digestClaim(do func(w *World, side gss.Side, q *request, p claim, c header.Credentials) header.Credentials) func(*World, packet) packet {
	return func(w *World, k packet) packet {
		for side, f := range [...]*header.Credentials{gss.Origin: &k.req.header.Authorization, gss.Proxy: &k.req.header.ProxyAuthorization} {
			if p, ok := claimOf(*f); ok {
				*f = do(w, gss.Side(side), &k.req, p, *f)
			}
		}
		return k
	}
}

// replayedClaim puts in place of credentials others of the same user, which that one made
// for something else, as they were overheard.
func replayedClaim(change func(p *claim, method *string)) func(*World, packet) packet {
	return digestClaim(func(_ *World, side gss.Side, q *request, p claim, c header.Credentials) header.Credentials {
		method := q.r.Method
		change(&p, &method)
		return p.again(side, method, c)
	})
}

// again returns the credentials that an attacker with a user's secret makes of a claim.
func (p *claim) again(side gss.Side, method string, c header.Credentials) header.Credentials {
	f, err := rfc7616.For(p.alg)
	if err != nil {
		return c
	}
	key := f.HA1(p.user, p.realm, secretOf(p.user, side).Reveal())
	with := map[string]string{
		"nonce": p.nonce, "uri": p.uri, "algorithm": p.alg.String(), "response": f.Response(key, p.params(f, p.qop, method, requestBody)).String(),
	}
	if hashed, _ := c.Param("userhash"); hashed == "true" {
		with["username"] = f.UserHash(p.user, p.realm).String()
	}
	return inCredentials(c, with)
}

// inCredentials returns a trick that gives credentials other values.
func inCredentials(c header.Credentials, with map[string]string) header.Credentials {
	var b []byte
	for p := range c.Params() {
		if v, ok := with[p.Name]; ok {
			p.Value = v
		}
		b = appendParam(b, p)
	}
	return header.ParseCredentials(scheme.Digest + " " + string(b))
}

// offers reports whether a parameter of the server's own challenges has a value.
func (d *digestPeers) offers(side gss.Side, name, value string) bool {
	for c := range d.offered[side].All() {
		if v, _ := c.Param(name); v == value {
			return true
		}
	}
	return false
}
