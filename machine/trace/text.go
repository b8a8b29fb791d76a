package trace

import (
	"strings"
	"unicode/utf8"
)

// Text returns a transcript of a trace, one message a line:
//
//	client      → origin       GET /x          Authorization: Negotiate <token 40 bytes>
//	origin      → client       401             WWW-Authenticate: Basic <2 parameters>
//	              client       asks NeedCredential (Basic)
//
// Further fields of a message, and notes on what a machine does, have lines of their own.
// It holds what the lines hold: no secret.
func Text(lines []Line) string {
	var b strings.Builder
	for _, a := range flow(lines) {
		if a.to == "" {
			b.WriteString(pad("", 14) + pad(a.from, 11) + "  " + printable(a.text) + "\n")
			continue
		}
		head := pad(a.from, 11) + " → " + pad(a.to, 11) + "  "
		text := printable(a.text)
		if len(a.fields) == 0 {
			b.WriteString(head + text + "\n")
		}
		for _, f := range a.fields {
			b.WriteString(head + pad(text, 14) + "  " + printable(f) + "\n")
			head, text = pad("", 27), ""
		}
	}
	return b.String()
}

// maxText bounds a text in a transcript or diagram, in bytes.
const maxText = 1 << 12

// printable cleans a text that may hold the ellipsis of a cut path.
func printable(s string) string {
	parts := strings.Split(s, "…")
	for i := range parts {
		parts[i] = clean(parts[i], maxText)
	}
	return strings.Join(parts, "…")
}

func pad(s string, width int) string {
	if n := utf8.RuneCountInString(s); n < width {
		return s + strings.Repeat(" ", width-n)
	}
	return s
}
