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

	// IsExpunged reports whether the content of a message was removed a moment ago, within the
	// hour. It is asked before each attempt, because what waits in memory may still have it,
	// and answers from memory at once.
	IsExpunged(id hook.MessageID) bool
	// Reclaim gives space back: of what p lets go, and, where the store has a bound in bytes,
	// of what is finished, the oldest first, until the store is well within it. What is
	// unfinished stays, and so do keys that are still taken. It may take minutes, works
	// beside everything else, and goes on where it was when it is called again after an
	// error. Only one runs at a time; others wait.
	Reclaim(ctx context.Context, p ReclaimPolicy) (Reclaimed, error)
	// Outgrown gets a value when the store comes near its bound in bytes and Reclaim should
	// run. It has one reader.
	Outgrown() <-chan struct{}
	// ExpungeRemoved removes some of the content that deleted applications, sources and
	// environments have left, and reports whether there is more.
	ExpungeRemoved(ctx context.Context) (purged int, more bool, err error)
}

// ReclaimPolicy says what may go. Content goes when it has expired; a message's row, with
// its deliveries and attempts, goes once its content has and the row is as old as its
// environment keeps.
type ReclaimPolicy struct {
	// Retention is how long each environment keeps messages. Those of an environment that is
	// not in it go with their content. Nil reclaims by bytes and Before only.
	Retention map[hook.EnvironmentID]time.Duration
	// Before lets go of everything that is finished and was accepted before this moment,
	// expired or not. Zero for nothing.
	Before time.Time
	// DryRun changes nothing and reports what would go, about. The bound in bytes is left out.
	DryRun bool
}

// Reclaimed is what a Reclaim did.
type Reclaimed struct {
	Dropped   int // segments that went as a whole
	Compacted int // segments of which a part went
	Postponed int // segments that were too busy, and are tried again by the next Reclaim
	// FreedBytes is what the store shrank by, and UsedBytes what it takes now.
	FreedBytes, UsedBytes int64
	// Full says that unfinished work and what is new take so much of the bound that appends
	// are refused.
	Full bool
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
