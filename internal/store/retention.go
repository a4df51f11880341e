package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Retention takes content away: on request, and to give space back.
type Retention interface {
	// Expunge removes the content of the messages that q names, oldest first, with the
	// answers that their attempts got, durably; rows and outcomes stay, and what waits to be
	// sent without content ends. One call looks at a bounded number of messages, so that no
	// call takes long, and holds up no commit for more than milliseconds.
	//
	// purged counts the messages whose content this call removed: a repeat finds none of
	// them. next is where the next call goes on (ExpungeQuery.Cursor), and done says that
	// none is needed; then the content is also gone from the log files, so that a backup or
	// a copy of the directory made from now on does not have it. On an error, what was
	// purged until then stays purged, and next is where it went wrong: repeat from there.
	Expunge(ctx context.Context, q ExpungeQuery) (purged int, next hook.Key, done bool, err error)
}

// ExpungeQuery names messages whose content goes.
type ExpungeQuery struct {
	// Environment is required, and every message must be its own.
	Environment hook.EnvironmentID
	// Application is whose messages; zero for all of the environment, also those of
	// applications and sources that are deleted by now.
	Application hook.ApplicationID
	// Tag is the data subject: only messages that carry it. Empty for all.
	Tag string
	// Before bounds the walk: only messages accepted before this moment. Zero means when
	// the call begins; who makes several calls gives each the same moment, or a busy
	// environment is never done.
	Before time.Time
	// Cursor is the key after which the walk goes on; zero for the beginning.
	Cursor hook.Key
	// Limit is how many messages one call looks at; zero means 1,000.
	Limit int
}
