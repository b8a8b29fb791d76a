// Package keystore is a service whose keys are in a store of its own, not in a keytab.
package keystore

import (
	"context"
	"sync"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Store holds the keys of services, by name.
type Store struct {
	mu   sync.Mutex
	keys map[krb.Principal][]keytab.Entry
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
		s.keys = map[krb.Principal][]keytab.Entry{}
	}
	s.keys[service] = append(s.keys[service], keytab.Entry{Principal: service, Kvno: kvno, Key: key})
	return nil
}

// Find answers kerberos.NeedServiceKey: it is a function for answer.On.
func (s *Store) Find(_ context.Context, need kerberos.NeedServiceKey) gss.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys, ok := s.keys[need.Service]
	if !ok {
		return gss.Unknown{}
	}
	return kerberos.ServiceKeys{Keytab: keytab.New(keys...)}
}
