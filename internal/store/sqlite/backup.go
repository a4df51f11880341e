package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hookloft/hookloft/internal/hook"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Backup implements store.Store. Each file is copied as it is at one moment, segments
// before the catalogue, so that the copy knows every application that a message names. The
// copy is on hold: whoever opens it decides whether to send what it holds again.
func (s *Store) Backup(ctx context.Context, dir string) error {
	// What is fresh now may get its row in a segment that has been copied by then. So the
	// copy looks as far back as the store would at this moment.
	var low hook.Key
	var segments []*segment
	err := s.writer.do(ctx, true, func(w *writer) error {
		low, segments = w.lowWater(), s.segmentsOldestFirst()
		return nil
	})
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, segmentsName), 0o700); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	for i, seg := range segments {
		to := segmentPath(dir, seg.first)
		if err := copySegment(ctx, seg.segmentFile, to); errors.Is(err, errDropped) {
			continue // nothing in it was to be kept
		} else if err != nil {
			return fmt.Errorf("backup %s: %w", filepath.Base(to), err)
		}
		if i == len(segments)-1 {
			if err := holdCopy(to, low); err != nil {
				return fmt.Errorf("backup: hold the copy: %w", err)
			}
		}
		if err := syncFile(to); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
	}
	to := filepath.Join(dir, catalogName)
	if err := copyDatabase(ctx, filepath.Join(s.dir, catalogName), to); err != nil {
		return fmt.Errorf("backup %s: %w", catalogName, err)
	}
	return errors.Join(syncFile(to), syncDir(filepath.Join(dir, segmentsName)), syncDir(dir))
}

// copySegment is copyDatabase of a segment; errDropped when it is gone.
func copySegment(ctx context.Context, f *segmentFile, to string) error {
	conn, _, err := f.open(sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	return copyOpen(ctx, conn, to)
}

// copyDatabase writes a compact copy of a database that is in use. to must not exist.
func copyDatabase(ctx context.Context, from, to string) error {
	conn, err := openConn(from, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	return copyOpen(ctx, conn, to)
}

// copyOpen is copyDatabase from an open connection, which it closes.
func copyOpen(ctx context.Context, conn *sqlite.Conn, to string) error {
	conn.SetInterrupt(ctx.Done())
	err := sqlitex.ExecuteTransient(conn, "VACUUM INTO ?1", &sqlitex.ExecOptions{Args: []any{to}})
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	conn.SetInterrupt(nil)
	return errors.Join(err, conn.Close())
}

// holdCopy stops all sending in the copy of the newest segment, and sets its low-water mark.
func holdCopy(path string, low hook.Key) error {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	err = sqlitex.ExecuteTransient(conn, saveMarkSQL, &sqlitex.ExecOptions{Args: []any{metaHold, 1}})
	if err == nil {
		err = sqlitex.ExecuteTransient(conn, saveMarkSQL, &sqlitex.ExecOptions{Args: []any{metaLowWater, int64(low)}})
	}
	return errors.Join(err, conn.Close())
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
