package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

var _ store.Issues = (*Store)(nil)

const (
	issueColumns = `i.environment, i.application, i.endpoint, i.reason, i.first_at, i.last_at, i.failures, i.given_up,
		(SELECT s.at FROM success s WHERE s.environment = i.environment AND s.application = i.application AND s.endpoint = i.endpoint)`
	// Index: issue's primary key.
	issueSQL = `SELECT ` + issueColumns + ` FROM issue i WHERE environment = ?1 AND application = ?2 AND endpoint = ?3 AND reason = ?4`
	// Index: issue_last(environment, last_at, endpoint, reason).
	issuesSQL = `SELECT ` + issueColumns + ` FROM issue i INDEXED BY issue_last
		WHERE environment = ?1 AND (last_at, endpoint, reason) < (?2, ?3, ?4) ORDER BY last_at DESC, endpoint DESC, reason DESC LIMIT ?5`
	// A failure long after the last one, with a success in between, begins the issue anew.
	// ?9 is hook.IssueGap in milliseconds.
	addIssueSQL = `INSERT INTO issue (environment, application, endpoint, reason, first_at, last_at, failures, given_up) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
		ON CONFLICT DO UPDATE SET
			(first_at, failures, given_up) = (SELECT
				CASE WHEN anew THEN excluded.first_at ELSE min(first_at, excluded.first_at) END,
				CASE WHEN anew THEN 0 ELSE failures END + excluded.failures,
				CASE WHEN anew THEN 0 ELSE given_up END + excluded.given_up
				FROM (SELECT excluded.first_at > last_at + ?9 AND EXISTS (SELECT 1 FROM success s WHERE s.environment = ?1 AND s.application = ?2
					AND s.endpoint = ?3 AND s.at > last_at) AS anew)),
			last_at = max(last_at, excluded.last_at)`
	addSuccessSQL = `INSERT INTO success (environment, application, endpoint, at) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT DO UPDATE SET at = max(at, excluded.at)`
	pruneIssuesSQL    = `DELETE FROM issue WHERE last_at < ?1`
	pruneSuccessesSQL = `DELETE FROM success WHERE at < ?1`
)

// addIssues brings the issues up to what these sums say, in their transaction: so each
// attempt is in them as often as it is in the sums.
func addIssues(conn *sqlite.Conn, list []hook.Rollup) error {
	type endpoint struct {
		env hook.EnvironmentID
		app hook.ApplicationID
		id  hook.EndpointID
	}
	issues, successes := map[hook.IssueKey]*hook.Issue{}, map[endpoint]int64{}
	for i := range list {
		r := &list[i]
		if !r.IsOfEnvironment() {
			continue
		}
		at := time.UnixMilli(r.At)
		if r.Success > 0 {
			e := endpoint{r.Environment, r.Application, r.Endpoint}
			successes[e] = max(successes[e], r.At)
		}
		for _, n := range r.Reasons {
			if !n.Reason.IsIssue() {
				continue
			}
			key := hook.IssueKey{Environment: r.Environment, Application: r.Application, Endpoint: r.Endpoint, Reason: n.Reason}
			is := issues[key]
			if is == nil {
				is = &hook.Issue{IssueKey: key, FirstAt: at, LastAt: at}
				issues[key] = is
			}
			if at.Before(is.FirstAt) {
				is.FirstAt = at
			}
			if at.After(is.LastAt) {
				is.LastAt = at
			}
			is.Failures += n.Count
			// Which classes were final is not summed; each has its share.
			is.GivenUp += int64(math.Round(float64(r.Final) * float64(n.Count) / float64(max(1, r.Failed))))
		}
	}
	// Failures come first: a success that is saved with them does not begin them anew.
	for _, is := range issues {
		err := sqlitex.Execute(conn, addIssueSQL, &sqlitex.ExecOptions{Args: []any{
			int64(is.Environment), int64(is.Application), int64(is.Endpoint), int64(is.Reason),
			is.FirstAt.UnixMilli(), is.LastAt.UnixMilli(), is.Failures, is.GivenUp, hook.IssueGap.Milliseconds(),
		}})
		if err != nil {
			return err
		}
	}
	for e, at := range successes {
		if err := sqlitex.Execute(conn, addSuccessSQL, &sqlitex.ExecOptions{Args: []any{int64(e.env), int64(e.app), int64(e.id), at}}); err != nil {
			return err
		}
	}
	return nil
}

// pruneIssues removes what failed last before that time. A success of an endpoint without an
// issue is of no use any more then.
func pruneIssues(conn *sqlite.Conn, before time.Time) error {
	for _, sql := range []string{pruneIssuesSQL, pruneSuccessesSQL} {
		if err := sqlitex.Execute(conn, sql, &sqlitex.ExecOptions{Args: []any{before.UnixMilli()}}); err != nil {
			return err
		}
	}
	return nil
}

func scanIssue(stmt *sqlite.Stmt) *hook.Issue {
	return &hook.Issue{
		IssueKey: hook.IssueKey{
			Environment: hook.EnvironmentID(stmt.ColumnInt64(0)), Application: hook.ApplicationID(stmt.ColumnInt64(1)),
			Endpoint: hook.EndpointID(stmt.ColumnInt64(2)), Reason: hook.Reason(stmt.ColumnInt64(3)),
		},
		FirstAt: columnMillis(stmt, 4), LastAt: columnMillis(stmt, 5), Failures: stmt.ColumnInt64(6), GivenUp: stmt.ColumnInt64(7),
		SucceededAt: columnMillis(stmt, 8),
	}
}

// issueBatch is how many issues one read takes.
const issueBatch = 200

// EachIssue implements store.Issues.
func (s *Store) EachIssue(ctx context.Context, q store.IssueQuery, f func(*hook.Issue) (bool, error)) error {
	at := store.IssuePlace{LastAt: math.MaxInt64}
	if q.After != nil {
		at = *q.After
	}
	for {
		var list []*hook.Issue
		err := s.rollups.read(ctx, func(conn *sqlite.Conn) error {
			args := []any{int64(q.Environment), at.LastAt, int64(at.Endpoint), int64(at.Reason), issueBatch}
			return sqlitex.Execute(conn, issuesSQL, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
				list = append(list, scanIssue(stmt))
				return nil
			}})
		})
		if err != nil {
			return fmt.Errorf("list issues: %w", err)
		}
		for _, is := range list {
			at = store.IssuePlace{LastAt: is.LastAt.UnixMilli(), Endpoint: is.Endpoint, Reason: is.Reason}
			if q.Application != 0 && is.Application != q.Application || q.Endpoint != 0 && is.Endpoint != q.Endpoint {
				continue
			}
			if err := s.noteOf(ctx, is); err != nil {
				return err
			}
			if goOn, err := f(is); err != nil || !goOn {
				return err
			}
		}
		if len(list) < issueBatch {
			return nil
		}
	}
}

// Issue implements store.Issues.
func (s *Store) Issue(ctx context.Context, key hook.IssueKey) (*hook.Issue, error) {
	var is *hook.Issue
	err := s.rollups.read(ctx, func(conn *sqlite.Conn) error {
		args := []any{int64(key.Environment), int64(key.Application), int64(key.Endpoint), int64(key.Reason)}
		return sqlitex.Execute(conn, issueSQL, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
			is = scanIssue(stmt)
			return nil
		}})
	})
	if err != nil {
		return nil, fmt.Errorf("read issue: %w", err)
	}
	if is == nil {
		return nil, hook.Errorf(hook.NotFound, "no such issue")
	}
	return is, s.noteOf(ctx, is)
}

// Index: issue_note's primary key.
const issueNoteSQL = `SELECT muted_until, resolved_at, assignee, note FROM issue_note
	WHERE environment = ?1 AND application = ?2 AND endpoint = ?3 AND reason = ?4`

// noteOf reads what is said about an issue.
func (c *catalog) noteOf(ctx context.Context, is *hook.Issue) error {
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return issueNoteIn(conn, is.IssueKey, &is.Note)
	})
	return wrapCatalog("read what is said about an issue", err)
}

func issueNoteIn(conn *sqlite.Conn, k hook.IssueKey, n *hook.IssueNote) error {
	return catalogQuery(conn, issueNoteSQL, func(stmt *sqlite.Stmt) error {
		*n = hook.IssueNote{MutedUntil: columnMillis(stmt, 0), ResolvedAt: columnMillis(stmt, 1), Assignee: stmt.ColumnText(2), Note: stmt.ColumnText(3)}
		return nil
	}, k.Environment, k.Application, k.Endpoint, k.Reason)
}

// purgeIssueNotes is how many that are too old each change removes.
const purgeIssueNotes = 16

// UpdateIssueNote implements store.Issues.
func (c *catalog) UpdateIssueNote(ctx context.Context, k hook.IssueKey, update func(*hook.IssueNote) error) error {
	return c.change(ctx, func(tx *catalogTx) error {
		var n hook.IssueNote
		if err := issueNoteIn(tx.conn, k, &n); err != nil {
			return err
		}
		was := n.AuditFields(k.Reason)
		if err := update(&n); err != nil {
			return err
		}
		now := c.now()
		// An issue is kept for some time after its last failure, and may be muted for longer.
		err := tx.exec(`DELETE FROM issue_note WHERE (environment, application, endpoint, reason) IN
			(SELECT environment, application, endpoint, reason FROM issue_note WHERE updated_at < ?1 ORDER BY updated_at LIMIT ?2)`,
			now.Add(-hook.KeepIssues-hook.MaxIssueMute).UnixMilli(), purgeIssueNotes)
		if err != nil {
			return err
		}
		err = tx.exec(`INSERT OR REPLACE INTO issue_note (environment, application, endpoint, reason, muted_until, resolved_at, assignee, note, updated_at)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
			k.Environment, k.Application, k.Endpoint, k.Reason, argMillis(n.MutedUntil), argMillis(n.ResolvedAt), n.Assignee, n.Note, now.UnixMilli())
		if err != nil {
			return err
		}
		entry := hook.AuditEntry{Environment: k.Environment, Noun: hook.AuditIssue, Subject: hook.Key(k.Endpoint), Application: k.Application, Name: k.Reason.String()}
		return c.updated(tx, entry, was, n.AuditFields(k.Reason))
	})
}
