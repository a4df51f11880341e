package hook

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNextDelay(t *testing.T) {
	own := []time.Duration{10 * time.Second, 2 * time.Hour}
	for _, c := range []struct {
		name   string
		policy []time.Duration
		step   int
		a      Attempt
		chance float64
		want   time.Duration // 0 for no attempt left
		why    string
	}{
		{"first, middle of the jitter", own, 0, Attempt{Reason: ReasonServer}, 0.5, 10 * time.Second, "the policy's step"},
		{"first, least", own, 0, Attempt{Reason: ReasonServer}, 0, 8 * time.Second, "-20 %"},
		{"second", own, 1, Attempt{Reason: ReasonServer}, 0.5, 2 * time.Hour, "the next step"},
		{"used up", own, 2, Attempt{Reason: ReasonServer}, 0.5, 0, "two steps are three attempts"},
		{"far beyond", own, 200, Attempt{Reason: ReasonServer}, 0.5, 0, "a policy that was shortened meanwhile"},
		{"single attempt", []time.Duration{}, 0, Attempt{Reason: ReasonServer}, 0.5, 0, "an empty policy is one attempt"},
		{"headers late", own, 0, Attempt{Reason: ReasonTimeoutHeaders}, 0, time.Minute, "at least 60 s after a time-out (CONTRACT 0)"},
		{"connect late", own, 0, Attempt{Reason: ReasonConnectTimeout}, 0, time.Minute, "as above"},
		{"name server late", own, 0, Attempt{Reason: ReasonDNSTimeout}, 0, time.Minute, "the one deadline is over DNS too"},
		{"body late", own, 0, Attempt{Reason: ReasonTimeoutBody}, 0, time.Minute, "the one deadline is over the body too"},
		{"throttled", own, 0, Attempt{Reason: ReasonThrottled}, 0, time.Minute, "at least 60 s after a 429"},
		{"throttled, jitter", own, 0, Attempt{Reason: ReasonThrottled}, 0.5, 66 * time.Second, "upwards only"},
		{"throttled, long step", own, 1, Attempt{Reason: ReasonThrottled}, 0, 96 * time.Minute, "a minute is the least, not the most"},
		{"Retry-After raises", own, 0, Attempt{Reason: ReasonServer, RetryAfter: time.Hour}, 0, time.Hour, "what the receiver asked for"},
		{"Retry-After lowers nothing", own, 1, Attempt{Reason: ReasonServer, RetryAfter: time.Second}, 0.5, 2 * time.Hour, "never shorter than the step"},
		{"Retry-After of a year", own, 0, Attempt{Reason: ReasonThrottled, RetryAfter: 365 * 24 * time.Hour}, 0, MaxRetryAfter, "a day is the most"},
		{"Retry-After below zero", own, 0, Attempt{Reason: ReasonServer, RetryAfter: -time.Hour}, 0.5, 10 * time.Second, "nothing usable"},
		{"Retry-After, used up", own, 2, Attempt{Reason: ReasonServer, RetryAfter: time.Hour}, 0.5, 0, "it adds no attempt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, again := NextDelay(c.policy, c.step, &c.a, c.chance)
			if got != c.want || again != (c.want != 0) {
				t.Errorf("got %v, %v, want %v: %s", got, again, c.want, c.why)
			}
		})
	}
}

func TestDefaultRetryPolicyIsTheContracts(t *testing.T) {
	total := time.Duration(0)
	for _, d := range DefaultRetryPolicy() {
		total += d
	}
	// CONTRACT 2.3: eight attempts in all, about 27.6 hours.
	if n := len(DefaultRetryPolicy()) + 1; n != 8 || total.Round(6*time.Minute) != 27*time.Hour+36*time.Minute {
		t.Errorf("%d attempts in %v", n, total)
	}
	DefaultRetryPolicy()[0] = 0
	if DefaultRetryPolicy()[0] == 0 {
		t.Error("a caller can change the default of all")
	}
}

func TestNextDelayHoldsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(MaxRetryStep)).Draw(t, "delay"))
		}), 0, MaxRetrySteps).Draw(t, "policy")
		step := rapid.IntRange(0, MaxRetrySteps+1).Draw(t, "step")
		a := &Attempt{
			Reason:     Reason(rapid.IntRange(0, int(reasons)-1).Draw(t, "reason")),
			RetryAfter: time.Duration(rapid.Int64().Draw(t, "retry after")),
		}
		chance := rapid.Float64Range(0, 0.9999999).Draw(t, "chance")
		d, again := NextDelay(policy, step, a, chance)
		if again != (step < len(policy)) {
			t.Fatalf("step %d of %d: again is %v", step, len(policy), again)
		}
		if !again {
			return
		}
		// Half a nanosecond of floating point.
		least, most := time.Duration(0.8*float64(policy[step]))-1, time.Duration(1.2*float64(policy[step]))+1
		if a.Reason.IsTimeout() || a.Reason == ReasonThrottled {
			least, most = max(least, time.Minute), max(most, 72*time.Second)
		}
		asked := min(a.RetryAfter, MaxRetryAfter)
		least, most = max(least, asked), max(most, asked)
		if d < least || d > most {
			t.Fatalf("delay %v is outside %v to %v", d, least, most)
		}
	})
}
