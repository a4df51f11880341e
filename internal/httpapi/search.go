package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// searchBudget bounds the time of one search. An id whose owner is not in it is looked
	// for in one application after the other, at 10 microseconds or less for each.
	searchBudget = 2 * time.Second
	// maxHits is how many things one name may mean.
	maxHits = 10
	// maxSearched bounds what is looked for.
	maxSearched = 256
)

// search finds what an id or a name means in the caller's environment.
func (s *server) search(c *call) error {
	text, given, err := c.q.text("q")
	if err != nil {
		return err
	}
	if text = strings.TrimSpace(text); !given || text == "" || len(text) > maxSearched {
		return invalidQuery("q", "must have 1 to 256 characters")
	}
	ctx, cancel := context.WithTimeout(c.ctx(), searchBudget)
	defer cancel()
	f := &finder{s: s, env: c.env(), text: text, out: api.SearchOut{Data: []api.SearchHit{}, Complete: true}}
	for _, look := range []func(context.Context) error{f.byID, f.byName, f.byEndpointUID, f.byEventID} {
		err := look(ctx)
		if c.ctx().Err() == nil && errors.Is(err, context.DeadlineExceeded) || hook.KindOf(err) == hook.Overloaded && err != nil {
			f.out.Complete = false
			break
		}
		if err != nil && hook.KindOf(err) != hook.NotFound {
			return err
		}
	}
	return c.json(http.StatusOK, f.out)
}

// finder collects what a text means.
type finder struct {
	s    *server
	env  hook.EnvironmentID
	text string
	out  api.SearchOut
}

func (f *finder) add(h api.SearchHit) {
	if len(f.out.Data) < maxHits {
		f.out.Data = append(f.out.Data, h)
	} else {
		f.out.Complete = false
	}
}

func (f *finder) appID(app hook.ApplicationID) *string {
	id := f.s.Catalog.Codec().Application(f.env, app)
	return &id
}

// byID finds what the text is the public id of. Its prefix says what it would be.
func (f *finder) byID(ctx context.Context) error {
	codec := f.s.Catalog.Codec()
	prefix, _, _ := strings.Cut(f.text, "_")
	switch prefix {
	case "org":
		if env, ok := codec.ParseEnvironment(f.text); ok && env == f.env {
			path := settingsPath
			f.add(api.SearchHit{Kind: "environment", ID: f.text, By: "id", Path: &path})
		}
	case "msg":
		m, err := f.s.messageAnywhere(ctx, f.env, f.text)
		if err != nil {
			return err
		}
		f.message(m.Application, m.ID, "id")
	case "atmpt":
		a, err := f.s.attemptAnywhere(ctx, f.env, f.text)
		if err != nil {
			return err
		}
		f.attempt(a)
	case "ep":
		e, err := f.s.endpointAnywhere(ctx, f.env, f.text)
		if err != nil {
			return err
		}
		f.endpoint(e, "id")
	case "qtask":
		id, ok := codec.ParseTask(f.env, f.text)
		if !ok {
			return nil
		}
		t, err := f.s.Catalog.Task(ctx, f.env, id)
		if err != nil {
			return err
		}
		path := "/api/v1/background-task/" + f.text
		f.add(api.SearchHit{Kind: "task", ID: f.text, By: "id", Name: &t.Type, Path: &path})
	case "key":
		id, ok := codec.ParseToken(f.env, f.text)
		if !ok {
			return nil
		}
		list, err := f.s.Catalog.ListTokens(ctx, f.env)
		if err != nil {
			return err
		}
		for _, t := range list {
			if t.ID == id {
				f.add(api.SearchHit{Kind: "token", ID: f.text, By: "id", Name: &t.Name})
			}
		}
	}
	return nil
}

// byName finds an application or source by id or uid, and an event type by name.
func (f *finder) byName(ctx context.Context) error {
	if !isRef(f.text) {
		return nil
	}
	codec := f.s.Catalog.Codec()
	by := func(id string) string {
		if id == f.text {
			return "id"
		}
		return "uid"
	}
	a, err := f.s.Catalog.Application(ctx, f.env, f.text)
	if err == nil {
		id := codec.Application(f.env, a.ID)
		path := "/api/v1/app/" + id
		f.add(api.SearchHit{Kind: "application", ID: id, By: by(id), AppID: &id, Name: orNil(plainText(a.Name)), Path: &path})
	} else if hook.KindOf(err) != hook.NotFound {
		return err
	}
	src, err := f.s.Catalog.Source(ctx, f.env, f.text)
	if err == nil {
		id := codec.Source(f.env, src.ID)
		path := "/ingest/api/v1/source/" + id
		f.add(api.SearchHit{Kind: "source", ID: id, By: by(id), AppID: f.appID(src.ID.Application()), Name: orNil(plainText(src.Name)), Path: &path})
	} else if hook.KindOf(err) != hook.NotFound {
		return err
	}
	t, err := f.s.Catalog.EventType(ctx, f.env, f.text)
	if err == nil {
		path := "/api/v1/event-type/" + url.PathEscape(t.Name)
		f.add(api.SearchHit{Kind: "event_type", ID: t.Name, By: "name", Name: &t.Name, Path: &path})
	}
	return err
}

func (f *finder) byEndpointUID(ctx context.Context) error {
	if !isRef(f.text) {
		return nil
	}
	list, err := f.s.Search.EndpointsByUID(ctx, f.env, f.text, maxHits+1)
	for _, e := range list {
		f.endpoint(e, "uid")
	}
	return err
}

// byEventID asks each application for a message with the user's own id, while that is taken.
// With few applications it finds all; with many it stops at the first.
func (f *finder) byEventID(ctx context.Context) error {
	if hook.CheckEventID("q", f.text) != nil || len(f.out.Data) > 0 {
		return nil // what is an id, a uid or a name of something is not looked for any further
	}
	var apps []hook.ApplicationID
	const mostApplications = 2000
	err := f.s.Search.EachApplication(ctx, f.env, func(app hook.ApplicationID) bool {
		apps = append(apps, app)
		return len(apps) <= mostApplications
	})
	if err != nil {
		return err
	}
	if len(apps) > mostApplications {
		apps, f.out.Complete = apps[:mostApplications], false
	}
	for _, app := range apps {
		id, err := f.s.History.MessageByEventID(ctx, app, f.text)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			continue
		}
		if err != nil {
			return err
		}
		f.message(app, id, "eventId")
	}
	return nil
}

// below returns the public id of an application and a path below its own; nil for the
// operational one, which nobody can name.
func (f *finder) below(app hook.ApplicationID, rest string) (appID, path *string) {
	if app == f.env.Operational() {
		return nil, nil
	}
	appID = f.appID(app)
	text := "/api/v1/app/" + *appID + rest
	return appID, &text
}

func (f *finder) message(app hook.ApplicationID, m hook.MessageID, by string) {
	id := f.s.Catalog.Codec().Message(app, m)
	appID, path := f.below(app, "/msg/"+id)
	f.add(api.SearchHit{Kind: "message", ID: id, By: by, AppID: appID, Path: path})
}

func (f *finder) attempt(a *hook.Attempt) {
	msg := f.s.Catalog.Codec().Message(a.Application, a.Message)
	appID, path := f.below(a.Application, "/msg/"+msg+"/attempt/"+f.text)
	f.add(api.SearchHit{Kind: "attempt", ID: f.text, By: "id", AppID: appID, MsgID: &msg, Path: path})
}

// endpoint adds an endpoint; one of operational webhooks is read at its own path.
func (f *finder) endpoint(e *hook.Endpoint, by string) {
	id := f.s.Catalog.Codec().Endpoint(e.Application, e.ID)
	appID, path := f.below(e.Application, "/endpoint/"+id)
	if path == nil {
		own := operationalPath + "/" + id
		path = &own
	}
	f.add(api.SearchHit{Kind: "endpoint", ID: id, By: by, AppID: appID, Name: orNil(plainText(e.URL)), Path: path})
}

// messageAnywhere finds a message of an environment by its public id alone.
func (s *server) messageAnywhere(ctx context.Context, env hook.EnvironmentID, id string) (*hook.Message, error) {
	key, ok := hook.KeyOf(id)
	if !ok {
		return nil, notFound()
	}
	m, err := s.Search.MessageOwner(ctx, hook.MessageID(key))
	if err != nil {
		return nil, err
	}
	// The id proves itself in the scope of the message's application only.
	if _, ok := s.Catalog.Codec().ParseMessage(m.Application, id); !ok || m.Environment != env {
		return nil, notFound()
	}
	return m, nil
}

// attemptAnywhere finds an attempt of an environment by its public id alone: the
// application in whose scope the id proves itself is its own.
func (s *server) attemptAnywhere(ctx context.Context, env hook.EnvironmentID, id string) (*hook.Attempt, error) {
	app, ok, err := s.ownerOf(ctx, env, func(app hook.ApplicationID) bool {
		_, ok := s.Catalog.Codec().ParseAttempt(app, id)
		return ok
	})
	if err != nil || !ok {
		return nil, cmpErr(err, notFound())
	}
	at, _ := s.Catalog.Codec().ParseAttempt(app, id)
	return s.Search.FindAttempt(ctx, app, at)
}

// endpointAnywhere finds an endpoint of an environment by its public id alone, a deleted
// one too.
func (s *server) endpointAnywhere(ctx context.Context, env hook.EnvironmentID, id string) (*hook.Endpoint, error) {
	app, ok, err := s.ownerOf(ctx, env, func(app hook.ApplicationID) bool {
		_, ok := s.Catalog.Codec().ParseEndpoint(app, id)
		return ok
	})
	if err != nil || !ok {
		return nil, cmpErr(err, notFound())
	}
	return s.endpointOrDeleted(ctx, app, id)
}

// endpointOrDeleted finds an endpoint by id or uid, and by its id also one that is deleted.
func (s *server) endpointOrDeleted(ctx context.Context, app hook.ApplicationID, ref string) (*hook.Endpoint, error) {
	e, err := s.Catalog.Endpoint(ctx, app, ref)
	if err == nil || hook.KindOf(err) != hook.NotFound {
		return e, err
	}
	id, ok := s.Catalog.Codec().ParseEndpoint(app, ref)
	if !ok {
		return nil, notFound()
	}
	gone, derr := s.Catalog.DeletedEndpoints(ctx, app, []hook.EndpointID{id})
	if derr != nil {
		return nil, derr
	}
	if len(gone) == 0 {
		return nil, err
	}
	return gone[0], nil
}

// ownerOf returns the application of an environment that owns says yes to.
func (s *server) ownerOf(ctx context.Context, env hook.EnvironmentID, owns func(hook.ApplicationID) bool) (found hook.ApplicationID, ok bool, err error) {
	err = s.Search.EachApplication(ctx, env, func(app hook.ApplicationID) bool {
		if owns(app) {
			found, ok = app, true
		}
		return !ok
	})
	return found, ok, err
}

// cmpErr returns the first error that is one.
func cmpErr(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}
