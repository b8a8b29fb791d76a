package krb5

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/ccache"
)

// daemon is a KCM with caches by name. inTransport is the form of sssd's errors: for what it does not support
// in place of an answer.
type daemon struct {
	inTransport bool
	principals  map[string]string
	creds       map[string][]string
	offsets     map[string]string
}

// answer returns the payload of an answer, and the code.
func (d *daemon) answer(op uint16, payload string) (string, kcmError) {
	name, rest, _ := strings.Cut(payload, "\x00")
	uuid := func(i int) string { return strings.Repeat("\x00", 15) + string(rune(i)) }
	names := []string{}
	for n := range d.principals {
		names = append(names, n)
	}
	slices.Sort(names)
	_, there := d.principals[name]
	switch op {
	case kcmInitialize:
		d.principals[name], d.creds[name], d.offsets[name] = rest, nil, ""
		return "", 0
	case kcmGetDefaultCache:
		return "0\x00", 0
	case kcmCaches:
		if len(names) == 0 {
			return "", kcmNoFile
		}
		list := ""
		for i := range names {
			list += uuid(i)
		}
		return list + uuid(99), 0 // one that goes meanwhile
	case kcmCacheName:
		if i := int(payload[15]); i < len(names) {
			return names[i] + "\x00", 0
		}
		if d.inTransport {
			return "", kcmEnd
		}
		return "", kcmNoFile
	}
	if !there {
		return "", kcmNoFile
	}
	switch op {
	case kcmDestroy:
		delete(d.principals, name)
	case kcmStore:
		d.creds[name] = append(d.creds[name], rest)
	case kcmGetPrincipal:
		return d.principals[name], 0
	case kcmCredentials:
		list := ""
		for i := range d.creds[name] {
			list += uuid(i)
		}
		return list + uuid(99), 0
	case kcmCredential:
		if i := int(rest[15]); i < len(d.creds[name]) {
			return d.creds[name][i], 0
		}
		return "", kcmEnd
	case kcmSetOffset:
		d.offsets[name] = rest
	case kcmGetOffset:
		if d.offsets[name] == "" {
			return "", kcmInternal
		}
		return d.offsets[name], 0
	default:
		return "", kcmInternal
	}
	return "", 0
}

func (d *daemon) serve(c net.Conn) {
	for {
		request, err := unframe(c)
		if err != nil || len(request) < 4 {
			return
		}
		payload, code := d.answer(binary.BigEndian.Uint16(request[2:]), string(request[4:]))
		if code == kcmInternal && d.inTransport {
			c.Write(binary.BigEndian.AppendUint32(make([]byte, 4), uint32(code)))
			continue
		}
		b := binary.BigEndian.AppendUint32(nil, uint32(4+len(payload)))
		b = binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 0), uint32(code))
		c.Write(append(b, payload...))
	}
}

// listen returns a cache at a socket that serve answers at.
func listenKCM(t *testing.T, name string, serve func(net.Conn)) *Cache {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no KCM there")
	}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return &Cache{Name: name, Config: config(t, "kcm_socket = "+socket)}
}

// TestKCM: with both forms of errors, and with entries of lists that go before they are asked for.
func TestKCM(t *testing.T) {
	for _, inTransport := range []bool{false, true} {
		for _, name := range []string{"KCM:", "KCM:0:x"} {
			d := &daemon{inTransport, map[string]string{}, map[string][]string{}, map[string]string{}}
			roundTrip(t, listenKCM(t, name, d.serve))
		}
	}
	requirement.Held(t, "unit:krb_kcm", "KRB-65")
}

// TestKCMRecorded reads what sssd's and Heimdal's daemons were recorded to answer about a cache without tickets; they
// differ in how they refuse.
func TestKCMRecorded(t *testing.T) {
	for _, refusal := range []string{"\x00\x00\x00\x00\x96\xc7\x3a\xc4", "\x00\x00\x00\x04\x00\x00\x00\x00\x96\xc7\x3a\xc4"} {
		answers := map[string]string{
			"\x02\x00\x00\x14":      "\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x000\x00",
			"\x02\x00\x00\x080\x00": "\x00\x00\x00\x21\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x08LAB.TEST\x00\x00\x00\x05alice",
			"\x02\x00\x00\x090\x00": "\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00",
		}
		f := listenKCM(t, "KCM:", func(c net.Conn) {
			for {
				request, err := unframe(c)
				if err != nil {
					return
				}
				answer, known := answers[string(request)]
				if !known {
					answer = refusal
				}
				c.Write([]byte(answer))
			}
		})
		c, err := f.Read(t.Context())
		if err != nil || c.Principal().String() != "alice@LAB.TEST" || c.Offset() != 0 {
			t.Errorf("%v, %v", c, err)
		}
	}
	requirement.Held(t, "unit:krb_kcm", "KRB-65")
}

// TestKCMHostile: a daemon that is silent, that ends early or that promises too much is an error, and is not waited for
// longer than the caller waits.
func TestKCMHostile(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing":        "",
		"half a head":    "\x00\x00\x00",
		"too long":       "\x7F\xFF\xFF\xFF\x00\x00\x00\x00",
		"cut":            "\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00",
		"no code":        "\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00",
		"no name":        "\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00",
		"two names":      "\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00a\x00b\x00",
		"transport":      "\x00\x00\x00\x00\x96\xc7\x3a\xc4",
		"internal":       "\x00\x00\x00\x04\x00\x00\x00\x00\x96\xc7\x3a\xc4",
		"no such cache":  "\x00\x00\x00\x04\x00\x00\x00\x00\x96\xc7\x3a\xc3",
		"cut behind all": "\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00a",
	} {
		f := listenKCM(t, "KCM:", func(c net.Conn) {
			io.ReadFull(c, make([]byte, 8))
			c.Write([]byte(answer))
		})
		if got, err := f.Resolve(t.Context()); err == nil || errors.Is(err, fs.ErrNotExist) != (name == "no such cache") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	many := listenKCM(t, "KCM:", func(c net.Conn) {
		for {
			request, err := unframe(c)
			if err != nil {
				return
			}
			payload := make([]byte, 4+uuidSize*(maxCaches+1)) // a code, and the list
			if request[3] == kcmCacheName {
				payload = []byte("\x00\x00\x00\x00x\x00")
			}
			c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), append(make([]byte, 4), payload...)...))
		}
	})
	if list, err := many.List(t.Context()); err == nil {
		t.Errorf("%d caches", len(list))
	}
	requirement.Held(t, "unit:krb_kcm_hostile", "KRB-63")
}

// TestKCMSilent: each request has a deadline, and the end of the context is an earlier one.
func TestKCMSilent(t *testing.T) {
	silent := listenKCM(t, "KCM:", func(c net.Conn) { io.Copy(io.Discard, c) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if got, err := silent.Resolve(ctx); err == nil {
		t.Errorf("%q", got)
	}
	near, far := net.Pipe()
	defer far.Close()
	c := &deadlines{Conn: near}
	go func() {
		io.ReadFull(far, make([]byte, 8))
		far.Close()
	}()
	(&kcmConn{t.Context(), c}).call(kcmGetDefaultCache, "")
	if c.set.IsZero() || time.Until(c.set) > kcmTimeout {
		t.Errorf("the deadline is %v", c.set)
	}
	requirement.Held(t, "unit:krb_kcm_silent", "KRB-63")
}

// deadlines notes the deadline of reads and writes.
type deadlines struct {
	net.Conn
	set time.Time
}

func (d *deadlines) SetDeadline(t time.Time) error {
	d.set = t
	return d.Conn.SetDeadline(t)
}

// TestKCMOff: a socket of "-" turns it off.
func TestKCMOff(t *testing.T) {
	f := &Cache{Name: "KCM:x", Config: config(t, "kcm_socket = -")}
	if err := f.Write(t.Context(), ccache.New(credential("krbtgt/A.TEST@A.TEST", 1).Client)); err == nil {
		t.Error("written")
	}
}
