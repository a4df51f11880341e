package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const sourceTaken = "A source with that id or uid already exists"

// source resolves the source that the path names, within the caller's environment.
func (s *server) source(c *call) (*hook.Source, error) {
	ref := c.param("source_id")
	if !isRef(ref) {
		return nil, notFound()
	}
	return s.Catalog.Source(c.ctx(), c.env(), ref)
}

func (s *server) listSources(c *call) error {
	codec := s.Catalog.Codec()
	p, err := page(c.q, false, func(id string) (hook.SourceID, bool) { return codec.ParseSource(c.env(), id) })
	if err != nil {
		return err
	}
	list, err := s.Catalog.ListSources(c.ctx(), c.env(), p)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listToAPI(list,
		func(src *hook.Source) string { return codec.Source(c.env(), src.ID) }, s.sourceToAPI))
}

func (s *server) createSource(c *call) error {
	in, err := decode[api.IngestSourceIn](c)
	if err != nil {
		return err
	}
	src, err := s.newSource(c, in)
	if err != nil {
		return err
	}
	// The receipt holds the URL, so that a repeat is answered with the same one.
	body := c.prepare(http.StatusCreated, s.sourceToAPI(src))
	if err := s.Catalog.CreateSource(c.ctx(), src, c.receipt); err != nil {
		return conflictAs(err, "conflict", sourceTaken)
	}
	s.sourceChanged(src)
	return c.raw(http.StatusCreated, body)
}

// newSource makes a valid source, with its URL, that is not stored yet.
func (s *server) newSource(c *call, in api.IngestSourceIn) (*hook.Source, error) {
	now := s.now()
	src := &hook.Source{ID: hook.SourceID(s.Catalog.NewKey()), Environment: c.env(), CreatedAt: now, UpdatedAt: now}
	src.Tokens = []hook.SourceToken{{Text: s.Catalog.Codec().NewSourceToken(src.ID)}}
	if err := sourceFromAPI(src, in); err != nil {
		return nil, err
	}
	return src, s.checkSource(src)
}

// checkSource judges a source as a whole: what its noun, its provider and the door for
// webhooks ask for.
func (s *server) checkSource(src *hook.Source) error {
	if err := src.Validate(); err != nil {
		return err
	}
	if s.CheckSource == nil {
		return notServed() // nothing would judge the config, so nothing is let in
	}
	return belowSettings(s.CheckSource(src))
}

func (s *server) sourceChanged(src *hook.Source) {
	if s.SourceChanged != nil {
		s.SourceChanged(src)
	}
}

func (s *server) getSource(c *call) error {
	src, err := s.source(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.sourceToAPI(src))
}

// upsertSource replaces the source that the path names but for its URL and its settings,
// or creates one with an id of its own.
func (s *server) upsertSource(c *call) error {
	in, err := decode[api.IngestSourceIn](c)
	if err != nil {
		return err
	}
	src, err := s.source(c)
	if hook.KindOf(err) == hook.NotFound {
		if src, err = s.newSource(c, in); err != nil {
			return err
		}
		if err := s.Catalog.CreateSource(c.ctx(), src, nil); err != nil {
			return conflictAs(err, "conflict", sourceTaken)
		}
		s.sourceChanged(src)
		return c.json(http.StatusCreated, s.sourceToAPI(src))
	}
	if err != nil {
		return err
	}
	src, err = s.changeSource(c, src, s.checkSource, func(src *hook.Source) error { return sourceFromAPI(src, in) })
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.sourceToAPI(src))
}

func (s *server) patchSource(c *call) error {
	in, err := decode[api.IngestSourcePatch](c)
	if err != nil {
		return err
	}
	src, err := s.source(c)
	if err != nil {
		return err
	}
	// Type, config and settings stay as they are stored, so they are not judged anew.
	src, err = s.changeSource(c, src, (*hook.Source).Validate, func(src *hook.Source) error { return patchSource(src, in) })
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.sourceToAPI(src))
}

// changeSource changes a source that was read as seen. The outcome is checked on a copy
// before the update begins, because a check may take its time (it compiles keys and
// schemas) and the store has one writer; inside, only when somebody else was faster.
func (s *server) changeSource(c *call, seen *hook.Source, check, change func(*hook.Source) error) (*hook.Source, error) {
	draft := *seen
	if err := change(&draft); err != nil {
		return nil, err
	}
	if err := check(&draft); err != nil {
		return nil, err
	}
	now := s.now()
	src, err := s.Catalog.UpdateSource(c.ctx(), seen.ID, nil, func(src *hook.Source) error {
		sameAsSeen := src.UpdatedAt.Equal(seen.UpdatedAt)
		touch(src, now)
		if err := change(src); err != nil || sameAsSeen {
			return err
		}
		return check(src)
	})
	if err != nil {
		return nil, conflictAs(err, "conflict", sourceTaken)
	}
	s.sourceChanged(src)
	return src, nil
}

// touch moves UpdatedAt on, and always forward, so that two states never have the same.
func touch(src *hook.Source, now time.Time) {
	if !now.After(src.UpdatedAt) {
		now = src.UpdatedAt.Add(time.Millisecond)
	}
	src.UpdatedAt = now
}

func (s *server) deleteSource(c *call) error {
	src, err := s.source(c)
	if err != nil {
		return err
	}
	if err := s.Catalog.DeleteSource(c.ctx(), src.ID); err != nil {
		return err
	}
	s.sourceChanged(src)
	return c.empty()
}

// rotateSourceToken gives the source a new URL; the old one goes on working for
// hook.TokenOverlap.
func (s *server) rotateSourceToken(c *call) error {
	src, err := s.source(c)
	if err != nil {
		return err
	}
	if src.Fetches() {
		return badRequest("This source makes its messages itself, on a schedule, and has no URL.")
	}
	now := s.now()
	next := s.Catalog.Codec().NewSourceToken(src.ID)
	body := c.prepare(http.StatusOK, api.RotateTokenOut{IngestURL: s.sourceURL(next)})
	src, err = s.Catalog.UpdateSource(c.ctx(), src.ID, c.receipt, func(src *hook.Source) error {
		touch(src, now)
		return src.RotateToken(next, now)
	})
	if err != nil {
		return err
	}
	s.sourceChanged(src)
	return c.raw(http.StatusOK, body)
}

// createSourcePortalAccess makes a token that is bound to the source's endpoints and messages.
func (s *server) createSourcePortalAccess(c *call) error {
	in, err := decodeOptional[api.IngestSourceConsumerPortalAccessIn](c)
	if err != nil {
		return err
	}
	token, err := portalFromAPI(api.AppPortalAccessIn{Expiry: in.Expiry, ReadOnly: in.ReadOnly}, s.now())
	if err != nil {
		return err
	}
	a, err := s.application(c)
	if err != nil {
		return err
	}
	return s.grantPortal(c, token, a)
}

// sourceURL is the URL to give to the provider.
func (s *server) sourceURL(token string) string {
	return strings.TrimRight(s.o.PublicURL, "/") + "/in/" + token
}

// sourceFromAPI fills what creating and replacing have in common; the URL and the
// settings stay.
func sourceFromAPI(src *hook.Source, in api.IngestSourceIn) (err error) {
	if in.Type == "" {
		return &hook.FieldError{Path: []string{"type"}, Text: "missing field `type`", Code: typeJSON}
	}
	if src.Type = in.Type; in.Type == genericPreset {
		src.Type = hook.GenericSource
	}
	src.Name, src.Metadata = in.Name, in.Metadata
	if src.UID, err = sourceUIDIn(in.UID); err != nil {
		return err
	}
	src.Config, err = configFromAPI(src.Type, in.Config)
	return err
}

// sourceUIDIn reads a source's uid: absent and null are none, but an empty one is a mistake.
func sourceUIDIn(p *string) (string, error) {
	if p != nil && *p == "" {
		return "", hook.Fieldf("uid", "must have 1 to %d characters", hook.MaxSourceUID)
	}
	return deref(p), nil
}

func patchSource(src *hook.Source, in api.IngestSourcePatch) error {
	if err := patch(&src.Name, "name", in.Name); err != nil {
		return err
	}
	if in.UID.Given && !in.UID.Null && in.UID.Value == "" {
		return hook.Fieldf("uid", "must have 1 to %d characters", hook.MaxSourceUID)
	}
	if in.UID.Given {
		src.UID = in.UID.Value
	}
	return patch(&src.Metadata, "metadata", in.Metadata)
}

func (s *server) sourceToAPI(src *hook.Source) api.IngestSourceOut {
	out := api.IngestSourceOut{
		ID: s.Catalog.Codec().Source(src.Environment, src.ID), UID: orNil(src.UID), Name: src.Name, Type: src.Type,
		Metadata: orEmpty(src.Metadata), CreatedAt: src.CreatedAt.UTC(), UpdatedAt: src.UpdatedAt.UTC(),
		Config: configToAPI(src),
	}
	if len(src.Tokens) > 0 && !src.Fetches() {
		url := s.sourceURL(src.Tokens[0].Text)
		out.IngestURL = &url
	}
	return out
}
