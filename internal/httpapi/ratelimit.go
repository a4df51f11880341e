package httpapi

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hookloft/hookloft/internal/hook"
)

// rateLimits bounds how many requests each token may make per second.
type rateLimits struct {
	perSecond rate.Limit
	burst     int

	mu      sync.Mutex
	byToken map[hook.TokenID]*rate.Limiter
}

// maxLimiters bounds the memory; beyond it all start anew with a full burst, which
// errs on the side of the callers.
const maxLimiters = 1 << 16

func newRateLimits(perSecond float64) *rateLimits {
	return &rateLimits{
		perSecond: rate.Limit(perSecond), burst: max(1, int(math.Ceil(perSecond))),
		byToken: map[hook.TokenID]*rate.Limiter{},
	}
}

// take counts a request of the call's token; 429 when it is one too many.
func (l *rateLimits) take(c *call) error {
	if l.perSecond <= 0 {
		return nil
	}
	l.mu.Lock()
	limiter := l.byToken[c.token.ID]
	if limiter == nil {
		if len(l.byToken) >= maxLimiters {
			clear(l.byToken)
		}
		limiter = rate.NewLimiter(l.perSecond, l.burst)
		l.byToken[c.token.ID] = limiter
	}
	l.mu.Unlock()
	if limiter.Allow() {
		return nil
	}
	wait := time.Duration(float64(time.Second) / float64(l.perSecond))
	return tooMany(c, wait, "This token makes too many requests.")
}

func tooMany(c *call, wait time.Duration, detail string) error {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	c.w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return &statusError{http.StatusTooManyRequests, "rate_limited", detail}
}

// guessLimits counts wrong tokens by address, in windows of a minute.
type guessLimits struct {
	mu     sync.Mutex
	minute int64
	wrongs map[netip.Addr]int
}

const (
	// maxWrongTokens a minute from one address are answered 401, more are 429.
	maxWrongTokens = 100
	maxGuessers    = 1 << 16
)

func newGuessLimits() *guessLimits { return &guessLimits{wrongs: map[netip.Addr]int{}} }

// wrong counts a wrong token; 429 when the address has sent too many.
func (l *guessLimits) wrong(c *call, from netip.Addr, now time.Time) error {
	// A whole /64 belongs to one subscriber (RFC 6177).
	if from.Is6() {
		if p, err := from.Prefix(64); err == nil {
			from = p.Addr()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if minute := now.Unix() / 60; minute != l.minute || len(l.wrongs) >= maxGuessers {
		l.minute = minute
		clear(l.wrongs)
	}
	l.wrongs[from]++
	if l.wrongs[from] <= maxWrongTokens {
		return nil
	}
	return tooMany(c, time.Duration(60-now.Unix()%60)*time.Second, "Too many wrong tokens came from this address.")
}
