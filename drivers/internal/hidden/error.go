package hidden

import (
	"fmt"
	"io"
	"strings"
)

// Error returns err with a text in which no URL has a password, and err itself if none
// has one. It is for errors of what is not ours: a Proxy function (such as
// http.ProxyFromEnvironment, which quotes what it cannot parse), a dialer, net/url.
// errors.Is and errors.As find what is in err as before.
func Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := Redact(text); clean != text {
		return &redacted{clean, err}
	}
	return err
}

// redacted is an error with another text.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }

// Timeout reports whether the error is that of a deadline, as net.Error does.
func (e *redacted) Timeout() bool {
	t, ok := e.err.(interface{ Timeout() bool })
	return ok && t.Timeout()
}

// Format implements fmt.Formatter: all verbs show the text.
func (e *redacted) Format(f fmt.State, verb rune) { Verb(f, verb, e.text) } // SECRET-2

// MarshalText implements encoding.TextMarshaler.
func (e *redacted) MarshalText() ([]byte, error) { return []byte(e.text), nil }

// Verb writes text by a verb, as a string for those that strings have none of.
func Verb(f fmt.State, verb rune, text string) {
	switch verb {
	case 'q', 'x', 'X':
		fmt.Fprintf(f, fmt.FormatString(f, verb), text)
	default:
		io.WriteString(f, text)
	}
}

// Redact returns text with "***" in place of the user information of each URL in it
// that has a password, and of what is quoted of that elsewhere, as "invalid port" does.
// A URL is what has a colon before an at sign, in quotes or between white space, with a
// scheme or without, whether or not it parses.
func Redact(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	words := split(text)
	var secrets []string
	for i, w := range words {
		start := strings.Index(w, "://")
		if start >= 0 {
			start += len("://")
		} else {
			start = len(w) - len(strings.TrimLeft(w, `"'(<`))
		}
		end := strings.LastIndexByte(w, '@')
		if end < start {
			continue
		}
		_, password, ok := strings.Cut(w[start:end], ":")
		if !ok || password == "***" || password == "xxxxx" { // as net/http and url.Redacted write it
			continue
		}
		secrets = append(secrets, w[start:end])
		words[i] = w[:start] + "***" + w[end:]
	}
	for i, w := range words {
		inner := strings.Trim(w, `":,`)
		for _, s := range secrets {
			if strings.HasPrefix(w, `"`) && inner != "" && strings.Contains(s, inner) {
				words[i] = `"***"`
			}
		}
	}
	return strings.Join(words, "")
}

// split cuts text into what is quoted and what is between white space, nothing left out.
func split(text string) (words []string) {
	for text != "" {
		n := 1
		switch text[0] {
		case '"':
			for n < len(text) && text[n] != '"' {
				if text[n] == '\\' {
					n++
				}
				n++
			}
			n = min(n+1, len(text))
		case ' ', '\t', '\n':
		default:
			if n = strings.IndexAny(text, " \t\n\""); n < 0 {
				n = len(text)
			}
		}
		words = append(words, text[:n])
		text = text[n:]
	}
	return words
}
