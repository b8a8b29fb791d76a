package model

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

var all = Properties()

const goldenFile = "testdata/worlds.txt"

func (n Size) String() string { return [...]string{"quick", "full"}[n] }

// quickly is what became of each world in quick size, by its name.
var quickly = sync.OnceValues(func() (map[string]explored, error) {
	worlds := map[string]explored{}
	for _, s := range slices.Concat(Worlds(), MechanismWorlds()) {
		e, err := explore(s, Quick)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		worlds[s.Name] = e
	}
	return worlds, nil
})

type explored struct {
	*World
	Report
}

func explore(s Scenario, size Size) (explored, error) {
	w, err := s.World(size, Tune{})
	if err != nil {
		return explored{}, err
	}
	for i := range w.concerned { // TestConcerns sees that it makes no difference
		w.concerned[i] = true
	}
	return explored{w, w.Check(Options{})}, nil
}

// Every property holds in every world; and the worlds are the ones that they were: a
// change of a machine that adds or removes a state shows here.
//
//	go test ./model -full            explores them in full size
//	go test ./model -full -update    and writes the golden file, of both sizes
func TestWorlds(t *testing.T) {
	sizes := []Size{Quick}
	if *full {
		sizes = append(sizes, Full)
	}
	golden := readGolden(t)
	quick, err := quickly()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range sizes {
		var states, transitions uint64
		for _, s := range Worlds() {
			name := s.Name + " " + size.String()
			t.Run(name, func(t *testing.T) {
				r := quick[s.Name]
				if size != Quick {
					var err error
					if r, err = explore(s, size); err != nil {
						t.Fatal(err)
					}
				}
				for i, o := range r.Outcomes {
					if o.Status == Fell || o.Status == Unfinished {
						t.Errorf("property %s %v, want: %s\nThis happened:\n%s", o.Name, o.Status, all[i].Says, r.story(o.path).Text())
					}
				}
				states += r.States
				transitions += r.Transitions
				if r.States > 100_000 && r.Bytes/r.States > 256 {
					t.Errorf("%d bytes a state", r.Bytes/r.States)
				}
				got := fmt.Sprintf("%d states, %d transitions, depth %d", r.States, r.Transitions, r.Depth)
				if *update {
					golden[name] = got
				} else if golden[name] != got {
					t.Errorf("the world has %s, want %s as in the golden file", got, golden[name])
				}
			})
		}
		t.Logf("%v: %d states, %d transitions", size, states, transitions)
	}
	if *update {
		writeGolden(t, golden)
	}
}

// judgedOften is how often each property has something to say in the quick worlds, at least:
// one that hardly ever has proves little.
const judgedOften = 500

func TestEveryPropertyIsJudged(t *testing.T) {
	worlds, err := quickly()
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		n, most, in := uint64(0), uint64(0), ""
		for name, w := range worlds {
			count := w.Outcomes[i].Count
			if n += count; count > most {
				most, in = count, name
			}
		}
		if n < judgedOften {
			t.Errorf("%s is judged %d times in all worlds, at most %d times in one (%s), want %d at least", p.Name, n, most, in, judgedOften)
		}
	}
}

func readGolden(t *testing.T) map[string]string {
	golden := map[string]string{}
	b, err := os.ReadFile(goldenFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		name, counts, _ := strings.Cut(strings.TrimSpace(l), ": ")
		golden[name] = counts
	}
	return golden
}

func writeGolden(t *testing.T, golden map[string]string) {
	var b strings.Builder
	for _, s := range Worlds() {
		for _, size := range []Size{Quick, Full} {
			name := s.Name + " " + size.String()
			fmt.Fprintf(&b, "%s: %s\n", name, golden[name])
		}
	}
	if err := os.WriteFile(goldenFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestProperties(t *testing.T) {
	if len(all) > maxProperties {
		t.Fatalf("%d properties, a Set holds %d", len(all), maxProperties)
	}
	var names []string
	for i, p := range all {
		names = append(names, p.Name)
		judges := 0
		for _, set := range []bool{p.client != nil, p.acceptor != nil, p.state != nil} {
			if set {
				judges++
			}
		}
		if p.Says == "" || len(p.Rows) == 0 || judges == 0 || p.state != nil && judges > 1 {
			t.Errorf("property %d, %q, has %d judgements, %d rows and says %q; want one judgement of states or some of steps, a row and a claim", i, p.Name, judges, len(p.Rows), p.Says)
		}
	}
	slices.Sort(names)
	if twice := len(names) - len(slices.Compact(names)); twice > 0 {
		t.Errorf("%d names stand for two properties", twice)
	}
}

func TestTrickNames(t *testing.T) {
	for _, s := range Worlds() {
		c := s.setup()
		if slices.Contains(c.tricks, -1) {
			t.Errorf("%s names a trick that there is not", s.Name)
		}
		if c.hours > maxHours || len(c.statuses) > maxStatuses {
			t.Errorf("%s has %d hours and %d statuses, there is room for %d and %d", s.Name, c.hours, len(c.statuses), maxHours, maxStatuses)
		}
	}
	if got := trickSet("swaps the status for 401", "no such trick"); len(got) != 2 || got[1] != -1 {
		t.Errorf("%v", got)
	}
}

// A machine that is tuned to fail is seen to: the way that counterexamples and
// pictures of them look is golden.
func TestStory(t *testing.T) {
	s := Worlds()[slices.IndexFunc(Worlds(), func(s Scenario) bool { return s.Name == "shared-front" })]
	c := s.setup()
	c.requests, c.trouble, c.sharedFront = 2, 0, false // the origin does not know about the front
	w, err := newSystem(c)
	if err != nil {
		t.Fatal(err)
	}
	r := w.Check(Options{})
	i := slices.IndexFunc(r.Outcomes, func(o Outcome) bool { return o.Name == "IdentityIsTheSenders" })
	if r.Outcomes[i].Status != Fell {
		t.Fatalf("IdentityIsTheSenders %v", r.Outcomes[i].Status)
	}
	story := w.story(r.Outcomes[i].path)
	for file, got := range map[string]string{"testdata/story.txt": story.Text(), "testdata/story.mmd": story.Mermaid()} {
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != got {
			t.Errorf("%s (%v):\n%s", file, err, got)
		}
	}
}

// The same world explored twice is the same to the number.
func TestDeterministic(t *testing.T) {
	var first Report
	for n := range 2 {
		w, err := Worlds()[0].World(Quick, Tune{})
		if err != nil {
			t.Fatal(err)
		}
		r := w.Check(Options{})
		if n == 0 {
			first = r
			continue
		}
		if r.States != first.States || r.Transitions != first.Transitions || r.Depth != first.Depth {
			t.Errorf("%d/%d/%d, then %d/%d/%d", first.States, first.Transitions, first.Depth, r.States, r.Transitions, r.Depth)
		}
		for i := range r.Outcomes {
			if r.Outcomes[i].Count != first.Outcomes[i].Count {
				t.Errorf("%s counts %d, then %d", all[i].Name, first.Outcomes[i].Count, r.Outcomes[i].Count)
			}
		}
	}
}

// BenchmarkWorlds is the explorer over shipped machines, two clients behind a
// proxy, all properties judged.
func BenchmarkWorlds(b *testing.B) {
	i := slices.IndexFunc(Worlds(), func(s Scenario) bool { return s.Name == "two" })
	b.ReportAllocs()
	var transitions, bytes, states uint64
	for b.Loop() {
		w, err := Worlds()[i].World(Full, Tune{})
		if err != nil {
			b.Fatal(err)
		}
		r := w.Check(Options{})
		transitions += r.Transitions
		bytes, states = r.Bytes, r.States
	}
	b.ReportMetric(float64(transitions)/b.Elapsed().Seconds(), "transitions/s")
	b.ReportMetric(float64(bytes)/float64(states), "B/state")
}
