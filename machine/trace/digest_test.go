package trace

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Digest has questions and answers of its own, leases and facts, and draws
// entropy: all of it comes out again byte for byte.
func TestReplayDigest(t *testing.T) {
	client, err := digest.NewClient(digest.ClientConfig{PreferAuthInt: true})
	if err != nil {
		t.Fatal(err)
	}
	server, err := digest.NewServer(digest.ServerConfig{
		Realm: "a realm", Keys: []gss.Secret{gss.NewSecret(strings.Repeat(canary, 8))}, Algorithms: []digest.Algorithm{digest.MD5}})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, setup{clients: []scheme.Client{client}, servers: []scheme.Server{server}})
	sum := md5.Sum([]byte("alice:a realm:" + canary))
	ha1 := digest.HA1{User: "alice", MD5: gss.NewSecret(hex.EncodeToString(sum[:]))}
	w.answer = func(q gss.Question) gss.Answer {
		switch q := q.(type) {
		case gss.NeedCredential, gss.NeedVerifier:
			return ha1
		case gss.NeedReplayCheck:
			return gss.ReplayVerdict{First: true}
		case digest.NeedBodyHash:
			if !q.Response {
				return digest.BodyHash{Sum: strings.Repeat("0", 32)}
			}
		}
		return gss.Declined{}
	}
	var space machine.Space
	for range 2 {
		b := w.get("/x")
		space, b.Lease = space.Lease("/x")
		d, ok := w.run(b).(machine.Deliver)
		if !ok || !d.Authenticated {
			t.Fatalf("the exchange ends with %v", w.records[len(w.records)-1])
		}
		space = space.Learn(d.OriginFacts)
	}

	v, err := Vocab(digest.HA1{}, digest.NeedBodyHash{}, digest.BodyHash{})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Key: key, Vocabulary: v}
	for _, out := range outputs(t, c, w.records...) {
		if shows(out) || strings.Contains(out, ha1.MD5.Reveal()) {
			t.Fatalf("a secret shows in %s", out)
		}
	}
	tr, err := Decode(c, write(t, c, w.records...))
	if err != nil {
		t.Fatal(err)
	}
	steps := again(t, v, w.freshClient, Of(tr.Records, Client, "conn-1")) + again(t, v, w.freshServer, Of(tr.Records, Server, "conn-1"))
	if steps != len(w.records) {
		t.Errorf("%d of %d steps were replayed", steps, len(w.records))
	}
	if _, err := Decode(Config{Key: key}, write(t, c, w.records...)); problemOf(t, err) != gss.Misuse("") {
		t.Errorf("without the vocabulary: %v", err)
	}
	// Without its seeds it is another exchange.
	records := Of(tr.Records, Client, "conn-1")
	for i := range records {
		records[i].Env.Seed[0] ^= 1
	}
	if _, d, err := Replay(v, w.freshClient, records); err != nil || !strings.HasPrefix(d.Where, "Send.") {
		t.Errorf("other seeds: %v, %v", d, err)
	}
}
