package send

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Header makes again the header fields with which an attempt of job at that time would be
// sent, as names and values by turns, in their order, over HTTP/1.1. They are those of the
// endpoint as job has it: keys that were rotated out since and have expired by then do not
// sign, access tokens are not known any more, and its script, as it is now, runs again on
// the same message at the same time. Nothing is sent. An error says in words that the
// request cannot be made.
func (s *Sender) Header(ctx context.Context, job Job, at time.Time) ([]string, error) {
	made, err := s.Request(ctx, job, at)
	if errors.As(err, new(*ScriptError)) {
		return nil, nil //nolint:nilerr // what the script does not send has no header
	}
	if err != nil {
		return nil, err
	}
	return made.Fields, nil
}

// Made is a request that was made and not sent.
type Made struct {
	Method string
	URL    string
	// Fields are the header fields, names and values by turns, in their order over HTTP/1.1.
	Fields []string
	Body   []byte
}

// ScriptError is a request that there is none of, because the endpoint's script failed or
// cancelled it. Its text is for the endpoint's owner.
type ScriptError struct{ text string }

func (e *ScriptError) Error() string { return e.text }

// Request makes the request of job as it would be sent at that time, signed for that time, and
// sends nothing; see Header. An endpoint that is no URL for requests has none.
func (s *Sender) Request(ctx context.Context, job Job, at time.Time) (*Made, error) {
	p, err := prepare(job.Endpoint, job.Settings, s.endpoints.version, at)
	if err != nil {
		return nil, err
	}
	var a hook.Attempt
	switch script := job.Endpoint.Script(); {
	case job.Message.Batch != nil:
		err = s.batch(ctx, &job, script, &a, at)
	case script != nil:
		p, err = s.transform(ctx, p, &job, script, &a, at)
	}
	if job.made != nil {
		defer job.made()
	}
	if err != nil {
		if a.Error == "" {
			a.Error = err.Error()
		}
		return nil, &ScriptError{a.Error}
	}
	r, _, err := build(p, job, at)
	if err != nil {
		return nil, err
	}
	defer r.release()
	head, _, _ := bytes.Cut(r.buf, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	method, rest, _ := strings.Cut(lines[0], " ")
	target, _, _ := strings.Cut(rest, " ")
	made := &Made{Method: method, URL: originOf(job.Endpoint.URL) + target, Body: bytes.Clone(r.body)}
	for _, line := range lines[1:] { // after the request line
		name, value, _ := strings.Cut(line, ": ")
		made.Fields = append(made.Fields, name, value)
	}
	return made, nil
}
