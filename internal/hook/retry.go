package hook

import (
	"fmt"
	"time"
)

// The retry schedule's bounds (CONTRACT section 0).
const (
	// AttemptTimeout is the one deadline over DNS, connect, TLS, headers and body, where
	// an endpoint has none of its own.
	AttemptTimeout = 15 * time.Second
	// minTroubledDelay is the least delay after a time-out or a 429.
	minTroubledDelay = time.Minute
	// MaxRetryAfter is the longest Retry-After that is honoured.
	MaxRetryAfter = 24 * time.Hour
	// MaxRetrySteps and MaxRetryStep bound a retry policy of the user's.
	MaxRetrySteps = 64
	MaxRetryStep  = 7 * 24 * time.Hour
	// MinRetryStep is the least delay of such a policy: without one, a receiver that refuses
	// would get dozens of requests for one message in a moment.
	MinRetryStep = time.Second
)

// DefaultRetryPolicy returns the delays after the first, second, ... failed attempt:
// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, so eight attempts in about 27.6 hours.
func DefaultRetryPolicy() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
	}
}

// CheckRetryPolicy checks a policy that a user chose. Its error names the delay as the
// contract does: ["retrySchedule", "[2]"].
func CheckRetryPolicy(field string, policy []time.Duration) error {
	if len(policy) > MaxRetrySteps {
		return Fieldf(field, "must hold at most %d delays", MaxRetrySteps)
	}
	for i, d := range policy {
		if d < MinRetryStep || d > MaxRetryStep {
			return &FieldError{Path: []string{field, fmt.Sprintf("[%d]", i)}, Text: fmt.Sprintf("must lie between %d and %d seconds", int64(MinRetryStep/time.Second), int64(MaxRetryStep/time.Second))}
		}
	}
	return nil
}

// RaiseRetrySteps raises what a stored policy has below MinRetryStep, in place: earlier
// versions let it in.
func RaiseRetrySteps(policy []time.Duration) {
	for i, d := range policy {
		policy[i] = max(d, MinRetryStep)
	}
}

// RetryPolicyOf returns the policy that holds for a delivery: the first that is not nil of
// the endpoint's, its event type's and its environment's, and the default where none is.
func RetryPolicyOf(endpoint, eventType, environment []time.Duration) []time.Duration {
	for _, policy := range [...][]time.Duration{endpoint, eventType, environment} {
		if policy != nil {
			return policy
		}
	}
	return DefaultRetryPolicy()
}

// NextDelay returns how long after the end of attempt a its delivery is due again,
// and false when the policy is used up. step counts the failed attempts before a in
// this round (0 for the first). chance is in [0, 1).
//
// The delay is the policy's step with ±20 % jitter, so that a recovered endpoint's
// backlog does not come back in step; at least a minute after a time-out or a 429;
// and at least what Retry-After asked for, up to a day. Nothing makes it shorter
// than 0.8 of the step.
func NextDelay(policy []time.Duration, step int, a *Attempt, chance float64) (time.Duration, bool) {
	if step >= len(policy) {
		return 0, false
	}
	delay := time.Duration(float64(policy[step]) * (0.8 + 0.4*chance))
	if a.Reason.IsTimeout() || a.Reason == ReasonThrottled {
		// Jitter upwards only: a minute is the least.
		delay = max(delay, time.Duration(float64(minTroubledDelay)*(1+0.2*chance)))
	}
	return max(delay, min(a.RetryAfter, MaxRetryAfter)), true
}
