package ntlm

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// The parsers take any bytes; what they accept can be written and read again.

func FuzzNegotiate(f *testing.F) {
	f.Add([]byte(unhex(f, windowsNegotiate)))
	f.Add([]byte(unhex(f, fullNegotiate))[:32])
	f.Add([]byte(unhex(f, fullNegotiate))[:16])
	f.Add(ntlmssp.Negotiate{Flags: ntlmssp.FlagOEMDomain, Domain: "D", Workstation: "W"}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, fault := ntlmssp.ParseNegotiate(string(b))
		if !fault.IsZero() {
			if fault.Code != gss.Malformed || m != (ntlmssp.Negotiate{}) {
				t.Fatal(fault)
			}
			return
		}
		// What is read is a part of what came, and at most as long.
		if again, fault := ntlmssp.ParseNegotiate(string(m.Append(nil))); len(m.Append(nil)) <= ntlmssp.MaxNegotiate && (again != m || !fault.IsZero()) {
			t.Fatalf("%+v became %+v, %v", m, again, fault)
		}
		_ = m.Flags.String()
	})
}

func FuzzChallenge(f *testing.F) {
	for _, hex := range []string{windowsChallenge, fullChallenge, specMessages[0].challenge} {
		f.Add([]byte(unhex(f, hex)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, fault := ntlmssp.ParseChallenge(string(b))
		if !fault.IsZero() {
			if fault.Code != gss.Malformed || m != (ntlmssp.Challenge{}) {
				t.Fatal(fault)
			}
			return
		}
		if again, fault := ntlmssp.ParseChallenge(string(m.Append(nil))); len(m.Append(nil)) <= ntlmssp.MaxChallenge && (again != m || !fault.IsZero()) {
			t.Fatalf("%+v became %+v, %v", m, again, fault)
		}
		m.Flags.Text(m.TargetName)
	})
}

func FuzzAuthenticate(f *testing.F) {
	for _, hex := range []string{windowsAuthenticate, fullAuthenticate, specMessages[0].authenticate, specMessages[1].authenticate} {
		f.Add([]byte(unhex(f, hex)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, fault := ntlmssp.ParseAuthenticate(string(b))
		if !fault.IsZero() {
			if fault.Code != gss.Malformed || m != (ntlmssp.Authenticate{}) {
				t.Fatal(fault)
			}
			return
		}
		wire := m.Append(nil)
		again, fault := ntlmssp.ParseAuthenticate(string(wire))
		if again.MIC == m.MIC {
			m.HasMIC = again.HasMIC // an empty payload leaves the header's length to tell
		}
		if len(wire) <= ntlmssp.MaxAuthenticate && (again != m || !fault.IsZero()) {
			t.Fatalf("%#v became %#v, %v", m, again, fault)
		}
		if len(m.NT) > ntlmssp.V1Size {
			ntlmssp.ParseResponse(m.NT)
		}
		m.Flags.Text(m.User)
	})
}

func FuzzAVPairs(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00"))
	f.Add([]byte(unhex(f, "02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000")))
	f.Add([]byte("\x06\x00\x04\x00\x02\x00\x00\x00\x06\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, fault := ntlmssp.ParseAVPairs(string(b))
		if !fault.IsZero() {
			if fault.Code != gss.Malformed || p != (ntlmssp.AVPairs{}) {
				t.Fatal(fault)
			}
			return
		}
		var raw []byte
		n := 0
		for id, v := range p.All() {
			raw = append(ntlmssp.AppendAV(raw, id, len(v)), v...)
			n++
		}
		if raw = append(raw, 0, 0, 0, 0); string(raw) != p.Raw() || n > ntlmssp.MaxAVPairs {
			t.Fatalf("%d pairs, %x became %x", n, p.Raw(), raw)
		}
		if _, timed := p.Timestamp(); p.Flags() != 0 || timed {
			return
		}
		requirement.Held(t, "fuzz:AVPairs")
	})
}

// FuzzInitiator gives any challenge to a client of any level, then any second
// message. The oracle is in take: no error, no panic, pure, comparable.
func FuzzInitiator(f *testing.F) {
	f.Add([]byte(unhex(f, windowsChallenge)), []byte{}, uint8(0))
	f.Add([]byte(unhex(f, fullChallenge)), []byte("NTLMSSP\x00"), uint8(0x11))
	f.Add([]byte(unhex(f, specMessages[0].challenge)), []byte{}, uint8(0x22))
	f.Add([]byte(unhex(f, specMessages[1].challenge)), []byte{}, uint8(0x13))
	f.Fuzz(func(t *testing.T, challenge, more []byte, bits uint8) {
		w := newWorld(t, Config{Level: Level(bits & 3), RequireMIC: bits&4 != 0, Require128: bits&8 != 0}, acceptorConfig)
		w.login = []gss.Answer{gss.Password{User: "alice", Password: gss.NewSecret("short")}, External{User: "alice"}, Anonymous{}, Hash{User: "alice", NT: Key{1}}}[bits>>4&3]
		c := w.greet()
		if c.State != gss.Continue {
			return
		}
		w.challenge = gss.TokenOf(string(challenge))
		c = w.respond(c.Context)
		if c.State == gss.Complete {
			m, fault := ntlmssp.ParseAuthenticate(c.Token.Bytes())
			if !fault.IsZero() {
				t.Fatalf("our own message does not parse: %v", fault)
			}
			if len(m.NT) > ntlmssp.V1Size {
				if _, fault := ntlmssp.ParseResponse(m.NT); !fault.IsZero() && fault.Code != gss.Malformed {
					t.Fatal(fault)
				}
			}
		}
		refused := take(t, c.Context, w.env(), gss.Input{Token: gss.TokenOf(string(more))})
		if refused.State != gss.Failed {
			t.Fatalf("state %v after the end", refused.State)
		}
	})
}

// FuzzAcceptor gives any two messages to a server, which knows a password that no
// message was made with.
func FuzzAcceptor(f *testing.F) {
	f.Add([]byte(unhex(f, windowsNegotiate)), []byte(unhex(f, windowsAuthenticate)), uint8(0))
	f.Add([]byte(unhex(f, fullNegotiate)), []byte(unhex(f, fullAuthenticate)), uint8(1))
	f.Add([]byte(unhex(f, fullNegotiate))[:16], []byte(unhex(f, specMessages[0].authenticate)), uint8(3))
	f.Add([]byte(unhex(f, fullNegotiate))[:32], []byte(unhex(f, specMessages[1].authenticate)), uint8(2))
	f.Fuzz(func(t *testing.T, hello, token []byte, bits uint8) {
		c := acceptorConfig
		c.Level, c.RequireMIC, c.PassThrough, c.AllowAnonymous = Level(bits&3), bits&4 != 0, bits&8 != 0, bits&16 != 0
		w := newWorld(t, Config{}, c)
		w.hello = gss.TokenOf(string(hello))
		a := w.accept()
		if a.State != gss.Continue {
			return
		}
		if _, fault := ntlmssp.ParseChallenge(a.Token.Bytes()); !fault.IsZero() {
			t.Fatalf("our own message does not parse: %v", fault)
		}
		w.users = func(gss.Question) gss.Answer {
			if c.PassThrough {
				return Logon{}
			}
			return gss.Password{Password: gss.NewSecret("nobody knows this one")}
		}
		w.token = gss.TokenOf(string(token))
		if a = w.judge(a.Context); a.State == gss.Complete && !a.Context.Info().Anonymous {
			t.Fatal("let in without the password")
		}
	})
}

// FuzzExchange damages each message of an exchange that would succeed.
func FuzzExchange(f *testing.F) {
	f.Add(uint8(1), uint16(12), []byte{0xff}, uint8(0))
	f.Add(uint8(2), uint16(20), []byte{0, 0}, uint8(1))
	f.Add(uint8(3), uint16(72), []byte{0, 0, 0, 0}, uint8(2))
	f.Add(uint8(2), uint16(32), []byte("00"), uint8(0)) // moves the target info's descriptor: no time, no MIC
	f.Fuzz(func(t *testing.T, kind uint8, at uint16, with []byte, how uint8) {
		// Without RequireMIC a challenge that lost its time is answered without one.
		server := acceptorConfig
		server.RequireMIC = true
		w := newWorld(t, Config{}, server)
		changed := false
		w.mangle = func(k int, token string) string {
			if k != int(kind) {
				return token
			}
			n := int(at) % (len(token) + 1)
			end := n
			if how%3 == 1 { // in place of as many bytes
				end = min(len(token), n+len(with))
			} else if how%3 == 2 { // in place of the rest
				end = len(token)
			}
			out := token[:n] + string(with) + token[end:]
			changed = out != token
			return out
		}
		// The MIC covers every byte of the three messages.
		if _, a := w.run(); a.State == gss.Complete && changed {
			t.Fatal("let in after a message was changed")
		}
	})
}
