package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"github.com/hookloft/hookloft/internal/hook"
)

// The parameters of argon2id that RFC 9106, section 4, recommends where memory is scarce.
const (
	argonPasses    = 3
	argonMemoryKiB = 64 << 10
	argonLanes     = 4
	argonSalt      = 16
	argonHash      = 32
)

const (
	// maxHashing is how many passwords are hashed at once: 128 MiB, whoever asks.
	maxHashing = 2
	// maxWaiting is how many more may wait for their turn, some seconds at most.
	maxWaiting = 32
)

// Passwords hashes passwords and compares them with their hashes. Its cost is what slows whoever
// has stolen the hashes. It may be used by many goroutines.
type Passwords struct {
	turns   chan struct{} // has a value for each that is under way
	waiting atomic.Int32
	// nobody is the hash that the password of an unknown user is compared with, so that the
	// time of an answer does not tell who is known.
	nobody string
}

// NewPasswords returns a Passwords.
func NewPasswords() *Passwords {
	p := &Passwords{turns: make(chan struct{}, maxHashing)}
	// Its hash is random text, which no password gives.
	p.nobody = argonText(randomBytes(argonSalt), randomBytes(argonHash))
	return p
}

// Hash returns what is stored of a password, in the PHC string format. hook.Overloaded: too
// many wait.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	salt := randomBytes(argonSalt)
	sum, err := p.sum(ctx, password, salt, argonPasses, argonMemoryKiB, argonLanes)
	if err != nil {
		return "", err
	}
	return argonText(salt, sum), nil
}

// Matches reports whether stored is of this password. It takes as long where stored is "",
// and is false then.
func (p *Passwords) Matches(ctx context.Context, password, stored string) (bool, error) {
	known := stored != ""
	if !known {
		stored = p.nobody
	}
	var version, memory, passes, lanes int
	parts := strings.Split(stored, "$") // "", argon2id, v=, m=,t=,p=, salt, hash
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, fmt.Errorf("a stored password has an unknown form")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &lanes); err != nil || version != argon2.Version ||
		memory < 8 || memory > 1<<21 || passes < 1 || passes > 100 || lanes < 1 || lanes > 255 {
		return false, fmt.Errorf("a stored password has unknown parameters")
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("read a stored password: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) != argonHash {
		return false, fmt.Errorf("a stored password has a hash of %d bytes", len(want))
	}
	sum, err := p.sum(ctx, password, salt, uint32(passes), uint32(memory), uint8(lanes))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(sum, want) == 1 && known, nil
}

func (p *Passwords) sum(ctx context.Context, password string, salt []byte, passes, memory uint32, lanes uint8) ([]byte, error) {
	if p.waiting.Add(1) > maxHashing+maxWaiting {
		p.waiting.Add(-1)
		return nil, hook.Errorf(hook.Overloaded, "too many passwords wait to be checked")
	}
	defer p.waiting.Add(-1)
	select {
	case p.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.turns }()
	return argon2.IDKey([]byte(password), salt, passes, memory, lanes, argonHash), nil
}

func argonText(salt, sum []byte) string {
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemoryKiB, argonPasses, argonLanes, enc(salt), enc(sum))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return b
}
