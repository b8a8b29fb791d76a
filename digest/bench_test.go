package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

var (
	sinkSum    [maxHex]byte
	sinkOutput scheme.InitiatorOutput
)

// floor is the least that qop=auth takes: the hashes over stack buffers, and
// nothing read or written. A user name stands for an HA1 that has to be computed.
func floor(alg Algorithm, dst, ha1 *[maxHex]byte, user, realm, password, nonce, nc, cnonce, method, uri string) int {
	sum := func(dst *[maxHex]byte, b []byte) int {
		if alg == MD5 {
			h := md5.Sum(b)
			return hex.Encode(dst[:], h[:])
		}
		h := sha256.Sum256(b)
		return hex.Encode(dst[:], h[:])
	}
	var buf [512]byte
	var ha2 [maxHex]byte
	n := 32
	if alg != MD5 {
		n = 64
	}
	if user != "" {
		b := append(append(append(append(append(buf[:0], user...), ':'), realm...), ':'), password...)
		sum(ha1, b)
	}
	b := append(append(append(buf[:0], method...), ':'), uri...)
	sum(&ha2, b)
	b = append(append(append(buf[:0], ha1[:n]...), ':'), nonce...)
	b = append(append(append(b, ':'), nc...), ':')
	b = append(append(append(b, cnonce...), ":auth:"...), ha2[:n]...)
	return sum(dst, b)
}

// scanFloor finds the parameters of credentials without looking for errors.
func scanFloor(text string, out *[16][2]string) (n int) {
	text = text[len("Digest "):]
	for text != "" && n < len(out) {
		eq := strings.IndexByte(text, '=')
		name := text[:eq]
		text = text[eq+1:]
		var value string
		if text[0] == '"' {
			end := strings.IndexByte(text[1:], '"') + 1
			value, text = text[1:end], text[end+1:]
		} else if end := strings.IndexByte(text, ','); end >= 0 {
			value, text = text[:end], text[end:]
		} else {
			value, text = text, ""
		}
		text = strings.TrimPrefix(text, ", ")
		out[n] = [2]string{name, value}
		n++
	}
	return n
}

const benchURI = "/dir/index.html?x=1&y=2"

// asking is an initiator that waits for the password.
func asking(tb testing.TB, alg Algorithm) scheme.Initiator {
	offer := challenge1(`Digest realm="` + realm7616 + `", domain="/dir /api", nonce="` + nonce7616 + `", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", stale=false, algorithm=` + alg.String() + `, qop="auth", charset="UTF-8"`)
	i, out, err := newClient(tb, ClientConfig{}).Initiate(exchange("GET", benchURI)).Step(newWorld(tb).env(), scheme.InitiatorInput{Event: scheme.Challenged, Offer: offer})
	if err != nil || out.State != gss.Waiting {
		tb.Fatal(out, err)
	}
	return i
}

func BenchmarkDigestClient(b *testing.B) {
	for _, alg := range []Algorithm{MD5, SHA256} {
		name := "case=" + strings.ToLower(strings.ReplaceAll(alg.String(), "-", ""))
		b.Run(name+"/impl=floor", func(b *testing.B) {
			b.ReportAllocs()
			var ha1 [maxHex]byte
			for b.Loop() {
				floor(alg, &sinkSum, &ha1, user, realm7616, password, nonce7616, "00000001", cnonce7616, "GET", benchURI)
			}
		})
		i, env := asking(b, alg), newWorld(b).env()
		in := scheme.InitiatorInput{Event: scheme.Answered, Answer: gss.Password{User: user, Password: gss.NewSecret(password)}}
		b.Run(name+"/impl=ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, sinkOutput, _ = i.Step(env, in)
			}
		})
		b.Run(name+"-parallel/impl=ours", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i.Step(env, in)
				}
			})
		})
	}
}

// verification is everything that verifying one request takes.
type verification struct {
	s       scheme.Server
	x       scheme.Exchange
	env     gss.Env
	cred    header.Credentials
	text    string
	answers [3]scheme.AcceptorInput
	ha1     [maxHex]byte
}

func newVerification(tb testing.TB, alg Algorithm, cfg ServerConfig) *verification {
	w := newWorld(tb)
	cfg.Algorithms = []Algorithm{alg}
	v := &verification{s: newServer(tb, cfg), x: exchange("GET", benchURI), env: w.env()}
	_, out := w.challenged(newClient(tb, ClientConfig{}).Initiate(v.x), w.offer(v.s, v.x))
	v.cred, v.text = wire(out.Credentials), out.Credentials.Text()
	f := function(tb, alg)
	key := f.HA1(user, realm, password)
	copy(v.ha1[:], key.Secret().Reveal())
	h := HA1{MD5: key.Secret()}
	if alg != MD5 {
		h = HA1{SHA256: key.Secret()}
	}
	v.answers = [3]scheme.AcceptorInput{
		{Event: scheme.Answered, Answer: h},
		{Event: scheme.Answered, Answer: gss.ReplayVerdict{First: true}},
		{Event: scheme.Responding, Status: 200},
	}
	return v
}

// steps verifies by the interface, from parsed credentials to Authentication-Info.
func (v *verification) steps() bool {
	a := v.s.Accept(v.x)
	a, _, _ = a.Step(v.env, scheme.AcceptorInput{Event: scheme.Presented, Credentials: v.cred})
	var out scheme.AcceptorOutput
	for n := range v.answers {
		a, out, _ = a.Step(v.env, v.answers[n])
	}
	return out.State == gss.Complete && out.Info.Present()
}

// concrete verifies by the concrete type: what is ours, without a state boxed for
// each step.
func (v *verification) concrete() bool {
	a := v.s.(*server).accept(&v.x)
	in := scheme.AcceptorInput{Event: scheme.Presented, Credentials: v.cred}
	a.step(&v.env, &in)
	var out scheme.AcceptorOutput
	for n := range v.answers {
		out, _ = a.step(&v.env, &v.answers[n])
	}
	return out.State == gss.Complete && out.Info.Present()
}

func (v *verification) floor(alg Algorithm) bool {
	var f [16][2]string
	var nonce, cnonce, nc, uri, response string
	for _, p := range f[:scanFloor(v.text, &f)] {
		switch p[0] {
		case "nonce":
			nonce = p[1]
		case "cnonce":
			cnonce = p[1]
		case "nc":
			nc = p[1]
		case "uri":
			uri = p[1]
		case "response":
			response = p[1]
		}
	}
	n := floor(alg, &sinkSum, &v.ha1, "", "", "", nonce, nc, cnonce, "GET", uri)
	ok := subtle.ConstantTimeCompare(sinkSum[:n], []byte(response)) == 1
	floor(alg, &sinkSum, &v.ha1, "", "", "", nonce, nc, cnonce, "", uri)
	return ok
}

func BenchmarkDigestServer(b *testing.B) {
	for _, alg := range []Algorithm{MD5, SHA256} {
		v := newVerification(b, alg, ServerConfig{})
		name := "case=verify-" + strings.ToLower(strings.ReplaceAll(alg.String(), "-", ""))
		for _, impl := range []struct {
			name string
			f    func() bool
		}{
			{"floor", func() bool { return v.floor(alg) }},
			{"ours", v.concrete},
			{"ours-steps", v.steps},
		} {
			b.Run(name+"/impl="+impl.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if !impl.f() {
						b.Fatal("not verified")
					}
				}
			})
		}
		b.Run(name+"-parallel/impl=ours", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if !v.concrete() {
						b.Fatal("not verified")
					}
				}
			})
		})
	}
	s, x, env := newServer(b, ServerConfig{}), exchange("GET", benchURI), newWorld(b).env()
	b.Run("case=challenge/impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Offer(env, x)
		}
	})
}
