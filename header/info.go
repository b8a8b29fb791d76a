package header

import "iter"

// Info is the value of Authentication-Info or Proxy-Authentication-Info (RFC
// 7615, RFC 9110 section 11.6.3): a list of auth-params. The zero Info is
// absent.
type Info struct {
	text      string
	present   bool
	malformed bool
}

// ParseInfo parses the lines of the field. A parameter that comes twice, and more than
// 32 of them, make the Info malformed.
func ParseInfo(lines ...string) Info { // R9110-11.2-1, HTA-6
	if len(lines) == 0 {
		return Info{}
	}
	text, over := joinLines(lines)
	body, ok := checkParams(text)
	if over || !ok {
		return Info{present: true, malformed: true}
	}
	return Info{text: oneLine(body), present: true}
}

// Present reports whether the field is there, malformed or not.
func (i Info) Present() bool { return i.present }

// Malformed reports whether the field is there and breaks the grammar or a bound. Such
// an Info has no parameters and no text.
func (i Info) Malformed() bool { return i.malformed }

// Param returns the value of the named parameter, and whether there is one. Names
// compare without regard to case.
func (i Info) Param(name string) (string, bool) { return findParam(i.text, name) }

// Params iterates over the parameters in order.
func (i Info) Params() iter.Seq[Param] {
	return func(yield func(Param) bool) { eachParam(i.text, "", yield) }
}

// Text returns the wire form. It never holds CR, LF or NUL.
func (i Info) Text() string { return i.text }
