package send

import (
	"context"
	"errors"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/transform"
)

// Taken is what consumers of a polling endpoint get of a message in place of a request.
type Taken struct {
	// Headers are those that the endpoint's script set, by name; nil for none.
	Headers map[string]string
	// Payload is what the script made; nil where it is the message's own.
	Payload []byte
}

// Take is Send for an endpoint whose consumers fetch: it runs the endpoint's script, and
// makes no request. Unless the attempt is a success, it says why there is nothing to hand over.
func (s *Sender) Take(ctx context.Context, job Job) (Taken, hook.Attempt) {
	now := time.Now()
	a := hook.Attempt{
		ID: job.Attempt, Message: job.Message.ID, Application: job.Endpoint.Application, Endpoint: job.Endpoint.ID,
		N: job.N, Trigger: job.Trigger, StartedAt: now,
	}
	switch script := job.Endpoint.Script(); {
	case job.Message.Unreadable:
		a.Outcome, a.Reason, a.Error = hook.Unsendable, hook.ReasonStorage, "the message's stored content cannot be read: it was damaged"
	case !job.Message.HasContent(now):
		a.Outcome, a.Reason, a.Error = hook.Unsendable, hook.ReasonExpired, "the message's content has expired or was removed"
	case script == nil:
		a.Outcome = hook.Success
	case script.Code == "":
		scriptFailed(&a, errNoCode)
	case s.scripts == nil:
		scriptFailed(&a, errors.New("this server runs no scripts"))
	default:
		taken := s.takeBy(ctx, script, &job, &a)
		a.Took = time.Since(now)
		return taken, a
	}
	return Taken{}, a
}

// takeBy runs a script.
func (s *Sender) takeBy(ctx context.Context, script *hook.Transformation, job *Job, a *hook.Attempt) Taken {
	run := transform.JobOf(job.Endpoint, script, job.Message, job.WebhookID, a.StartedAt)
	r, err := s.scripts.Run(ctx, run)
	if err == nil && !r.Cancel {
		r.Method, r.URL = run.Webhook.Method, run.Webhook.URL // nothing is requested
		err = r.Check(run.Webhook, nil)
	}
	if err != nil {
		scriptFailed(a, err)
		return Taken{}
	}
	if len(r.Console) > 0 {
		a.Notes = &hook.AttemptNotes{Console: r.Console}
	}
	if r.Cancel {
		a.Outcome, a.Reason = hook.Dropped, hook.ReasonTransformCancel
		return Taken{}
	}
	a.Outcome = hook.Success
	return Taken{Headers: r.Headers, Payload: r.Payload}
}
