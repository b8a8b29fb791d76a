package smuggle

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Methods are those that each case is tried with.
var Methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}

// Sighting is a request as a handler saw it.
type Sighting struct {
	Method, Path, Query, User, Body string
	Whole                           bool // the body ended where it was to end
}

// Sightings are those of one server. They are safe for concurrent use.
type Sightings struct {
	mu   sync.Mutex
	list []Sighting
}

// Handle notes a request, reads its body and writes a response.
func (s *Sightings) Handle(user string, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	s.list = append(s.list, Sighting{strings.Clone(r.Method), strings.Clone(r.URL.Path), strings.Clone(r.URL.RawQuery), user, string(body), err == nil})
	s.mu.Unlock()
	if err != nil {
		http.Error(w, "the body breaks off", http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%s:%s", user, body)
}

// Take returns what was seen since the last call.
func (s *Sightings) Take() []Sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.list
	s.list = nil
	return list
}

// Setting is what a case is tried in.
type Setting struct {
	_ struct{}

	// Method and Fields are the request's, Fields its credentials, each line with its end.
	Method, Fields string
	// User is the user that the handler must see, "" if it must not see the request.
	User string
	// Next are the fields of the requests behind it, which the handler is to see as NextUser.
	Next, NextUser string
	// Basic are right Basic credentials, for a request that is none.
	Basic string
	// Tag tells the requests of one try from those of others, which may reach their
	// handlers late.
	Tag string
	// Authority, if not "", makes requests have the absolute form.
	Authority string
	// Deaf: the server's library takes the end of a connection for the end of a body.
	Deaf bool
}

// head returns the header of a request.
func (s Setting) head(method, path, fields string) string {
	path += "?" + s.Tag
	host := "h"
	if s.Authority != "" {
		host = s.Authority
		path = "http://" + host + path
	}
	return method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n"
}

// Cases returns the cases as they stand in the setting.
func (s Setting) Cases() []Case { return Cases(s.Basic, s.head("GET", "/second", s.Next)) }

// patience is how long a server may take for a case.
const patience = 20 * time.Second

// Try sends a case over a connection, and one more request behind it, after which the server is to close
// the connection. It returns what the server did that no exact reader does. seen are the requests that
// reach the server's handler.
func (c Case) Try(conn net.Conn, r *bufio.Reader, s Setting, seen *Sightings) (found []string) {
	errorf := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if s.Deaf && c.Ends && c.Verdict == Broken {
		c.Verdict, c.Body = Breaks, cut(c.Sent)
	}
	conn.SetDeadline(time.Now().Add(patience))
	text := s.head(s.Method, "/outer", s.Fields+c.Fields) + c.Sent
	paths := append([]string{"/outer"}, c.Then...)
	if !c.Ends {
		text += s.head("GET", "/next", s.Next+"Connection: close\r\n")
		paths = append(paths, "/next")
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		io.WriteString(conn, text)
		if half, ok := conn.(interface{ CloseWrite() error }); ok && c.Ends {
			half.CloseWrite()
		}
	}()
	statuses, closed, rest, err := responses(r, s.Method, len(paths))
	conn.Close()
	<-sent
	got := seen.Take()

	if errors.Is(err, os.ErrDeadlineExceeded) {
		errorf("the server neither answers nor closes")
	}
	if len(rest) > 0 {
		errorf("%d requests were sent, and there is more than %[1]d responses: %.40q", len(paths), rest)
	}
	if len(statuses) > 1 && (c.Verdict == Refused || c.Verdict == Broken) {
		errorf("what follows a message that ends its connection is answered: %d", statuses)
	}
	if len(statuses) > 0 && statuses[0] < 400 && (c.Verdict == Refused || c.Verdict == Broken || s.User == "") {
		errorf("it is answered with %d", statuses[0])
	}
	served := len(statuses) == len(paths) || closed && len(statuses) > 0
	if c.Verdict == Whole && s.User != "" && (!served || slices.Max(statuses) >= 400) {
		errorf("a sound request and what follows it are answered with %d, want 200 for each of %d", statuses, len(paths))
	}
	next := 0 // in paths, of what may still be seen
	for _, g := range got {
		if g.Query != s.Tag && g.Query != "" {
			continue
		}
		i := slices.Index(paths[next:], g.Path)
		if i < 0 {
			errorf("the handler saw %s %s as %q, which is no request here or none any more", g.Method, g.Path, g.User)
			continue
		}
		next += i + 1
		method, user, body := "GET", s.NextUser, ""
		if g.Path == "/outer" {
			method, user, body = s.Method, s.User, c.Body
		}
		switch {
		case user == "":
			errorf("the handler saw %s without right credentials, as %q", g.Path, g.User)
		case g.User != user || g.Method != method:
			errorf("the handler saw %s %s as %q, want %s as %q", g.Method, g.Path, g.User, method, user)
		case g.Path == "/outer" && c.Verdict == Refused:
			errorf("the handler saw a request that is none, with the body %.40q", g.Body)
		case g.Whole && g.Path == "/outer" && c.Verdict == Broken:
			errorf("the handler saw a body that is broken as the whole of %.60q", g.Body)
		case g.Whole && g.Body != body:
			errorf("the handler saw the body %.60q of %s, want %.60q", g.Body, g.Path, body)
		case !g.Whole && c.Verdict != Broken && c.Verdict != Breaks:
			errorf("the handler saw a broken body of %s", g.Path)
		}
	}
	return found
}

// cut returns what remains of a body when the connection ends.
func cut(sent string) string {
	if size, data, ok := strings.Cut(sent, "\r\n"); ok && !strings.Contains(size, " ") {
		return strings.TrimSuffix(data, "\r\n")
	}
	return sent
}

// responses reads up to so many final responses, and then what follows them. closed: the last one said that the
// connection closes.
func responses(r *bufio.Reader, method string, most int) (statuses []int, closed bool, rest string, err error) {
	for len(statuses) < most {
		if len(statuses) > 0 {
			method = "GET"
		}
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return statuses, closed, "", err
		}
		if res.StatusCode/100 == 1 {
			continue
		}
		statuses, closed = append(statuses, res.StatusCode), res.Close
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return statuses, closed, "", err
		}
	}
	var b strings.Builder
	_, err = io.Copy(&b, io.LimitReader(r, 1<<10))
	return statuses, closed, b.String(), err
}
