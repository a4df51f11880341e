package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
)

// PollState returns what a poll source saw last; the zero state where it saw nothing. It is
// sealed, because it may hold a document. Index: primary key.
func (c *catalog) PollState(ctx context.Context, id hook.SourceID) (*hook.PollState, error) {
	state := &hook.PollState{}
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT body FROM poll_state WHERE source = ?1", func(stmt *sqlite.Stmt) error {
			return c.openJSON(columnBytes(stmt, 0), sourceContext(id, "poll"), state)
		}, id)
	})
	return state, wrapCatalog("read what a source saw", err)
}

// SavePollState saves what a poll source saw; hook.NotFound once the source is deleted.
func (c *catalog) SavePollState(ctx context.Context, id hook.SourceID, state *hook.PollState) error {
	body, err := c.sealJSON(state, sourceContext(id, "poll"))
	if err != nil {
		return fmt.Errorf("seal what a source saw: %w", err)
	}
	return c.change(ctx, func(tx *catalogTx) error {
		err := tx.exec("INSERT OR REPLACE INTO poll_state (source, body) SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM source WHERE key = ?1)", id, body)
		if err == nil && tx.conn.Changes() == 0 {
			err = errNotFound()
		}
		return err
	})
}
