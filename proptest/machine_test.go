package proptest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/broken"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// testClient, testServer and testProxy speak everything.
func schemesOf(tb testing.TB) (cs []scheme.Client, ss []scheme.Server) {
	for _, s := range []struct {
		name string
		toy  gsstoy.Toy
	}{
		{scheme.NTLM, gsstoy.Toy{Legs: 2, OID: gss.NTLM, Bound: true, Fresh: true}},
		{scheme.Negotiate, gsstoy.Toy{Legs: 2, Final: true, Mutual: true, Fresh: true}},
		{scheme.Nego2, gsstoy.Toy{Legs: 2, Final: true, OpensWithToken: true}},
	} {
		s.toy.Asks = true
		traits, _ := scheme.TraitsOf(s.name)
		cs, ss = append(cs, scheme.MechanismClient(traits, s.toy)), append(ss, scheme.MechanismServer(traits, s.toy))
	}
	d := digestScheme(tb)
	return append(cs, d.Client, scheme.BasicClient()), append(ss, d.Server, scheme.BasicServer("r", scheme.AskVerifier))
}

func testClient(tb testing.TB) machine.Client {
	cs, _ := schemesOf(tb)
	c, err := machine.NewClient(machine.ClientConfig{Schemes: cs, Policy: scheme.Policy{Fallback: true, Cleartext: true}})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func testServer(tb testing.TB) machine.Server {
	_, ss := schemesOf(tb)
	s, err := machine.NewServer(machine.ServerConfig{Schemes: ss})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func testProxy(tb testing.TB) machine.Proxy {
	_, ss := schemesOf(tb)
	ss = slices.DeleteFunc(ss, func(s scheme.Server) bool { return s.Traits().OriginOnly })
	p, err := machine.NewProxy(machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: ss}})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// subject is one of ours, with a world around it.
func subject[M machine.Machine[M]](tb testing.TB, r Role, m M) Subject[M] {
	return Subject[M]{
		Machine: m, Role: r, Client: testClient(tb), Server: testServer(tb), Secrets: []string{canary},
		Answers: digestScheme(tb).Answers, StrangerAnswers: Answers("alice", "guess", canary),
	}
}

func TestMachineKitPasses(t *testing.T) {
	t.Run("client", func(t *testing.T) {
		Machine(t, func() Subject[machine.Client] { return subject(t, Client, testClient(t)) })
	})
	t.Run("server", func(t *testing.T) {
		Machine(t, func() Subject[machine.Server] { return subject(t, Server, testServer(t)) })
	})
	t.Run("proxy", func(t *testing.T) {
		Machine(t, func() Subject[machine.Proxy] { return subject(t, Proxy, testProxy(t)) })
	})
}

// machineTrips are the rules by which the machine kit catches each defect.
var machineTrips = [broken.MachineDefects][]rule{
	broken.StepsImpurely:       {pure},
	broken.StepsOtherwiseLater: {oldStates},
	broken.ErrsOnPeer:          {noError},
	broken.PanicsOnPeer:        {noPanic},
	broken.KeepsSlice:          {compares},
	broken.MovesOnMistake:      {misuseKeeps},
	broken.TakesMistake:        {misuseIsError},
	broken.ActsForOthers:       {roleActions},
	broken.RefusesAnswer:       {asksAnswered},
	broken.SendsForever:        {sendsBounded},
	broken.PrintsAnswers:       {redacted},
	broken.RepeatsPeer:         {faultQuiet},
	broken.LetsIn:              {stranger},
}

func TestMachineKitCatches(t *testing.T) {
	var fallen []rule
	for how := range broken.MachineDefects {
		fallen = append(fallen, machineTrips[how]...)
		t.Run(how.String(), func(t *testing.T) {
			var r report
			machineEndless(&r, func() Subject[broken.Machine[machine.Client]] {
				return subject(t, Client, broken.NewMachine(testClient(t), how))
			})
			rapid.Check(t, func(rt *rapid.T) {
				machineEvents(rt, &r, func() Subject[broken.Machine[machine.Server]] {
					return subject(t, Server, broken.NewMachine(testServer(t), how))
				})
			})
			if len(machineTrips[how]) == 0 {
				t.Error("no rule is named")
			}
			wantTrips(t, &r, machineTrips[how])
		})
	}
	for _, rule := range machineRules {
		if !slices.Contains(fallen, rule) {
			t.Errorf("no defect trips %s", book[rule].name)
		}
	}
}

// The walks get somewhere: what a machine can do is done.
func TestMachineWalksReach(t *testing.T) {
	seen := map[string]bool{}
	note := func(acts machine.Actions) {
		for a := range acts.All() {
			seen[nameOf(a)] = true
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		var r report
		machineEvents(rt, &r, func() Subject[watched[machine.Client]] {
			return subject(t, Client, watched[machine.Client]{testClient(t), &note})
		})
		machineEvents(rt, &r, func() Subject[watched[machine.Server]] {
			return subject(t, Server, watched[machine.Server]{testServer(t), &note})
		})
		machineEvents(rt, &r, func() Subject[watched[machine.Proxy]] {
			return subject(t, Proxy, watched[machine.Proxy]{testProxy(t), &note})
		})
	})
	for _, a := range []machine.Action{
		machine.Send{}, machine.Deliver{}, machine.Ask{}, machine.Reply{}, machine.Accept{}, machine.Finish{}, machine.Forward{},
		machine.Relay{}, machine.Reopen{}, machine.Retire{}, machine.Fail{},
	} {
		if !seen[nameOf(a)] {
			t.Errorf("no walk came to a %T", a)
		}
	}
}

// watched tells what a machine does.
type watched[M machine.Machine[M]] struct {
	inner M
	note  *func(machine.Actions)
}

func (w watched[M]) Step(env gss.Env, e machine.Event) (watched[M], machine.Actions, error) {
	next, acts, err := w.inner.Step(env, e)
	(*w.note)(acts)
	w.inner = next
	return w, acts, err
}

func FuzzMachineClient(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(MachineProperty(func() Subject[machine.Client] { return subject(f, Client, testClient(f)) })))
}

func FuzzMachineServer(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(MachineProperty(func() Subject[machine.Server] { return subject(f, Server, testServer(f)) })))
}

func FuzzMachineProxy(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(MachineProperty(func() Subject[machine.Proxy] { return subject(f, Proxy, testProxy(f)) })))
}
