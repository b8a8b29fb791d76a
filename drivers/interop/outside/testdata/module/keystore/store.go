// Package keystore is a service whose keys are in a store of its own, not in a keytab.
package keystore

import (
	"context"
	"sync"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Store holds the keys of services, by name, encryption type and version.
type Store struct {
	mu   sync.Mutex
	keys map[kerberos.NeedServiceKey]kerberos.ServiceKey
}

// Put adds a key, as a secret manager has it.
func (s *Store) Put(service krb.Principal, kind krb.EType, kvno uint32, value gss.Secret) error {
	key, fault := krb.NewKey(kind, value.Reveal())
	if err := fault.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = map[kerberos.NeedServiceKey]kerberos.ServiceKey{}
	}
	s.keys[kerberos.NeedServiceKey{Service: service, Type: kind, Kvno: kvno}] = kerberos.NewServiceKey(key)
	return nil
}

// Find answers kerberos.NeedServiceKey: it is a function for answer.On.
func (s *Store) Find(_ context.Context, need kerberos.NeedServiceKey) gss.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, ok := s.keys[need]
	if !ok {
		return gss.Unknown{}
	}
	return key
}
