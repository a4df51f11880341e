package storetest

import (
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// testInspection: a report says what is there and when it was looked after, and remembers that.
func testInspection(t *testing.T, open Open) {
	f := newFixture(t, open)
	r, err := f.Inspect(t.Context())
	f.must(err)
	if r.Kind == "" || r.UsedBytes <= 0 || r.LastBackup != nil || r.LastReclaim != nil || !r.OldestMessage.IsZero() || r.SlowAfter <= 0 {
		t.Errorf("a new store: %+v", r)
	}
	for _, s := range r.Schemas {
		if s.Part == "" || s.Version != s.Newest || len(s.Migrations) != s.Newest {
			t.Errorf("schema: %+v", s)
		}
	}
	before := time.Now().Add(-time.Minute)
	m := hook.Key(f.publish())
	f.must(f.NoteBackup(t.Context(), 1, 10))
	f.must(f.NoteBackup(t.Context(), 2, 20))
	f.crash()
	r, err = f.Inspect(t.Context())
	f.must(err)
	if b := r.LastBackup; b == nil || b.Files != 2 || b.Bytes != 20 || b.At.Before(before) || b.At.After(time.Now().Add(time.Minute)) {
		t.Errorf("the last backup after a crash: %+v", b)
	}
	if !r.OldestMessage.Equal(m.Time()) {
		t.Errorf("the oldest message is of %v, want %v", r.OldestMessage, m.Time())
	}
}
