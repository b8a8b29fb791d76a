package krb5

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/kerberos/ccache"
)

// defaultKCM is where the daemon listens if krb5.conf does not say it.
const defaultKCM = "/var/run/.heim_org.h5l.kcm-socket"

// kcmTimeout is for one request to a KCM and its answer.
const kcmTimeout = 10 * time.Second

// Operations of the KCM protocol, which Heimdal's kcm and sssd speak.
const (
	kcmInitialize      = 4
	kcmDestroy         = 5
	kcmStore           = 6
	kcmGetPrincipal    = 8
	kcmCredentials     = 9
	kcmCredential      = 10
	kcmCaches          = 18
	kcmCacheName       = 19
	kcmGetDefaultCache = 20
	kcmGetOffset       = 22
	kcmSetOffset       = 23
)

// kcmVersion is that of the protocol, 2.0.
const kcmVersion = "\x02\x00"

const uuidSize = 16

// kcmError is an error's code, in the answer or in place of one.
type kcmError uint32

// Codes of MIT's and Heimdal's credential caches.
const (
	kcmNotFound kcmError = 0x96c73a8d // KRB5_CC_NOTFOUND
	kcmEnd      kcmError = 0x96c73a8e // KRB5_CC_END
	kcmNoFile   kcmError = 0x96c73ac3 // KRB5_FCC_NOFILE
	kcmInternal kcmError = 0x96c73ac4 // KRB5_FCC_INTERNAL: also for what it does not support
)

func (e kcmError) Error() string {
	if e == kcmInternal {
		return "krb5: the KCM failed, or does not support the operation"
	}
	return fmt.Sprintf("krb5: the KCM answered with error %#x", uint32(e))
}

// Is makes it fs.ErrNotExist where nothing is there.
func (e kcmError) Is(target error) bool {
	return target == fs.ErrNotExist && (e == kcmNotFound || e == kcmEnd || e == kcmNoFile)
}

// kcm is the daemon at a socket.
type kcm struct{ socket string }

func (k kcm) kind() CacheKind {
	return CacheKind{
		Read: func(ctx context.Context, name string) (c *ccache.Cache, err error) {
			return c, k.with(ctx, func(conn *kcmConn) (err error) {
				c, err = conn.read(name)
				return err
			})
		},
		Write: func(ctx context.Context, name string, c *ccache.Cache) error {
			return k.with(ctx, func(conn *kcmConn) error { return conn.write(name, c) })
		},
		Add: func(ctx context.Context, name string, cred ccache.Credential) error {
			_, entries := parts(ccache.New(cred.Client, cred))
			return k.with(ctx, func(conn *kcmConn) error { return conn.do(kcmStore, name+"\x00"+string(entries[0].bytes)) })
		},
		Destroy: func(ctx context.Context, name string) error {
			return k.with(ctx, func(conn *kcmConn) error {
				if _, err := conn.call(kcmGetPrincipal, name+"\x00"); err != nil { // sssd destroys what is not there
					return err
				}
				return conn.do(kcmDestroy, name+"\x00")
			})
		},
		Primary: func(ctx context.Context, name string) (string, error) {
			if name != "" {
				return name, nil
			}
			return name, k.with(ctx, func(conn *kcmConn) error {
				b, err := conn.call(kcmGetDefaultCache, "")
				if err == nil {
					name, err = kcmName(b)
				}
				return err
			})
		},
		List: func(ctx context.Context, _ string) (names []string, err error) {
			return names, k.with(ctx, func(conn *kcmConn) (err error) {
				names, err = conn.list()
				return err
			})
		},
	}
}

// with runs f with a connection.
func (k kcm) with(ctx context.Context, f func(*kcmConn) error) error {
	if k.socket == "-" {
		return errors.New("krb5: kcm_socket of krb5.conf turns KCM off")
	}
	dialing, cancel := context.WithTimeout(ctx, kcmTimeout)
	defer cancel()
	c, err := new(net.Dialer).DialContext(dialing, "unix", k.socket)
	if err != nil {
		return err
	}
	defer c.Close()
	conn := &kcmConn{ctx, c}
	return f(conn)
}

// kcmConn is a connection.
type kcmConn struct {
	ctx context.Context
	net.Conn
}

// call makes one request.
func (c *kcmConn) call(op uint16, payload string) ([]byte, error) {
	c.SetDeadline(time.Now().Add(kcmTimeout)) // KRB-63
	defer context.AfterFunc(c.ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	request := binary.BigEndian.AppendUint16([]byte(kcmVersion), op)
	if _, err := c.Write(frame(append(request, payload...))); err != nil {
		return nil, err
	}
	var head [8]byte // the length, and the code of an error of the transport, which does not count in it
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return nil, unexpected(err)
	}
	n, code := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
	if n > maxCacheSize {
		return nil, fmt.Errorf("krb5: an answer of %d bytes, where at most %d are accepted", n, maxCacheSize)
	}
	b, err := io.ReadAll(io.LimitReader(c, int64(n))) // what was promised is not believed before it comes
	switch {
	case err != nil:
		return nil, err
	case len(b) < int(n):
		return nil, io.ErrUnexpectedEOF
	case code != 0:
		return nil, kcmError(code)
	case len(b) < 4:
		return nil, errors.New("krb5: an answer of the KCM without a code")
	}
	if code := binary.BigEndian.Uint32(b); code != 0 {
		return nil, kcmError(code)
	}
	return b[4:], nil
}

// unexpected makes the end of a stream an error of its own.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// do makes a request of which only the success counts.
func (c *kcmConn) do(op uint16, payload string) error {
	_, err := c.call(op, payload)
	return err
}

func kcmName(b []byte) (string, error) {
	name, rest, ok := strings.Cut(string(b), "\x00")
	if !ok || rest != "" || name == "" || len(name) > maxCacheName {
		return "", errors.New("krb5: the KCM gave no name of a cache")
	}
	return name, nil
}

// uuids returns what a list has, none where there is nothing.
func (c *kcmConn) uuids(op uint16, payload string, most int) (ids []string, err error) {
	b, err := c.call(op, payload)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && (len(b)%uuidSize != 0 || len(b)/uuidSize > most) { // KRB-63
		err = fmt.Errorf("krb5: a list of the KCM does not parse or has more than %d entries", most)
	}
	if err != nil {
		return nil, err
	}
	for ; len(b) > 0; b = b[uuidSize:] {
		ids = append(ids, string(b[:uuidSize]))
	}
	return ids, nil
}

func (c *kcmConn) read(name string) (*ccache.Cache, error) {
	principal, err := c.call(kcmGetPrincipal, name+"\x00")
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimLeft(principal, "\x00")) == 0 { // made, and not initialized
		return nil, fs.ErrNotExist
	}
	ids, err := c.uuids(kcmCredentials, name+"\x00", maxCacheEntries)
	if err != nil {
		return nil, err
	}
	var entries []string
	total := 0
	for _, id := range ids {
		b, err := c.call(kcmCredential, name+"\x00"+id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		if total += len(b); total > maxCacheSize {
			return nil, errors.New("krb5: a cache of the KCM has more than 16 MiB")
		}
		entries = append(entries, string(b))
	}
	contents, err := join(string(principal), entries)
	if err != nil {
		return nil, err
	}
	offset, err := c.call(kcmGetOffset, name+"\x00")
	if err == nil && len(offset) >= 4 {
		contents = contents.WithOffset(time.Duration(int32(binary.BigEndian.Uint32(offset))) * time.Second)
	}
	var refused kcmError
	if errors.As(err, &refused) {
		err = nil // it knows none
	}
	return contents, err
}

// write makes the cache anew: the protocol has no way to replace it in one act that the daemons support.
func (c *kcmConn) write(name string, contents *ccache.Cache) error {
	principal, entries := parts(contents)
	if err := c.do(kcmInitialize, name+"\x00"+string(principal)); err != nil {
		return err
	}
	if o := contents.Offset(); o != 0 {
		seconds := binary.BigEndian.AppendUint32(nil, uint32(int32(o/time.Second)))
		if err := c.do(kcmSetOffset, name+"\x00"+string(seconds)); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if err := c.do(kcmStore, name+"\x00"+string(e.bytes)); err != nil {
			return err
		}
	}
	return nil
}

func (c *kcmConn) list() (names []string, err error) {
	ids, err := c.uuids(kcmCaches, "", maxCaches)
	for _, id := range ids {
		b, err := c.call(kcmCacheName, id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone meanwhile
		}
		if err != nil {
			return names, err
		}
		name, err := kcmName(b)
		if err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, err
}
