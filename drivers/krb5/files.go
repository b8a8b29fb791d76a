package krb5

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
)

// ReadConfig reads krb5.conf: the files that KRB5_CONFIG names, or /etc/krb5.conf; missing
// files are skipped. name, if not "", is read in their place, and must exist.
func ReadConfig(name string) (*krb5conf.Config, error) {
	names := []string{name}
	if name == "" {
		names = filepath.SplitList(os.Getenv("KRB5_CONFIG"))
		if len(names) == 0 {
			names = []string{"/etc/krb5.conf"}
		}
	}
	all := &krb5conf.Config{}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil && (name != "" || !errors.Is(err, os.ErrNotExist)) {
			return nil, err
		}
		c, fault := krb5conf.Parse(string(b), include)
		if !fault.IsZero() {
			return nil, fmt.Errorf("%s: %w", n, fault.Err())
		}
		all = all.Before(c)
	}
	return all, nil
}

// include reads what a configuration includes. Of a folder it reads the files with names
// that end in .conf, or have nothing but letters, digits, dashes and underscores.
func include(directive, name string) (string, bool) {
	if directive == "include" {
		b, err := os.ReadFile(name)
		return string(b), err == nil
	}
	entries, err := os.ReadDir(name)
	var text strings.Builder
	for _, e := range entries {
		plain := strings.Trim(e.Name(), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || !plain && !strings.HasSuffix(e.Name(), ".conf") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(name, e.Name()))
		if err != nil {
			return "", false
		}
		text.Write(b)
		text.WriteByte('\n')
	}
	return text.String(), err == nil
}

// KeytabPath returns the file of a keytab: of a name as in KRB5_KTNAME, or for "" of
// KRB5_KTNAME itself, or /etc/krb5.keytab.
func KeytabPath(name string) (string, error) {
	if name == "" {
		name = os.Getenv("KRB5_KTNAME")
	}
	if name == "" {
		return "/etc/krb5.keytab", nil
	}
	kind, rest, ok := strings.Cut(name, ":")
	switch {
	case !ok || len(kind) == 1:
		return name, nil
	case kind == "FILE" || kind == "WRFILE":
		return rest, nil
	}
	return "", fmt.Errorf("krb5: keytabs of kind %q are not supported; expected a FILE", kind)
}

// WriteKeytab writes a keytab, in one act, readable by its owner alone.
func WriteKeytab(path string, k *keytab.Keytab) error { return writeFile(path, k.Append(nil)) }

func writeFile(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".krb5-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// Keytab is the keytab of a file, which is read again when it has changed: keys can be
// changed without a restart.
type Keytab struct {
	opaque[Keytab] // no output shows what is in it

	Path string
	// Principal is the principal that logs on with the keys. The zero Principal serves
	// acceptors alone.
	Principal krb.Principal

	mu      sync.Mutex
	read    *keytab.Keytab
	written time.Time
	size    int64
}

// Load reads the file if it has changed.
func (k *Keytab) Load() (*keytab.Keytab, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.Path)
	if err != nil {
		return nil, err
	}
	if k.read != nil && info.ModTime().Equal(k.written) && info.Size() == k.size {
		return k.read, nil
	}
	b, err := os.ReadFile(k.Path)
	if err != nil {
		return nil, err
	}
	t, fault := keytab.Parse(string(b))
	if !fault.IsZero() {
		return nil, fmt.Errorf("%s: %w", k.Path, fault.Err())
	}
	k.read, k.written, k.size = t, info.ModTime(), info.Size()
	return t, nil
}

// Answer implements answer.Source.
func (k *Keytab) Answer(ctx context.Context, q gss.Question) gss.Answer {
	switch q := q.(type) {
	case gss.NeedCredential:
		if q.Mech != gss.Kerberos || q.Rejected || k.Principal.IsZero() {
			return gss.Declined{}
		}
		t, err := k.Load()
		if err != nil {
			answer.Explain(ctx, fmt.Errorf("krb5: the keytab: %w", err)) // LEG-3
			return gss.Unreachable{}
		}
		return kerberos.Keys{Principal: k.Principal, Keytab: t}
	case kerberos.NeedServiceKey:
		t, err := k.Load()
		if err != nil {
			answer.Explain(ctx, fmt.Errorf("krb5: the keytab: %w", err)) // LEG-3
			return gss.Unreachable{}
		}
		return kerberos.ServiceKeys{Keytab: t} // the ticket says which one it is
	}
	return gss.Declined{}
}
