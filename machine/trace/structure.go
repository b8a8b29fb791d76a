package trace

// Finding is what the replay of a redacted trace says of one step. Structure is
// all that such a trace has: which event came when, and which actions followed.
type Finding struct {
	Seq uint64
	// Broken, if not empty, says what cannot have happened like that.
	Broken string
	// Hidden is what a redacted trace does not have and Step needs. Where it is
	// not empty, the step cannot be replayed.
	Hidden []string
}

// Structure replays a trace as far as its structure goes: every machine's
// events come in a phase that takes them, every action is one that the role
// has, every answer is to the question that was asked. There is one Finding for
// each line. It works for sealed and for redacted traces, and needs no key.
func Structure(lines []Line) []Finding {
	type who struct {
		role Role
		name string
	}
	type state struct {
		phase string
		asked uint16
	}
	states := map[who]state{}
	findings := make([]Finding, 0, len(lines))
	for _, l := range lines {
		key := who{l.Role, l.Name}
		s, ok := states[key]
		if !ok {
			s.phase = idle
		}
		f := Finding{Seq: l.Seq, Hidden: hidden(l.Event)}
		switch takes, known := expects(l.Role, l.Event.Kind); {
		case l.Misuse && len(l.Actions) > 0:
			f.Broken = "a misuse has no actions"
		case l.Misuse:
		case !known:
			f.Broken = "a " + label(string(l.Role)) + " takes no such event"
		case takes != "" && takes != s.phase:
			f.Broken = "the event came while the machine was " + s.phase
		case l.Event.Kind == "Answered" && l.Event.ID != s.asked:
			f.Broken = "the answer is to another question"
		default:
			if l.Event.Kind == "Lost" || l.Event.Kind == "Closed" && l.Event.End == "" {
				s.phase = dead
			}
			for _, a := range l.Actions {
				then, known := leads(l.Role, a)
				if !known {
					f.Broken = "a " + label(string(l.Role)) + " has no such action"
					break
				}
				if then != "" {
					s.phase = then
				}
				if a.Kind == "Ask" {
					s.asked = a.ID
				}
			}
		}
		states[key] = s
		findings = append(findings, f)
	}
	return findings
}

// The phases of a machine, as its steps show them.
const (
	idle     = "idle"
	asking   = "asking"
	sent     = "sent"
	handling = "handling"
	dead     = "dead"
)

// expects returns the phase in which a role takes an event, "" for any.
func expects(r Role, event string) (phase string, ok bool) {
	for _, t := range [...]struct {
		role         Role
		event, phase string
	}{
		{Client, "Begin", idle},
		{Client, "Response", sent},
		{Client, "Answered", asking},
		{Client, "Closed", ""},
		{Client, "Lost", ""},
		{Server, "Received", idle},
		{Server, "Answered", asking},
		{Server, "Responding", handling},
		{Server, "Closed", ""},
		{Proxy, "Received", idle},
		{Proxy, "Answered", asking},
		{Proxy, "Response", sent},
		{Proxy, "Closed", ""},
	} {
		if t.role == r && t.event == event {
			return t.phase, true
		}
	}
	return "", false
}

// leads returns the phase that an action of a role leads to, "" for none.
func leads(r Role, a Item) (phase string, ok bool) {
	for _, t := range [...]struct {
		role               Role
		action, end, phase string
	}{
		{Client, "Send", "", sent},
		{Client, "Ask", "", asking},
		{Client, "Deliver", "", idle},
		{Client, "Fail", "", idle},
		{Client, "Reopen", "", dead},
		{Client, "Retire", "", dead},
		{Server, "Ask", "", asking},
		{Server, "Reply", "", idle},
		{Server, "Accept", "", handling},
		{Server, "Finish", "", idle},
		{Proxy, "Ask", "", asking},
		{Proxy, "Reply", "", idle},
		{Proxy, "Forward", "", sent},
		{Proxy, "Relay", "", idle},
		{Proxy, "Retire", "", dead},
		{Proxy, "Retire", "upstream", ""},
	} {
		if t.role == r && t.action == a.Kind && t.end == a.End {
			return t.phase, true
		}
	}
	return "", false
}

// hidden returns what a redacted event lacks.
func hidden(e Item) []string {
	switch e.Kind {
	case "Closed", "Lost":
		return nil // nothing is left to be secret
	case "Answered":
		return []string{"the answer", "the seed"}
	case "Responding":
		return []string{"the seed"}
	}
	var out []string
	if e.Kind != "Response" {
		out = append(out, "the request")
	}
	for _, f := range e.Fields {
		out = append(out, clean(f.Name, maxName))
	}
	return append(out, "the seed")
}
