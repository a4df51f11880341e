package sqlite

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const (
	// maxLookers bounds the connections with which the writer looks for keys in older
	// segments. Keys of a month are in as many segments; with fewer, each key that no
	// filter knows would open and close them all.
	maxLookers = 40
	// lookerCacheKiB is the page cache of each, 10 MiB together.
	lookerCacheKiB = 256
)

// looker reads the keys of a segment for the writer, which has no pen for it. It is apart
// from the readers, so that the writer never waits for a place behind a long list.
type looker struct {
	conn *sqlite.Conn
	find map[keyTableID]*sqlite.Stmt
	used uint64 // the batch that used it last
}

// lookers are those that are open. Only the writer uses them.
type lookers struct{ open map[*segmentFile]*looker }

// findStatement returns the statement that finds a key in a table. What the batch under
// way has written is seen by the segment's pen alone, so that is asked where there is one.
func (w *writer) findStatement(t *keyTable) (*sqlite.Stmt, error) {
	if p := w.pens[t.seg.segmentFile]; p != nil {
		p.used = w.batch
		stmts, err := p.keysIn(t.keyTableID)
		if err != nil {
			return nil, err
		}
		return stmts.find, nil
	}
	l, err := w.lookers.of(t.seg.segmentFile, w.batch)
	if err != nil {
		return nil, fmt.Errorf("look for a key: %w", err)
	}
	if l.find[t.keyTableID] == nil {
		stmt, err := l.conn.Prepare(fmt.Sprintf(findKeySQL, t))
		if err != nil {
			return nil, fmt.Errorf("look for a key: %w", err)
		}
		l.find[t.keyTableID] = stmt
	}
	return l.find[t.keyTableID], nil
}

func (k *lookers) of(file *segmentFile, batch uint64) (*looker, error) {
	if l := k.open[file]; l != nil {
		l.used = batch
		return l, nil
	}
	if len(k.open) >= maxLookers {
		var oldest *segmentFile
		for f, l := range k.open {
			if oldest == nil || l.used < k.open[oldest].used {
				oldest = f
			}
		}
		_ = k.open[oldest].conn.Close() // it only read
		delete(k.open, oldest)
	}
	conn, _, err := file.open(sqlite.OpenReadWrite)
	if err == nil {
		err = sqlitex.ExecuteTransient(conn, "PRAGMA query_only = ON", nil)
	}
	if err == nil {
		err = sqlitex.ExecuteTransient(conn, fmt.Sprintf("PRAGMA cache_size = -%d", lookerCacheKiB), nil)
	}
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		return nil, err
	}
	l := &looker{conn: conn, find: map[keyTableID]*sqlite.Stmt{}, used: batch}
	if k.open == nil {
		k.open = map[*segmentFile]*looker{}
	}
	k.open[file] = l
	return l, nil
}

// forget closes the connection of a file that goes away.
func (k *lookers) forget(file *segmentFile) {
	if l := k.open[file]; l != nil {
		_ = l.conn.Close() // it only read
		delete(k.open, file)
	}
}

func (k *lookers) close() error {
	var errs []error
	for _, l := range k.open {
		errs = append(errs, l.conn.Close())
	}
	k.open = nil
	return errors.Join(errs...)
}
