package send

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/transform"
)

// An endpoint's script (hook.Features.Script) sees the webhook before it is brought into
// shape and signed, so what it makes is what is signed and sent. It gets the message as it
// is stored, and what it leaves alone goes out byte for byte.

// Scripts runs code of users. A script that fails is a *transform.Error.
type Scripts interface {
	Run(context.Context, transform.Job) (transform.Result, error)
}

var _ Scripts = (*transform.Pool)(nil)

var (
	errDropped   = errors.New("the script cancelled the message")
	errNoCode    = errors.New("this server does not know the endpoint's connector")
	errStranger  = errors.New("the script leads to a server that has not agreed")
	errNoScripts = errors.New("this server runs no scripts")
)

// transform runs the endpoint's script on a job's message and puts what it made into the
// job. It returns the prepared endpoint for the request. On an error nothing is to be sent,
// and a says why.
func (s *Sender) transform(ctx context.Context, p *prepared, job *Job, script *hook.Transformation, a *hook.Attempt, now time.Time) (*prepared, error) {
	run := transform.JobOf(job.Endpoint, script, job.Message, job.WebhookID, now)
	run.KeepsResult = true
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
		return nil, err
	}
	job.made = r.Release
	if len(r.Console) > 0 {
		a.Notes = &hook.AttemptNotes{Console: r.Console}
	}
	if r.Cancel {
		a.Outcome, a.Reason = hook.Dropped, hook.ReasonTransformCancel
		return nil, errDropped
	}
	if err = r.Check(run.Webhook, func(raw string) (string, error) { return s.parseURL(raw, job.Settings.EnforceHTTPS) }); err != nil {
		scriptFailed(a, err)
		return nil, err
	}
	if x := job.Endpoint.Consent; x != nil && originOf(r.URL) != originOf(x.VerifiedURL) {
		// Whoever may change a script could have strangers sent to, after a server of their own agreed.
		a.Outcome, a.Reason = hook.Failed, hook.ReasonUnverified
		a.Error = "the script leads to another server than the one that agreed to be sent to"
		return nil, errStranger
	}
	if e := withResult(job.Endpoint, run.Webhook, &r); e != job.Endpoint {
		// Not remembered: the next message may lead somewhere else.
		if p, err = prepare(e, job.Settings, s.endpoints.version, now); err != nil {
			scriptFailed(a, &transform.Error{Reason: hook.ReasonTransformError, Text: err.Error(), Console: r.Console})
			return nil, err
		}
		p.timeout = or(e.Shape.Deadline(), s.endpoints.timeout)
		if e.URL != a.URL {
			a.EndpointURL = a.URL
		}
		job.Endpoint, a.URL = e, e.URL
	}
	job.Message = transformed(job.Message, run.Webhook.Method, &r)
	return p, nil
}

// scriptFailed says in an attempt that its script failed.
func scriptFailed(a *hook.Attempt, err error) {
	a.Outcome, a.Reason, a.Error = hook.Failed, hook.ReasonTransformError, err.Error()
	var f *transform.Error
	switch {
	case errors.As(err, &f):
		a.Reason, a.Error = f.Reason, printable(f.Error())
		if f.IsOurs {
			a.Reason = hook.ReasonInternal
		}
		if len(f.Console) > 0 {
			a.Notes = &hook.AttemptNotes{Console: f.Console}
		}
	case errors.Is(err, context.Canceled), hook.KindOf(err) == hook.Closed:
		a.Reason, a.Error = hook.ReasonCanceled, "the attempt was stopped before it ended"
	case errors.Is(err, errNoCode):
	default:
		a.Reason = hook.ReasonInternal
	}
}

// withResult returns the endpoint as a script's result, which was checked, wants it for this
// one request: e itself where that is as before.
func withResult(e *hook.Endpoint, before *transform.Webhook, r *transform.Result) *hook.Endpoint {
	isForward := before.Request != nil
	if r.URL == before.URL && len(r.Headers) == 0 && (isForward || r.Method == before.Method) {
		return e
	}
	next := *e
	next.URL = r.URL
	if r.Method != before.Method && !isForward { // a forwarded one has its method in the message
		shape := hook.Shape{}
		if e.Shape != nil {
			shape = *e.Shape
		}
		shape.Method = r.Method
		switch {
		case r.Method == http.MethodGet:
			shape.Body = hook.BodyQuery
		case shape.Body == hook.BodyQuery:
			shape.Body = hook.BodyJSON
		}
		next.Shape = &shape
	}
	if originOf(next.URL) != originOf(e.URL) {
		withoutSecrets(&next)
	}
	if own := r.OwnHeaders(); len(own) > 0 {
		next.Headers = mergedHeaders(next.Headers, own)
	}
	return &next
}

// originOf is scheme, host and port of a URL in its stored form.
func originOf(raw string) string {
	scheme, rest, _ := strings.Cut(raw, "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + rest
}

// withoutSecrets takes from an endpoint what it proves itself with to its own receiver.
// Whoever may change a script may not, by that alone, have them sent somewhere else.
func withoutSecrets(e *hook.Endpoint) {
	e.Credentials = e.Credentials.Elsewhere()
	if e.Shape != nil && e.Shape.Token != nil {
		shape := *e.Shape
		shape.Token = nil
		e.Shape = &shape
	}
	headers := make(map[string]string, len(e.Headers))
	for name, value := range e.Headers {
		if !hook.IsSensitiveHeader(name) && !strings.EqualFold(name, "cookie") {
			headers[name] = value
		}
	}
	e.Headers = headers
}

// mergedHeaders lays over upon under; names that mean the same are one.
func mergedHeaders(under, over map[string]string) map[string]string {
	all := maps.Clone(over)
	if all == nil {
		all = map[string]string{}
	}
	taken := map[string]bool{}
	for name := range over {
		taken[plainName(name)] = true
	}
	for name, value := range under {
		if !taken[plainName(name)] {
			all[name] = value
		}
	}
	return all
}

// transformed returns the message with what a script made of it; m itself where that is
// nothing. method is the one before.
func transformed(m *hook.Message, method string, r *transform.Result) *hook.Message {
	contentType := r.ContentType()
	isMoved := m.Inbound != nil && r.Method != method
	if r.Payload == nil && contentType == "" && !isMoved {
		return m
	}
	next := *m
	if m.Inbound != nil {
		in := *m.Inbound
		in.Method = r.Method
		if r.Payload != nil {
			in.Header = withoutContentFields(in.Header)
		}
		next.Inbound = &in
	}
	if r.Payload != nil {
		switch {
		case m.Inbound != nil || r.IsText:
			next.Payload, next.RawBody = nil, r.Payload
		default:
			next.Payload, next.RawBody = r.Payload, nil
		}
		switch {
		case r.IsText: // its own type, or that of the message
		case m.Inbound == nil:
			next.ContentType = ""
		case !isJSONType(m.ContentType):
			next.ContentType = "application/json"
		}
	}
	if contentType != "" {
		next.ContentType = contentType
	}
	return &next
}

// withoutContentFields drops the fields that are true of the bytes that came, and not of
// those that a script made (RFC 9110 section 8, RFC 9530).
func withoutContentFields(fields []string) []string {
	var kept []string
	for i := 0; i+1 < len(fields); i += 2 {
		switch plainName(fields[i]) {
		case "content-encoding", "content-md5", "content-digest", "repr-digest", "digest":
		default:
			kept = append(kept, fields[i], fields[i+1])
		}
	}
	return kept
}

// isJSONType reports whether a media type is JSON ("application/json", "application/x+json").
func isJSONType(t string) bool {
	t, _, _ = strings.Cut(strings.ToLower(t), ";")
	t = strings.TrimSpace(t)
	return strings.HasSuffix(t, "/json") || strings.HasSuffix(t, "+json")
}
