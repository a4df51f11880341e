package hook

import (
	"reflect"
	"slices"
	"time"
)

// Announcement is one operational webhook before it is published: it is stored in the
// commit of the change that it is about. The names of its fields are those of the stored
// form; which of them are set follows from the type.
type Announcement struct {
	// ID is drawn in the commit. It orders announcements and names each for good.
	ID          Key           `json:"-"`
	Environment EnvironmentID `json:"-"`
	Type        string        `json:"type"`
	// Application owns the endpoint; Source is set instead of ApplicationUID when it is the
	// internal one of a source.
	Application    ApplicationID `json:"application,omitempty"`
	ApplicationUID string        `json:"applicationUid,omitempty"`
	Source         SourceID      `json:"source,omitempty"`
	Endpoint       EndpointID    `json:"endpoint,omitempty"`
	EndpointUID    string        `json:"endpointUid,omitempty"`
	// FailSince is the start of the streak of failures, DisableAt when it will have lasted
	// too long; zero where there is none.
	FailSince time.Time `json:"failSince,omitzero"`
	DisableAt time.Time `json:"disableAt,omitzero"`
	// Automatic says that it was not the owner who disabled the endpoint.
	Automatic bool `json:"automatic,omitempty"`

	// Message is set for what is about one delivery, with the attempt that decided it.
	Message     MessageID        `json:"message,omitempty"`
	EventID     string           `json:"eventId,omitempty"`
	LastAttempt AnnouncedAttempt `json:"lastAttempt,omitzero"`

	// TaskID names the task that has ended; the store adds Task when it reads the row.
	TaskID TaskID `json:"task,omitempty"`
	Task   *Task  `json:"-"`
}

// AnnouncedAttempt is what an announcement says about an attempt.
type AnnouncedAttempt struct {
	ID     AttemptID `json:"id"`
	Status int       `json:"status"` // 0 without an answer
	At     time.Time `json:"at"`
}

// about returns an announcement about an endpoint of app. For the internal application of
// a source its type is the one of sources.
func about(typ string, app *Application, e *Endpoint) Announcement {
	a := Announcement{Environment: app.Environment, Type: typ, Application: app.ID, Endpoint: e.ID, EndpointUID: e.UID}
	if app.Source != 0 {
		a.Source, a.Type = app.Source, ofSource+typ
	} else {
		a.ApplicationUID = app.UID
	}
	return a
}

// EndpointAnnouncements is what there is to tell about a change of an endpoint of app.
// before is nil for a new endpoint, after for one that was removed. A change by the owner
// is an update, also of the secret, and also when it is disabled or enabled; what the
// server notes about failures is none. Of a source's endpoints only that one is disabled
// is told (CONTRACT 2.8), of the operational application's nothing.
func EndpointAnnouncements(before, after *Endpoint, app *Application) []Announcement {
	var list []Announcement
	switch {
	case app.IsOperational():
	case before == nil:
		list = append(list, about(EndpointCreated, app, after))
	case after == nil:
		list = append(list, about(EndpointDeleted, app, before))
	default:
		automatic := after.Disabled && !before.Disabled && after.DisabledBy != ReasonNone
		if changed(before, after) && !automatic {
			list = append(list, about(EndpointUpdated, app, after))
		}
		switch {
		case after.Disabled && !before.Disabled:
			a := about(EndpointDisabled, app, after)
			a.FailSince, a.Automatic = before.FailingSince, automatic
			list = append(list, a)
		case before.Disabled && !after.Disabled:
			list = append(list, about(EndpointEnabled, app, after))
		}
	}
	if app.Source != 0 {
		list = slices.DeleteFunc(list, func(a Announcement) bool { return a.Type != ofSource+EndpointDisabled })
	}
	return list
}

// changed reports whether an endpoint differs in what its owner sets. It compares all but
// the server's own notes, so that a field that is added later counts.
func changed(a, b *Endpoint) bool {
	x, y := *a, *b
	for _, e := range []*Endpoint{&x, &y} {
		e.UpdatedAt, e.FailingSince, e.Warned, e.DisabledBy = time.Time{}, time.Time{}, 0, ReasonNone
		e.Consent = e.Consent.settled()
	}
	return !reflect.DeepEqual(x, y)
}

// FailingAnnouncement tells that e, an endpoint of app, has been failing since a time.
// disables says that the environment disables such endpoints.
func FailingAnnouncement(app *Application, e *Endpoint, since time.Time, disables bool) Announcement {
	a := about(EndpointFailing, app, e)
	a.FailSince = since
	if disables {
		a.DisableAt = since.Add(DisableAfter)
	}
	return a
}

// When the owner of a failing endpoint is warned, counted from the first failure.
const (
	secondWarning = DisableAfter / 2
	lastWarning   = DisableAfter - 12*time.Hour
)

// Warnings is how many warnings are due for a streak of failures that began at since and
// goes on at now: one once it is stored, two from half-way to disabling, three in the last
// twelve hours.
func Warnings(since, now time.Time) int {
	switch age := now.Sub(since); {
	case age >= lastWarning:
		return 3
	case age >= secondWarning:
		return 2
	}
	return 1
}

// FailingAfter is at which failed attempt of a schedule a message counts as failing
// (CONTRACT 2.8).
const FailingAfter = 4

// AttemptAnnouncement is the type, without regard to sources, of what there is to tell
// about a delivery that attempt a has brought from before to after; "" for nothing.
//
// A schedule of less than FailingAfter retries ends with AttemptExhausted alone, and so
// does one whose last attempt is the fourth. AttemptRecovered follows either of the others,
// once.
func AttemptAnnouncement(before, after *Delivery, a *Attempt) string {
	switch {
	case a.Outcome == Success:
		if before.State != Delivered && wasTold(before) {
			return AttemptRecovered
		}
	case before.Trigger == Manual:
		// Beside the schedule: a resend that fails ends nothing.
	case after.State == Exhausted:
		return AttemptExhausted
	case after.State == Pending && after.Step == FailingAfter:
		return AttemptFailing
	}
	return ""
}

// wasTold reports whether the present trouble of a delivery was announced: it has failed
// often enough in this round, or the round before ended with the failure of an attempt.
func wasTold(d *Delivery) bool {
	if d.Step >= FailingAfter {
		return true
	}
	ended := d.State == Exhausted || d.State == Pending && d.Step == 0 && d.Attempts > 0
	switch d.Reason {
	case ReasonNone, ReasonDisabled, ReasonEndpointDeleted, ReasonSenderCrashed, ReasonCanceled:
		return false // no attempt decided that
	}
	return ended
}

// AboutAttempt returns an announcement of a type of AttemptAnnouncement.
func AboutAttempt(typ string, app *Application, e *Endpoint, m *Message, a *Attempt) *Announcement {
	n := about(typ, app, e)
	n.EndpointUID = "" // not in the contract's shape
	n.Message, n.EventID = m.ID, m.EventID
	n.LastAttempt = AnnouncedAttempt{ID: a.ID, Status: a.Status, At: a.StartedAt.UTC()}
	return &n
}
