package kerberos

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/machine/trace"
)

// samples are one value of each question and answer, as full as it gets.
func samples(t testing.TB) []any {
	f := newForger(t, krb.AES128SHA256)
	cred := ccache.Credential{Client: alice, Server: service, Key: f.session, AuthTime: 1, EndTime: 2, Flags: krb.Forwardable, Ticket: "ticket"}
	return []any{
		Tickets{Cache: ccache.New(alice, cred, cred)}, Tickets{Cache: ccache.New(alice)},
		Keys{Principal: alice, Keytab: f.keys},
		ServiceKeys{Keytab: f.keys}, ServiceKeys{},
		Ticket{cred}, KeepTicket{Identity: "alice", Credential: cred}, Delegated{cred}, Kept{},
		Ticket{}, KeepTicket{Identity: "alice"}, KeepTicket{}, Delegated{},
		NeedTicket{Identity: "alice", Client: alice, Server: service, Until: 7},
		NeedServiceKey{Service: service, Type: krb.AES128SHA256, Kvno: 2},
	}
}

// What a trace holds reads back as what it was.
func TestBinary(t *testing.T) {
	for _, v := range samples(t) {
		m, ok := v.(encoding.BinaryMarshaler)
		if !ok { // a plain value, as trace finds below
			continue
		}
		b, err := m.MarshalBinary()
		again := reflect.New(reflect.TypeOf(v))
		if err != nil || again.Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(b) != nil {
			t.Errorf("%T does not read back: %v", v, err)
			continue
		}
		if got, err := again.Elem().Interface().(encoding.BinaryMarshaler).MarshalBinary(); err != nil || string(got) != string(b) {
			t.Errorf("%T becomes another: %v", v, err)
		}
		for i := range b { // total, and never the same from less
			again := reflect.New(reflect.TypeOf(v))
			if again.Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(b[:i]) == nil && i > 0 {
				if got, _ := again.Elem().Interface().(encoding.BinaryMarshaler).MarshalBinary(); string(got) == string(b) {
					t.Errorf("%T: %d of %d bytes are the same", v, i, len(b))
				}
			}
		}
	}
	if _, err := trace.Vocab(samples(t)...); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"\xff", strings.Repeat("\xff", 20), "\x00\x00\x00\x99key"} {
		for _, v := range samples(t) {
			if u, ok := reflect.New(reflect.TypeOf(v)).Interface().(encoding.BinaryUnmarshaler); ok {
				if err := u.UnmarshalBinary([]byte(text)); err == nil {
					t.Errorf("%T takes %q", v, text)
				} else if !errors.Is(err, gss.Malformed) && !errors.Is(err, gss.Unsupported) {
					t.Errorf("%T: %v", v, err)
				}
			}
		}
	}
}

// A principal that is read from a trace is one, as one that is parsed from text: no part of it holds a NUL.
func TestBinaryPrincipals(t *testing.T) {
	keys := newForger(t, krb.AES128SHA256).keys
	for realm, ok := range map[string]bool{"A.TEST": true, "": true, "A\x00TEST": false, "A.TEST\x00": false} {
		b, err := Keys{Principal: krb.Principal{Name: alice.Name, Realm: realm}, Keytab: keys}.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var k Keys
		switch err := k.UnmarshalBinary(b); {
		case ok && (err != nil || k.Principal.Realm != realm || !k.Principal.Name.Equal(alice.Name) || k.Keytab.Len() != keys.Len()):
			t.Errorf("realm %q: %+v, %v", realm, k.Principal, err)
		case !ok && !errors.Is(err, gss.Malformed):
			t.Errorf("realm %q: %v", realm, err)
		}
	}
}

func FuzzBinary(f *testing.F) {
	for i, v := range samples(f) {
		if m, ok := v.(encoding.BinaryMarshaler); ok {
			b, _ := m.MarshalBinary()
			f.Add(uint8(i), b)
		}
	}
	all := samples(f)
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		v := reflect.New(reflect.TypeOf(all[int(which)%len(all)]))
		u, ok := v.Interface().(encoding.BinaryUnmarshaler)
		if !ok || u.UnmarshalBinary(b) != nil {
			return
		}
		one, err := v.Elem().Interface().(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		w := reflect.New(v.Type().Elem())
		if err := w.Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(one); err != nil {
			t.Fatalf("%v of %s", err, fmt.Sprintf("%T", v.Interface()))
		}
		if two, _ := w.Elem().Interface().(encoding.BinaryMarshaler).MarshalBinary(); string(two) != string(one) {
			t.Fatal("not canonical")
		}
	})
}
