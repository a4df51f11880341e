package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

// copy fills the new file, in steps.
func (c *compaction) copy(ctx context.Context) error {
	if err := c.open(ctx); err != nil {
		return err
	}
	if err := c.checkTables(); err != nil {
		return err
	}
	if err := c.rule(); err != nil {
		return err
	}
	for _, id := range c.keys {
		if err := c.makeKeys(id); err != nil {
			return err
		}
	}
	if err := c.makeBrings(); err != nil {
		return err
	}
	copyRows := c.copyFinished
	if c.whole {
		copyRows = c.copyUnfinished
	}
	if err := copyRows(ctx); err != nil {
		return err
	}
	for _, sql := range []string{
		"INSERT OR REPLACE INTO main.announcement SELECT * FROM old.announcement",
		"INSERT OR REPLACE INTO main.meta SELECT * FROM old.meta",
	} {
		if err := sqlitex.ExecuteTransient(c.conn, sql, nil); err != nil {
			return err
		}
	}
	if err := c.copyWalk(ctx, "due", []string{"endpoint", "due_at", "message", "trigger"}, "SELECT d.* FROM old.due d", "TRUE"); err != nil { //nolint:unqueryvet // both files went through the same migrations
		return err
	}
	if err := c.copyWalk(ctx, "latest", []string{"endpoint", "key"}, "SELECT d.* FROM old.latest d", "TRUE"); err != nil { //nolint:unqueryvet // both files went through the same migrations
		return err
	}
	for _, id := range c.keys {
		if err := c.copyKeys(ctx, id); err != nil {
			return err
		}
	}
	sum, err := summarize(ctx, c.conn, c.pace)
	if err == nil {
		err = saveSummary(c.conn, sum)
	}
	if err == nil { // as every segment, so that whoever opens it first has nothing to change
		err = sqlitex.ExecuteTransient(c.conn, "PRAGMA journal_mode = WAL", nil)
	}
	return err
}

// checkTables refuses a segment with a table that would not be copied.
func (c *compaction) checkTables() error {
	return sqlitex.ExecuteTransient(c.conn, "SELECT name FROM old.sqlite_schema WHERE type = 'table'", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		name := stmt.ColumnText(0)
		if _, isKeys := parseKeyTable(name); isKeys || strings.HasPrefix(name, "sqlite_") ||
			slices.ContainsFunc(copiedTables, func(t copiedTable) bool { return t.name == name }) {
			return nil
		}
		return fmt.Errorf("table %s is not known", name)
	}})
}

// rule puts into tables of this connection what a judge says: live are messages that wait,
// bound the keys below which an environment's rows go.
func (c *compaction) rule() error {
	for _, sql := range []string{
		"CREATE TEMP TABLE live (message INTEGER PRIMARY KEY)",
		"CREATE TEMP TABLE bound (environment INTEGER PRIMARY KEY, key INTEGER)",
		"INSERT OR IGNORE INTO temp.live SELECT message FROM old.due",
		fmt.Sprintf("INSERT OR IGNORE INTO temp.live SELECT message FROM old.delivery WHERE state = %d", hook.Held),
	} {
		if err := sqlitex.ExecuteTransient(c.conn, sql, nil); err != nil {
			return err
		}
	}
	err := sqlitex.Execute(c.conn, "INSERT OR IGNORE INTO temp.live SELECT key FROM old.message WHERE key >= ?1", &sqlitex.ExecOptions{Args: []any{int64(c.low)}})
	for env, key := range c.j.bounds {
		if err == nil {
			err = sqlitex.Execute(c.conn, "INSERT INTO temp.bound VALUES (?1, ?2)", &sqlitex.ExecOptions{Args: []any{int64(env), int64(key)}})
		}
	}
	return err
}

// expiredSQL is true for a message whose content has expired and is not kept for another reason.
func (c *compaction) expiredSQL() string {
	if !c.j.aged {
		return "FALSE"
	}
	return fmt.Sprintf("coalesce(m.expires_at <= %d, FALSE)", c.j.now.UnixMilli())
}

// inCopySQL is true for a row d whose message is in the copy.
const inCopySQL = "EXISTS (SELECT 1 FROM main.message k WHERE k.key = d.message)"

// messageSQL reads messages m without content that has expired.
func (c *compaction) messageSQL() (string, error) {
	names, err := c.columns("message")
	for i, name := range names {
		switch name {
		case "params", "raw", "payload", "inbound":
			names[i] = fmt.Sprintf("CASE WHEN %s THEN NULL ELSE m.%s END", c.expiredSQL(), name)
		default:
			names[i] = "m." + name
		}
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM old.message m", err
}

// attemptSQL reads attempts d without what a message's content takes with it.
func (c *compaction) attemptSQL() (string, error) {
	names, err := c.columns("attempt")
	expired := fmt.Sprintf("(SELECT %s FROM main.message m WHERE m.key = d.message)", c.expiredSQL())
	for i, name := range names {
		switch name {
		case "header", "body", "notes":
			names[i] = fmt.Sprintf("CASE WHEN %s THEN NULL ELSE d.%s END", expired, name)
		case "flags":
			names[i] = fmt.Sprintf("CASE WHEN %s THEN d.flags | %d ELSE d.flags END", expired, flagExpunged)
		default:
			names[i] = "d." + name
		}
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM old.attempt d", err
}

// feedSQL reads rows d of feeds without what a message's content takes with it.
func (c *compaction) feedSQL() (string, error) {
	names, err := c.columns("feed")
	expired := fmt.Sprintf("(SELECT %s FROM main.message m WHERE m.key = d.message)", c.expiredSQL())
	for i, name := range names {
		switch name {
		case "headers", "payload":
			names[i] = fmt.Sprintf("CASE WHEN %s THEN NULL ELSE d.%s END", expired, name)
		default:
			names[i] = "d." + name
		}
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM old.feed d", err
}

// copyFinished looks through everything and leaves out what goes.
func (c *compaction) copyFinished(ctx context.Context) error {
	// A row goes with its content, when it is as old as its environment keeps rows; in an
	// environment that is gone that is every row.
	kept := fmt.Sprintf(`(m.key IN (SELECT message FROM temp.live) OR m.key >= %d AND NOT
		(%s AND m.key < coalesce((SELECT b.key FROM temp.bound b WHERE b.environment = m.environment), %d)))`,
		int64(c.j.before), c.expiredSQL(), int64(hook.MaxKey))
	messages, err := c.messageSQL()
	if err != nil {
		return err
	}
	if err := c.copyWalk(ctx, "message", []string{"key"}, messages, kept); err != nil {
		return err
	}
	if err := c.copyWalk(ctx, "delivery", []string{"endpoint", "message"}, "SELECT d.* FROM old.delivery d", inCopySQL); err != nil { //nolint:unqueryvet // both files went through the same migrations
		return err
	}
	feed, err := c.feedSQL()
	if err != nil {
		return err
	}
	if err := c.copyWalk(ctx, "feed", []string{"endpoint", "position"}, feed, inCopySQL); err != nil {
		return err
	}
	attempts, err := c.attemptSQL()
	if err != nil {
		return err
	}
	return c.copyWalk(ctx, "attempt", []string{"endpoint", "key"}, attempts, inCopySQL)
}

// copyUnfinished copies the messages that wait, one by one, with all that belongs to them.
func (c *compaction) copyUnfinished(ctx context.Context) error {
	for after, more := hook.Key(-1), true; more; {
		var ids []hook.MessageID
		err := sqlitex.Execute(c.conn, "SELECT message FROM temp.live WHERE message > ?1 ORDER BY message LIMIT ?2", &sqlitex.ExecOptions{
			Args:       []any{int64(after), stepMessages},
			ResultFunc: func(stmt *sqlite.Stmt) error { ids = append(ids, hook.MessageID(stmt.ColumnInt64(0))); return nil },
		})
		if err != nil {
			return err
		}
		if more = len(ids) == stepMessages; len(ids) > 0 {
			after = hook.Key(ids[len(ids)-1])
		}
		err = c.step(ctx, func() error {
			for _, id := range ids {
				if err := c.copyMessage(id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyMessage copies a message as it is, with deliveries, attempts and its places in feeds.
func (c *compaction) copyMessage(id hook.MessageID) error {
	copyRow := func(sql string, args ...any) error {
		return sqlitex.Execute(c.conn, sql, &sqlitex.ExecOptions{Args: args})
	}
	if err := copyRow("INSERT OR REPLACE INTO main.message SELECT * FROM old.message WHERE key = ?1", int64(id)); err != nil { //nolint:unqueryvet // both files went through the same migrations
		return err
	}
	var endpoints []hook.EndpointID
	err := sqlitex.Execute(c.conn, "SELECT endpoints FROM main.message WHERE key = ?1", &sqlitex.ExecOptions{Args: []any{int64(id)}, ResultFunc: func(stmt *sqlite.Stmt) error {
		endpoints = decodeKeys[hook.EndpointID](columnBytes(stmt, 0))
		return nil
	}})
	if err != nil {
		return err
	}
	for _, ep := range endpoints {
		if err := copyRow("INSERT OR REPLACE INTO main.delivery SELECT * FROM old.delivery WHERE endpoint = ?1 AND message = ?2", int64(ep), int64(id)); err != nil { //nolint:unqueryvet // both files went through the same migrations
			return err
		}
	}
	if err := copyRow("INSERT OR REPLACE INTO main.feed SELECT * FROM old.feed WHERE message = ?1", int64(id)); err != nil { //nolint:unqueryvet // both files went through the same migrations
		return err
	}
	return eachAttempt(c.conn, id, func(ep hook.EndpointID, a hook.AttemptID) error {
		return copyRow("INSERT OR REPLACE INTO main.attempt SELECT * FROM old.attempt WHERE endpoint = ?1 AND key = ?2", int64(ep), int64(a)) //nolint:unqueryvet // both files went through the same migrations
	})
}

// copyKeys copies the keys of a table that are still taken.
func (c *compaction) copyKeys(ctx context.Context, id keyTableID) error {
	living := fmt.Sprintf("d.expires_at > %d", c.j.now.UnixMilli())
	return c.copyWalk(ctx, id.String(), []string{"hash"}, fmt.Sprintf("SELECT d.* FROM old.%s d", id), living) //nolint:unqueryvet // both files went through the same migrations
}

func (c *compaction) makeKeys(id keyTableID) error {
	return sqlitex.ExecuteTransient(c.conn, fmt.Sprintf(createKeysSQL, "main."+id.String()), nil)
}

// columns returns the names of a table's columns, in order.
func (c *compaction) columns(table string) (names []string, err error) {
	err = sqlitex.Execute(c.conn, "SELECT name FROM pragma_table_info(?1, 'old') ORDER BY cid", &sqlitex.ExecOptions{Args: []any{table},
		ResultFunc: func(stmt *sqlite.Stmt) error { names = append(names, stmt.ColumnText(0)); return nil }})
	return names, err
}

// copyWalk copies the rows of a table that selectSQL gives under a condition, step by step
// along the table's primary key.
func (c *compaction) copyWalk(ctx context.Context, table string, key []string, selectSQL, condition string) error {
	columns := strings.Join(key, ", ")
	params := func(first int) string {
		list := make([]string, len(key))
		for i := range list {
			list[i] = fmt.Sprintf("?%d", first+i)
		}
		return strings.Join(list, ", ")
	}
	rows := stepRows
	if table == "message" {
		rows = stepMessages
	}
	after, upTo := fmt.Sprintf("(%s) > (%s)", columns, params(1)), fmt.Sprintf("(%s) <= (%s)", columns, params(1+len(key)))
	endSQL := func(where string) string {
		return fmt.Sprintf("SELECT %s FROM old.%s %s ORDER BY %s LIMIT 1 OFFSET %d", columns, table, where, columns, rows-1)
	}
	insertSQL := fmt.Sprintf("INSERT OR REPLACE INTO main.%s %s WHERE %s", table, selectSQL, condition)
	var from []any // the key after which the step begins; nil for the first
	for more := true; more; {
		err := c.step(ctx, func() error {
			where, sql := "", insertSQL
			if from != nil {
				where, sql = "WHERE "+after, insertSQL+" AND "+after
			}
			var end []any
			err := sqlitex.Execute(c.conn, endSQL(where), &sqlitex.ExecOptions{Args: from, ResultFunc: func(stmt *sqlite.Stmt) error {
				for i := range key {
					if stmt.ColumnType(i) == sqlite.TypeBlob {
						end = append(end, columnBytes(stmt, i))
					} else {
						end = append(end, stmt.ColumnInt64(i))
					}
				}
				return nil
			}})
			if err != nil {
				return err
			}
			args := slices.Clone(from)
			switch {
			case end != nil && from != nil:
				sql += " AND " + upTo
				args = append(args, end...)
			case end != nil:
				sql += " AND " + fmt.Sprintf("(%s) <= (%s)", columns, params(1))
				args = end
			}
			from, more = end, end != nil
			return sqlitex.Execute(c.conn, sql, &sqlitex.ExecOptions{Args: args})
		})
		if err != nil {
			return fmt.Errorf("copy %s: %w", table, err)
		}
	}
	return nil
}
