// Package auth keeps what must not be read or guessed: it seals secrets at rest,
// hashes tokens, mints them, and derives every key of a store from one main key.
//
// # Keys
//
// A store has one main key of 32 bytes. It lies in a file beside the data (see
// LoadOrCreateKey) or comes from the operator's text (see KeyFromSecret); it is never
// used itself. HKDF-SHA256 (RFC 5869) derives from it, with an empty salt, one key for
// each purpose, so that no two uses share one:
//
//	hookloft/seal/v1    XAES-256-GCM of what lies at rest (Sealer)
//	hookloft/token/v1   HMAC-SHA256 of token texts (Hasher)
//
// Whoever has the data but not the main key can neither read a signing secret nor test
// a guess at a token. Whoever loses the main key loses all sealed secrets and tokens: a
// backup of the data alone cannot sign.
//
// This package never logs, and its types never print what they hold.
package auth

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

// KeyBytes is the length of a main key.
const KeyBytes = 32

// The purposes of derived keys. A text that was once in use never changes its meaning.
const (
	purposeSeal  = "hookloft/seal/v1"
	purposeToken = "hookloft/token/v1"
)

// Key is a store's main key. It never prints itself.
type Key struct{ raw [KeyBytes]byte }

// String hides the key from logs and error texts.
func (Key) String() string { return "[key]" }

// GoString hides the key from %#v.
func (Key) GoString() string { return "[key]" }

// LogValue hides the key from slog.
func (Key) LogValue() slog.Value { return slog.StringValue("[key]") }

// NewKey draws a main key.
func NewKey() Key {
	var k Key
	rand.Read(k.raw[:]) // never fails (crypto/rand)
	return k
}

// MinSecretChars is how long the text of KeyFromSecret must be.
const MinSecretChars = 16

// KeyFromSecret derives a main key from a text that the operator gives to every node.
// It is HKDF, not a slow password hash, so the text must be drawn at random
// (for example with `openssl rand -base64 32`), not thought up.
func KeyFromSecret(secret string) (Key, error) {
	if len(secret) < MinSecretChars {
		return Key{}, fmt.Errorf("the main secret has %d characters, at least %d are needed; draw one with: openssl rand -base64 32", len(secret), MinSecretChars)
	}
	var k Key
	copy(k.raw[:], mustHKDF([]byte(secret), "hookloft/main-secret/v1"))
	return k, nil
}

// derive returns the key for one purpose.
func (k Key) derive(purpose string) []byte { return mustHKDF(k.raw[:], purpose) }

// mustHKDF fails only when asked for more than 255 blocks, which 32 bytes are not.
func mustHKDF(secret []byte, info string) []byte {
	out, err := hkdf.Key(sha256.New, secret, nil, info, KeyBytes)
	if err != nil {
		panic(err)
	}
	return out
}

// LoadOrCreateKey returns the main key in the file at path. When there is no such file
// it draws a key and saves it, readable by its owner alone; a crash leaves the whole key
// on disk or no file. created says that it was drawn just now: a store that has data
// already was then sealed under another key. A file that others may read, or that is not
// a key, is refused; the error says what to do.
func LoadOrCreateKey(path string) (k Key, created bool, err error) {
	k, err = loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, false, err
	}
	k = NewKey()
	err = createKey(path, k)
	if errors.Is(err, fs.ErrExist) { // another process was faster, and its key counts
		k, err = loadKey(path)
		return k, false, err
	}
	return k, err == nil, err
}

func loadKey(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("open key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("read key file: %w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return Key{}, fmt.Errorf("key file %s is not a regular file", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return Key{}, fmt.Errorf("key file %s may be read by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	case info.Size() != KeyBytes:
		return Key{}, fmt.Errorf("key file %s has %d bytes, a key has %d; restore it from your backup of the key", path, info.Size(), KeyBytes)
	}
	var k Key
	if n, err := f.Read(k.raw[:]); err != nil || n != KeyBytes {
		return Key{}, fmt.Errorf("read key file %s: %d bytes: %w", path, n, err)
	}
	return k, nil
}

// createKey saves a key under a name that does not exist yet. The key is complete and
// flushed under a temporary name first; the link to path then succeeds for one process only.
func createKey(path string, k Key) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".key-*") // CreateTemp makes it with mode 0600
	if err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(k.raw[:])
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	return syncDir(dir)
}

// syncDir flushes a directory, so that a name in it outlives a power loss.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // cannot open a directory for this
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("flush directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("flush directory %s: %w", dir, err)
	}
	return nil
}
