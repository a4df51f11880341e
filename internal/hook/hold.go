package hook

import (
	"time"
	"unicode/utf8"
)

// Hold says that nothing is sent for now: an endpoint, or all of an application's, is paused.
// What comes waits in the store, and nothing is dropped. Attempts under way end as usual, and
// what a person asks for by hand is sent all the same.
//
// A Hold outlives its end where what waited is sent at a pace (DrainRate), until that is done.
type Hold struct {
	Since time.Time `json:"since"`
	// Note is why, in its owner's words.
	Note string `json:"note,omitempty"`
	// DrainRate is how many messages a second are sent to each endpoint of what waited once
	// the hold ends; 0 for no bound. What came after the end does not wait for it, unless the
	// endpoint keeps an order.
	DrainRate int `json:"drainRate,omitempty"`
	// ResumedAt is when the hold ended; zero while it lasts. What was due before it waited.
	ResumedAt time.Time `json:"resumedAt,omitzero"`
}

// MaxHoldNote is how many characters a note may have.
const MaxHoldNote = 500

// NewHold returns a hold that begins now. An empty note is none.
func NewHold(note string, now time.Time) (*Hold, error) {
	if err := checkText("note", note); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(note) > MaxHoldNote {
		return nil, Fieldf("note", "must have at most %d characters", MaxHoldNote)
	}
	return &Hold{Since: now.UTC().Truncate(time.Millisecond), Note: note}, nil
}

// Resumed returns what a hold is once it ended at now: nil where what waited is sent as fast
// as it can be, or nothing waited.
func (h *Hold) Resumed(perSecond int, now time.Time) (*Hold, error) {
	if err := checkRate("drainRate", perSecond); err != nil {
		return nil, err
	}
	if h == nil || perSecond == 0 {
		return nil, nil
	}
	ended := *h
	// The next millisecond: what is due in this one has waited.
	ended.DrainRate, ended.ResumedAt = perSecond, now.UTC().Truncate(time.Millisecond).Add(time.Millisecond)
	return &ended, nil
}

// IsOn reports whether nothing may be sent. A nil hold holds nothing.
func (h *Hold) IsOn() bool { return h != nil && h.ResumedAt.IsZero() }

// IsDraining reports whether the hold has ended and what waited is sent at a pace.
func (h *Hold) IsDraining() bool { return h != nil && !h.ResumedAt.IsZero() }

// auditFields adds what the log says of a hold.
func (h *Hold) auditFields(f *AuditFields) {
	if h == nil {
		return
	}
	f.show("hold.since", h.Since.UTC().Format(time.RFC3339))
	f.show("hold.note", h.Note)
	f.show("hold.drainRate", h.DrainRate)
	if !h.ResumedAt.IsZero() {
		f.show("hold.resumedAt", h.ResumedAt.UTC().Format(time.RFC3339))
	}
}

// IsHeld reports whether nothing is to be sent to the endpoint for now: its owner, or that
// of its application, has said so, or the receiver has not yet agreed.
func (e *Endpoint) IsHeld(app *Hold) bool {
	return app.IsOn() || e.Hold.IsOn() || e.AwaitsConsent()
}

// HeldReason is why an endpoint is held: ReasonPaused, ReasonUnverified, or ReasonNone where it is not.
func (e *Endpoint) HeldReason(app *Hold) Reason {
	switch {
	case app.IsOn() || e.Hold.IsOn():
		return ReasonPaused
	case e.IsHeld(app):
		return ReasonUnverified
	}
	return ReasonNone
}

// Draining returns how what waited for the end of a hold is sent: what was due before until,
// at most so many a second. A zero until is for nothing.
func (e *Endpoint) Draining(app *Hold) (until time.Time, perSecond int) {
	if e.Hold == nil && app == nil {
		return until, 0
	}
	for _, h := range [...]*Hold{e.Hold, app} {
		if !h.IsDraining() {
			continue
		}
		if h.ResumedAt.After(until) {
			until = h.ResumedAt
		}
		if perSecond == 0 || h.DrainRate < perSecond {
			perSecond = h.DrainRate
		}
	}
	return until, perSecond
}

// Breaker is how an endpoint does that has failed several times in a row.
type Breaker struct {
	Failures     int       // in a row, of the kind that count
	IsOpen       bool      // it rests: nothing is sent but one probe at a time
	ProbeAt      time.Time // when the next one is sent; zero unless it rests
	IsRecovering bool      // it answers again, and more is sent bit by bit
}
