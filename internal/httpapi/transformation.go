package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/transform"
)

// Scripts runs code of users. A script that fails is a *transform.Error.
type Scripts interface {
	Run(context.Context, transform.Job) (transform.Result, error)
	// Check compiles code and looks for its handler.
	Check(ctx context.Context, endpoint hook.EndpointID, code string) error
}

var _ Scripts = (*transform.Pool)(nil)

// transformationsSetting is the environment's switch for people: with false, tokens of the
// portal neither see nor change code. Code that is there goes on running, because what it
// leaves out of a payload must not be sent all of a sudden.
const transformationsSetting = "enableTransformations"

// mayTransform refuses tokens of the portal where the environment does not want them to
// have transformations.
func (s *server) mayTransform(c *call) error {
	off, err := s.isOffInPortal(c, transformationsSetting)
	if err != nil || !off {
		return err
	}
	return notInPortal("Transformations are")
}

// transformed resolves the application and the endpoint or destination whose transformation
// the path names.
func (s *server) transformed(c *call) (*hook.Application, *hook.Endpoint, error) {
	if err := s.mayTransform(c); err != nil {
		return nil, nil, err
	}
	ref := c.param("destination_id")
	if ref == "" {
		return s.endpoint(c)
	}
	a, err := s.application(c)
	if err != nil {
		return nil, nil, err
	}
	if !isRef(ref) {
		return nil, nil, notFound()
	}
	e, err := s.Catalog.Destination(c.ctx(), a.ID, ref)
	return a, e, err
}

func (s *server) getTransformation(c *call) error {
	_, e, err := s.transformed(c)
	if err != nil {
		return err
	}
	t := e.Transformation
	if t == nil {
		t = &hook.Transformation{}
	}
	out := api.EndpointTransformationOut{Code: orNil(t.Code), Enabled: t.Enabled, UpdatedAt: timeOrNil(t.UpdatedAt)}
	// They may be secret, so whoever only looks around does not see them.
	if c.token.IsAPI() && c.token.MayDo("endpoint:write") || !c.token.IsAPI() && c.token.Can(hook.ManageTransformations) {
		vars := orEmpty(t.Variables)
		out.Variables = &vars
	}
	switch c.route.out.(type) {
	case api.IngestEndpointTransformationOut:
		return c.json(http.StatusOK, api.IngestEndpointTransformationOut{Code: out.Code, Enabled: out.Enabled, Variables: out.Variables})
	case api.SinkTransformationOut:
		return c.json(http.StatusOK, api.SinkTransformationOut{Code: out.Code, Enabled: out.Enabled})
	}
	return c.json(http.StatusOK, out)
}

func (s *server) patchTransformation(c *call) error {
	var in api.EndpointTransformationPatch
	var err error
	if _, ofSource := c.route.in.(api.IngestEndpointTransformationPatch); ofSource {
		var patch api.IngestEndpointTransformationPatch
		patch, err = decode[api.IngestEndpointTransformationPatch](c)
		in = api.EndpointTransformationPatch(patch)
	} else {
		in, err = decode[api.EndpointTransformationPatch](c)
	}
	if err != nil {
		return err
	}
	if err := s.changeTransformation(c, in); err != nil {
		return err
	}
	return c.empty()
}

func (s *server) patchDestinationTransformation(c *call) error {
	in, err := decode[api.SinkTransformIn](c)
	if err != nil {
		return err
	}
	patch := api.EndpointTransformationPatch{Code: in.Code}
	if in.Code.Given {
		patch.Enabled = api.Some(!in.Code.Null)
	}
	if err := s.changeTransformation(c, patch); err != nil {
		return err
	}
	return c.json(http.StatusOK, api.EmptyResponse{})
}

// changeTransformation changes the transformation that the path names. Code is compiled
// before it is stored, so that a misspelt one never meets a message.
func (s *server) changeTransformation(c *call, in api.EndpointTransformationPatch) error {
	a, e, err := s.transformed(c)
	if err != nil {
		return err
	}
	if in.Code.Given && !in.Code.Null {
		if err := hook.CheckCode("code", in.Code.Value); err != nil {
			return err
		}
	}
	if err := hook.CheckVariables("variables", in.Variables.Value); err != nil {
		return err
	}
	if in.Code.Value != "" {
		if err := s.Scripts.Check(c.ctx(), e.ID, in.Code.Value); err != nil {
			return codeError("code", err)
		}
	}
	now := s.now()
	_, err = s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		next := hook.Transformation{}
		if e.Transformation != nil {
			next = *e.Transformation
		}
		if in.Code.Given {
			next.Code = in.Code.Value
			next.Enabled = next.Enabled && !in.Code.Null
		}
		if err := patch(&next.Enabled, "enabled", in.Enabled); err != nil {
			return err
		}
		if in.Variables.Given {
			next.Variables = in.Variables.Value
		}
		if err := next.Validate(); err != nil {
			return err
		}
		e.UpdatedAt, next.UpdatedAt = now, now
		if e.Transformation = &next; next.Code == "" && len(next.Variables) == 0 {
			e.Transformation = nil
		}
		return nil
	})
	return err
}

// codeError says what is wrong with code in a field of the body.
func codeError(field string, err error) error {
	var f *transform.Error
	if !errors.As(err, &f) {
		return err
	}
	if f.IsOurs {
		return noSandbox()
	}
	return hook.Fieldf(field, "%s", plainText(f.Error()))
}

func (s *server) simulateTransformation(c *call) error {
	in, err := decode[api.TransformationSimulateIn](c)
	if err != nil {
		return err
	}
	_, e, err := s.transformed(c)
	if err != nil {
		return err
	}
	out, err := s.simulate(c, e, in)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, out)
}

// simulate runs code for an endpoint on a payload. Code that fails is a 422 of its own
// (CONTRACT section 0).
func (s *server) simulate(c *call, e *hook.Endpoint, in api.TransformationSimulateIn) (api.TransformationSimulateOut, error) {
	var out api.TransformationSimulateOut
	if err := hook.CheckCode("code", in.Code); err != nil {
		return out, err
	}
	t := &hook.Transformation{Code: in.Code, Variables: deref(in.Variables)}
	if err := hook.CheckVariables("variables", t.Variables); err != nil {
		return out, err
	}
	if err := hook.CheckEventTypeName("eventType", in.EventType); err != nil {
		return out, err
	}
	if err := hook.CheckChannels("channels", nilIfEmpty(in.Channels)); err != nil {
		return out, err
	}
	if jsontext.Value(in.Payload).Kind() != '{' {
		return out, invalidAt(typeJSON, "must be an object", "body", "payload")
	}
	m := &hook.Message{EventType: in.EventType, Channels: nilIfEmpty(in.Channels), Payload: in.Payload}
	job := transform.JobOf(e, t, m, "", s.now())
	r, err := s.runScript(c, job)
	if err != nil {
		return out, failedScript(err)
	}
	out.Console = r.Console
	if r.Cancel {
		// Nothing is sent; what would have been is shown for the fields that must be there.
		out.Cancel, out.URL, out.Method, out.Payload = true, job.Webhook.URL, job.Webhook.Method, string(in.Payload)
		return out, nil
	}
	out.URL, out.Method, out.Headers, out.Payload = r.URL, r.Method, r.Headers, string(r.Payload)
	if r.Payload == nil {
		out.Payload = string(in.Payload)
	}
	return out, nil
}

// runScript runs a job and checks what came of it as an attempt would.
func (s *server) runScript(c *call, job transform.Job) (transform.Result, error) {
	env, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return transform.Result{}, err
	}
	r, err := s.Scripts.Run(c.ctx(), job)
	if err == nil && !r.Cancel && job.Webhook != nil {
		err = r.Check(job.Webhook, func(raw string) (string, error) { return s.CheckURL(raw, env.Settings.EnforceHTTPS) })
	}
	return r, err
}

// scriptError is the answer to a call whose script failed.
type scriptError struct{ api.TransformationFailedOut }

func (e *scriptError) Error() string { return e.Code + ": " + e.Detail }

// failedScript turns a script's failure into an answer, and returns other errors as they are.
func failedScript(err error) error {
	var f *transform.Error
	switch {
	case !errors.As(err, &f):
		return err
	case f.IsOurs:
		return noSandbox()
	}
	return &scriptError{failureToAPI(f)}
}

// noSandbox says that no script can be run here, whatever it is: to come again may help, if
// somebody else ended the child.
func noSandbox() error {
	return &statusError{
		http.StatusServiceUnavailable, "sandbox_unavailable",
		"The sandbox for scripts could not be started, so this one was not run. The operator finds the cause in the server's log and with 'hookloft doctor'.",
	}
}

func failureToAPI(f *transform.Error) api.TransformationFailedOut {
	return api.TransformationFailedOut{
		Code: "transformation_failed", Detail: plainText(f.Error()), Line: orNil(f.Line), Column: orNil(f.Column),
		Reason: f.Reason.String(), Console: f.Console,
	}
}
