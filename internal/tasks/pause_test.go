package tasks

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// unread is a catalogue with one task, whose list of tasks cannot be read from then on.
type unread struct {
	Catalog
	Ledger
	t     *testing.T
	r     *Runner
	lists int
}

func (u *unread) Codec() *hook.Codec                         { return nil }
func (u *unread) SaveTask(context.Context, *hook.Task) error { return nil }

func (u *unread) RunningTasks(context.Context) ([]*hook.Task, error) {
	if u.lists++; u.lists == 1 {
		return []*hook.Task{{ID: 1, Environment: 1, Type: hook.TaskPurge, Status: hook.TaskRunning}}, nil
	}
	if u.lists == 1000 {
		u.t.Error("a thousand tries in a few seconds")
	}
	if u.lists >= 1000 {
		time.Sleep(time.Hour) // or the test would never end
	}
	return nil, errors.New("disk I/O error")
}

func (u *unread) Expunge(context.Context, store.ExpungeQuery) (int, hook.Key, bool, error) {
	u.r.Wake() // somebody has made another task
	return 1, 1, false, nil
}

// TestUnreadableListOfTasksIsNotReadAllTheTime: what could go on at once must not make the
// runner try again at once.
func TestUnreadableListOfTasksIsNotReadAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unread{t: t}
		u.r = New(u, nil, u, nil, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- u.r.Run(ctx) }()
		time.Sleep(10 * time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if u.lists < 5 || u.lists > 15 {
			t.Errorf("%d tries in ten seconds, want about one a second", u.lists)
		}
	})
}
