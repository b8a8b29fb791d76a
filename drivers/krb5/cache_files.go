package krb5

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/countersign-auth/countersign/kerberos/ccache"
)

var fileKind = CacheKind{
	Read:    func(_ context.Context, path string) (*ccache.Cache, error) { return readCache(path) },
	Write:   func(_ context.Context, path string, c *ccache.Cache) error { return writeFile(path, c.Append(nil)) },
	Destroy: func(_ context.Context, path string) error { return os.Remove(path) },
}

func readCache(path string) (*ccache.Cache, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCacheSize+1)) // one more, which Parse refuses
	if err != nil {
		return nil, err
	}
	c, fault := ccache.Parse(string(b))
	return c, fault.Err()
}

// dirKind keeps files in folders. The name of one cache begins with a colon.
var dirKind = CacheKind{
	Read:    func(_ context.Context, name string) (*ccache.Cache, error) { return readCache(name[1:]) },
	Destroy: func(_ context.Context, name string) error { return os.Remove(name[1:]) },
	Write: func(_ context.Context, name string, c *ccache.Cache) error {
		dir := filepath.Dir(name[1:])
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(dir, "primary")); errors.Is(err, fs.ErrNotExist) {
			if err := writeFile(filepath.Join(dir, "primary"), []byte(filepath.Base(name)+"\n")); err != nil {
				return err
			}
		}
		return writeFile(name[1:], c.Append(nil))
	},
	Primary: func(_ context.Context, name string) (string, error) {
		if path, one := strings.CutPrefix(name, ":"); one {
			if !isDirCache(filepath.Base(path)) {
				return "", errors.New("krb5: the name of a cache in a folder begins with tkt")
			}
			return name, nil
		}
		f, err := os.Open(filepath.Join(name, "primary"))
		if errors.Is(err, fs.ErrNotExist) {
			return ":" + filepath.Join(name, "tkt"), nil
		}
		if err != nil {
			return "", err
		}
		defer f.Close()
		primary, err := io.ReadAll(io.LimitReader(f, maxCacheName))
		file := strings.TrimSpace(string(primary))
		switch {
		case err != nil:
			return "", err
		case !isDirCache(file): // KRB-62
			return "", errors.New("krb5: the file primary of the folder names no cache")
		}
		return ":" + filepath.Join(name, file), nil
	},
	List: func(_ context.Context, name string) (names []string, err error) {
		if path, one := strings.CutPrefix(name, ":"); one {
			name = filepath.Dir(path)
		}
		entries, err := os.ReadDir(name)
		for _, e := range entries {
			if isDirCache(e.Name()) && e.Type().IsRegular() {
				names = append(names, ":"+filepath.Join(name, e.Name()))
			}
		}
		return names, err
	},
}

// isDirCache reports whether a file of a folder can be one of its caches.
func isDirCache(name string) bool {
	return strings.HasPrefix(name, "tkt") && !strings.ContainsAny(name, `/\`)
}

// memory has the caches of this process, by name.
var memory = struct {
	sync.Mutex
	caches map[string]*ccache.Cache
}{caches: map[string]*ccache.Cache{}}

var memoryKind = CacheKind{
	Read: func(_ context.Context, name string) (*ccache.Cache, error) {
		memory.Lock()
		defer memory.Unlock()
		if c, ok := memory.caches[name]; ok {
			return c, nil
		}
		return nil, fs.ErrNotExist
	},
	Write: func(_ context.Context, name string, c *ccache.Cache) error {
		memory.Lock()
		defer memory.Unlock()
		if _, there := memory.caches[name]; !there && len(memory.caches) >= maxCaches {
			return fmt.Errorf("krb5: there are %d caches in memory already", maxCaches)
		}
		memory.caches[name] = c
		return nil
	},
	Destroy: func(_ context.Context, name string) error {
		memory.Lock()
		defer memory.Unlock()
		if _, there := memory.caches[name]; !there {
			return fs.ErrNotExist
		}
		delete(memory.caches, name)
		return nil
	},
}
