package rtsp

import (
	"bufio"
	"crypto/md5"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
)

func hash(parts ...string) string {
	return fmt.Sprintf("%x", md5.Sum([]byte(strings.Join(parts, ":"))))
}

// camera serves a connection as cameras do: by Digest without qop, and with a nonce that
// it keeps. It returns the methods of the requests without valid credentials.
func camera(c net.Conn, methods *[]string) {
	defer c.Close()
	in := textproto.NewReader(bufio.NewReader(c))
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		fields, err := in.ReadMIMEHeader()
		if err != nil {
			return
		}
		words := strings.Fields(line)
		credentials := header.ParseCredentials(fields.Values("Authorization")...)
		uri, _ := credentials.Param("uri")
		response, _ := credentials.Param("response")
		if uri != words[1] || response != hash(hash("admin", "camera", "secret"), "6b4c1f3a", hash(words[0], words[1])) {
			*methods = append(*methods, words[0])
			fmt.Fprintf(c, "RTSP/1.0 401 Unauthorized\r\nCSeq: %s\r\nWWW-Authenticate: Digest realm=\"camera\", nonce=\"6b4c1f3a\"\r\n\r\n", fields.Get("CSeq"))
			continue
		}
		body := "v=0\r\n"
		fmt.Fprintf(c, "RTSP/1.0 200 OK\r\nCSeq: %s\r\nContent-Length: %d\r\n\r\n%s", fields.Get("CSeq"), len(body), body)
	}
}

// TestDo: the first request is challenged, and further ones are sent with credentials.
func TestDo(t *testing.T) {
	here, there := net.Pipe()
	var challenged []string
	ended := make(chan struct{})
	go func() { camera(there, &challenged); close(ended) }()
	client, err := NewClient(here, "admin", "secret")
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range [][2]string{{"DESCRIBE", ""}, {"SETUP", "/track1"}, {"PLAY", ""}} {
		r, err := client.Do(t.Context(), request[0], "rtsp://192.0.2.7/stream1"+request[1])
		if err != nil {
			t.Fatal(request, err)
		}
		if r.Status != 200 || string(r.Body) != "v=0\r\n" {
			t.Errorf("%v: %d %q", request, r.Status, r.Body)
		}
	}
	here.Close()
	<-ended
	if len(challenged) != 1 || challenged[0] != "DESCRIBE" {
		t.Errorf("challenged: %q, want the first request alone", challenged)
	}
}

func TestWrongPassword(t *testing.T) {
	here, there := net.Pipe()
	var challenged []string
	go camera(there, &challenged)
	defer here.Close()
	client, err := NewClient(here, "admin", "guess")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(t.Context(), "DESCRIBE", "rtsp://192.0.2.7/stream1"); !errors.Is(err, gss.Refused) {
		t.Errorf("%v, want %v", err, gss.Refused)
	}
}
