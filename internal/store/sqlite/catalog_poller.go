package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// PollerToken implements store.Tokens. Index: token_endpoint.
func (c *catalog) PollerToken(ctx context.Context, first *hook.Token, text string) (*hook.Token, string, error) {
	var found *hook.Token
	var sealed []byte
	find := func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT "+tokenColumns+", secret FROM token WHERE endpoint = ?1 AND endpoint <> 0 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY key DESC LIMIT 1",
			func(stmt *sqlite.Stmt) (err error) {
				found, err = scanToken(stmt)
				sealed = columnBytes(stmt, stmt.ColumnCount()-1)
				return err
			}, first.Endpoint, c.now().UnixMilli())
	}
	if err := c.read(ctx, find); err != nil {
		return nil, "", wrapCatalog("read poller token", err)
	}
	if found == nil {
		err := c.change(ctx, func(tx *catalogTx) error {
			// Another caller may have been faster.
			if err := find(tx.conn); err != nil || found != nil {
				return err
			}
			return c.insertPollerToken(tx, first, text)
		})
		if err != nil {
			return nil, "", wrapCatalog("make poller token", err)
		}
	}
	if found == nil {
		return first, text, nil
	}
	plain, err := c.sealer.Open(sealed, tokenContext(found.ID))
	if err != nil {
		return nil, "", fmt.Errorf("open the text of token %d: %w", found.ID, err)
	}
	return found, string(plain), nil
}

// RotatePollerToken implements store.Tokens. Index: token_endpoint.
func (c *catalog) RotatePollerToken(ctx context.Context, next *hook.Token, text string, oldEnd time.Time, r *store.Receipt) error {
	return c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		tx.tokens = func(t *hook.Token) bool { return t.Endpoint == next.Endpoint }
		err := tx.exec("UPDATE token SET expires_at = ?2 WHERE endpoint = ?1 AND endpoint <> 0 AND (expires_at IS NULL OR expires_at > ?2)",
			next.Endpoint, oldEnd.UnixMilli())
		if err != nil {
			return err
		}
		return c.insertPollerToken(tx, next, text)
	})
}

// insertPollerToken writes a token of an endpoint that exists, with its text.
func (c *catalog) insertPollerToken(tx *catalogTx, t *hook.Token, text string) error {
	e, err := c.endpointIn(tx.conn, "key = ?2", t.Application, t.Endpoint)
	if err != nil {
		return err
	}
	if e.Kind != hook.PollingEndpoint {
		return errNotFound()
	}
	if t.ID == 0 {
		t.ID = hook.TokenID(c.NewKey())
	}
	c.stamp(&t.CreatedAt, nil)
	t.ExpiresAt = toMillis(t.ExpiresAt)
	if err := c.insertToken(tx, t); err != nil {
		return err
	}
	return tx.exec("UPDATE token SET secret = ?2 WHERE key = ?1", t.ID, c.sealer.Seal([]byte(text), tokenContext(t.ID)))
}

func tokenContext(id hook.TokenID) string { return fmt.Sprintf("token/%d/secret", id) }
