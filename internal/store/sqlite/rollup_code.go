package sqlite

import (
	"encoding/binary"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
)

// scanRollup reads a row of rollupColumns.
func scanRollup(stmt *sqlite.Stmt) (*hook.Rollup, error) {
	r := &hook.Rollup{
		RollupKey: hook.RollupKey{
			Environment: hook.EnvironmentID(stmt.ColumnInt64(0)), Application: hook.ApplicationID(stmt.ColumnInt64(1)),
			At: stmt.ColumnInt64(2), Endpoint: hook.EndpointID(stmt.ColumnInt64(3)), EventType: stmt.ColumnText(4),
		},
		RollupCounts: hook.RollupCounts{
			Success: stmt.ColumnInt64(5), Failed: stmt.ColumnInt64(6), Final: stmt.ColumnInt64(7),
			Took:    time.Duration(stmt.ColumnInt64(8)) * time.Microsecond,
			Slowest: time.Duration(stmt.ColumnInt64(9)) * time.Microsecond,
		},
	}
	var err error
	if r.Reasons, err = decodeReasons(nil, columnBytes(stmt, 10)); err != nil {
		return nil, err
	}
	numbers, err := uvarints(columnBytes(stmt, 11))
	if err != nil || len(numbers) > hook.LatencyBuckets {
		return nil, errors.Join(errors.New("rollup: the histogram is damaged"), err)
	}
	for i, n := range numbers {
		r.Latency[i] = int64(n)
	}
	return r, nil
}

func encodeReasons(list []hook.ReasonCount) (b []byte) {
	for _, r := range list {
		b = binary.AppendUvarint(b, uint64(r.Reason))
		b = binary.AppendUvarint(b, uint64(r.Count))
	}
	return b
}

// decodeReasons appends to out what encodeReasons wrote.
func decodeReasons(out []hook.ReasonCount, b []byte) ([]hook.ReasonCount, error) {
	for len(b) > 0 {
		reason, n := binary.Uvarint(b)
		count, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 {
			return nil, errors.New("rollup: the counts by reason are damaged")
		}
		out, b = append(out, hook.ReasonCount{Reason: hook.Reason(reason), Count: int64(count)}), b[n+m:]
	}
	return out, nil
}

func encodeLatency(buckets *[hook.LatencyBuckets]int64) (b []byte) {
	n := len(buckets)
	for n > 0 && buckets[n-1] == 0 {
		n--
	}
	for _, count := range buckets[:n] {
		b = binary.AppendUvarint(b, uint64(count))
	}
	return b
}

func uvarints(b []byte) (out []uint64, err error) {
	for len(b) > 0 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errors.New("a number is cut")
		}
		out, b = append(out, v), b[n:]
	}
	return out, nil
}
