package store

import (
	"context"

	"github.com/hookloft/hookloft/internal/hook"
)

// Announcements are what is to be told to the receivers of operational webhooks. A row is
// written in the commit of the change that it is about: of an endpoint or a task by the
// catalogue, of a delivery by Finish. So it is there after a crash exactly when the change
// is. There is none while no enabled endpoint of the environment's operational application
// wants the type; it is that application's endpoints as of the commit which count.
type Announcements interface {
	// Announcements returns up to limit rows, oldest first. Task is filled in, except when
	// the task is gone: then there is nothing left to tell.
	Announcements(ctx context.Context, limit int) ([]*hook.Announcement, error)
	// Announced removes rows, durably. Removing one twice does no harm.
	Announced(ctx context.Context, rows []*hook.Announcement) error
	// OnAnnounce names who is told when rows were committed. It is called from the
	// store's writers: it must be quick and not call the store. Call it before the first
	// change.
	OnAnnounce(func())
}
