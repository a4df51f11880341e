package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// maxEventBytes bounds one event of a stream.
	maxEventBytes = 8 << 20
	// silence is how long a stream may be without a word: the server says every 15 s that it lives.
	silence = time.Minute
)

// ErrBrokeOff is the end of a stream that was neither the server's nor the caller's wish.
var ErrBrokeOff = errors.New("the stream broke off")

// Event is one server-sent event.
type Event struct {
	// Type is "message" where the stream names none. ID is the newest id of the stream.
	Type, ID string
	Data     []byte
}

// Stream reads server-sent events (WHATWG HTML, 9.2) until f or the stream returns an
// error, or ctx ends. A stream that the server ends is io.EOF, one that breaks off or is
// silent for a minute wraps ErrBrokeOff: the caller may begin a new one.
func (c *Client) Stream(ctx context.Context, path string, f func(Event) error) error {
	var place string
	return c.StreamFrom(ctx, path, &place, f)
}

// StreamFrom is a Stream that goes on behind *place, the newest id of an earlier one, or begins
// with the present where that is "". It keeps *place up to date: it is the id behind the last
// event for which f returned nil, so calling it again repeats and leaves out nothing that
// the server still has.
func (c *Client) StreamFrom(ctx context.Context, path string, place *string, f func(Event) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header := http.Header{"Accept": {"text/event-stream"}}
	if *place != "" {
		header.Set("Last-Event-ID", *place)
	}
	res, err := c.send(ctx, http.MethodGet, path, header, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		if err != nil {
			return err
		}
		return readError(http.MethodGet, path, res, text)
	}
	if kind := res.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		return fmt.Errorf("GET %s: the answer is %q, not a stream of events", path, kind)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 64<<10), maxEventBytes)
	quiet := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing came for %v", silence)) })
	defer quiet.Stop()
	e := Event{Type: "message", ID: *place}
	var data []byte
	for {
		quiet.Reset(silence)
		if !lines.Scan() {
			break
		}
		quiet.Stop() // f may take its time
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "": // the end of an event; one without data is none
			if data != nil {
				e.Data = data[:len(data)-1]
				if err := f(e); err != nil {
					return err
				}
			}
			*place = e.ID // also of a block without data
			e, data = Event{Type: "message", ID: e.ID}, nil
		case name == "event":
			e.Type = value
		case name == "id" && !strings.Contains(value, "\x00"):
			e.ID = value
		case name == "data":
			if len(data)+len(value) > maxEventBytes {
				return fmt.Errorf("GET %s: an event is longer than %d bytes", path, maxEventBytes)
			}
			data = append(append(data, value...), '\n')
		}
	}
	if err := lines.Err(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("GET %s: %w: %w", path, ErrBrokeOff, err)
	}
	return io.EOF
}
