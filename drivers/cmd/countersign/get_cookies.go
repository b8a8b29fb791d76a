package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/countersign-auth/countersign/drivers/internal/authority"
)

// The bounds on cookies: a server sets so many by one response, of so many bytes each, and all
// servers so many together. A file is no longer than what that makes.
const (
	maxSetCookies = 50
	maxCookie     = 4096
	maxCookies    = 1000
	maxCookieFile = 2 * maxCookies * maxCookie
)

// cookies is an http.CookieJar that can be written to a file. Which cookies a request gets is
// net/http/cookiejar's decision; what stands here is what it does not give back.
type cookies struct {
	mu    sync.Mutex
	jar   *cookiejar.Jar
	known map[cookieKey]cookie
	order []cookieKey
}

type cookieKey struct{ domain, path, name string }

type cookie struct {
	tail, secure, httpOnly bool
	value                  string
	expires                time.Time // zero: with the session
}

// Format implements fmt.Formatter. It hides the cookies.
func (c *cookies) Format(f fmt.State, _ rune) { io.WriteString(f, "cookies") } // SECRET-1

func newCookies() *cookies {
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil { // it never is
		panic(err)
	}
	return &cookies{jar: jar, known: map[cookieKey]cookie{}}
}

// Cookies implements http.CookieJar.
func (c *cookies) Cookies(u *url.URL) []*http.Cookie { return c.jar.Cookies(u) }

// SetCookies implements http.CookieJar. It drops what no line of a file can hold.
func (c *cookies) SetCookies(u *url.URL, set []*http.Cookie) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range set[:min(len(set), maxSetCookies)] {
		key, kept := entry(u, one, time.Now())
		long := len(one.Name)+len(one.Value) > maxCookie || len(key.path)+len(key.domain) > maxCookie
		if long || !linear(key.domain, key.path, key.name, kept.value) || !c.secure(u, key, kept) {
			continue
		}
		if _, ok := c.known[key]; !ok {
			if len(c.known) >= maxCookies {
				continue
			}
			c.order = append(c.order, key)
		}
		c.known[key] = kept
		c.jar.SetCookies(u, []*http.Cookie{one})
	}
}

// secure reports whether a response for u may set a cookie: one for TLS is not a plain server's to
// set or to replace, and the prefixes of names hold (RFC 6265bis section 5.7).
func (c *cookies) secure(u *url.URL, key cookieKey, kept cookie) bool {
	switch {
	case u.Scheme != "https" && (kept.secure || c.known[key].secure):
		return false
	case strings.HasPrefix(key.name, "__Host-"):
		return kept.secure && !kept.tail && key.path == "/"
	}
	return kept.secure || !strings.HasPrefix(key.name, "__Secure-")
}

// linear reports whether each text can stand between the tabs of a line.
func linear(texts ...string) bool {
	for _, text := range texts {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return false
		}
	}
	return true
}

// entry returns the cookie as cookiejar keeps it (RFC 6265 section 5.3).
func entry(u *url.URL, one *http.Cookie, now time.Time) (cookieKey, cookie) {
	key := cookieKey{strings.ToLower(u.Hostname()), one.Path, one.Name}
	kept := cookie{secure: one.Secure, httpOnly: one.HttpOnly, value: one.Value, expires: one.Expires}
	if domain := strings.ToLower(strings.TrimPrefix(one.Domain, ".")); domain != "" {
		_, err := netip.ParseAddr(domain)
		key.domain, kept.tail = domain, err != nil
	}
	if !strings.HasPrefix(key.path, "/") {
		key.path = u.Path[:max(0, strings.LastIndexByte(u.Path, '/'))]
		if !strings.HasPrefix(key.path, "/") {
			key.path = "/"
		}
	}
	if one.MaxAge > 0 {
		kept.expires = now.Add(time.Duration(min(one.MaxAge, 400*24*3600)) * time.Second)
	}
	return key, kept
}

// has reports whether the jar accepted a cookie and still has it.
func (c *cookies) has(key cookieKey, kept cookie) bool {
	for _, one := range c.jar.Cookies(&url.URL{Scheme: "https", Host: authority.Join("https", key.domain, 443), Path: key.path}) {
		if one.Name == key.name && one.Value == kept.value {
			return true
		}
	}
	return false
}

const (
	cookieFileHead = "# Netscape HTTP Cookie File\n# This file was written by countersign; browsers and curl read it too.\n\n"
	httpOnlyMark   = "#HttpOnly_"
)

// text returns the cookies in the format of Netscape's file.
func (c *cookies) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	b.WriteString(cookieFileHead)
	for _, key := range c.order {
		kept := c.known[key]
		if !c.has(key, kept) {
			continue
		}
		mark, dot, expires := "", "", int64(0)
		if kept.httpOnly {
			mark = httpOnlyMark
		}
		if kept.tail {
			dot = "."
		}
		if !kept.expires.IsZero() {
			expires = kept.expires.Unix()
		}
		fmt.Fprintf(&b, "%s%s%s\t%s\t%s\t%s\t%d\t%s\t%s\n", mark, dot, key.domain, truth(kept.tail), key.path, truth(kept.secure), expires, key.name, kept.value)
	}
	return b.String()
}

func truth(b bool) string { return strings.ToUpper(strconv.FormatBool(b)) }

// read takes the cookies of a file in Netscape's format. As curl does, it passes over lines that
// are none.
func (c *cookies) read(r io.Reader) error {
	s := bufio.NewScanner(io.LimitReader(r, maxCookieFile+1))
	s.Buffer(nil, 4*maxCookie)
	length := 0
	for s.Scan() {
		if length += len(s.Bytes()) + 1; length > maxCookieFile {
			return fmt.Errorf("the file is longer than %d bytes", maxCookieFile)
		}
		line, httpOnly := strings.CutPrefix(s.Text(), httpOnlyMark)
		field := strings.Split(strings.TrimSuffix(line, "\r"), "\t")
		if strings.HasPrefix(line, "#") || len(field) != 7 {
			continue
		}
		seconds, err := strconv.ParseInt(field[4], 10, 64)
		domain := strings.TrimPrefix(field[0], ".")
		if err != nil || domain == "" {
			continue
		}
		one := &http.Cookie{Name: field[5], Value: field[6], Path: field[2], Secure: field[3] == "TRUE", HttpOnly: httpOnly}
		if field[1] == "TRUE" {
			one.Domain = domain
		}
		if seconds != 0 {
			one.Expires = time.Unix(seconds, 0)
		}
		c.SetCookies(&url.URL{Scheme: "https", Host: authority.Join("https", domain, 443), Path: "/"}, []*http.Cookie{one})
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("a line of the file is longer than %d bytes", 4*maxCookie)
	}
	return s.Err()
}

// write writes the cookies to a file, or for "-" to out. A file that is there is replaced
// whole, and only the user can read the new one.
func (c *cookies) write(name string, out io.Writer) error {
	if name == "-" {
		_, err := io.WriteString(out, c.text())
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".cookies-*") // of mode 0600
	if err != nil {
		if e, ok := errors.AsType[*os.PathError](err); ok { // of a name that the user does not know
			err = e.Err
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	defer os.Remove(f.Name()) // if it has not its name yet
	_, err = io.WriteString(f, c.text())
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// openCookies returns the jar that --cookie and --cookie-jar ask for, nil for none, and the
// cookies that --cookie gives itself.
func (o *getOptions) openCookies() (jar *cookies, given []string, err error) {
	if o.cookieJar != "" {
		jar = newCookies()
	}
	for _, value := range o.cookie {
		if strings.Contains(value, "=") {
			given = append(given, value)
			continue
		}
		if jar == nil {
			jar = newCookies()
		}
		if err := jar.readFile(value); err != nil {
			return nil, nil, fmt.Errorf("--cookie: %w", err)
		}
	}
	return jar, given, nil
}

// readFile reads a file of cookies. As with curl "" is an empty one, and so is one that does not
// exist, which --cookie-jar of this run may write.
func (c *cookies) readFile(name string) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := c.read(f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
