package ntlm

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// flip changes one bit of the message of a kind.
func flip(kind, bit int) func(int, string) string {
	return func(k int, token string) string {
		if k != kind {
			return token
		}
		b := []byte(token)
		b[bit/8] ^= 1 << (bit % 8)
		return string(b)
	}
}

// No bit of the three messages can be changed on its way between our two sides: the
// MIC covers all of them, and nothing takes the MIC away. There is no list of
// harmless bits, since even the version is covered.
func TestNoBitCanBeChanged(t *testing.T) {
	for _, world := range []struct {
		name           string
		client, server func(*Config)
		login          gss.Answer
		want           gss.Flags
	}{
		{name: "default"},
		{name: "message protection", want: gss.Confidential},
		{name: "responses computed elsewhere", login: External{User: "alice", Domain: "EXAMPLE"}},
		{name: "a server that takes NTLMv1 too", server: func(c *Config) { c.Level = V1 }},
		{name: "a server of no domain, with one name", server: func(c *Config) { *c = Config{Computer: "WWW"} }},
		{name: "a server that takes clients which echo nothing", server: func(c *Config) { c.AllowUnechoed, c.RequireMIC = true, true }},
	} {
		t.Run(world.name, func(t *testing.T) {
			client, server := Config{}, acceptorConfig
			if world.server != nil {
				world.server(&server)
			}
			run := func(mangle func(int, string) string) (w worldRun) {
				w.world = newWorld(t, client, server)
				w.clientTarget.Want = world.want
				if world.login != nil {
					w.login = world.login
				}
				w.mangle = mangle
				w.c, w.a = w.run()
				return w
			}
			sound := run(nil)
			if sound.a.State != gss.Complete {
				t.Fatal(sound.c.Fault, sound.a.Fault)
			}
			for kind, message := range map[int]gss.Token{ntlmssp.TypeNegotiate: sound.hello, ntlmssp.TypeChallenge: sound.challenge, ntlmssp.TypeAuthenticate: sound.token} {
				for bit := range 8 * len(message.Bytes()) {
					if r := run(flip(kind, bit)); r.a.State == gss.Complete {
						t.Errorf("message %d, byte %d, bit %d was changed, and the client let in", kind, bit/8, bit%8)
					}
					requirement.Held(t, "unit:ntlm_no_bit_changes", "NLMP-3.2.5.1.2-5")
				}
			}
		})
	}
}

// worldRun is a world and where its sides ended.
type worldRun struct {
	*world
	c, a reached
}

// plain is a client as curl and Firefox are: it sends the target info back as it
// is, with neither MIC nor flags of its own. It answers any challenge that it can
// read.
func (w *world) plain(challenge string, flags ntlmssp.Flags, echo func(ntlmssp.AVPairs) string) (string, bool) {
	ch, fault := ntlmssp.ParseChallenge(challenge)
	if !fault.IsZero() {
		return "", false
	}
	var pairs ntlmssp.AVPairs
	if ch.TargetInfo != "" {
		if pairs, fault = ntlmssp.ParseAVPairs(ch.TargetInfo); !fault.IsZero() {
			return "", false
		}
	}
	info := pairs.Raw()
	if echo != nil {
		info = echo(pairs)
	}
	temp := "\x01\x01\x00\x00\x00\x00\x00\x00" + string(binary.LittleEndian.AppendUint64(nil, uint64(ntlmssp.TimeOf(w.now)))) + "cccccccc\x00\x00\x00\x00" + info
	key := ntowfv2Of(ntowfv1(userPassword), "alice", "EXAMPLE")
	proof := proofV2(key, ch.Server, temp)
	m := ntlmssp.Authenticate{Flags: flags & ch.Flags, NT: string(proof[:]) + temp}
	if m.Flags.Has(ntlmssp.FlagKeyExchange) {
		m.SessionKey = strings.Repeat("k", 16)
	}
	m.User, m.Domain = "alice", "EXAMPLE"
	if m.Flags.Has(ntlmssp.FlagUnicode) {
		m.User, m.Domain = string(ntlmssp.AppendUTF16(nil, m.User)), string(ntlmssp.AppendUTF16(nil, m.Domain))
	}
	return string(m.Append(nil)), true
}

// plainRun is an exchange with that client.
func (w *world) plainRun(flags ntlmssp.Flags, challenge func(string) string, echo func(ntlmssp.AVPairs) string) reached {
	w.tb.Helper()
	w.hello = gss.TokenOf(string(ntlmssp.Negotiate{Flags: flags}.Append(nil)))
	a := w.accept()
	seen := a.Token.Bytes()
	if challenge != nil {
		seen = challenge(seen)
	}
	token, ok := w.plain(seen, flags, echo)
	if !ok {
		return reached{}
	}
	w.token = gss.TokenOf(token)
	return w.judge(a.Context)
}

const (
	plainUnicode = ntlmssp.FlagUnicode | ntlmssp.FlagOEM | ntlmssp.FlagRequestTarget | ntlmssp.FlagNTLM | ntlmssp.FlagAlwaysSign | ntlmssp.FlagESS
	plainOEM     = ntlmssp.FlagOEM | ntlmssp.FlagRequestTarget | ntlmssp.FlagNTLM | ntlmssp.FlagAlwaysSign | ntlmssp.FlagESS
)

// A client without a MIC still returns parts of the challenge: an attacker cannot change what
// it says about the server, or its nonce. What else a CHALLENGE holds is
// covered by a MIC only; these bytes are listed by their reason.
func TestWhatAClientWithoutMICWasShown(t *testing.T) {
	for name, flags := range map[string]ntlmssp.Flags{"UTF-16": plainUnicode, "OEM": plainOEM} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{}, acceptorConfig)
			if a := w.plainRun(flags, nil, nil); a.State != gss.Complete || a.Context.(established).mic {
				t.Fatal(a.Fault)
			}
			raw := w.challenge.Bytes()
			ch, _ := ntlmssp.ParseChallenge(raw)
			harmless := func(at int) string {
				info := len(raw) - len(ch.TargetInfo)
				switch {
				case at >= 14 && at < 16, at >= 42 && at < 44:
					return "a maximum length, which receivers ignore"
				case at >= 20 && at < 24:
					return "flags, which are repeated in the AUTHENTICATE, where anybody can change them as well"
				case at >= 32 && at < 40:
					return "reserved"
				case at >= 48 && at < 56:
					return "the version, for debugging only"
				case at >= 12 && at < 20, at >= 56 && at < info:
					return "the target name, which no response holds"
				}
				return ""
			}
			refused := 0
			for bit := range 8 * len(raw) {
				w := newWorld(t, Config{}, acceptorConfig)
				a := w.plainRun(flags, func(token string) string { return flip(ntlmssp.TypeChallenge, bit)(ntlmssp.TypeChallenge, token) }, nil)
				if a.State != gss.Complete {
					refused++
				} else if harmless(bit/8) == "" {
					t.Errorf("byte %d, bit %d was changed, and the client let in", bit/8, bit%8)
				}
			}
			if refused < 8*len(ch.TargetInfo) {
				t.Errorf("only %d changes refused", refused)
			}
			requirement.Held(t, "unit:ntlm_echo", "NLMP-3.2.5.1.2-5")
		})
	}
}

// What a response may send back, and what Config.AllowUnechoed makes of it.
func TestEcho(t *testing.T) {
	raw := func(pairs ntlmssp.AVPairs, keep func(ntlmssp.AVID, string) (string, bool)) string {
		var b []byte
		for id, v := range pairs.All() {
			if v, ok := keep(id, v); ok {
				b = append(ntlmssp.AppendAV(b, id, len(v)), v...)
			}
		}
		return string(append(b, 0, 0, 0, 0))
	}
	without := func(gone ...ntlmssp.AVID) func(ntlmssp.AVPairs) string {
		return func(p ntlmssp.AVPairs) string {
			return raw(p, func(id ntlmssp.AVID, v string) (string, bool) {
				for _, g := range gone {
					if g == id {
						return "", false
					}
				}
				return v, true
			})
		}
	}
	with := func(change ntlmssp.AVID, value string) func(ntlmssp.AVPairs) string {
		return func(p ntlmssp.AVPairs) string {
			return raw(p, func(id ntlmssp.AVID, v string) (string, bool) {
				if id == change {
					return value, true
				}
				return v, true
			})
		}
	}
	added := func(id ntlmssp.AVID, value string) func(ntlmssp.AVPairs) string {
		return func(p ntlmssp.AVPairs) string {
			return string(append(append(ntlmssp.AppendAV(nil, id, len(value)), value...), p.Raw()...))
		}
	}
	backwards := func(p ntlmssp.AVPairs) string {
		var b []byte
		for id, v := range p.All() {
			b = append(append(ntlmssp.AppendAV(nil, id, len(v)), v...), b...)
		}
		return string(append(b, 0, 0, 0, 0))
	}
	nothing := func(ntlmssp.AVPairs) string { return "\x00\x00\x00\x00" }
	flagsOnly := func(ntlmssp.AVPairs) string { return "\x06\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00" }
	for _, row := range []struct {
		name             string
		echo             func(ntlmssp.AVPairs) string
		strict, tolerant gss.Code
	}{
		{"all of it", nil, gss.NoFault, gss.NoFault},
		{"in another order, as gss-ntlmssp sends it", backwards, gss.NoFault, gss.NoFault},
		{"with zeros behind it, as Windows sends it", func(p ntlmssp.AVPairs) string { return p.Raw() + "\x00\x00\x00\x00" }, gss.NoFault, gss.NoFault},
		{"with flags", added(ntlmssp.AVFlags, "\x00\x00\x00\x00"), gss.NoFault, gss.NoFault},
		{"with a target name", added(ntlmssp.AVTargetName, "H\x00"), gss.NoFault, gss.NoFault},
		{"with Single_Host_Data", added(ntlmssp.AVSingleHost, strings.Repeat("s", 48)), gss.NoFault, gss.NoFault},
		{"with a pair that we do not know", added(77, "x"), gss.NoFault, gss.NoFault},
		{"nothing", nothing, gss.NotAuthentic, gss.NoFault},
		{"flags only", flagsOnly, gss.NotAuthentic, gss.NoFault},
		{"without the time", without(ntlmssp.AVTimestamp), gss.NotAuthentic, gss.NotAuthentic},
		{"without the time and a name", without(ntlmssp.AVTimestamp, ntlmssp.AVDNSComputer), gss.NotAuthentic, gss.NotAuthentic},
		{"the time only", without(ntlmssp.AVComputer, ntlmssp.AVDomain, ntlmssp.AVDNSComputer, ntlmssp.AVDNSDomain), gss.NotAuthentic, gss.NotAuthentic},
		{"another time", with(ntlmssp.AVTimestamp, "\x01\x02\x03\x04\x05\x06\x07\x08"), gss.NotAuthentic, gss.NotAuthentic},
		{"a zero time", with(ntlmssp.AVTimestamp, "\x00\x00\x00\x00\x00\x00\x00\x00"), gss.NotAuthentic, gss.NotAuthentic},
		{"without the computer", without(ntlmssp.AVComputer), gss.NotAuthentic, gss.NotAuthentic},
		{"without the domain", without(ntlmssp.AVDomain), gss.NotAuthentic, gss.NotAuthentic},
		{"without a DNS name", without(ntlmssp.AVDNSDomain), gss.NotAuthentic, gss.NotAuthentic},
		{"another computer", with(ntlmssp.AVComputer, "X\x00W\x00W\x00"), gss.NotAuthentic, gss.NotAuthentic},
		{"the computer in lower case", with(ntlmssp.AVComputer, "w\x00w\x00w\x00"), gss.NotAuthentic, gss.NotAuthentic},
		{"another domain", with(ntlmssp.AVDomain, "D\x00"), gss.NotAuthentic, gss.NotAuthentic},
		{"an empty DNS name", with(ntlmssp.AVDNSComputer, ""), gss.NotAuthentic, gss.NotAuthentic},
		{"a forest that we did not name", added(ntlmssp.AVDNSTree, "f\x00"), gss.NotAuthentic, gss.NotAuthentic},
	} {
		for _, tolerant := range []bool{false, true} {
			want := row.strict
			c := acceptorConfig
			if c.AllowUnechoed = tolerant; tolerant {
				want = row.tolerant
			}
			for _, level := range []Level{V2, V1} {
				c.Level = level
				w := newWorld(t, Config{}, c)
				if a := w.plainRun(plainUnicode, nil, row.echo); a.Fault.Code != want || (a.State == gss.Complete) != (want == gss.NoFault) {
					t.Errorf("%s, AllowUnechoed %v, level %d: %v, want %v", row.name, tolerant, level, a.Fault, want)
				}
			}
			c.PassThrough, c.Level = true, V2
			w := newWorld(t, Config{}, c)
			w.users = controller("alice", userPassword)
			if a := w.plainRun(plainUnicode, nil, row.echo); a.Fault.Code != want {
				t.Errorf("%s, AllowUnechoed %v, by a domain controller: %v, want %v", row.name, tolerant, a.Fault, want)
			}
			requirement.Held(t, "unit:ntlm_echo", "NLMP-3.2.5.1.2-5")
		}
	}
	// What did not come back says nothing about a wrong password, which is found first.
	w := newWorld(t, Config{}, acceptorConfig)
	w.users = knowing("alice", "another")
	refused(t, w.plainRun(plainUnicode, nil, nothing), gss.BadCredentials)
}

// prop: edits of the CHALLENGE that know its structure. Our client's AUTHENTICATE for
// a changed CHALLENGE is never taken, and the response of a client without a MIC only
// where what it says about the server is unchanged.
func TestPropertyEditedChallenge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		edit := func(token string) string { return editChallenge(rt, token) }
		server := acceptorConfig
		server.Level = rapid.SampledFrom([]Level{V2, V1Session, V1}).Draw(rt, "level")
		w := newWorld(t, Config{}, server)
		var seen string
		w.mangle = func(kind int, token string) string {
			if kind == ntlmssp.TypeChallenge {
				token = edit(token)
				seen = token
			}
			return token
		}
		if _, a := w.run(); a.State == gss.Complete && seen != w.challenge.Bytes() {
			rt.Fatalf("a client was let in that saw\n%x in place of\n%x", seen, w.challenge.Bytes())
		}
		w = newWorld(t, Config{}, server)
		if a := w.plainRun(plainUnicode, edit, nil); a.State == gss.Complete {
			m, _ := ntlmssp.ParseAuthenticate(w.token.Bytes())
			r, _ := ntlmssp.ParseResponse(m.NT)
			ch, _ := ntlmssp.ParseChallenge(w.challenge.Bytes())
			sent, _ := ntlmssp.ParseAVPairs(ch.TargetInfo)
			for id := range ntlmssp.AVID(20) {
				ours, a := sent.Get(id)
				theirs, b := r.Pairs.Get(id)
				if (id <= ntlmssp.AVDNSTree || id == ntlmssp.AVTimestamp) && (ours != theirs || a != b) {
					rt.Fatalf("%v came back as %x, was %x", id, theirs, ours)
				}
			}
		}
		requirement.Held(t, "prop:ntlm_edited_challenge", "NLMP-3.2.5.1.2-5")
	})
}

// editChallenge edits ids, lengths, values and order of the pairs, the offsets and
// lengths of both fields, and the flags.
func editChallenge(rt *rapid.T, token string) string {
	m, _ := ntlmssp.ParseChallenge(token)
	pairs, _ := ntlmssp.ParseAVPairs(m.TargetInfo)
	type pair struct {
		id    ntlmssp.AVID
		n     int
		value string
	}
	var list []pair
	for id, v := range pairs.All() {
		list = append(list, pair{id, len(v), v})
	}
	ids := rapid.SampledFrom([]ntlmssp.AVID{ntlmssp.AVEnd, ntlmssp.AVComputer, ntlmssp.AVDomain, ntlmssp.AVDNSComputer, ntlmssp.AVDNSDomain, ntlmssp.AVDNSTree, ntlmssp.AVFlags, ntlmssp.AVTimestamp, ntlmssp.AVSingleHost, ntlmssp.AVTargetName, ntlmssp.AVChannelBindings, 11, 0x107, 0x8007})
	for range rapid.IntRange(0, 4).Draw(rt, "edits") {
		at := rapid.IntRange(0, len(list)).Draw(rt, "pair")
		switch what := rapid.SampledFrom([]string{"id", "length", "value", "drop", "insert", "swap", "flags"}).Draw(rt, "edit"); {
		case what == "flags":
			m.Flags ^= ntlmssp.Flags(rapid.Uint32().Draw(rt, "flags"))
		case what == "insert":
			v := rapid.SampledFrom([]string{"", "x\x00", "\x04\x00\x00\x00", "\x02\x00\x00\x00", "timetime", strings.Repeat("b", 16)}).Draw(rt, "value")
			list = append(list[:at:at], append([]pair{{ids.Draw(rt, "id"), len(v), v}}, list[at:]...)...)
		case at == len(list):
		case what == "id":
			list[at].id = ids.Draw(rt, "id")
		case what == "length":
			list[at].n = rapid.IntRange(0, 20).Draw(rt, "length")
		case what == "value" && list[at].value != "":
			b := []byte(list[at].value)
			b[rapid.IntRange(0, len(b)-1).Draw(rt, "byte")] ^= byte(rapid.IntRange(1, 255).Draw(rt, "bits"))
			list[at].value = string(b)
		case what == "drop":
			list = append(list[:at:at], list[at+1:]...)
		case what == "swap":
			list[0], list[at] = list[at], list[0]
		}
	}
	var info []byte
	for _, p := range list {
		info = append(ntlmssp.AppendAV(info, p.id, p.n), p.value...)
	}
	m.TargetInfo = string(append(info, 0, 0, 0, 0))
	b := m.Append(nil)
	for _, at := range []int{12, 16, 40, 44} { // lengths and offsets of name and info
		if rapid.IntRange(0, 4).Draw(rt, fmt.Sprint("field ", at)) == 0 {
			binary.LittleEndian.PutUint16(b[at:], rapid.SampledFrom([]uint16{0, 16, 32, 40, 48, 56, 57, 70, uint16(len(b)), uint16(len(b) - 1), uint16(len(b) - 56)}).Draw(rt, "number"))
		}
	}
	return string(b)
}

// A CHALLENGE that announces target info and has none is not taken for one of an old
// server, which would be answered without a MIC. One that announces none is.
func TestChallengeWithoutItsTargetInfo(t *testing.T) {
	short := func(m ntlmssp.Challenge) string { // as servers before Windows 2000 wrote it: no field for the info
		b := append([]byte(nil), m.Append(nil)[:32]...)
		copy(b[12:], ntlmssp.AppendSpan(nil, len(m.TargetName), 32))
		return string(append(b, m.TargetName...))
	}
	for _, row := range []struct {
		name    string
		rewrite func(ntlmssp.Challenge) string
		old     bool
	}{
		{"a header without the field", short, false},
		{"a header without the field, and no name", func(m ntlmssp.Challenge) string { m.TargetName = ""; return short(m) }, false},
		{"an empty field", func(m ntlmssp.Challenge) string { m.TargetInfo = ""; return string(m.Append(nil)) }, false},
		{"the name where the field should be", func(m ntlmssp.Challenge) string {
			b := m.Append(nil)
			copy(b[12:], ntlmssp.AppendSpan(nil, len(m.TargetName), 40))
			return string(b)
		}, false},
		{"an old header, and no announcement", func(m ntlmssp.Challenge) string { m.Flags &^= ntlmssp.FlagTargetInfo; return short(m) }, true},
		{"an empty field, and no announcement", func(m ntlmssp.Challenge) string {
			m.Flags &^= ntlmssp.FlagTargetInfo
			m.TargetInfo = ""
			return string(m.Append(nil))
		}, true},
	} {
		for _, level := range []Level{V2, V1Session} {
			for _, ess := range []ntlmssp.Flags{ntlmssp.FlagESS, 0} {
				w := newWorld(t, Config{Level: level}, acceptorConfig)
				w.mangle = func(kind int, token string) string {
					if kind != ntlmssp.TypeChallenge {
						return token
					}
					m, _ := ntlmssp.ParseChallenge(token)
					m.Flags = m.Flags&^ntlmssp.FlagESS | ess
					return row.rewrite(m)
				}
				c := w.greet()
				w.accept()
				c = w.respond(c.Context)
				switch {
				case !row.old && (c.State != gss.Failed || c.Fault.Code != gss.Malformed):
					t.Errorf("%s, level %d: %v, %v", row.name, level, c.State, c.Fault)
				case row.old && level == V2 && c.State != gss.Complete:
					t.Errorf("%s, level %d: %v, %v", row.name, level, c.State, c.Fault)
				}
				requirement.Held(t, "unit:ntlm_missing_target_info", "NLMP-2.2.2.5-2")
			}
		}
	}
}
