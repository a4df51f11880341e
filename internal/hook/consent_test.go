package hook

import (
	"testing"
	"time"
)

func TestConsentIsAskedForABoundedTime(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now, c, asked := start, NewConsent(ConsentChallenge, start), 0
	for !c.NextAt.IsZero() {
		if now = c.NextAt; asked > 100 {
			t.Fatal("asked for ever")
		}
		c = c.Answered("u", "no", 0, now)
		asked++
	}
	if lasts := now.Sub(start); asked != 8 || lasts < 24*time.Hour || lasts > 72*time.Hour {
		t.Errorf("asked %d times in %v", asked, lasts)
	}
}

func TestConsentHoldsForOneURL(t *testing.T) {
	now := time.Now()
	e := Endpoint{URL: "a", Features: Features{Consent: NewConsent(ConsentChallenge, now)}}
	if !e.IsHeld(nil) {
		t.Error("sent to before it agreed")
	}
	e.Consent = e.Consent.Answered("a", "", 0, now)
	if e.IsHeld(nil) {
		t.Error("held although it agreed")
	}
	e.URL = "b"
	if !e.IsHeld(nil) {
		t.Error("what a agreed to counts for b")
	}
	if e.MovedTo("a", now); !e.Consent.NextAt.Equal(now) || !e.Consent.VerifiedAt.IsZero() {
		t.Errorf("not asked anew: %+v", e.Consent)
	}
}

func TestPaceIsWhatTheReceiverAllowed(t *testing.T) {
	for _, c := range []struct{ own, app, allowed, want int }{
		{0, 0, 0, 0}, {5, 9, 0, 5}, {0, 9, 0, 9}, {0, 0, 120, 2}, {0, 0, 90, -90}, {0, 0, 7, -7}, {1, 0, 120, 1}, {5, 0, 120, 2}, {0, 1, 30, -30},
	} {
		e := Endpoint{ThrottleRate: c.own, Features: Features{Consent: &Consent{PerMinute: c.allowed}}}
		if got := e.Pace(c.app); got != c.want {
			t.Errorf("own %d, application's %d, allowed %d a minute: %d, want %d", c.own, c.app, c.allowed, got, c.want)
		}
	}
}
