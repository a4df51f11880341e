package httpapi

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// signInLimits slow down who guesses passwords: by account and address, and by address over all
// accounts. Guesses from one place never keep the right password of another place out: an
// account that many places guess at leaves each place fewer tries, and always one.
type signInLimits struct {
	mu        sync.Mutex
	pairs     map[signInPair]*guesses
	addresses map[netip.Addr]*guesses
	accounts  map[[32]byte]*guesses
}

type signInPair struct {
	account [32]byte
	address netip.Addr
}

// guesses are wrong passwords without a long pause between them.
type guesses struct {
	n    int
	last time.Time
}

const (
	freeGuesses         = 5  // of one account from one address
	freeAddressGuesses  = 30 // of all accounts from one address: many people may share one
	busyAccountGuesses  = 50 // of one account from everywhere, from which on each address has one
	maxGuessWait        = 15 * time.Minute
	forgetGuessesAfter  = time.Hour
	maxRememberedGuests = 1 << 14 // of each kind: some MiB
)

func newSignInLimits() *signInLimits {
	return &signInLimits{pairs: map[signInPair]*guesses{}, addresses: map[netip.Addr]*guesses{}, accounts: map[[32]byte]*guesses{}}
}

func signInPairOf(email string, from netip.Addr) signInPair {
	if from.Is6() { // a whole /64 belongs to one subscriber (RFC 6177)
		if p, err := from.Prefix(64); err == nil {
			from = p.Addr()
		}
	}
	return signInPair{sha256.Sum256([]byte(hook.NormalEmail(email))), from}
}

// begin returns how long to wait before a password may be tried; zero: now, and the try counts as
// wrong until right is called, so that many at the same moment are no way around.
func (l *signInLimits) begin(email string, from netip.Addr, now time.Time) time.Duration {
	pair := signInPairOf(email, from)
	l.mu.Lock()
	defer l.mu.Unlock()
	mine, place, account := at(l.pairs, pair, now), at(l.addresses, pair.address, now), at(l.accounts, pair.account, now)
	free := freeGuesses
	if account.n >= busyAccountGuesses {
		free = 1
	}
	if wait := max(mine.wait(free, now), place.wait(freeAddressGuesses, now)); wait > 0 {
		return wait
	}
	for _, g := range []*guesses{mine, place, account} {
		g.n, g.last = g.n+1, now
	}
	return 0
}

// right forgets what begin counted of one who had the right password.
func (l *signInLimits) right(email string, from netip.Addr) {
	pair := signInPairOf(email, from)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pairs, pair)
	for _, g := range []*guesses{l.addresses[pair.address], l.accounts[pair.account]} {
		if g != nil && g.n > 0 {
			g.n--
		}
	}
}

// wait is 1 s after free guesses and doubles with each further one.
func (g *guesses) wait(free int, now time.Time) time.Duration {
	if g.n < free {
		return 0
	}
	pause := maxGuessWait
	if over := g.n - free; over < 10 {
		pause = min(pause, time.Second<<over)
	}
	return max(0, g.last.Add(pause).Sub(now))
}

// at returns what is remembered of key. Of too many any one is forgotten: the order of a map is arbitrary.
func at[K comparable](m map[K]*guesses, key K, now time.Time) *guesses {
	g := m[key]
	if g != nil && now.Sub(g.last) < forgetGuessesAfter {
		return g
	}
	if len(m) >= maxRememberedGuests && g == nil {
		for k := range m {
			delete(m, k)
			break
		}
	}
	g = &guesses{}
	m[key] = g
	return g
}
