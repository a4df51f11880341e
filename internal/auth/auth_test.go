package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestLoadOrCreateKeyKeepsTheKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hookloft.key")
	first, created, err := LoadOrCreateKey(path)
	if err != nil || !created {
		t.Fatalf("first call: created %v, err %v", created, err)
	}
	second, created, err := LoadOrCreateKey(path)
	if err != nil || created {
		t.Fatalf("second call: created %v, err %v", created, err)
	}
	if first != second {
		t.Error("the second call returned another key")
	}
	if first == (Key{}) {
		t.Error("the key is all zero")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 || info.Size() != KeyBytes {
		t.Errorf("key file has mode %04o and %d bytes", info.Mode().Perm(), info.Size())
	}
}

func TestLoadOrCreateKeyRefuses(t *testing.T) {
	whole := strings.Repeat("k", KeyBytes)
	for _, c := range []struct {
		name, content string
		mode          fs.FileMode
		want, why     string
	}{
		{"readable by all", whole, 0o644, "chmod 600", "others could read every secret of a copied database"},
		{"readable by group", whole, 0o640, "chmod 600", "the group is others too"},
		{"writable by others", whole, 0o602, "chmod 600", "others could exchange the key"},
		{"empty", "", 0o600, "has 0 bytes", "a new key in its place would lose all secrets"},
		{"short", whole[1:], 0o600, "has 31 bytes", "as above"},
		{"long", whole + "\n", 0o600, "has 33 bytes", "an editor added a line end, so the key may be damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil { // past the umask
				t.Fatal(err)
			}
			_, _, err := LoadOrCreateKey(path)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q, because %s", err, c.want, c.why)
			}
			if strings.Contains(err.Error(), "kkkk") {
				t.Error("the error shows the key")
			}
			if after, _ := os.ReadFile(path); string(after) != c.content {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("directory", func(t *testing.T) {
		if _, _, err := LoadOrCreateKey(t.TempDir()); err == nil {
			t.Error("a directory was taken for a key")
		}
	})
	t.Run("no directory to create it in", func(t *testing.T) {
		_, created, err := LoadOrCreateKey(filepath.Join(t.TempDir(), "missing", "key"))
		if err == nil || created {
			t.Errorf("created %v, err %v", created, err)
		}
	})
}

func TestLoadOrCreateKeyGivesAllRacersOneKey(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	const racers = 16
	keys, creators := make([]Key, racers), make([]bool, racers)
	errs := make([]error, racers)
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() { keys[i], creators[i], errs[i] = LoadOrCreateKey(path) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	count := 0
	for i := range racers {
		if keys[i] != keys[0] {
			t.Fatal("two racers hold different keys")
		}
		if creators[i] {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d racers say that they created the key", count)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".key-*")); len(left) != 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestKeyFromSecret(t *testing.T) {
	if _, err := KeyFromSecret(strings.Repeat("s", MinSecretChars-1)); err == nil {
		t.Error("a short secret was accepted")
	} else if strings.Contains(err.Error(), "sss") {
		t.Error("the error shows the secret")
	}
	a, err := KeyFromSecret("0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	again, _ := KeyFromSecret("0123456789abcdef")
	b, _ := KeyFromSecret("0123456789abcdeg")
	if a != again {
		t.Error("the same secret gave two keys")
	}
	if a == b {
		t.Error("two secrets gave one key")
	}
}

// These values are in every store: a change of derivation or hash would lock all users
// out. They were computed with Python's hmac module from RFC 5869 as well.
func TestDerivedValuesNeverChange(t *testing.T) {
	k, err := KeyFromSecret("a main secret for the vector")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%x", k.derive(purposeSeal)), "ec25d3190512741fefcff75ceca5fe6c50076cd85a9e7efd55532e687d429cc5"; got != want {
		t.Errorf("sealing key is %s, was %s", got, want)
	}
	got := NewHasher(k).Hash(Text{"hl_sk_0000000000000000000000000000000000000000000000"})
	if want := "b4bfc04df6c2705efb815c2832798972c8f5687445ffba6ac72b89c51c0806aa"; fmt.Sprintf("%x", got) != want {
		t.Errorf("token hash is %x, was %s", got, want)
	}
}

func TestKeyNeverPrints(t *testing.T) {
	k := Key{raw: [KeyBytes]byte{1, 2, 3, 250}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(format, k); strings.Contains(s, "250") || strings.Contains(s, "fa") || !strings.Contains(s, "[key]") {
			t.Errorf("%s prints %s", format, s)
		}
	}
}
