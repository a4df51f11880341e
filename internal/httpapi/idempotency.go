package httpapi

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/store"
)

// How long a key finds its first answer (CONTRACT section 0). Client libraries send
// a fresh auto_ key with every POST, to be safe when they retry by themselves.
const (
	keyLife     = 12 * time.Hour
	autoKeyLife = 15 * time.Minute
	maxKeyBytes = 256
)

// idempotencyKey returns the key of a request, scoped to its environment and path;
// nil when it has none.
func idempotencyKey(c *call) (*store.IdempotencyKey, error) {
	values := c.r.Header["Idempotency-Key"]
	if len(values) == 0 || values[0] == "" {
		return nil, nil
	}
	if len(values) > 1 {
		return nil, badRequest("The header Idempotency-Key must not be given twice.")
	}
	text := values[0]
	if len(text) > maxKeyBytes {
		return nil, badRequest("The header Idempotency-Key must have at most %d bytes.", maxKeyBytes)
	}
	key := &store.IdempotencyKey{Life: keyLife}
	if strings.HasPrefix(text, "auto_") {
		key.Life = autoKeyLife
	}
	path := c.r.URL.EscapedPath()
	scope := make([]byte, 16, 16+len(path)+len(text))
	binary.BigEndian.PutUint64(scope, uint64(c.env()))
	// The path's length keeps it apart from the key.
	binary.BigEndian.PutUint64(scope[8:], uint64(len(path)))
	scope = append(append(scope, path...), text...)
	if !c.route.publishes && (c.token.IsPortal() || len(c.token.Scopes) > 0) {
		// An answer may hold a token: one that was given to a stronger caller is not
		// repeated to a weaker one that learned of the key. No header holds a zero byte.
		scope = binary.BigEndian.AppendUint64(append(scope, 0), uint64(c.token.ID))
	}
	sum := sha256.Sum256(scope)
	copy(key.Hash[:], sum[:])
	sum = sha256.Sum256(c.body)
	copy(key.Body[:], sum[:])
	return key, nil
}

// once runs a handler that changes something at most once for a key. An earlier
// success is answered again; equal requests at the same time wait for the first.
func (s *server) once(c *call) error {
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	if key == nil {
		return c.route.handler(s, c)
	}
	unlock := s.inflight.lock(key.Hash)
	defer unlock()
	if err := c.ctx().Err(); err != nil {
		return err // the client gave up while it waited
	}
	earlier, err := s.Catalog.Receipt(c.ctx(), *key)
	if err != nil {
		return err
	}
	if earlier != nil {
		return c.raw(earlier.Status, earlier.Body)
	}
	c.receipt = &store.Receipt{Key: *key}
	return c.route.handler(s, c)
}

// prepare fixes the answer to be saved with the change, before the change is made.
// It returns the answer's body, to be written once the change is durable.
func (c *call) prepare(status int, v any) []byte {
	var body []byte
	if v != nil {
		body = encode(v)
	}
	if c.receipt != nil {
		c.receipt.Status, c.receipt.Body = status, body
	}
	return body
}

// keyLocks let one request at a time through for each key.
type keyLocks struct {
	mu    sync.Mutex
	locks map[[16]byte]*keyLock
}

type keyLock struct {
	mu    sync.Mutex
	users int // holders and waiters; guarded by keyLocks.mu
}

func newKeyLocks() *keyLocks { return &keyLocks{locks: map[[16]byte]*keyLock{}} }

// lock waits for its turn and returns how to end it.
func (l *keyLocks) lock(key [16]byte) (unlock func()) {
	l.mu.Lock()
	k := l.locks[key]
	if k == nil {
		k = &keyLock{}
		l.locks[key] = k
	}
	k.users++
	l.mu.Unlock()
	k.mu.Lock()
	return func() {
		k.mu.Unlock()
		l.mu.Lock()
		if k.users--; k.users == 0 {
			delete(l.locks, key)
		}
		l.mu.Unlock()
	}
}
