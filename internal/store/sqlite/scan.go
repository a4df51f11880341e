package sqlite

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
)

// messageColumns has the content last, so that a scan without content reads none of it.
// deadline and sealed lie behind it in the row, but NULL, 0 and 1 are read from the row's header.
const messageColumns = `key, application, environment, event_type, event_id, channels, tags, deliver_at, expires_at,
	content_type, endpoints, payload IS NULL AND raw IS NULL, params, raw, payload, inbound, deadline, sealed`

// Index: message's primary key.
const messageSQL = `SELECT ` + messageColumns + ` FROM message WHERE key = ?1`

// storedMessage is a row of message.
type storedMessage struct {
	hook.Message
	endpoints []hook.EndpointID // by rising id
}

// scanMessage reads a row of messageColumns. Without content, which nil says, it leaves
// payload, raw body, parameters and the provider's request out.
func scanMessage(stmt *sqlite.Stmt, content *contentSealer) (*storedMessage, error) {
	m := &storedMessage{
		Message: hook.Message{
			ID:               hook.MessageID(stmt.ColumnInt64(0)),
			Application:      hook.ApplicationID(stmt.ColumnInt64(1)),
			Environment:      hook.EnvironmentID(stmt.ColumnInt64(2)),
			EventType:        stmt.ColumnText(3),
			EventID:          stmt.ColumnText(4),
			Channels:         splitLines(stmt.ColumnText(5)),
			Tags:             splitLines(stmt.ColumnText(6)),
			DeliverAt:        columnMillis(stmt, 7),
			Deadline:         columnMillis(stmt, 16),
			ContentExpiresAt: columnMillis(stmt, 8),
			ContentType:      stmt.ColumnText(9),
			Expunged:         stmt.ColumnBool(11),
		},
		endpoints: decodeKeys[hook.EndpointID](columnBytes(stmt, 10)),
	}
	if content == nil {
		return m, nil
	}
	c := messageContent{params: columnBytes(stmt, 12), raw: columnBytes(stmt, 13), payload: columnBytes(stmt, 14), inbound: columnBytes(stmt, 15)}
	if stmt.ColumnBool(17) {
		var ok bool
		if c, ok = content.openMessage(&m.Message, c); !ok {
			m.Unreadable = true
			return m, nil
		}
	}
	m.TransformationsParams, m.RawBody, m.Payload = c.params, c.raw, c.payload
	var err error
	if m.Inbound, err = decodeInbound(c.inbound); err != nil {
		return nil, fmt.Errorf("message %d: %w", m.ID, err)
	}
	return m, nil
}

// storedDelivery is a row of delivery.
type storedDelivery struct {
	hook.Delivery
	attempts []hook.AttemptID // ended attempts, rising
}

// scanDelivery reads a row of deliveryColumns.
func scanDelivery(stmt *sqlite.Stmt) *storedDelivery {
	d := &storedDelivery{
		Delivery: hook.Delivery{
			Endpoint: hook.EndpointID(stmt.ColumnInt64(0)),
			Message:  hook.MessageID(stmt.ColumnInt64(1)),
			State:    hook.State(stmt.ColumnInt(2)),
			Step:     stmt.ColumnInt(3),
			Reason:   hook.Reason(stmt.ColumnInt(4)),
			Crashes:  stmt.ColumnInt(5),
			DueAt:    columnMillis(stmt, 6),
			Note:     stmt.ColumnText(9),
		},
		attempts: decodeKeys[hook.AttemptID](columnBytes(stmt, 7)),
	}
	decodeLine(&d.Delivery, columnBytes(stmt, 8))
	d.Attempts = len(d.attempts)
	// A pair that waits has a time, except a fresh one that a manual attempt gave its row.
	d.Fresh = d.State == hook.Pending && d.DueAt.IsZero()
	return d
}

// encodeLine returns the line column of d, nil for one that stands in none.
func encodeLine(d *hook.Delivery) []byte {
	if d.Line == 0 {
		return nil
	}
	b := appendKey(make([]byte, 0, 32), d.Line)
	if d.NotBefore.IsZero() && d.BatchEnd == (hook.PlaceInLine{}) {
		return b
	}
	var at int64
	if !d.NotBefore.IsZero() {
		at = d.NotBefore.UnixMilli()
	}
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	if d.BatchEnd != (hook.PlaceInLine{}) {
		b = binary.BigEndian.AppendUint64(b, uint64(d.BatchEnd.At))
		b = appendKey(b, d.BatchEnd.Message)
	}
	return b
}

// decodeLine is the reverse of encodeLine.
func decodeLine(d *hook.Delivery, b []byte) {
	k := decodeKeys[int64](b)
	if len(k) > 0 {
		d.Line = hook.Line(k[0])
	}
	if len(k) > 1 && k[1] != 0 {
		d.NotBefore = time.UnixMilli(k[1]).UTC()
	}
	if len(k) > 3 {
		d.BatchEnd = hook.PlaceInLine{At: k[2], Message: hook.MessageID(k[3])}
	}
}

func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// appendKey appends a row key as 8 bytes, big-endian.
func appendKey[K ~int64](dst []byte, k K) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(k))
}

// decodeKeys reads a list of row keys, 8 bytes each.
func decodeKeys[K ~int64](b []byte) []K {
	if len(b) < 8 {
		return nil
	}
	keys := make([]K, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		keys = append(keys, K(binary.BigEndian.Uint64(b)))
	}
	return keys
}

// encodeKeys is the reverse of decodeKeys; nil for an empty list.
func encodeKeys[K ~int64](keys []K) []byte {
	if len(keys) == 0 {
		return nil
	}
	b := make([]byte, 0, 8*len(keys)+8) // room for one more
	for _, k := range keys {
		b = appendKey(b, k)
	}
	return b
}
