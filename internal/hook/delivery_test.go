package hook

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDeliveryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	policy := []time.Duration{10 * time.Second, time.Hour}
	due := now.Add(-time.Second)
	fresh := Delivery{Message: 1, Application: 2, Endpoint: 3, Fresh: true}
	for _, c := range []struct {
		name   string
		before Delivery
		a      Attempt
		want   Delivery
		why    string
	}{
		{"first success", fresh, Attempt{Outcome: Success},
			Delivery{Message: 1, Application: 2, Endpoint: 3, State: Delivered, Attempts: 1}, "nothing is left to do or to explain"},
		{"first failure", fresh, Attempt{Reason: ReasonServer},
			Delivery{Message: 1, Application: 2, Endpoint: 3, Attempts: 1, Step: 1, Reason: ReasonServer, DueAt: now.Add(10 * time.Second)}, "the policy's first step"},
		{"second failure", Delivery{Attempts: 1, Step: 1, DueAt: due, Reason: ReasonServer}, Attempt{Reason: ReasonReset},
			Delivery{Attempts: 2, Step: 2, Reason: ReasonReset, DueAt: now.Add(time.Hour)}, "the second step"},
		{"last failure", Delivery{Attempts: 2, Step: 2, DueAt: due}, Attempt{Reason: ReasonReset},
			Delivery{State: Exhausted, Attempts: 3, Step: 3, Reason: ReasonReset}, "the policy is used up"},
		{"success after failures", Delivery{Attempts: 2, Step: 2, DueAt: due, Reason: ReasonReset}, Attempt{Outcome: Success},
			Delivery{State: Delivered, Attempts: 3, Step: 2}, "the old reason goes"},
		{"success with a broken body", fresh, Attempt{Outcome: Success, Reason: ReasonTimeoutBody, BodyIncomplete: true},
			Delivery{Message: 1, Application: 2, Endpoint: 3, State: Delivered, Attempts: 1}, "a 2xx whose body is late is delivered (CONTRACT 0)"},
		{"gone", Delivery{Attempts: 1, Step: 1, DueAt: due}, Attempt{Outcome: Gone, Reason: ReasonGone},
			Delivery{State: Exhausted, Attempts: 2, Step: 1, Reason: ReasonGone}, "the receiver wants no more"},
		{"unsendable", fresh, Attempt{Outcome: Unsendable, Reason: ReasonExpired},
			Delivery{Message: 1, Application: 2, Endpoint: 3, State: Exhausted, Attempts: 1, Reason: ReasonExpired}, "no retry helps"},
		{"new round after a replay", Delivery{Attempts: 8, Step: 0, DueAt: due}, Attempt{Reason: ReasonServer},
			Delivery{Attempts: 9, Step: 1, Reason: ReasonServer, DueAt: now.Add(10 * time.Second)}, "a round begins at step 0, however many attempts there were"},
		{"manual success of an exhausted one", Delivery{State: Exhausted, Trigger: Manual, Attempts: 8, Step: 8, Reason: ReasonServer}, Attempt{Outcome: Success},
			Delivery{State: Delivered, Trigger: Manual, Attempts: 9, Step: 8}, "a pair shows its best state"},
		{"manual success of a waiting one", Delivery{State: Pending, Trigger: Manual, Attempts: 1, Step: 1, DueAt: due, Reason: ReasonServer}, Attempt{Outcome: Success},
			Delivery{State: Delivered, Trigger: Manual, Attempts: 2, Step: 1}, "its success also completes a delivery that was waiting"},
		{"manual failure of a delivered one", Delivery{State: Delivered, Trigger: Manual, Attempts: 1}, Attempt{Reason: ReasonServer},
			Delivery{State: Delivered, Trigger: Manual, Attempts: 2}, "it stays delivered, and what is delivered has nothing to explain"},
		{"manual failure of an exhausted one", Delivery{State: Exhausted, Trigger: Manual, Attempts: 8, Step: 8, Reason: ReasonGone}, Attempt{Reason: ReasonServer},
			Delivery{State: Exhausted, Trigger: Manual, Attempts: 9, Step: 8, Reason: ReasonGone}, "Reason says why it is exhausted, and that has not changed"},
		{"manual 410", Delivery{State: Pending, Trigger: Manual, Attempts: 1, Step: 1, DueAt: due, Reason: ReasonServer}, Attempt{Outcome: Gone, Reason: ReasonGone},
			Delivery{State: Pending, Trigger: Manual, Attempts: 2, Step: 1, DueAt: due, Reason: ReasonServer}, "a resend leaves the schedule alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.before.After(&c.a, policy, now, 0.5)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.why, diff)
			}
		})
	}
}

// The store keeps DueAt to the millisecond. Cutting it there must not make a retry come
// before 0.8 of its step.
func TestDueAtIsAWholeMillisecondAndNeverEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_800_000_000, rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
		policy := []time.Duration{time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "step"))}
		d := Delivery{}.After(&Attempt{Reason: ReasonServer}, policy, now, 0)
		if d.DueAt.Nanosecond()%1e6 != 0 {
			t.Fatalf("due at %v, which is not a whole millisecond", d.DueAt)
		}
		delay, _ := NextDelay(policy, 0, &Attempt{Reason: ReasonServer}, 0)
		if late := d.DueAt.Sub(now) - delay; late < 0 || late >= time.Millisecond {
			t.Fatalf("due %v after the delay", late)
		}
	})
}

func TestDeliveryEnd(t *testing.T) {
	d := Delivery{Message: 1, Attempts: 3, Step: 2, DueAt: time.Now(), Fresh: true, Reason: ReasonServer}
	got := d.End(Cancelled, ReasonCanceled)
	want := Delivery{Message: 1, Attempts: 3, Step: 2, State: Cancelled, Reason: ReasonCanceled}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStates(t *testing.T) {
	for s, want := range map[State]struct {
		name  string
		final bool
	}{
		Pending: {"pending", false}, Delivered: {"delivered", true}, Exhausted: {"exhausted", true},
		Cancelled: {"cancelled", true}, Held: {"held", false}, 99: {"unknown", false},
	} {
		if s.String() != want.name || s.IsFinal() != want.final {
			t.Errorf("state %d is %s, final %v", s, s, s.IsFinal())
		}
	}
	for o, want := range map[Outcome]string{Failed: "failed", Success: "success", Gone: "gone", Unsendable: "unsendable", 99: "unknown"} {
		if o.String() != want {
			t.Errorf("outcome %d is %s", o, o)
		}
	}
}

func TestShouldDisable(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		since time.Time
		want  bool
	}{
		{"healthy", time.Time{}, false},
		{"first failure", now, false},
		{"just short of five days", now.Add(-DisableAfter + time.Millisecond), false},
		{"five days", now.Add(-DisableAfter), true},
		{"a month", now.Add(-30 * 24 * time.Hour), true},
		{"the clock was set back", now.Add(time.Hour), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ShouldDisable(c.since, now); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestReasonsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for r := range reasons {
		if seen[r.String()] || r.String() == "" && r != ReasonNone {
			t.Errorf("reason %d is called %q, like another one or nothing", r, r)
		}
		seen[r.String()] = true
	}
	if reasons.String() != "unknown" || Reason(255).String() != "unknown" {
		t.Error("a reason of a newer version is not unknown")
	}
}
