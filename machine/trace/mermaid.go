package trace

import "strings"

// Mermaid returns a trace as a Mermaid sequence diagram: the messages between
// application, client, proxy and origin with their methods, statuses and
// authentication fields, and as notes the questions, decisions and failures. It
// holds what the lines hold: no secret.
func Mermaid(lines []Line) string {
	arrows := flow(lines)
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	for _, p := range [...]string{application, client, proxy, origin} {
		for _, a := range arrows {
			if a.from == p || a.to == p {
				b.WriteString("    participant " + p + "\n")
				break
			}
		}
	}
	for _, a := range arrows {
		text := mermaidText(a.text)
		for _, f := range a.fields {
			text += "<br/>" + mermaidText(f)
		}
		switch {
		case a.to == "":
			b.WriteString("    Note over " + a.from + ": " + text + "\n")
		case a.back:
			b.WriteString("    " + a.from + "-->>" + a.to + ": " + text + "\n")
		default:
			b.WriteString("    " + a.from + "->>" + a.to + ": " + text + "\n")
		}
	}
	return b.String()
}

// mermaidText returns text without Mermaid's own characters: line ends, ";", "#", and
// angle brackets, which are HTML.
func mermaidText(s string) string {
	return strings.NewReplacer("<", "(", ">", ")").Replace(printable(s))
}
