package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const (
	// taskLife is how long a task that has ended is kept, from when it was made.
	taskLife = 90 * 24 * time.Hour
	// purgeTasks is how many that are older each change of a task removes, see purgeReceipts.
	purgeTasks = 16
)

// taskColumns has what a list leaves out last.
const taskColumns = `key, environment, application, endpoint, type, status, since, until, cursor, done, created_at, updated_at,
	total, rate, failed, error, started_at, result, params, state`

const insertTaskSQL = `INSERT INTO task (` + taskColumns + `)
	VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)`

const saveTaskSQL = `UPDATE task SET status = ?2, since = ?3, until = ?4, cursor = ?5, done = ?6, updated_at = ?7,
	total = ?8, rate = ?9, failed = ?10, error = ?11, started_at = ?12, result = ?13, state = ?14,
	params = CASE WHEN ?15 THEN NULL ELSE params END WHERE key = ?1`

// CreateTask implements store.Tasks.
func (c *catalog) CreateTask(ctx context.Context, t *hook.Task, r *store.Receipt) error {
	if t.ID == 0 {
		t.ID = hook.TaskID(c.NewKey())
	}
	c.stamp(&t.CreatedAt, &t.UpdatedAt)
	t.Since, t.Until = toMillis(t.Since), toMillis(t.Until)
	return c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		if err := checkEnvironmentExists(tx, t.Environment); err != nil {
			return err
		}
		if err := tx.used(hook.Key(t.ID)); err != nil {
			return err
		}
		if err := c.purgeTasks(tx); err != nil {
			return err
		}
		if err := checkOpenTasks(tx, t); err != nil {
			return err
		}
		err := tx.exec(insertTaskSQL,
			t.ID, t.Environment, t.Application, t.Endpoint, t.Type, t.Status, argMillis(t.Since), argMillis(t.Until),
			t.Cursor, t.Done, t.CreatedAt.UnixMilli(), t.UpdatedAt.UnixMilli(),
			t.Total, t.RatePerSecond, t.Failed, t.Error, argMillis(t.StartedAt), argBlob(t.Result), c.sealParams(t), argBlob(t.State))
		if err != nil {
			return err
		}
		return c.created(tx, taskEntry(t), t.AuditFields())
	})
}

// checkOpenTasks refuses a task too many. Index: task_open.
func checkOpenTasks(tx *catalogTx, t *hook.Task) error {
	n := 0
	err := tx.query("SELECT count(*) FROM task WHERE environment = ?1 AND application = ?2 AND status IN ('running', 'paused')", func(stmt *sqlite.Stmt) error {
		n = stmt.ColumnInt(0)
		return nil
	}, t.Environment, t.Application)
	if err == nil && n >= hook.MaxOpenTasks {
		err = hook.Errorf(hook.LimitReached, "no more than %d background tasks may be unfinished at once; wait for one to end, or cancel one", hook.MaxOpenTasks)
	}
	return err
}

// sealParams seals what a task was asked to do, which may hold a payload; nil for nothing.
func (c *catalog) sealParams(t *hook.Task) any {
	if t.Params == nil {
		return nil
	}
	return c.sealer.Seal(t.Params, paramsContext(t.ID))
}

func (c *catalog) openParams(t *hook.Task, sealed []byte) (err error) {
	if sealed == nil {
		return nil
	}
	if t.Params, err = c.sealer.Open(sealed, paramsContext(t.ID)); err != nil {
		return fmt.Errorf("open what a task was asked to do: %w", err)
	}
	return nil
}

func paramsContext(id hook.TaskID) string { return fmt.Sprintf("task/%d/params", id) }

// taskEntry is what the audit log says about which task it was.
func taskEntry(t *hook.Task) hook.AuditEntry {
	return hook.AuditEntry{Environment: t.Environment, Noun: hook.AuditTask, Subject: hook.Key(t.ID), Application: t.Application, Name: t.Type}
}

// Task implements store.Tasks.
func (c *catalog) Task(ctx context.Context, env hook.EnvironmentID, id hook.TaskID) (*hook.Task, error) {
	list, err := c.tasks(ctx, math.MaxInt, "WHERE key = ?1 AND environment = ?2", id, env)
	if err != nil {
		return nil, wrapCatalog("read task", err)
	}
	if len(list) == 0 {
		return nil, errNotFound()
	}
	return list[0], nil
}

// maxTaskBytes is how much of results one page of a list holds, like maxPageBytes.
const maxTaskBytes = 8 << 20

// tasks loads tasks. With maxBytes they are for a list: what a task works with is left
// out, and the list ends once that much of results was read.
func (c *catalog) tasks(ctx context.Context, maxBytes int, where string, args ...any) ([]*hook.Task, error) {
	var list []*hook.Task
	bytes := 0
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT "+taskColumns+" FROM task "+where, func(stmt *sqlite.Stmt) error {
			if bytes > maxBytes {
				return nil
			}
			t := scanTask(stmt)
			if maxBytes == math.MaxInt {
				t.State = columnBytes(stmt, 19)
				if err := c.openParams(t, columnBytes(stmt, 18)); err != nil {
					return err
				}
			}
			bytes += len(t.Result)
			list = append(list, t)
			return nil
		}, args...)
	})
	return list, err
}

// ListTasks implements store.Tasks. Index: task_environment.
func (c *catalog) ListTasks(ctx context.Context, env hook.EnvironmentID, f store.TaskFilter, p store.Page[hook.TaskID]) (store.Listed[*hook.Task], error) {
	condition, order, reversed := pageSQL(p, "key", "?5")
	statuses := "" // ",running,paused,", in which each status is looked for
	for _, s := range f.Statuses {
		statuses += "," + string(s) + ","
	}
	args := []any{env, p.Limit + 1, statuses, f.Type}
	if p.HasAfter {
		args = append(args, p.After)
	}
	const filter = "WHERE environment = ?1 AND (?3 = '' OR instr(?3, ',' || status || ',')) AND (?4 = '' OR type = ?4)"
	rows, err := c.tasks(ctx, maxTaskBytes, filter+condition+order+" LIMIT ?2", args...)
	limit := p.Limit
	if n := len(rows); n > 1 && n <= limit && taskBytes(rows) > maxTaskBytes {
		limit = n - 1 // the page is full before its limit, and goes on
	}
	return listedPage(rows, limit, reversed), wrapCatalog("list tasks", err)
}

func taskBytes(list []*hook.Task) (n int) {
	for _, t := range list {
		n += len(t.Result)
	}
	return n
}

// RunningTasks implements store.Tasks. Index: task_running.
func (c *catalog) RunningTasks(ctx context.Context) ([]*hook.Task, error) {
	list, err := c.tasks(ctx, math.MaxInt, "WHERE status = 'running' ORDER BY key")
	return list, wrapCatalog("list running tasks", err)
}

// SaveTask implements store.Tasks. What a task is about does not change, but that Params
// may be dropped.
func (c *catalog) SaveTask(ctx context.Context, t *hook.Task) error {
	t.UpdatedAt = toMillis(c.now())
	return c.change(ctx, func(tx *catalogTx) error {
		before, rate, err := taskStatus(tx, t.ID)
		if err == nil && before == "" {
			err = errNotFound()
		}
		if err != nil {
			return err
		}
		err = tx.exec(saveTaskSQL,
			t.ID, t.Status, argMillis(t.Since), argMillis(t.Until), t.Cursor, t.Done, t.UpdatedAt.UnixMilli(),
			t.Total, t.RatePerSecond, t.Failed, t.Error, argMillis(t.StartedAt), argBlob(t.Result), argBlob(t.State), t.Params == nil)
		if err != nil {
			return err
		}
		was := *t
		was.Status, was.RatePerSecond = before, rate
		if err := c.updated(tx, taskEntry(t), was.AuditFields(), t.AuditFields()); err != nil {
			return err
		}
		if err := c.announceTask(tx, t, before); err != nil {
			return err
		}
		return c.purgeTasks(tx)
	})
}

// purgeTasks removes a few tasks that were made too long ago and have ended. Index: task_ended.
func (c *catalog) purgeTasks(tx *catalogTx) error {
	return tx.exec("DELETE FROM task WHERE key IN (SELECT key FROM task WHERE status NOT IN ('running', 'paused') AND key < ?1 ORDER BY key LIMIT ?2)",
		hook.KeyAt(c.now().Add(-taskLife)), purgeTasks)
}

// scanTask reads a row of taskColumns without params and state.
func scanTask(stmt *sqlite.Stmt) *hook.Task {
	return &hook.Task{
		ID:            hook.TaskID(stmt.ColumnInt64(0)),
		Environment:   hook.EnvironmentID(stmt.ColumnInt64(1)),
		Application:   hook.ApplicationID(stmt.ColumnInt64(2)),
		Endpoint:      hook.EndpointID(stmt.ColumnInt64(3)),
		Type:          stmt.ColumnText(4),
		Status:        hook.TaskStatus(stmt.ColumnText(5)),
		Since:         columnMillis(stmt, 6),
		Until:         columnMillis(stmt, 7),
		Cursor:        hook.MessageID(stmt.ColumnInt64(8)),
		Done:          stmt.ColumnInt64(9),
		CreatedAt:     columnMillis(stmt, 10),
		UpdatedAt:     columnMillis(stmt, 11),
		Total:         stmt.ColumnInt64(12),
		RatePerSecond: stmt.ColumnFloat(13),
		Failed:        stmt.ColumnInt64(14),
		Error:         stmt.ColumnText(15),
		StartedAt:     columnMillis(stmt, 16),
		Result:        columnBytes(stmt, 17),
	}
}
