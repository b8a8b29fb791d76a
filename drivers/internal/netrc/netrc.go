// Package netrc reads files of logins for hosts, as ftp had them first and curl, git and
// others read today:
//
//	machine www.example login alice password "with a space"
//	default login anonymous password guest
//
// There is no standard. Of what programs differ in, this package does what curl does: words
// stand between spaces and line ends, a word may be in quotes with \", \\, \n, \r and \t, a
// # before a word begins a comment, and a macdef ends with an empty line.
package netrc

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxSize bounds a file, in bytes.
const maxSize = 1 << 20

// File is the logins of a file. The zero File has none. It prints no secret.
type File struct{ entries []entry }

type entry struct {
	host            string
	any             bool // default: it fits every host
	login, password string
	has             bool // a password, which may be empty
}

// Format implements fmt.Formatter. It hides the logins.
func (f File) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "netrc(%d)", len(f.entries)) } // SECRET-1

// Parse reads a file. The error says in which line a file is wrong, and nothing that it has.
func Parse(r io.Reader) (File, error) {
	var f File
	text, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return f, err
	}
	if len(text) > maxSize {
		return f, fmt.Errorf("it is longer than %d bytes", maxSize)
	}
	line, macro := 0, false
	var key string // its value comes next
	for l := range strings.Lines(string(text)) {
		line++
		rest := strings.TrimSpace(l)
		if macro {
			macro = rest != ""
			continue
		}
		for rest != "" && rest[0] != '#' {
			var word string
			if word, rest, err = next(rest); err != nil {
				return File{}, fmt.Errorf("line %d: %w", line, err)
			}
			if key != "" {
				f.set(key, word)
				key = ""
				continue
			}
			switch key = strings.ToLower(word); key {
			case "default":
				f.entries = append(f.entries, entry{any: true})
				key = ""
			case "macdef":
				macro, rest, key = true, "", ""
			case "machine":
			case "login", "password", "account":
				if len(f.entries) == 0 {
					return File{}, fmt.Errorf("line %d: %s before the first machine", line, key)
				}
			default:
				return File{}, fmt.Errorf("line %d: expected machine, default, login, password, account or macdef", line)
			}
		}
		if key != "" && rest != "" { // for curl, too, which then takes the next line's first word
			return File{}, fmt.Errorf("line %d: a comment in place of the %s; put a value that begins with # in quotes", line, key)
		}
	}
	if key != "" {
		return File{}, fmt.Errorf("line %d: %s without a value", line, key)
	}
	return f, nil
}

// set takes the value of a key.
func (f *File) set(key, value string) {
	if key == "machine" {
		f.entries = append(f.entries, entry{host: strings.ToLower(value)})
		return
	}
	switch e := &f.entries[len(f.entries)-1]; key {
	case "login":
		e.login = value
	case "password":
		e.password, e.has = value, true
	}
}

// next returns the first word of a text, and what follows it.
func next(text string) (word, rest string, err error) {
	if text[0] != '"' {
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			return text, "", nil
		}
		return text[:end], strings.TrimLeft(text[end:], " \t"), nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		c := text[i]
		if c == '"' {
			return b.String(), strings.TrimLeft(text[i+1:], " \t"), nil
		}
		if c == '\\' && i+1 < len(text) {
			i++
			if c = text[i]; strings.IndexByte("nrt", c) >= 0 {
				c = "\n\r\t"[strings.IndexByte("nrt", c)]
			}
		}
		b.WriteByte(c)
	}
	return "", "", errors.New("a quote does not end")
}

// Find returns the login for a host, and reports whether there is one. If login is not "", it
// is the one of that name. The first entry that fits counts; one without a name or a password
// does not.
func (f File) Find(host, login string) (name, password string, ok bool) {
	for _, e := range f.entries {
		if (e.any || e.host == strings.ToLower(host)) && e.login != "" && e.has && (login == "" || e.login == login) {
			return e.login, e.password, true
		}
	}
	return "", "", false
}
