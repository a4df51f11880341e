package hook

import "time"

// State is where a delivery stands. The numbers are stored: only add at the end.
//
//	           claim                       2xx
//	Pending ─────────▶ Sending ───────────────────────▶ Delivered
//	 ▲   ▲               │ │ │  endpoint removed, cancelled
//	 │   └─ crash ───────┘ │ ├────────────────────────▶ Cancelled
//	 └─── NextDelay ───────┘ │  attempts used up, gone, disabled
//	Held ◀─▶ Pending         └────────────────────────▶ Exhausted
//
// Sending is a Pending delivery that a lane of this process has taken; it is never
// stored, so a crash finds it Pending.
type State uint8

const (
	// Pending: waits for its first or next attempt.
	Pending State = iota
	// Delivered: the receiver answered with success.
	Delivered
	// Exhausted: no attempt is left, or the endpoint is gone or disabled.
	Exhausted
	// Cancelled: somebody or something decided not to send.
	Cancelled
	// Held: waits for the endpoint to be resumed.
	Held
)

// String returns the state as it is logged.
func (s State) String() string {
	return nameAt(int(s), "pending", "delivered", "exhausted", "cancelled", "held")
}

// IsFinal reports whether nothing more happens without a replay.
func (s State) IsFinal() bool { return s == Delivered || s == Exhausted || s == Cancelled }

// Delivery is one message on its way to one endpoint. It is identified by that
// pair; a manual resend is the same pair with Trigger Manual and leaves the
// schedule alone. Very many are in memory at once, so the small fields stand together.
type Delivery struct {
	Message     MessageID
	Application ApplicationID
	Endpoint    EndpointID
	State       State
	Trigger     Trigger
	// Reason says why State is Exhausted, Cancelled or Held, or why the last attempt failed.
	Reason Reason
	// Fresh: the delivery has no row of its own yet; it lives in memory and is found
	// after a crash through its message. See store.Queue.
	Fresh bool
	// Attempts counts the ended attempts of the pair, manual ones included.
	Attempts int
	// Step counts the failed scheduled attempts of this round: the position in the
	// retry policy. A replay begins a new round at 0.
	Step int
	// DueAt is when the next attempt may begin, to the millisecond. In a Line it is the
	// delivery's place, which stays as it is from attempt to attempt, and NotBefore is when
	// the next one may begin, zero for at once.
	DueAt     time.Time
	Line      Line
	NotBefore time.Time
	// BatchEnd is the place of the last delivery that leaves in one request with this one,
	// the first of them; zero until that is settled. A repetition takes the same ones.
	BatchEnd PlaceInLine
	// Note says of the Reason what else is known, in some words: which clause of a filter decided.
	// It is stored in the clear, so it holds nothing of the message. "" for nothing.
	Note string
	// Crashes counts how often the process died while a request of this delivery was under
	// way or its outcome not yet recorded, since the last attempt that was recorded.
	Crashes int
	// Latest is of a new delivery that a later one of its key may supersede; nil for most. It
	// is for Append alone, and not stored.
	Latest *LatestOf
}

// After returns the delivery after attempt a has ended at now: the only place where
// an outcome becomes a state. policy is that of RetryPolicyOf, chance is in [0, 1).
func (d Delivery) After(a *Attempt, policy []time.Duration, now time.Time, chance float64) Delivery {
	d.Attempts++
	d.Crashes = 0
	d.Fresh = false
	switch {
	case a.Outcome == Success:
		d.State, d.Reason, d.Note, d.DueAt = Delivered, ReasonNone, "", time.Time{}
	case a.Outcome == Dropped && d.Trigger != Manual:
		d.State, d.Reason, d.Note, d.DueAt = Cancelled, a.Reason, "", time.Time{}
	case d.Trigger == Manual:
		// One attempt without a schedule: the pair keeps the state that it had, and its reason.
	case a.Outcome == Gone, a.Outcome == Unsendable, a.Wish == WishAbort:
		d.State, d.Reason, d.Note, d.DueAt = Exhausted, a.Reason, "", time.Time{}
	default:
		d.Reason, d.Note = a.Reason, ""
		delay, again := NextDelay(policy, d.Step, a, chance)
		d.Step++
		if !again {
			d.State, d.DueAt = Exhausted, time.Time{}
			break
		}
		d.State = Pending
		if at := ceilMilli(now.Add(delay)); d.Line != 0 {
			d.NotBefore = at
		} else {
			d.DueAt = at
		}
	}
	if d.State.IsFinal() {
		d.NotBefore, d.BatchEnd = time.Time{}, PlaceInLine{}
	}
	return d
}

// NextAt is when the next attempt of a pending delivery may begin; zero where it never
// waited. What stands before it in its line may make it later.
func (d *Delivery) NextAt() time.Time {
	if d.NotBefore.After(d.DueAt) {
		return d.NotBefore
	}
	return d.DueAt
}

// Until returns the delivery exhausted where its next attempt would come after deadline,
// and as it is otherwise; the zero time is no deadline.
func (d Delivery) Until(deadline time.Time) Delivery {
	if deadline.IsZero() || d.State != Pending || d.Trigger != Scheduled || d.NextAt().Before(deadline) {
		return d
	}
	return d.End(Exhausted, ReasonExpired)
}

// ceilMilli rounds up to the millisecond: cutting what is below would let a retry come
// before its least delay.
func ceilMilli(t time.Time) time.Time {
	if whole := t.Truncate(time.Millisecond); whole.Before(t) {
		return whole.Add(time.Millisecond)
	}
	return t
}

// End returns the delivery ended without an attempt, in a final state with its cause.
func (d Delivery) End(s State, why Reason) Delivery {
	d.State, d.Reason, d.Note, d.DueAt, d.Fresh = s, why, "", time.Time{}, false
	d.NotBefore, d.BatchEnd = time.Time{}, PlaceInLine{}
	return d
}

// Disabling an endpoint on its own failure (CONTRACT section 0).
const (
	// DisableAfter is how long without a success disables an endpoint.
	DisableAfter = 120 * time.Hour
	// MinFailureSpan is the least time between the first and the last failure, so
	// that an endpoint with one message a week is not disabled by two of them.
	MinFailureSpan = 12 * time.Hour
)

// ShouldDisable reports whether an endpoint whose streak of failures began at since
// and which fails again at now is to be disabled: both conditions are judged over
// the streak, so an endpoint is never disabled by what happened before its last success.
func ShouldDisable(since, now time.Time) bool {
	streak := now.Sub(since)
	return !since.IsZero() && streak >= DisableAfter && streak >= MinFailureSpan
}
