package krb5

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
)

// TestCacheNames: KRB5CCNAME comes before default_ccache_name, and that before the file in /tmp.
func TestCacheNames(t *testing.T) {
	dir, uid := t.TempDir(), strconv.Itoa(os.Getuid())
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", "/var/tmp")
	for _, row := range []struct{ name, env, conf, want string }{
		{"", "", "", "FILE:/tmp/krb5cc_" + uid},
		{"", "", "/d/t", "FILE:/d/t"},
		{"", "", "FILE:/d/t_%{uid}_%{euid}_%{USERID}_%{username}", "FILE:/d/t_" + uid + "_" + uid + "_" + uid + "_" + me.Username},
		{"", "", "FILE:%{TEMP}/%{null}x%%_%", "FILE:/var/tmp/x%%_%"},
		{"", "", "MEMORY:%{uid}", "MEMORY:" + uid},
		{"", "FILE:/e", "FILE:/d", "FILE:/e"},
		{"", "/e_%{uid}", "FILE:/d", "FILE:/e_%{uid}"}, // MIT's library expands krb5.conf alone
		{"/n", "FILE:/e", "FILE:/d", "FILE:/n"},
		{"DIR::/d/tkt1", "", "", "DIR::/d/tkt1"},
		{"DIR:" + dir, "", "", "DIR::" + dir + "/tkt"},
		{"/with:colon", "", "", "FILE:/with:colon"},
	} {
		t.Setenv("KRB5CCNAME", row.env)
		relation := ""
		if row.conf != "" {
			relation = "default_ccache_name = " + row.conf
		}
		got, err := (&Cache{Name: row.name, Config: config(t, relation)}).Resolve(t.Context())
		if got != row.want || err != nil {
			t.Errorf("%+v: %q, %v", row, got, err)
		}
	}
	requirement.Held(t, "unit:krb_cache_names", "KRB-60")
}

// TestCacheNamesRefused: what cannot be resolved is an error, and no other cache.
func TestCacheNamesRefused(t *testing.T) {
	t.Setenv("KRB5CCNAME", "")
	for _, name := range []string{"%{uid", "%{nonsense}", "FILE:/d/%{LIBDIR}", "API:", "NOWHERE:x", "KEYRING:anchor:x", "DIR::/d/other"} {
		c := &Cache{Config: config(t, "default_ccache_name = "+name)}
		if got, err := c.Resolve(t.Context()); err == nil {
			t.Errorf("%s is %s", name, got)
		}
		if err := c.Write(t.Context(), nil); err == nil {
			t.Errorf("%s is written", name)
		}
	}
	if _, err := (&Cache{Name: "API:", Kinds: map[string]CacheKind{"OURS": {}}}).Resolve(t.Context()); err == nil || !strings.Contains(err.Error(), "DIR, FILE, KCM, KEYRING, MEMORY, OURS") {
		t.Errorf("%v", err)
	}
	requirement.Held(t, "unit:krb_cache_names_refused", "KRB-61")
}

// TestCachePrimary: the file that names a folder's primary cache leads to no other place.
func TestCachePrimary(t *testing.T) {
	dir := t.TempDir()
	c := &Cache{Name: "DIR:" + dir}
	for _, row := range []struct{ primary, want string }{
		{"tktX\n", "tktX"}, {"tkt", "tkt"}, {"../../etc/passwd\n", ""}, {"tkt/../../x\n", ""}, {"", ""}, {"other", ""},
	} {
		os.WriteFile(filepath.Join(dir, "primary"), []byte(row.primary), 0o600)
		want := ""
		if row.want != "" {
			want = "DIR::" + filepath.Join(dir, row.want)
		}
		if got, err := c.Resolve(t.Context()); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q: %q, %v", row.primary, got, err)
		}
	}
	requirement.Held(t, "unit:krb_cache_primary", "KRB-62")
}

// TestCacheKinds: each kind keeps what was written, adds to it, lists it, and forgets it.
func TestCacheKinds(t *testing.T) {
	dir := t.TempDir()
	kept := map[string]*ccache.Cache{}
	ours := CacheKind{
		Read: func(_ context.Context, name string) (*ccache.Cache, error) {
			if c, ok := kept[name]; ok {
				return c, nil
			}
			return nil, fs.ErrNotExist
		},
		Write:   func(_ context.Context, name string, c *ccache.Cache) error { kept[name] = c; return nil },
		Destroy: func(_ context.Context, name string) error { delete(kept, name); return nil },
	}
	names := []string{filepath.Join(dir, "cc"), "FILE:" + filepath.Join(dir, "cc2"), "DIR:" + filepath.Join(dir, "d"), "DIR::" + filepath.Join(dir, "e", "tkt1"), "MEMORY:" + t.Name(), "OURS:x"}
	names = append(names, kernelCaches(t)...)
	for _, name := range names {
		t.Run(name, func(t *testing.T) { roundTrip(t, &Cache{Name: name, Kinds: map[string]CacheKind{"OURS": ours}}) })
	}
	if info, err := os.Stat(filepath.Join(dir, "d")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	requirement.Held(t, "unit:krb_cache_kinds", "KRB-65")
}

// roundTrip does all that can be done to a cache, which does not exist before and after it.
func roundTrip(t *testing.T, f *Cache) {
	ctx := t.Context()
	if _, err := f.Read(ctx); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before it is written: %v", err)
	}
	need := gss.NeedCredential{Mech: gss.Kerberos}
	if f.Answer(ctx, need) != (gss.Declined{}) {
		t.Error("a cache that does not exist answers")
	}
	if list, err := f.List(ctx); err != nil || len(list) != 0 {
		t.Errorf("before it is written there are %q, %v", list, err)
	}
	const ends = 4_000_000_000
	tgt := credential("krbtgt/A.TEST@A.TEST", ends)
	old := credential("HTTP/old@A.TEST", ends)
	if err := f.Write(ctx, ccache.New(tgt.Client, old)); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(ctx, ccache.New(tgt.Client, tgt).WithConfig("fast_avail", "krbtgt/A.TEST@A.TEST", "yes").WithOffset(-5e9)); err != nil {
		t.Fatal(err)
	}
	a, ok := f.Answer(ctx, need).(kerberos.Tickets)
	if !ok || !a.Cache.Principal().Equal(tgt.Client) {
		t.Fatalf("%v", a)
	}
	www := credential("HTTP/www@A.TEST", ends)
	if f.Answer(ctx, kerberos.KeepTicket{Credential: www}) != (kerberos.Kept{}) {
		t.Error("not kept")
	}
	foreign := www
	foreign.Client.Realm = "B.TEST"
	if f.Answer(ctx, kerberos.KeepTicket{Credential: foreign}) != (gss.Declined{}) {
		t.Error("another client's ticket is kept")
	}
	c, err := f.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []ccache.Credential{tgt, www} {
		if got, ok := c.Find(want.Server, 1); !ok || got != want {
			t.Errorf("%v came back as %v", want, got)
		}
	}
	if _, ok := c.Find(old.Server, 1); ok {
		t.Error("a ticket of before is there")
	}
	if v, ok := c.Config("fast_avail", "krbtgt/A.TEST@A.TEST"); v != "yes" || !ok {
		t.Error("the setting is lost")
	}
	if c.Offset() != -5e9 {
		t.Errorf("the offset is %v", c.Offset())
	}
	full, err := f.Resolve(ctx)
	if err != nil {
		t.Error(err)
	}
	if list, err := f.List(ctx); err != nil || !slices.Equal(list, []string{full}) {
		t.Errorf("%q, %v; want %s", list, err, full)
	}
	f.ReadOnly = true
	if f.Answer(ctx, kerberos.KeepTicket{Credential: www}) != (gss.Declined{}) {
		t.Error("kept all the same")
	}
	for _, q := range []gss.Question{gss.NeedCredential{Mech: gss.NTLM}, gss.NeedCredential{Mech: gss.Kerberos, Rejected: true}, gss.NeedReplayCheck{}} {
		if f.Answer(ctx, q) != (gss.Declined{}) {
			t.Errorf("%v is answered", q)
		}
	}
	if err := f.Destroy(ctx); err != nil {
		t.Error(err)
	}
	if c, err := f.Read(ctx); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after it was destroyed: %v, %v", c, err)
	}
}

// TestCacheFile: a file is its owner's alone, and written without remains.
func TestCacheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cc")
	f := &Cache{Name: path}
	tgt := credential("krbtgt/A.TEST@A.TEST", 1000)
	for range 2 {
		if err := f.Write(t.Context(), ccache.New(tgt.Client, tgt)); err != nil {
			t.Fatal(err)
		}
	}
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files are left", len(entries))
	}
}

// TestCacheMemoryBound: the number of caches in memory is bounded.
func TestCacheMemoryBound(t *testing.T) {
	var err error
	n := 0
	for ; err == nil && n <= maxCaches; n++ {
		f := &Cache{Name: fmt.Sprintf("MEMORY:%s/%d", t.Name(), n)}
		if err = f.Write(t.Context(), nil); err == nil {
			defer f.Destroy(context.Background())
		}
	}
	if err == nil {
		t.Errorf("%d caches were made", n)
	}
}
