package ntlm

import (
	"crypto/md5"
	stdrc4 "crypto/rc4"
	"testing"
	"unsafe"

	"github.com/countersign-auth/countersign/internal/ntlmssp"

	"github.com/countersign-auth/countersign/gss"
	//lint:ignore SA1019 the floor is what the protocol asks for
	"golang.org/x/crypto/md4"
)

var (
	sinkOutput gss.Output
	sinkByte   byte
)

// The floor is the least that the protocol allows with Go's own crypto: the
// hashes over stack buffers, messages given, nothing parsed, written or kept.

func floorHMAC(key []byte, parts ...[]byte) [16]byte {
	var room [1024]byte
	for i := range 64 {
		room[i] = 0x36
	}
	for i, k := range key {
		room[i] ^= k
	}
	b := room[:64]
	for _, p := range parts {
		b = append(b, p...)
	}
	inner := md5.Sum(b)
	var outer [80]byte
	for i := range 64 {
		outer[i] = 0x5c
	}
	for i, k := range key {
		outer[i] ^= k
	}
	copy(outer[64:], inner[:])
	return md5.Sum(outer[:])
}

func floorMD4(password []byte) (k [16]byte) {
	h := md4.New()
	h.Write(password)
	h.Sum(k[:0])
	return k
}

func floorRC4(key, message []byte) (out [16]byte) {
	c, _ := stdrc4.NewCipher(key)
	c.XORKeyStream(out[:], message)
	return out
}

// ingredients are the inputs of the floor, taken from one exchange of ours.
type ingredients struct {
	password, userDomain, server, temp, hello, challenge, token, key []byte
}

func prepare(tb testing.TB, w *world) (in ingredients, challenge gss.Token, waiting gss.Context) {
	c := w.greet()
	w.accept()
	w.respond(c.Context)
	m, _ := ntlmssp.ParseAuthenticate(w.token.Bytes())
	ch, _ := ntlmssp.ParseChallenge(w.challenge.Bytes())
	in = ingredients{password: ntlmssp.AppendUTF16(nil, userPassword), userDomain: ntlmssp.AppendUTF16(nil, "ALICEEXAMPLE"), server: append([]byte(nil), ch.Server[:]...),
		temp: []byte(m.NT[16:]), hello: []byte(w.hello.Bytes()), challenge: []byte(w.challenge.Bytes()), token: []byte(w.token.Bytes()), key: []byte(m.SessionKey)}
	return in, w.challenge, c.Context
}

func (in *ingredients) client(env gss.Env) byte {
	nt := floorMD4(in.password)
	v2 := floorHMAC(nt[:], in.userDomain)
	proof := floorHMAC(v2[:], in.server, in.temp)
	base := floorHMAC(v2[:], proof[:])
	var random [24]byte
	env.Fill("floor", random[:])
	encrypted := floorRC4(base[:], random[8:])
	mic := floorHMAC(random[8:], in.hello, in.challenge, in.token)
	return mic[0] ^ encrypted[0]
}

// verify is false when the response does not match, so that it cannot drift.
func (in *ingredients) verify() bool {
	nt := floorMD4(in.password)
	v2 := floorHMAC(nt[:], in.userDomain)
	proof := floorHMAC(v2[:], in.server, in.temp)
	base := floorHMAC(v2[:], proof[:])
	exported := floorRC4(base[:], in.key)
	var zeroed [1024]byte
	token := append(zeroed[:0], in.token...)
	clear(token[72:88])
	mic := floorHMAC(exported[:], in.hello, in.challenge, token)
	return string(mic[:]) == string(in.token[72:88])
}

// wholeClient is a login of ours: type 1 and type 3 with everything.
func wholeClient(m gss.Mechanism, t gss.Target, login gss.Answer, challenge gss.Token, env gss.Env) gss.Output {
	c, _, _ := m.Initiate(t).Step(env, gss.Input{})
	c, _, _ = c.Step(env, gss.Input{Answer: login})
	_, out, _ := c.Step(env, gss.Input{Token: challenge})
	return out
}

// BenchmarkClient is P8: NEGOTIATE and AUTHENTICATE with MIC, channel binding and
// key exchange.
func BenchmarkClient(b *testing.B) {
	w := newWorld(b, Config{}, acceptorConfig)
	in, challenge, _ := prepare(b, w)
	env := w.env()
	var m gss.Mechanism = w.client
	b.Run("case=type1+3/impl=floor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sinkByte += in.client(env)
		}
	})
	b.Run("case=type1+3/impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if sinkOutput = wholeClient(m, target, w.login, challenge, env); sinkOutput.State != gss.Complete {
				b.Fatal(sinkOutput.Fault)
			}
		}
	})
}

// BenchmarkServer is P9: an AUTHENTICATE with a MIC verified.
func BenchmarkServer(b *testing.B) {
	w := newWorld(b, Config{}, acceptorConfig)
	in, _, c := prepare(b, w)
	a := w.accept()
	w.respond(c)
	token, env := gss.Input{Token: w.token}, w.env()
	answer := gss.Input{Answer: gss.Password{Password: gss.NewSecret(userPassword)}}
	b.Run("case=verify/impl=floor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !in.verify() {
				b.Fatal("the floor does not verify")
			}
		}
	})
	b.Run("case=verify/impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			j, _, _ := a.Context.Step(env, token)
			if _, sinkOutput, _ = j.Step(env, answer); sinkOutput.State != gss.Complete {
				b.Fatal(sinkOutput.Fault)
			}
		}
	})
	b.Run("case=challenge/impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		hello := gss.Input{Token: w.hello}
		for b.Loop() {
			_, sinkOutput, _ = w.server.Accept(target).Step(env, hello)
		}
	})
}

// BenchmarkSession is one sealed message of 64 bytes, there and back.
func BenchmarkSession(b *testing.B) {
	i, a := pair(b, sessionFlags)
	message := string(make([]byte, 64))
	b.ReportAllocs()
	for b.Loop() {
		_, token, _ := i.Wrap(gss.Env{}, message, true)
		if _, plain, _, _ := a.Unwrap(token); plain != message {
			b.Fatal("not unwrapped")
		}
	}
}

// P8 and what the other paths take; alloc counts do not swing.
func TestAllocations(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	_, challenge, c := prepare(t, w)
	env := w.env()
	var m gss.Mechanism = w.client
	if n := testing.AllocsPerRun(200, func() { sinkOutput = wholeClient(m, target, w.login, challenge, env) }); n > 12 {
		t.Errorf("client: %v allocations, want at most 12", n)
	}
	a := w.accept()
	w.respond(c)
	token, answer := gss.Input{Token: w.token}, gss.Input{Answer: gss.Password{Password: gss.NewSecret(userPassword)}}
	if n := testing.AllocsPerRun(200, func() {
		j, _, _ := a.Context.Step(env, token)
		_, sinkOutput, _ = j.Step(env, answer)
	}); n > 10 || sinkOutput.State != gss.Complete {
		t.Errorf("server: %v allocations, want at most 10 (%v)", n, sinkOutput.Fault)
	}
	raw := w.token.Bytes()
	if n := testing.AllocsPerRun(200, func() {
		m, _ := ntlmssp.ParseAuthenticate(raw)
		r, _ := ntlmssp.ParseResponse(m.NT)
		sinkByte += byte(r.Pairs.Flags())
	}); n != 0 {
		t.Errorf("parsing: %v allocations", n)
	}
}

// P15: what a half-open and a finished context hold, with their strings.
func TestSizes(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	c := w.greet()
	a := w.accept()
	half := a.Context.(wantAuthenticate)
	data, _ := half.binding.Data()
	if n := int(unsafe.Sizeof(half)) + len(half.hello) + len(data); n > 256 {
		t.Errorf("a half-open acceptor holds %d bytes, want at most 256", n)
	}
	w.respond(c.Context)
	r := w.judge(a.Context)
	done := r.Context.(established)
	if n := int(unsafe.Sizeof(done)) + len(done.user) + len(done.domain) + len(done.data); n > 512 {
		t.Errorf("a finished context holds %d bytes, want at most 512", n)
	}
	t.Logf("half-open acceptor %d, initiator %d, asking %d, established %d, session %d", unsafe.Sizeof(half), unsafe.Sizeof(wantChallenge{}), unsafe.Sizeof(wantVerifier{}), unsafe.Sizeof(done), unsafe.Sizeof(session{}))
}
