package krb5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/ccache"
)

// kernelCaches returns names of caches in the kernel, where it lets this process have keys.
func kernelCaches(t *testing.T) []string {
	if _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false); errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		t.Logf("keyrings are not tested: %v", err)
		return nil
	}
	own := fmt.Sprintf("countersign%d", os.Getpid())
	return []string{"KEYRING:session:" + own, "KEYRING:session:" + own + ":tkt", "KEYRING:user:" + own + "u", "KEYRING:" + own + "old"}
}

// TestKeyringDamage: a key that is no credential costs nothing but itself, and a primary key that is none is an error.
func TestKeyringDamage(t *testing.T) {
	names := kernelCaches(t)
	if names == nil {
		t.Skip("there are no keyrings here")
	}
	f := &Cache{Name: names[0] + "damage"}
	tgt := credential("krbtgt/A.TEST@A.TEST", 4_000_000_000)
	if err := f.Write(t.Context(), ccache.New(tgt.Client, tgt)); err != nil {
		t.Fatal(err)
	}
	defer f.Destroy(t.Context())
	full, err := f.Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var collection int
	err = withKeyring(full[len("KEYRING:"):], false, func(k keyring) error {
		collection = k.in
		_, err := unix.AddKey("user", "HTTP/damaged@A.TEST", []byte("no credential"), k.id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Collect(c.All()); len(got) != 1 || got[0] != tgt {
		t.Errorf("%v", got)
	}
	for _, b := range [][]byte{[]byte("x"), append(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 1}, 1<<31), "tkt"...), append(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 2}, 3), "tkt"...)} {
		if _, err := unix.AddKey("user", primaryKey, b, collection); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Resolve(t.Context()); err == nil {
			t.Errorf("%q is %s", b, got)
		}
	}
	f.Name = full
	requirement.Held(t, "unit:krb_keyring_damage", "KRB-62", "KRB-64")
}
