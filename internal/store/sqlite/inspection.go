package sqlite

import (
	"context"
	"embed"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// The names of chores.
const (
	choreBackup  = "backup"
	choreReclaim = "reclaim"
)

// Inspect implements store.Inspection.
func (s *Store) Inspect(ctx context.Context) (store.Report, error) {
	r := store.Report{
		Kind: "sqlite", Dir: s.dir, MaxBytes: s.o.MaxBytes, ReserveBytes: s.space.size, FreeBytes: -1, DiskBytes: -1, SlowAfter: slowAfter,
		Schemas: schemas(),
	}
	r.UsedBytes, r.IsFull = s.Space()
	if free, total, err := diskSpace(s.dir); err == nil && total < 1<<62 {
		r.FreeBytes, r.DiskBytes = free, total
	}
	r.Slow, r.SlowCount = s.slow.latest()
	for _, name := range []string{catalogName, rollupName} {
		r.Files = append(r.Files, fileReport(filepath.Join(s.dir, name), name))
	}
	segments := s.segmentsNewestFirst()
	for i, seg := range segments {
		path := seg.path()
		one := store.SegmentReport{FileReport: fileReport(path, filepath.Join(segmentsName, filepath.Base(path))), From: seg.first.Time(), State: store.SegmentClosed}
		switch {
		case i == 0:
			one.State = store.SegmentOpen
		case seg.compacting.Load():
			one.State = store.SegmentCompacting
		case seg.barren.Load():
			one.State = store.SegmentEmpty
		}
		if i > 0 {
			one.To = seg.last.Time()
		}
		r.Segments = append(r.Segments, one)
	}
	var err error
	if r.OldestMessage, err = s.oldestMessage(ctx, segments); err != nil {
		return r, fmt.Errorf("inspect store: %w", err)
	}
	return r, s.catalog.inspect(ctx, &r)
}

// fileReport measures a file with its log. One that is gone takes nothing.
func fileReport(path, name string) store.FileReport {
	return store.FileReport{Name: filepath.ToSlash(name), Bytes: sizeOf(path), LogBytes: sizeOf(path + "-wal")}
}

// oldestMessageSQL seeks: the key is the row's.
const oldestMessageSQL = "SELECT min(key) FROM message"

// oldestMessage is when the oldest message was accepted that has a row; zero for none.
func (s *Store) oldestMessage(ctx context.Context, newestFirst []*segment) (at time.Time, err error) {
	for _, seg := range slices.Backward(newestFirst) {
		if seg.barren.Load() {
			continue
		}
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(oldestMessageSQL)
			if err != nil {
				return err
			}
			return eachRow(stmt, func() (bool, error) {
				if !stmt.ColumnIsNull(0) {
					at = hook.Key(stmt.ColumnInt64(0)).Time()
				}
				return false, nil
			})
		})
		if err != nil || !at.IsZero() {
			return at, err
		}
	}
	return at, nil
}

// inspect adds what the catalogue knows to a report.
func (c *catalog) inspect(ctx context.Context, r *store.Report) error {
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		err := catalogQuery(conn, "SELECT number, at FROM migration", func(stmt *sqlite.Stmt) error {
			for i := range r.Schemas[0].Migrations {
				if m := &r.Schemas[0].Migrations[i]; m.Number == stmt.ColumnInt(0) {
					m.AppliedAt = time.UnixMilli(stmt.ColumnInt64(1)).UTC()
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return catalogQuery(conn, "SELECT name, at, files, bytes FROM chore", func(stmt *sqlite.Stmt) error {
			done := &store.Chore{At: time.UnixMilli(stmt.ColumnInt64(1)).UTC(), Files: stmt.ColumnInt(2), Bytes: stmt.ColumnInt64(3)}
			switch stmt.ColumnText(0) {
			case choreBackup:
				r.LastBackup = done
			case choreReclaim:
				r.LastReclaim = done
			}
			return nil
		})
	})
	return wrapCatalog("inspect catalogue", err)
}

// NoteBackup implements store.Inspection.
func (c *catalog) NoteBackup(ctx context.Context, files int, bytes int64) error {
	return c.noteChore(ctx, choreBackup, files, bytes)
}

func (c *catalog) noteChore(ctx context.Context, name string, files int, bytes int64) error {
	return c.change(ctx, func(tx *catalogTx) error {
		return tx.exec(`INSERT INTO chore (name, at, files, bytes) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (name) DO UPDATE SET at = excluded.at, files = excluded.files, bytes = excluded.bytes`, name, c.now().UnixMilli(), files, bytes)
	})
}

// schemas lists the migrations of each part, the catalogue's first. A store that is open has all
// of them: migrate has seen to that.
func schemas() []store.Schema {
	of := func(part string, files embed.FS) store.Schema {
		out := store.Schema{Part: part}
		entries, err := files.ReadDir("migrations/" + part)
		if err != nil {
			panic(err) // a directory of the program itself
		}
		for _, e := range entries {
			script, err := files.ReadFile("migrations/" + part + "/" + e.Name())
			if err != nil {
				panic(err)
			}
			out.Newest++
			out.Migrations = append(out.Migrations, store.Migration{Number: out.Newest, Title: migrationTitle(string(script))})
		}
		out.Version = out.Newest
		return out
	}
	return []store.Schema{of("catalog", catalogMigrations), of("segment", segmentMigrations), of("rollup", rollupMigrations)}
}

// migrationTitle is the first sentence of the comment that begins a migration.
func migrationTitle(script string) string {
	var words []string
	for line := range strings.Lines(script) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "--")
		if !ok {
			break
		}
		words = append(words, strings.TrimSpace(comment))
	}
	title := strings.Join(words, " ")
	if i := strings.Index(title, ". "); i >= 0 {
		title = title[:i+1]
	}
	return strings.TrimRight(title, ".;:")
}
