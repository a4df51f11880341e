package send

import (
	"bytes"
	"context"
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
	p, err := prepare(job.Endpoint, job.Settings, s.endpoints.version, at)
	if err != nil {
		return nil, err
	}
	switch script := job.Endpoint.Script(); {
	case job.Message.Batch != nil:
		err = s.batch(ctx, &job, script, &hook.Attempt{}, at)
	case script != nil:
		p, err = s.transform(ctx, p, &job, script, &hook.Attempt{}, at)
	}
	if job.made != nil {
		defer job.made()
	}
	if err != nil {
		return nil, nil //nolint:nilerr // what the script does not send has no header
	}
	r, _, err := build(p, job, at)
	if err != nil {
		return nil, err
	}
	defer r.release()
	head, _, _ := bytes.Cut(r.buf, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	fields := make([]string, 0, 2*len(lines))
	for _, line := range lines[1:] { // after the request line
		name, value, _ := strings.Cut(line, ": ")
		fields = append(fields, name, value)
	}
	return fields, nil
}
