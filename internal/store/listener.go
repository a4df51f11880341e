package store

import (
	"context"

	"github.com/hookloft/hookloft/internal/hook"
)

// Listeners follow an application's messages, each with a cursor of its own. Secrets are
// sealed at rest. An application takes its listeners along when it is deleted.
type Listeners interface {
	// OpenListener returns the application's listener of l's name. Where there is none, l
	// is kept and returned, and created is true. hook.NotFound: there is no such
	// application; hook.LimitReached: it has hook.MaxListeners.
	OpenListener(ctx context.Context, l *hook.Listener) (_ *hook.Listener, created bool, err error)
	// ListListeners returns an application's listeners by name.
	ListListeners(ctx context.Context, app hook.ApplicationID) ([]*hook.Listener, error)
	// MoveListener moves a cursor forward to `to`, durably; a cursor that is there or
	// beyond stays. hook.NotFound: there is no such listener (any more).
	MoveListener(ctx context.Context, app hook.ApplicationID, name string, to hook.MessageID) error
	// DeleteListener removes a listener with its secret and cursor.
	DeleteListener(ctx context.Context, app hook.ApplicationID, name string) error
}
