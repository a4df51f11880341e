package hook

import (
	"slices"
	"testing"
	"time"
)

func TestEndpointAnnouncements(t *testing.T) {
	app := &Application{ID: 20, Environment: 1, UID: "acme"}
	source := &Application{ID: 30, Environment: 1, Source: 30}
	operational := &Application{ID: 1, Environment: 1}
	since := time.UnixMilli(1_800_000_000_000)
	base := Endpoint{ID: 5, Application: 20, UID: "ep", URL: "https://a.example/", Metadata: map[string]string{"k": "v"}, Secrets: []Secret{{Text: "whsec_a"}}}
	changed := func(f func(e *Endpoint)) *Endpoint { e := base; f(&e); return &e }
	failing := changed(func(e *Endpoint) { e.FailingSince, e.Warned = since, 2 })
	off := changed(func(e *Endpoint) { e.Disabled = true })
	cases := []struct {
		name          string
		why           string
		before, after *Endpoint
		app           *Application
		want          []string
	}{
		{"created", "", nil, &base, app, []string{EndpointCreated}},
		{"created disabled", "it was never enabled", nil, off, app, []string{EndpointCreated}},
		{"deleted", "", &base, nil, app, []string{EndpointDeleted}},
		{"URL", "", &base, changed(func(e *Endpoint) { e.URL = "https://b.example/" }), app, []string{EndpointUpdated}},
		{"metadata", "", &base, changed(func(e *Endpoint) { e.Metadata = map[string]string{"k": "w"} }), app, []string{EndpointUpdated}},
		{"secret", "a rotation is an update", &base, changed(func(e *Endpoint) { e.Secrets = []Secret{{Text: "whsec_b"}} }), app, []string{EndpointUpdated}},
		{"shape", "", &base, changed(func(e *Endpoint) { e.Shape = &Shape{} }), app, []string{EndpointUpdated}},
		{"nothing new", "the time of the call is no change", &base, changed(func(e *Endpoint) { e.UpdatedAt = since }), app, nil},
		{"failing", "the server's notes are no change of the owner's", &base, failing, app, nil},
		{"disabled", "", &base, off, app, []string{EndpointUpdated, EndpointDisabled}},
		{"enabled", "", off, &base, app, []string{EndpointUpdated, EndpointEnabled}},
		{"disabled by the server", "", failing, changed(func(e *Endpoint) { e.Disabled, e.DisabledBy = true, ReasonDisabled }), app, []string{EndpointDisabled}},
		{"described while disabled by the server", "that is the owner's change", changed(func(e *Endpoint) { e.Disabled, e.DisabledBy = true, ReasonGone }),
			changed(func(e *Endpoint) { e.Disabled, e.DisabledBy, e.Description = true, ReasonGone, "d" }), app, []string{EndpointUpdated}},
		{"created for a source", "not in the contract", nil, &base, source, nil},
		{"deleted for a source", "not in the contract", &base, nil, source, nil},
		{"enabled for a source", "not in the contract", off, &base, source, nil},
		{"disabled for a source", "", &base, off, source, []string{"ingest.endpoint.disabled"}},
		{"operational", "nothing about itself", &base, off, operational, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, a := range EndpointAnnouncements(c.before, c.after, c.app) {
				got = append(got, a.Type)
				if a.Environment != 1 || a.Application != c.app.ID || a.Endpoint != 5 || a.EndpointUID != "ep" || a.Source != c.app.Source || a.ApplicationUID != c.app.UID {
					t.Errorf("says %+v", a)
				}
				if a.Type == EndpointDisabled && (a.Automatic != (c.after.DisabledBy != ReasonNone) || !a.FailSince.Equal(c.before.FailingSince)) {
					t.Errorf("says %+v", a)
				}
				if len(UnknownOperationalTypes([]string{a.Type})) != 0 {
					t.Errorf("%s is not in the list of types", a.Type)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: got %v, want %v", c.why, got, c.want)
			}
		})
	}
}

func TestAttemptAnnouncement(t *testing.T) {
	policy := make([]time.Duration, 7)
	failed, success := &Attempt{Outcome: Failed, Reason: ReasonServer}, &Attempt{Outcome: Success}
	end := func(d Delivery, a *Attempt) (Delivery, string) {
		next := d.After(a, policy, time.Now(), 0.5)
		return next, AttemptAnnouncement(&d, &next, a)
	}
	t.Run("schedule", func(t *testing.T) {
		var d Delivery
		for n := 1; n <= 8; n++ {
			var got string
			want := map[int]string{4: AttemptFailing, 8: AttemptExhausted}[n]
			if _, recovers := end(d, success); (recovers == AttemptRecovered) != (n > 4) {
				t.Errorf("a success in attempt %d tells %q", n, recovers)
			}
			if d, got = end(d, failed); got != want {
				t.Errorf("failure %d tells %q, want %q", n, got, want)
			}
		}
		if d.State != Exhausted {
			t.Fatalf("%+v", d)
		}
		resend := d
		resend.Trigger = Manual
		if _, got := end(resend, failed); got != "" {
			t.Errorf("a resend that fails tells %q", got)
		}
		if _, got := end(resend, success); got != AttemptRecovered {
			t.Errorf("a resend after the end tells %q", got)
		}
		round := Delivery{Attempts: d.Attempts, Reason: d.Reason} // as store.Ledger.Replay begins it
		if _, got := end(round, success); got != AttemptRecovered {
			t.Errorf("a new round after the end tells %q", got)
		}
	})
	cases := []struct {
		name, why string
		d         Delivery
		a         *Attempt
		want      string
	}{
		{"first success", "", Delivery{}, success, ""},
		{"once delivered", "a resend of what has arrived", Delivery{State: Delivered, Step: 5, Attempts: 6, Trigger: Manual}, success, ""},
		{"gone", "the last attempt of the delivery", Delivery{}, &Attempt{Outcome: Gone, Reason: ReasonGone}, AttemptExhausted},
		{"fourth and last", "one of the two is enough", Delivery{Step: 7}, failed, AttemptExhausted},
		{"disabled meanwhile", "no attempt decided it, so nothing was told", Delivery{State: Exhausted, Reason: ReasonDisabled, Attempts: 2, Trigger: Manual}, success, ""},
		{"resend beside a fresh one", "", Delivery{Attempts: 1}, success, ""},
		{"resend of a failing one", "its success ends the schedule", Delivery{Step: 4, Attempts: 4, Reason: ReasonServer, Trigger: Manual}, success, AttemptRecovered},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, got := end(c.d, c.a); got != c.want {
				t.Errorf("%s: tells %q, want %q", c.why, got, c.want)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	since := time.UnixMilli(1_800_000_000_000)
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {60*time.Hour - 1, 1}, {60 * time.Hour, 2}, {108*time.Hour - 1, 2}, {108 * time.Hour, 3}, {1000 * time.Hour, 3}} {
		if got := Warnings(since, since.Add(c.after)); got != c.want {
			t.Errorf("after %v %d warnings are due, want %d", c.after, got, c.want)
		}
	}
	app, e := &Application{ID: 20, Environment: 1}, &Endpoint{ID: 5}
	if a := FailingAnnouncement(app, e, since, true); !a.DisableAt.Equal(since.Add(120*time.Hour)) || !a.FailSince.Equal(since) || a.Type != EndpointFailing {
		t.Errorf("says %+v", a)
	}
	if a := FailingAnnouncement(app, e, since, false); !a.DisableAt.IsZero() {
		t.Errorf("an environment that disables nothing: %+v", a)
	}
}

func TestOperationalTypesAreKnown(t *testing.T) {
	if got := UnknownOperationalTypes(OperationalTypes()); got != nil {
		t.Errorf("%v", got)
	}
	if got := UnknownOperationalTypes([]string{"endpoint.created", "message.attempt.log", ""}); !slices.Equal(got, []string{"message.attempt.log", ""}) {
		t.Errorf("%v", got)
	}
}
