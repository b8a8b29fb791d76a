package main

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/drivers/cmd/countersign/internal/show"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// writeOuts are the variables of --write-out: curl's, and auth_scheme.
var writeOuts = map[string]func(*transfer) string{
	"auth_scheme":        func(t *transfer) string { return t.scheme },
	"content_type":       func(t *transfer) string { return t.field("Content-Type") },
	"exitcode":           func(t *transfer) string { return strconv.Itoa(t.exit) },
	"filename_effective": func(t *transfer) string { return t.file },
	"http_code":          (*transfer).status,
	"http_version":       (*transfer).version,
	"method":             (*transfer).used,
	"num_redirects":      func(t *transfer) string { return strconv.Itoa(t.redirects) },
	"redirect_url":       (*transfer).next,
	"response_code":      (*transfer).status,
	"scheme":             func(t *transfer) string { return t.last().Scheme },
	"size_download":      func(t *transfer) string { return strconv.FormatInt(t.size, 10) },
	"url_effective":      func(t *transfer) string { return shown(t.last()) },
	"urlnum":             func(t *transfer) string { return strconv.Itoa(t.number) },
}

func writeOutNames() []string { return slices.Sorted(maps.Keys(writeOuts)) }

// columns returns names in lines of the help.
func columns(names []string) string {
	text, line := "", ""
	for _, name := range names {
		if len(line)+len(name) > 88 {
			text, line = text+line+"\n", ""
		}
		line += " " + name
	}
	return text + line + "\n"
}

// format is a parsed --write-out: functions that return its pieces.
type format []func(*transfer) string

var escapes = map[byte]string{'n': "\n", 'r': "\r", 't': "\t"}

// parseFormat parses the value of --write-out.
func parseFormat(text string) (f format, err error) {
	for text != "" {
		var piece string
		switch {
		case strings.HasPrefix(text, "%{"):
			name, rest, ok := strings.Cut(text[2:], "}")
			value, known := writeOuts[name]
			if !ok || !known {
				return nil, fmt.Errorf("--write-out: unknown variable; expected %%{NAME} with %s", strings.Join(writeOutNames(), ", "))
			}
			f, text = append(f, value), rest
			continue
		case strings.HasPrefix(text, "%%"):
			piece, text = "%", text[2:]
		case len(text) > 1 && text[0] == '\\' && escapes[text[1]] != "":
			piece, text = escapes[text[1]], text[2:]
		default:
			end := strings.IndexAny(text[1:], `%\`) + 1
			if end == 0 {
				end = len(text)
			}
			piece, text = text[:end], text[end:]
		}
		f = append(f, func(*transfer) string { return piece })
	}
	return f, nil
}

// of returns the text for a transfer.
func (f format) of(t *transfer) string {
	var b strings.Builder
	for _, piece := range f {
		b.WriteString(piece(t))
	}
	return b.String()
}

// last returns the URL of the last request.
func (t *transfer) last() *url.URL {
	if t.response != nil && t.response.Request != nil {
		return t.response.Request.URL
	}
	return t.url
}

func (t *transfer) status() string {
	if t.response == nil {
		return "000"
	}
	return strconv.Itoa(t.response.StatusCode)
}

func (t *transfer) version() string {
	switch r := t.response; {
	case r == nil:
		return "0"
	case r.ProtoMajor >= 2:
		return strconv.Itoa(r.ProtoMajor)
	default:
		return fmt.Sprintf("%d.%d", r.ProtoMajor, r.ProtoMinor)
	}
}

func (t *transfer) used() string {
	if t.response != nil && t.response.Request != nil {
		return t.response.Request.Method
	}
	return t.verb(nil)
}

func (t *transfer) field(name string) string {
	if t.response == nil {
		return ""
	}
	return show.Printable(t.response.Header.Get(name))
}

// next returns the URL that a redirect leads to which was not followed.
func (t *transfer) next() string {
	if t.response == nil || t.response.StatusCode/100 != 3 {
		return ""
	}
	u, err := t.response.Location()
	if err != nil {
		return ""
	}
	return shown(u)
}

// shown returns a URL to print, without user information.
func shown(u *url.URL) string {
	c := *u
	c.User = nil
	if c.Path == "" {
		c.Path = "/"
	}
	return c.String()
}

// named returns a URL for an error, without what may be secret in it.
func named(u *url.URL) string {
	c := *u
	c.RawQuery, c.ForceQuery, c.Fragment, c.RawFragment = "", false, "", ""
	return shown(&c)
}

// sentScheme returns an observer that notes the scheme of the credentials that are sent to
// origins.
func sentScheme(note func(scheme string)) drive.Observer {
	return func(_ uint64, _ gss.Env, _ machine.Event, acts machine.Actions) {
		for a := range acts.All() {
			if send, ok := a.(machine.Send); ok && send.Authorization.Present() {
				note(send.Authorization.Scheme())
			}
		}
	}
}
