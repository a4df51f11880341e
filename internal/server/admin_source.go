package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/receive"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/webhook"
)

// NewSource says what source an operator wants.
type NewSource struct {
	Environment string `json:"environment"` // created when there is none of that name
	Name        string `json:"name"`        // "" for the provider's
	// Type is the name of a provider (webhook.Presets), "generic-webhook" or "cron".
	Type    string            `json:"type"`
	Secrets sourceSecrets     `json:"secrets"`
	Config  map[string]string `json:"config"` // by the names of webhook.Setting
	Forward []string          `json:"forward"`
}

// sourceSecrets never print themselves.
type sourceSecrets []string

// String hides the texts.
func (sourceSecrets) String() string { return "[secret]" }

// GoString hides the texts from %#v.
func (sourceSecrets) GoString() string { return "[secret]" }

// SourceInfo is a source as an operator sees it.
type SourceInfo struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Type        string `json:"type"`
	Environment string `json:"environment"` // its name
	// URL is what the provider calls; "" for a schedule, which nobody calls.
	URL       string    `json:"url"`
	Forward   []string  `json:"forward"`
	CreatedAt time.Time `json:"createdAt"`
}

// At returns the URL as it is at another public URL than the server knows; "" for the same.
func (s SourceInfo) At(publicURL string) string {
	if i := strings.LastIndex(s.URL, receive.Path); i >= 0 && publicURL != "" {
		return strings.TrimRight(publicURL, "/") + s.URL[i:]
	}
	return s.URL
}

// door is what sources need of the server that is there, or would be.
type door struct {
	// checkURL judges a URL to forward to; see node.checkURL.
	checkURL  func(raw string, enforceHTTPS bool) (string, error)
	publicURL func() string
	changed   func(*hook.Source)
}

func (n *node) door() door {
	return door{checkURL: n.checkURL, publicURL: n.publicURL, changed: n.sourceChanged}
}

// doorOf is the door of a server that does not run but would with c.
func doorOf(c *config.Config) (door, error) {
	guard, err := newGuard(c)
	if err != nil {
		return door{}, err
	}
	return door{
		checkURL: func(raw string, enforceHTTPS bool) (string, error) { return checkURL(c, guard, raw, enforceHTTPS) },
		publicURL: func() string {
			if c.PublicURL != "" {
				return c.PublicURL
			}
			addr, err := net.ResolveTCPAddr("tcp", c.Listen)
			if err != nil {
				return "http://" + c.Listen
			}
			return localURL(c, addr)
		},
		changed: func(*hook.Source) {},
	}, nil
}

// forwardHint follows a refused URL: what a source forwards to is often on a network of
// the operator's own.
const forwardHint = " (services of your own network are reached when the server has --egress-allow, --allow-http or --allow-internal-names)"

// CheckFirstSource refuses a source that CreateSource would refuse, where the data
// directory has no store yet: otherwise one would be made for nothing, or in a directory
// whose name was misspelt. Where there is a store it says nothing, because the server
// that has it may have other settings than c.
func CheckFirstSource(c *config.Config, in NewSource) error {
	if hasStore(c.Data) {
		return nil
	}
	d, err := doorOf(c)
	if err != nil {
		return err
	}
	if err := hook.CheckName("environment", in.Environment); err != nil {
		return plainField(err)
	}
	now := time.Now()
	if _, err := d.newSource(in, now); err != nil {
		return err
	}
	_, err = d.endpoints(in.Forward, hook.DefaultSettings(), now)
	return err
}

// newSource is the source that is wanted, without what it has from its store.
func (d door) newSource(in NewSource, now time.Time) (*hook.Source, error) {
	s := &hook.Source{Name: in.Name, Type: in.Type, Config: hook.SourceConfig{Secrets: in.Secrets, Values: in.Config}, CreatedAt: now, UpdatedAt: now}
	if s.Type == "generic" { // as the library calls it
		s.Type = hook.GenericSource
	}
	if s.Name == "" {
		s.Name = sourceName(s.Type)
	}
	if err := errors.Join(s.Validate(), checkSource(d.checkURL, s)); err != nil {
		return nil, plainField(err)
	}
	return s, nil
}

// endpoints are those that a source forwards to, without what they have from their store.
func (d door) endpoints(forward []string, settings hook.Settings, now time.Time) ([]*hook.Endpoint, error) {
	out := make([]*hook.Endpoint, len(forward))
	for i, raw := range forward {
		target, err := d.checkURL(raw, settings.EnforceHTTPS)
		if err != nil {
			return nil, hook.Errorf(hook.Invalid, "forward: %v%s", err, forwardHint)
		}
		out[i] = &hook.Endpoint{URL: target, Secrets: []hook.Secret{{Text: newSecret(settings.SignatureType)}}, CreatedAt: now, UpdatedAt: now}
		if err := out[i].Validate(); err != nil {
			return nil, plainField(err)
		}
	}
	return out, nil
}

func (a *localAdmin) CreateSource(ctx context.Context, in NewSource) (SourceInfo, error) {
	ctx = byOperator(ctx, "source create")
	now := time.Now().UTC()
	// Everything that can be refused is refused before anything is made.
	s, err := a.door.newSource(in, now)
	if err != nil {
		return SourceInfo{}, err
	}
	var settings hook.Settings
	if e, err := a.store.EnvironmentByName(ctx, in.Environment); err == nil {
		settings = e.Settings
	} else if hook.KindOf(err) != hook.NotFound {
		return SourceInfo{}, fmt.Errorf("find environment: %w", err)
	}
	endpoints, err := a.door.endpoints(in.Forward, settings, now)
	if err != nil {
		return SourceInfo{}, err
	}
	e, err := a.environmentNamed(ctx, in.Environment)
	if err != nil {
		return SourceInfo{}, err
	}
	s.ID, s.Environment = hook.SourceID(a.store.NewKey()), e.ID
	s.Tokens = []hook.SourceToken{{Text: a.store.Codec().NewSourceToken(s.ID)}}
	if err := a.store.CreateSource(ctx, s, nil); err != nil {
		return SourceInfo{}, fmt.Errorf("create source: %w", err)
	}
	for _, ep := range endpoints {
		ep.ID, ep.Application = hook.EndpointID(a.store.NewKey()), s.ID.Application()
		if err := a.store.CreateEndpoint(ctx, ep, nil); err != nil {
			// A source that forwards to half of its services would look complete.
			gone := a.store.DeleteSource(context.WithoutCancel(ctx), s.ID)
			return SourceInfo{}, errors.Join(fmt.Errorf("create endpoint of the source: %w", err), gone)
		}
	}
	a.door.changed(s)
	return a.sourceInfo(ctx, e, s)
}

// sourceName is the name of a source that was given none.
func sourceName(typ string) string {
	if p, ok := webhook.FindPreset(typ); ok {
		return p.Title + " webhooks"
	}
	return typ
}

// plainField says where the mistake is without brackets.
func plainField(err error) error {
	var f *hook.FieldError
	if !errors.As(err, &f) || len(f.Path) == 0 {
		return err
	}
	return hook.Errorf(hook.Invalid, "%s: %s", strings.Join(f.Path, "."), f.Text)
}

func (a *localAdmin) sourceInfo(ctx context.Context, e *hook.Environment, s *hook.Source) (SourceInfo, error) {
	out := SourceInfo{ID: a.store.Codec().Source(e.ID, s.ID), Name: s.Name, Type: s.Type, Environment: e.Name, CreatedAt: s.CreatedAt}
	if !s.Fetches() && len(s.Tokens) > 0 {
		out.URL = strings.TrimRight(a.door.publicURL(), "/") + receive.Path + s.Tokens[0].Text
	}
	plan, err := a.store.PlanOf(ctx, s.ID.Application())
	if err != nil {
		return out, fmt.Errorf("read endpoints of the source: %w", err)
	}
	for _, ep := range plan.Endpoints {
		out.Forward = append(out.Forward, ep.URL)
	}
	return out, nil
}

func (a *localAdmin) Sources(ctx context.Context) ([]SourceInfo, error) {
	out := []SourceInfo{}
	environments, err := a.store.ListEnvironments(ctx)
	if err != nil {
		return nil, fmt.Errorf("list environments: %w", err)
	}
	for _, e := range environments {
		page := store.Page[hook.SourceID]{Limit: 250}
		for {
			list, err := a.store.ListSources(ctx, e.ID, page)
			if err != nil {
				return nil, fmt.Errorf("list sources: %w", err)
			}
			for _, s := range list.Rows {
				info, err := a.sourceInfo(ctx, e, s)
				if err != nil {
					return nil, err
				}
				out = append(out, info)
				page.After, page.HasAfter = s.ID, true
			}
			if !list.More {
				break
			}
		}
	}
	return out, nil
}

// sourceNamed finds a source by its id or uid in whichever environment it is.
func (a *localAdmin) sourceNamed(ctx context.Context, ref string) (*hook.Environment, *hook.Source, error) {
	environments, err := a.store.ListEnvironments(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list environments: %w", err)
	}
	var at *hook.Environment
	var found *hook.Source
	for _, e := range environments {
		s, err := a.store.Source(ctx, e.ID, ref)
		switch {
		case hook.KindOf(err) == hook.NotFound:
		case err != nil:
			return nil, nil, fmt.Errorf("find source: %w", err)
		case found != nil:
			return nil, nil, hook.Errorf(hook.Conflict, "there are sources %q in several environments: name it by its id (src_...)", ref)
		default:
			at, found = e, s
		}
	}
	if found == nil {
		return nil, nil, hook.Errorf(hook.NotFound, "there is no source %q; `hookloft source list` shows all", ref)
	}
	return at, found, nil
}

func (a *localAdmin) RotateSource(ctx context.Context, ref string) (SourceInfo, error) {
	ctx = byOperator(ctx, "source rotate")
	e, s, err := a.sourceNamed(ctx, ref)
	if err != nil {
		return SourceInfo{}, err
	}
	if s.Fetches() {
		return SourceInfo{}, hook.Errorf(hook.Invalid, "source %s is of type %s, which has no URL", ref, s.Type)
	}
	now := time.Now().UTC()
	next := a.store.Codec().NewSourceToken(s.ID)
	s, err = a.store.UpdateSource(ctx, s.ID, nil, func(s *hook.Source) error {
		s.UpdatedAt = now
		return s.RotateToken(next, now)
	})
	if err != nil {
		return SourceInfo{}, fmt.Errorf("rotate source: %w", err)
	}
	a.door.changed(s)
	return a.sourceInfo(ctx, e, s)
}

func (a *localAdmin) DeleteSource(ctx context.Context, ref string) error {
	ctx = byOperator(ctx, "source delete")
	_, s, err := a.sourceNamed(ctx, ref)
	if err != nil {
		return err
	}
	if err := a.store.DeleteSource(ctx, s.ID); err != nil {
		return fmt.Errorf("delete source: %w", err)
	}
	a.door.changed(s)
	return nil
}

// sourceRoutes adds the operations on sources to the admin socket.
func sourceRoutes(a Admin, route func(pattern string, handle func(r *http.Request) (any, error))) {
	route("POST /source", func(r *http.Request) (any, error) {
		var in NewSource
		// A source may hold several certificates and keys.
		if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20)).Decode(&in); err != nil {
			return nil, hook.Errorf(hook.Invalid, "the source's settings are more than 1 MiB, or cannot be read")
		}
		return a.CreateSource(r.Context(), in)
	})
	route("GET /source", func(r *http.Request) (any, error) { return a.Sources(r.Context()) })
	route("POST /source/{ref}/rotate", func(r *http.Request) (any, error) { return a.RotateSource(r.Context(), r.PathValue("ref")) })
	route("DELETE /source/{ref}", func(r *http.Request) (any, error) {
		return struct{}{}, a.DeleteSource(r.Context(), r.PathValue("ref"))
	})
}

func (a *remoteAdmin) CreateSource(ctx context.Context, in NewSource) (out SourceInfo, err error) {
	err = a.call(ctx, http.MethodPost, "/source", in, &out)
	return out, err
}

func (a *remoteAdmin) Sources(ctx context.Context) (out []SourceInfo, err error) {
	err = a.call(ctx, http.MethodGet, "/source", nil, &out)
	return out, err
}

func (a *remoteAdmin) RotateSource(ctx context.Context, ref string) (out SourceInfo, err error) {
	err = a.call(ctx, http.MethodPost, "/source/"+url.PathEscape(ref)+"/rotate", nil, &out)
	return out, err
}

func (a *remoteAdmin) DeleteSource(ctx context.Context, ref string) error {
	return a.call(ctx, http.MethodDelete, "/source/"+url.PathEscape(ref), nil, &struct{}{})
}

// newGuard is the guard of a server with c.
func newGuard(c *config.Config) (*egress.Guard, error) {
	own, err := egress.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	return egress.NewGuard(egress.Rules{Allow: c.EgressAllow, NAT64: c.EgressNAT64, Own: own})
}

// checkURL judges a tenant's URL.
func checkURL(c *config.Config, guard *egress.Guard, raw string, enforceHTTPS bool) (string, error) {
	url, err := egress.ParseURL(raw, egress.Policy{Guard: guard, AllowHTTP: c.AllowHTTP, AllowInternalNames: c.AllowInternalNames})
	if err == nil && enforceHTTPS && strings.HasPrefix(url, "http:") {
		return "", &egress.URLError{Text: "the URL must begin with https://; this environment requires it"}
	}
	return url, err
}
