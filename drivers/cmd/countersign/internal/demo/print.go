package demo

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/countersign-auth/countersign/drivers/cmd/countersign/internal/show"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine/trace"
)

// margin is the column where the text of a transcript starts, and width the one where it ends.
const (
	margin = 20
	width  = 108
)

// notes returns the authentication fields of a message, with explanations.
func (m *message) notes() []note {
	var out []note
	add := func(name, value, gist string) { out = append(out, note{name, value, gist}) }
	for _, c := range []struct {
		name string
		c    header.Credentials
	}{{header.ProxyAuthorization, m.request.ProxyAuthorization}, {header.Authorization, m.request.Authorization}} {
		if c.c.Present() {
			add(c.name, show.Credentials(c.c), requestGist(c.c))
		}
	}
	for _, cs := range []struct {
		name string
		cs   header.Challenges
	}{{header.ProxyAuthenticate, m.response.ProxyAuthenticate}, {header.WWWAuthenticate, m.response.WWWAuthenticate}} {
		for c := range cs.cs.All() {
			add(cs.name, show.Challenge(c), challengeGist(c))
		}
	}
	for _, i := range []struct {
		name string
		i    header.Info
	}{{header.ProxyAuthenticationInfo, m.response.ProxyAuthenticationInfo}, {header.AuthenticationInfo, m.response.AuthenticationInfo}} {
		if i.i.Present() {
			add(i.name, show.Printable(i.i.Text()), sentence(i.i, infoSays))
		}
	}
	switch m.response.PersistentAuth {
	case header.PersistTrue:
		add(header.PersistentAuthField, "true", "this connection stays authenticated")
	case header.PersistFalse:
		add(header.PersistentAuthField, "false", "the next request has to authenticate again")
	}
	if m.response.SessionBased {
		add(header.ProxySupportField, header.SessionBased, "the proxy reserves the connection to the origin for this client")
	}
	return out
}

// print writes a message of the transcript.
func (m *message) print(w io.Writer) {
	text := m.line
	if m.status != 0 {
		text = show.Status(m.status)
	} else if m.body > 0 {
		text += fmt.Sprintf("   (with a body of %d bytes)", m.body)
	}
	if m.secure {
		text += "   (TLS)"
	}
	fmt.Fprintf(w, "  %-6s → %-6s   %s\n", m.from, m.to, show.Printable(text))
	for _, n := range m.notes() {
		paragraph(w, n.name+": "+n.value, ", ")
		if n.gist != "" {
			paragraph(w, "  └ "+n.gist, " ")
		}
	}
}

// paragraph writes text at the margin, and breaks lines that are too wide behind sep.
func paragraph(w io.Writer, text, sep string) {
	indent := strings.Repeat(" ", margin)
	now := ""
	for i, part := range strings.Split(text, sep) {
		if i > 0 {
			now += sep
		}
		if n := utf8.RuneCountInString(now + part); now != "" && margin+n > width {
			fmt.Fprintf(w, "%s%s\n", indent, strings.TrimRight(now, " "))
			now = "    "
		}
		now += part
	}
	fmt.Fprintf(w, "%s%s\n", indent, now)
}

// print writes the transcript of a row.
func (r *result) print(w io.Writer) {
	fmt.Fprintf(w, "%2d  %s\n", r.number, r.row.name)
	fmt.Fprintf(w, "    %s\n\n", r.row.about)
	for _, p := range r.parts {
		for _, m := range p.messages {
			m.print(w)
		}
		fmt.Fprintf(w, "  %-15s   result: %s\n", client, show.Printable(p.outcome))
	}
	fmt.Fprintf(w, "  %-15s   %s\n\n", "", r.verdict())
}

func (r *result) verdict() string {
	if r.ok() {
		return "✓ as expected"
	}
	return "✗ expected " + r.row.want + ", got " + r.got
}

// mermaid writes a row as a sequence diagram of the machines' records.
func (r *result) mermaid(w io.Writer) {
	fmt.Fprintf(w, "### %d. %s\n\n%s\n\n```mermaid\n%s```\n\n%s\n\n", r.number, r.row.name, r.row.about, trace.Mermaid(r.lines), r.verdict())
}

// table writes the table of results.
func table(w io.Writer, results []*result) {
	cells := [][]string{{"", "row", "scheme", "role", "expected", "got", "verdict"}}
	good := 0
	for _, r := range results {
		got, verdict := "the same", "ok"
		if r.ok() {
			good++
		} else {
			got, verdict = r.got, "FAIL"
		}
		cells = append(cells, []string{fmt.Sprintf("%2d", r.number), r.row.name, r.row.scheme, r.row.role, r.row.want, got, verdict})
	}
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range cells {
		if n == 1 {
			line(w, widths, func(i int) string { return strings.Repeat("─", widths[i]) })
		}
		line(w, widths, func(i int) string { return row[i] })
	}
	fmt.Fprintf(w, "\n%d of %d rows are as expected.\n", good, len(results))
}

// line writes one line of a table.
func line(w io.Writer, widths []int, cell func(int) string) {
	var b strings.Builder
	for i, width := range widths {
		c := cell(i)
		b.WriteString(c + strings.Repeat(" ", width-utf8.RuneCountInString(c)+2))
	}
	fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
}
