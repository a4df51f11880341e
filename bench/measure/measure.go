// Package measure holds what the benchmark programs must agree on: the payload
// with its number and publish time, and how latencies are summed up. Sender,
// server and receiver run on one machine, so that wall-clock nanoseconds in the
// payload are a fair clock for all of them.
package measure

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"time"
)

// numberWidth is how many digits a number in a payload has: fixed, so that a
// payload is made by overwriting digits, not by encoding.
const numberWidth = 19

// Payload is a JSON body of fixed size that is re-numbered in place. Not for more
// than one goroutine.
type Payload struct {
	// Keys makes the padding begin with the number modulo Keys (1 to 10000), so that it is one
	// of so many keys; 0 for the same padding in each. The payload must have room for it.
	Keys int

	body    []byte
	seq, at []byte // the digits inside body
	key     []byte // the begin of the padding
}

const keyWidth = 4

const (
	seqKey = `{"seq":`
	atKey  = `,"at":`
	padKey = `,"pad":"`
	end    = `"}`
)

// MinBytes is the smallest payload that NewPayload makes.
const MinBytes = len(seqKey) + len(atKey) + len(padKey) + len(end) + 2*numberWidth

// NewPayload makes a payload of size bytes, at least MinBytes.
func NewPayload(size int) *Payload {
	size = max(size, MinBytes)
	digits := bytes.Repeat([]byte{'1'}, numberWidth)
	b := slices.Concat([]byte(seqKey), digits, []byte(atKey), digits, []byte(padKey))
	b = append(b, bytes.Repeat([]byte{'x'}, size-len(b)-len(end))...)
	b = append(b, end...)
	seq := len(seqKey)
	at := seq + numberWidth + len(atKey)
	pad := at + numberWidth + len(padKey)
	return &Payload{body: b, seq: b[seq : seq+numberWidth], at: b[at : at+numberWidth], key: b[pad : pad+min(keyWidth, len(b)-len(end)-pad)]}
}

// seqBase keeps every number at 19 digits without a leading zero, which JSON
// forbids (RFC 8259 section 6).
const seqBase = 1_000_000_000_000_000_000

// Set numbers the payload (0 <= seq < 8e18) and stamps it with the publish time;
// the result is valid until the next Set.
func (p *Payload) Set(seq int64, at time.Time) []byte {
	putDigits(p.seq, seqBase+seq)
	putDigits(p.at, at.UnixNano())
	if p.Keys > 0 {
		putDigits(p.key, seq%int64(p.Keys))
	}
	return p.body
}

func putDigits(to []byte, n int64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = byte('0' + n%10)
		n /= 10
	}
}

// Each yields the payloads of a body: one, or those of a JSON array.
func Each(body []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(body) == 0 || body[0] != '[' {
			yield(body)
			return
		}
		// The padding has no quotes, so that a payload's first name begins none but a payload.
		for at := bytes.Index(body, []byte(seqKey)); at >= 0; {
			next := bytes.Index(body[at+1:], []byte(seqKey))
			if next < 0 {
				yield(body[at:])
				return
			}
			if !yield(body[at : at+1+next]) {
				return
			}
			at += 1 + next
		}
	}
}

// Parse reads number and publish time from a body that Set made. ok is false for
// any other body.
func Parse(body []byte) (seq int64, at time.Time, ok bool) {
	atStart := len(seqKey) + numberWidth + len(atKey)
	if len(body) < MinBytes || string(body[:len(seqKey)]) != seqKey ||
		string(body[len(seqKey)+numberWidth:atStart]) != atKey {
		return 0, time.Time{}, false
	}
	seq, err1 := strconv.ParseInt(string(body[len(seqKey):len(seqKey)+numberWidth]), 10, 64)
	ns, err2 := strconv.ParseInt(string(body[atStart:atStart+numberWidth]), 10, 64)
	if err1 != nil || err2 != nil || seq < seqBase {
		return 0, time.Time{}, false
	}
	return seq - seqBase, time.Unix(0, ns), true
}

// Latency sums up durations, in milliseconds, by nearest rank.
type Latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// Summarize sorts its argument and sums it up.
func Summarize(all []time.Duration) Latency {
	slices.Sort(all)
	at := func(p float64) float64 {
		if len(all) == 0 {
			return 0
		}
		rank := int(p*float64(len(all))+0.999999) - 1
		return all[min(max(rank, 0), len(all)-1)].Seconds() * 1000
	}
	return Latency{Count: len(all), P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: at(1)}
}
