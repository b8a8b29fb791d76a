// Package rtsp is a client for cameras: RTSP (RFC 2326) with Digest.
package rtsp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Client is a connection to a camera.
type Client struct {
	conn     net.Conn
	in       *textproto.Reader
	machine  machine.Client
	space    machine.Space
	source   answer.Source
	sequence int
}

// NewClient returns a client for a connection, with a user of the camera.
func NewClient(conn net.Conn, user, password string) (*Client, error) {
	sha, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		return nil, err
	}
	client, err := machine.NewClient(machine.ClientConfig{Schemes: []scheme.Client{sha}})
	if err != nil {
		return nil, err
	}
	login := answer.On(func(_ context.Context, need gss.NeedCredential) gss.Answer {
		if need.Rejected {
			return gss.Declined{}
		}
		return gss.Password{User: user, Password: gss.NewSecret(password)}
	})
	return &Client{conn: conn, in: textproto.NewReader(bufio.NewReader(conn)), machine: client, source: login}, nil
}

// Response is the last response to a request.
type Response struct {
	Status int
	Header textproto.MIMEHeader
	Body   []byte
}

// Do sends a request, and sends it again with credentials if the camera asks for them.
func (c *Client) Do(ctx context.Context, method, uri string) (*Response, error) {
	target, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	request := machine.Request{
		Method: method, URI: uri, Scheme: "rtsp", Host: target.Hostname(), Port: 554, Binding: gss.NoBinding(),
	}
	var lease machine.Lease
	c.space, lease = c.space.Lease(uri)
	var last *Response
	for event := machine.Event(machine.Begin{Request: request, Lease: lease}); ; {
		next, actions, err := c.machine.Step(entropy.Env(), event)
		if err != nil {
			return nil, err
		}
		c.machine, event = next, nil
		for action := range actions.All() {
			switch a := action.(type) {
			case machine.Send:
				if last, err = c.send(method, uri, a.Authorization); err != nil {
					return nil, err
				}
				event = machine.Response{Status: last.Status, Header: header.ParseResponse(last.Header.Values)}
			case machine.Ask:
				event = machine.Answered{ID: a.ID, Answer: drive.Ask(ctx, c.source, a.Question)}
			case machine.Deliver:
				c.space = c.space.Learn(a.OriginFacts)
				return last, nil
			case machine.Fail:
				c.space = c.space.Learn(a.OriginFacts)
				return nil, a.Fault.Err()
			}
		}
		if event == nil {
			return nil, fmt.Errorf("rtsp: the connection cannot be used further")
		}
	}
}

func (c *Client) send(method, uri string, credentials header.Credentials) (*Response, error) {
	c.sequence++
	text := fmt.Sprintf("%s %s RTSP/1.0\r\nCSeq: %d\r\n", method, uri, c.sequence)
	if credentials.Present() {
		text += "Authorization: " + credentials.Text() + "\r\n"
	}
	if _, err := io.WriteString(c.conn, text+"\r\n"); err != nil {
		return nil, err
	}
	line, err := c.in.ReadLine()
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil {
		return nil, err
	}
	r := &Response{Status: status}
	if r.Header, err = c.in.ReadMIMEHeader(); err != nil {
		return nil, err
	}
	if length := r.Header.Get("Content-Length"); length != "" {
		n, err := strconv.ParseUint(length, 10, 20)
		if err != nil {
			return nil, err
		}
		r.Body = make([]byte, n)
		if _, err := io.ReadFull(c.in.R, r.Body); err != nil {
			return nil, err
		}
	}
	return r, nil
}
