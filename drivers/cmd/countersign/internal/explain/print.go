package explain

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Print writes the explanation as a tree, without the faults. It replaces control characters
// of the text.
func (e *Explanation) Print(w io.Writer) error {
	var b strings.Builder
	e.Tree.print(&b, "", "", 0)
	_, err := io.WriteString(w, b.String())
	return err
}

// print writes n with the prefix first, and the lines below it with the prefix rest. width is
// that of the names beside n.
func (n *Node) print(b *strings.Builder, first, rest string, width int) {
	line := first + pad(n.Name, width)
	if n.Value != "" {
		line += "  " + n.Value
	}
	if n.Note != "" {
		line += "  (" + n.Note + ")"
	}
	b.WriteString(strings.TrimRight(line, " "))
	b.WriteByte('\n')
	width = 0
	for i := range n.Children {
		if len(n.Children[i].Children) == 0 {
			width = max(width, utf8.RuneCountInString(n.Children[i].Name))
		}
	}
	for i := range n.Children {
		tee, bar := "├─ ", "│  "
		if i == len(n.Children)-1 {
			tee, bar = "└─ ", "   "
		}
		n.Children[i].print(b, rest+tee, rest+bar, width)
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
