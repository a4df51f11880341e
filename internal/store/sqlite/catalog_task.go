package sqlite

import (
	"context"
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

const taskColumns = "key, environment, application, endpoint, type, status, since, until, cursor, done, created_at, updated_at"

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
		return tx.exec("INSERT INTO task ("+taskColumns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
			t.ID, t.Environment, t.Application, t.Endpoint, t.Type, t.Status, argMillis(t.Since), argMillis(t.Until),
			t.Cursor, t.Done, t.CreatedAt.UnixMilli(), t.UpdatedAt.UnixMilli())
	})
}

// Task implements store.Tasks.
func (c *catalog) Task(ctx context.Context, env hook.EnvironmentID, id hook.TaskID) (*hook.Task, error) {
	list, err := c.tasks(ctx, "WHERE key = ?1 AND environment = ?2", id, env)
	if err != nil {
		return nil, wrapCatalog("read task", err)
	}
	if len(list) == 0 {
		return nil, errNotFound()
	}
	return list[0], nil
}

func (c *catalog) tasks(ctx context.Context, where string, args ...any) ([]*hook.Task, error) {
	var list []*hook.Task
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT "+taskColumns+" FROM task "+where, func(stmt *sqlite.Stmt) error {
			list = append(list, scanTask(stmt))
			return nil
		}, args...)
	})
	return list, err
}

// ListTasks implements store.Tasks. Index: task_environment.
func (c *catalog) ListTasks(ctx context.Context, env hook.EnvironmentID, f store.TaskFilter, p store.Page[hook.TaskID]) (store.Listed[*hook.Task], error) {
	condition, order, reversed := pageSQL(p, "key", "?5")
	args := []any{env, p.Limit + 1, string(f.Status), f.Type}
	if p.HasAfter {
		args = append(args, p.After)
	}
	rows, err := c.tasks(ctx, "WHERE environment = ?1 AND (?3 = '' OR status = ?3) AND (?4 = '' OR type = ?4)"+condition+order+" LIMIT ?2", args...)
	return listedPage(rows, p.Limit, reversed), wrapCatalog("list tasks", err)
}

// RunningTasks implements store.Tasks. Index: task_running.
func (c *catalog) RunningTasks(ctx context.Context) ([]*hook.Task, error) {
	list, err := c.tasks(ctx, "WHERE status = 'running' ORDER BY key")
	return list, wrapCatalog("list running tasks", err)
}

// SaveTask implements store.Tasks: it saves status, window, cursor and count of a task
// that exists. What it is about does not change.
func (c *catalog) SaveTask(ctx context.Context, t *hook.Task) error {
	t.UpdatedAt = toMillis(c.now())
	return c.change(ctx, func(tx *catalogTx) error {
		before, err := taskStatus(tx, t.ID)
		if err != nil {
			return err
		}
		err = tx.exec("UPDATE task SET status = ?2, since = ?3, until = ?4, cursor = ?5, done = ?6, updated_at = ?7 WHERE key = ?1",
			t.ID, t.Status, argMillis(t.Since), argMillis(t.Until), t.Cursor, t.Done, t.UpdatedAt.UnixMilli())
		if err != nil {
			return err
		}
		if tx.conn.Changes() == 0 {
			return errNotFound()
		}
		if err := c.announceTask(tx, t, before); err != nil {
			return err
		}
		return c.purgeTasks(tx)
	})
}

// purgeTasks removes a few tasks that were made too long ago and have ended. Index: task_ended.
func (c *catalog) purgeTasks(tx *catalogTx) error {
	return tx.exec("DELETE FROM task WHERE key IN (SELECT key FROM task WHERE status <> 'running' AND key < ?1 ORDER BY key LIMIT ?2)",
		hook.KeyAt(c.now().Add(-taskLife)), purgeTasks)
}

func scanTask(stmt *sqlite.Stmt) *hook.Task {
	return &hook.Task{
		ID:          hook.TaskID(stmt.ColumnInt64(0)),
		Environment: hook.EnvironmentID(stmt.ColumnInt64(1)),
		Application: hook.ApplicationID(stmt.ColumnInt64(2)),
		Endpoint:    hook.EndpointID(stmt.ColumnInt64(3)),
		Type:        stmt.ColumnText(4),
		Status:      hook.TaskStatus(stmt.ColumnText(5)),
		Since:       columnMillis(stmt, 6),
		Until:       columnMillis(stmt, 7),
		Cursor:      hook.MessageID(stmt.ColumnInt64(8)),
		Done:        stmt.ColumnInt64(9),
		CreatedAt:   columnMillis(stmt, 10),
		UpdatedAt:   columnMillis(stmt, 11),
	}
}
