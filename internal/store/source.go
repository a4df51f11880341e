package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Sources are URLs on which providers' webhooks arrive. UIDs are unique per environment.
// Config, settings and tokens are sealed at rest.
type Sources interface {
	// CreateSource makes a source and, in the same change, its internal application,
	// which has the source's row key and name. When s.ID is 0 it is drawn.
	CreateSource(ctx context.Context, s *hook.Source, r *Receipt) error
	// Source finds by public id or uid.
	Source(ctx context.Context, env hook.EnvironmentID, ref string) (*hook.Source, error)
	// SourceOf is on the path of every received webhook: it answers from memory when it
	// can, with an immutable snapshot that stays the same pointer until the source
	// changes. A change that was acknowledged before the call began is in it.
	SourceOf(ctx context.Context, id hook.SourceID) (*hook.Source, error)
	ListSources(ctx context.Context, env hook.EnvironmentID, p Page[hook.SourceID]) (Listed[*hook.Source], error)
	// SourcesOfType returns all sources of a type of the whole store, by rising id.
	SourcesOfType(ctx context.Context, typ string) ([]*hook.Source, error)
	// UpdateSource changes a source; the next webhook sees the change. The internal
	// application gets the source's name.
	UpdateSource(ctx context.Context, id hook.SourceID, r *Receipt, update func(*hook.Source) error) (*hook.Source, error)
	// DeleteSource removes a source with its internal application, rejections and counts;
	// its deliveries end as cancelled.
	DeleteSource(ctx context.Context, id hook.SourceID) error
}

// PollStates are what sources of type poll saw last, sealed at rest.
type PollStates interface {
	// PollState returns what a source saw last; the zero state where it saw nothing.
	PollState(ctx context.Context, s hook.SourceID) (*hook.PollState, error)
	// SavePollState saves it; hook.NotFound once the source is deleted.
	SavePollState(ctx context.Context, s hook.SourceID, state *hook.PollState) error
}

// Visits is the account of requests that sources got: counts of all, and a sample of
// those that were rejected. It is kept in memory first and saved together, so that a
// flood of bad requests costs no flush each; a crash loses what was not saved yet.
type Visits interface {
	// SaveVisits adds to counts and keeps rejections, of each source the newest
	// hook.MaxRejections, durably. What belongs to sources that are gone is left out.
	// When a rejection's ID is 0 it is drawn.
	SaveVisits(ctx context.Context, counts []hook.SourceCount, rejections []*hook.Rejection) error
	// Rejections lists the sample of a source, newest first where the page is Descending.
	Rejections(ctx context.Context, source hook.SourceID, p Page[hook.RejectionID]) (Listed[*hook.Rejection], error)
	// SourceCounts returns the counts of a source of the hours that touch [since, until), oldest
	// first. Counts are kept for 90 days.
	SourceCounts(ctx context.Context, source hook.SourceID, since, until time.Time) ([]hook.SourceCount, error)
}
