package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/drivers/cmd/countersign/internal/show"
	"github.com/countersign-auth/countersign/drivers/nethttp"
)

// transfer is the request of one URL, with the redirects that it led to.
type transfer struct {
	*getOptions
	url *url.URL

	number    int            // of the URL, from 0
	response  *http.Response // the last, nil for none
	redirects int
	left      bool // a redirect led to another origin
	size      int64
	file      string // that the content was written to
	scheme    string // of the last credentials for an origin
	exit      int
}

// run requests the URL and writes the response to out, and to notes that the server did not
// prove itself.
func (t *transfer) run(ctx context.Context, through *nethttp.Transport, body []byte, out, notes io.Writer) error {
	if t.maxTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(t.maxTime*float64(time.Second)))
		defer cancel()
	}
	r, err := t.request(ctx, t.url, body)
	if err != nil {
		return exit{exitUsage, err}
	}
	if t.response, err = t.send(through, r); err != nil {
		return t.failure(err)
	}
	defer t.response.Body.Close()
	if d, ok := nethttp.Delivered(t.response); ok {
		if text := unproven(d); text != "" {
			fmt.Fprintf(notes, "countersign: the response is unproven: %s\n", text)
		}
	}
	if t.remoteName {
		f, err := create(t.file)
		if err != nil {
			return exit{exitTransport, err}
		}
		defer f.Close()
		out = f
	}
	if t.head {
		fmt.Fprintf(out, "%s %s\r\n", t.response.Proto, t.response.Status)
		t.response.Header.Write(out)
		io.WriteString(out, "\r\n")
	}
	t.size, err = io.Copy(out, t.response.Body)
	if refused, ok := nethttp.Refusal(t.response); ok {
		return t.failure(refused)
	}
	if err != nil {
		return exit{exitTransport, err}
	}
	if t.response.StatusCode >= 400 {
		return exit{exitStatus, fmt.Errorf("the server answered %s", show.Status(t.response.StatusCode))}
	}
	return nil
}

// send sends the request, and with --location those that redirects ask for.
func (t *transfer) send(through *nethttp.Transport, r *http.Request) (*http.Response, error) {
	if t.location {
		c := http.Client{Transport: through, CheckRedirect: t.redirect}
		if t.cookies != nil {
			c.Jar = t.cookies
		}
		response, err := c.Do(r)
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return response, err
	}
	if t.cookies != nil {
		for _, c := range t.cookies.Cookies(r.URL) {
			r.AddCookie(c)
		}
	}
	response, err := through.RoundTrip(r)
	if err == nil && t.cookies != nil {
		t.cookies.SetCookies(r.URL, response.Cookies())
	}
	return response, err
}

// remoteName returns the name of the file for a URL: the last element of its path as it is
// written there, since a decoded one may have separators.
func remoteName(u *url.URL) (string, error) {
	path := u.EscapedPath()
	name := path[strings.LastIndexByte(path, '/')+1:]
	if name == "" || name == "." || strings.ContainsAny(name, `/\`) || !filepath.IsLocal(name) {
		return "", errors.New("--remote-name: the URL's path does not end with the name of a file; give --output")
	}
	return name, nil
}

// create creates a file of the working directory. A symbolic link there leads nowhere else.
func create(name string) (*os.File, error) {
	here, err := os.OpenRoot(".")
	if err != nil {
		return nil, fmt.Errorf("--remote-name: %w", err)
	}
	defer here.Close()
	f, err := here.Create(name)
	if err != nil {
		return nil, fmt.Errorf("--remote-name: %w", err)
	}
	return f, nil
}
