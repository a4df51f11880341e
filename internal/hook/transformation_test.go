package hook

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestDroppedEndsADelivery(t *testing.T) {
	now := time.Now()
	a := &Attempt{Outcome: Dropped, Reason: ReasonTransformCancel}
	d := Delivery{State: Pending, Attempts: 1, Step: 1, DueAt: now, Reason: ReasonServer}.After(a, nil, now, 0)
	if d.State != Cancelled || d.Reason != ReasonTransformCancel || !d.DueAt.IsZero() || d.Attempts != 2 || !d.State.IsFinal() {
		t.Errorf("got %+v", d)
	}
	// A resend is one attempt beside the schedule: the pair keeps its state.
	d = Delivery{State: Delivered, Trigger: Manual}.After(a, nil, now, 0)
	if d.State != Delivered {
		t.Errorf("after a resend: %+v", d)
	}
	var c RollupCounts
	c.Count(&EndedAttempt{Outcome: Dropped, Reason: ReasonTransformCancel})
	if c.Success != 0 || c.Failed != 0 || len(c.Reasons) != 0 {
		t.Errorf("counted as %+v", c)
	}
	if AttemptAnnouncement(&Delivery{}, &d, a) != "" {
		t.Error("it is announced")
	}
}

func TestFailedScriptIsRetried(t *testing.T) {
	now := time.Now()
	for _, why := range []Reason{ReasonTransformError, ReasonTransformTimeout, ReasonTransformMemory} {
		d := Delivery{State: Pending}.After(&Attempt{Outcome: Failed, Reason: why}, []time.Duration{5 * time.Second}, now, 0.5)
		if d.State != Pending || d.Reason != why || !d.DueAt.After(now) {
			t.Errorf("%v: %+v", why, d)
		}
		if !why.IsTransformation() || why.CountsForBreaker() || why.IsTimeout() {
			t.Errorf("%v is taken for trouble of the receiver", why)
		}
	}
}

func TestTransformationNeverPrints(t *testing.T) {
	f := Transformation{Code: "canary", Variables: map[string]string{"a": "canary"}}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "t", f)
	fmt.Fprintf(&b, "%v %+v %#v %s", f, f, f, &f)
	if strings.Contains(b.String(), "canary") {
		t.Error(b.String())
	}
	e := Endpoint{}
	e.Transformation = &f
	fields := e.AuditFields()
	shown, err := json.Marshal(fields.All())
	if err != nil || strings.Contains(string(shown), "canary") || !strings.Contains(string(shown), `"set, 6 bytes"`) || !strings.Contains(string(shown), `["a"]`) {
		t.Errorf("the audit log shows %s, %v", shown, err)
	}
}

func TestTransformationIsChecked(t *testing.T) {
	for _, tt := range []struct {
		in    Transformation
		field string
	}{
		{Transformation{Code: strings.Repeat("é", MaxCodeChars)}, ""},
		{Transformation{Code: strings.Repeat("é", MaxCodeChars+1)}, "code"},
		{Transformation{Code: "too short"}, "code"},
		{Transformation{Enabled: true}, "enabled"},
		{Transformation{Variables: map[string]string{"": "x"}}, "variables"},
		{Transformation{}, ""},
	} {
		err := tt.in.Validate()
		if (err == nil) != (tt.field == "") || err != nil && !strings.HasPrefix(err.Error(), "["+tt.field) {
			t.Errorf("%d characters, enabled %v: %v, want %q", len(tt.in.Code), tt.in.Enabled, err, tt.field)
		}
	}
}
