package model

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
)

const negotiationsFile = "testdata/negotiations.txt"

// Every claim about gss/spnego holds against a man in the middle, in worlds that are
// the ones that they were. They are small enough to be explored in full each time.
func TestNegotiations(t *testing.T) {
	var got strings.Builder
	counts := make([]uint64, len(bargainProperties))
	for _, n := range negotiations() {
		for _, size := range []Size{Quick, Full} {
			var b bargain
			r, err := n.explore(size, Options{}, &b)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range r.Outcomes {
				counts[i] += o.Count
				if o.Status == Fell || o.Status == Unfinished || o.Status == Vacuous && o.check.Kind == Sometimes {
					t.Errorf("negotiation %s %v: property %s %v, want: %s\nThis happened:\n%s", n.Name, size, o.Name, o.Status, bargainProperties[i].Says, b.story(o.path))
				}
			}
			fmt.Fprintf(&got, "%s %v: %d states, %d transitions, depth %d\n", n.Name, size, r.States, r.Transitions, r.Depth)
		}
	}
	for i, n := range counts {
		if n == 0 && !t.Failed() {
			t.Errorf("%s had nothing to say in any world", bargainProperties[i].Name)
		}
	}
	if *update {
		if err := os.WriteFile(negotiationsFile, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(negotiationsFile); err != nil || string(want) != got.String() {
		t.Errorf("%s (%v):\n%s", negotiationsFile, err, got.String())
	}
}

// bent is a mechanism with contexts that report what is not so.
type bent struct {
	gss.Mechanism
	lie lie
}

type lie uint8

const (
	protectsEarly lie = iota + 1
	namesAnother
	keepsThePeer
	givesNoReason
)

func (m bent) Initiate(t gss.Target) gss.Context {
	return bentContext{m.Mechanism.Initiate(t), m.lie, 0}
}
func (m bent) Accept(t gss.Target) gss.Context { return bentContext{m.Mechanism.Accept(t), m.lie, 0} }

type bentContext struct {
	gss.Context
	lie   lie
	state gss.State
}

func (c bentContext) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	next, out, err := c.Context.Step(env, in)
	if c.lie == givesNoReason && out.State == gss.Failed {
		out = gss.Output{State: gss.Failed}
	}
	return bentContext{next, c.lie, out.State}, out, err
}

func (c bentContext) Session() (gss.Session, bool) {
	s, ok := c.Context.Session()
	return s, ok || c.lie == protectsEarly
}

func (c bentContext) Info() gss.Info {
	i := c.Context.Info()
	switch {
	case c.lie == namesAnother && c.state == gss.Complete:
		i.Mech = gss.NegoEx
	case c.lie == keepsThePeer:
		i.Peer = "alice"
	}
	return i
}

// Every property falls where it should: with what is weak by configuration, and with
// contexts that lie.
func TestNegotiationMutants(t *testing.T) {
	weak := func() negotiation { // no integrity below, and no proof demanded
		toys := []gsstoy.Toy{kerberosLike(1), ntlmLike(2, func(t *gsstoy.Toy) { t.Integrity = false })}
		m := negotiating(spnego.Config{Fallback: true}, toys...)
		return negotiation{Name: "weak", sides: [2]gss.Mechanism{m, m}, best: [2]gss.OID{gss.Kerberos, gss.Kerberos}, trouble: [2]uint8{2, 2}}
	}
	lying := func(l lie) func() negotiation { // one of the two
		return func() negotiation {
			n := negotiations()[0]
			n.sides[accepting] = bent{n.sides[accepting], l}
			return n
		}
	}
	dead := func() negotiation {
		n := negotiations()[0]
		n.sides = [2]gss.Mechanism{gsstoy.Toy{}, gsstoy.Toy{}}
		return n
	}
	for name, v := range map[string]struct {
		world func() negotiation
		falls []string
	}{
		"nothing to prove it with": {weak, []string{"DowngradeDetected", "MICBeforeComplete"}},
		"protects early":           {lying(protectsEarly), []string{"NoSessionBeforeComplete"}},
		"names another":            {lying(namesAnother), []string{"DowngradeDetected", "MICBeforeComplete", "SameMechanism"}},
		"keeps the peer":           {lying(keepsThePeer), []string{"TypedRefusal"}},
		"gives no reason":          {lying(givesNoReason), []string{"TypedRefusal"}},
		"never ends":               {dead, []string{"BothComplete"}},
	} {
		var b bargain
		r, err := v.world().explore(Quick, Options{}, &b)
		if err != nil {
			t.Fatal(name, err)
		}
		var fell []string
		for _, o := range r.Outcomes {
			if o.Status == Fell || o.Status == Vacuous && o.check.Kind == Sometimes {
				fell = append(fell, o.Name)
			}
		}
		if !slices.Equal(fell, v.falls) {
			t.Errorf("%s: %v fall, want %v", name, fell, v.falls)
		}
	}
}
