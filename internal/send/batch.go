package send

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/transform"
)

// ndjson is the media type of JSON values one a line (github.com/ndjson/ndjson-spec).
const ndjson = "application/x-ndjson"

// batch puts the message that is sent into the job of a batch: what the endpoint's script,
// handler({events}), makes of its messages (CONTRACT 3.3), or Batched. On an error nothing
// is to be sent, and a says why.
func (s *Sender) batch(ctx context.Context, job *Job, script *hook.Transformation, a *hook.Attempt, now time.Time) error {
	m := job.Message
	if script == nil {
		job.Message = Batched(m, job.Endpoint.Order != nil && job.Endpoint.Order.Lines)
		return nil
	}
	run := transform.Job{Application: job.Endpoint.Application, Endpoint: job.Endpoint.ID, KeepsResult: true, Code: script.Code, Variables: script.Variables, At: now, Seed: uint64(m.ID)}
	for _, one := range m.Batch {
		run.Events = append(run.Events, transform.Event{Payload: jsonOf(one), EventType: one.EventType})
	}
	var r transform.Result
	var err error
	switch {
	case script.Code == "":
		err = errNoCode
	case s.scripts == nil:
		err = errNoScripts
	default:
		r, err = s.scripts.Run(ctx, run)
	}
	if err != nil {
		scriptFailed(a, err)
		return err
	}
	job.made = r.Release
	if len(r.Console) > 0 {
		a.Notes = &hook.AttemptNotes{Console: r.Console}
	}
	next := *m
	next.Batch, next.Payload, next.RawBody, next.ContentType = nil, nil, r.Batch, ""
	if !jsontext.Value(r.Batch).IsValid() {
		next.ContentType = "text/plain; charset=utf-8"
	}
	job.Message = &next
	return nil
}

// Batched returns the message that is sent for a batch: the bodies of its messages as one
// JSON array, each as it stands, or with lines as one JSON value a line. A body that is no
// JSON is a JSON string in it.
func Batched(m *hook.Message, lines bool) *hook.Message {
	out := *m
	out.Batch, out.RawBody, out.ContentType = nil, nil, ""
	size := 2
	for _, one := range m.Batch {
		size += len(one.Body()) + 1
	}
	body := make([]byte, 0, size)
	if lines {
		for _, one := range m.Batch {
			body = append(appendLine(body, jsonOf(one)), '\n')
		}
		out.RawBody, out.Payload, out.ContentType = body, nil, ndjson
		return &out
	}
	body = append(body, '[')
	for i, one := range m.Batch {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, jsonOf(one)...)
	}
	out.Payload = append(body, ']')
	return &out
}

// jsonOf returns a message's body as JSON. Payloads are JSON since they were accepted.
func jsonOf(m *hook.Message) []byte {
	if m.RawBody == nil {
		return m.Payload
	}
	if jsontext.Value(m.RawBody).IsValid() {
		return m.RawBody
	}
	text, err := jsontext.AppendQuote(nil, bytes.ToValidUTF8(m.RawBody, []byte("\uFFFD")))
	if err != nil { // it is valid UTF-8
		return []byte(`""`)
	}
	return text
}

// appendLine appends JSON without line breaks, which inside strings are escapes anyway.
func appendLine(dst, value []byte) []byte {
	for _, c := range value {
		if c == '\n' || c == '\r' {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// BatchID returns the webhook-id of a batch: that of its first message, and a hash of all.
// The same messages always have the same one, and others another.
func BatchID(ids []string) string {
	h := sha256.New()
	for _, id := range ids {
		h.Write([]byte(id))
		h.Write([]byte{'\n'})
	}
	return ids[0] + "_" + hex.EncodeToString(h.Sum(nil)[:8])
}
