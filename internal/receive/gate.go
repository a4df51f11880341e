package receive

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
	"github.com/hookloft/hookloft/webhook"
)

// gate is a source made ready for requests. It never changes; a change of the source is
// another snapshot and makes another gate.
type gate struct {
	source *hook.Source
	preset webhook.Preset
	// verifier is nil when the source has no secret yet, or a config that is not usable.
	verifier verifier
	methods  []string
	allow    string // the methods as the header Allow has them
	rules    *rules
	counters [hook.Verdicts]prometheus.Counter
	// window is how long delivery ids are remembered.
	window time.Duration
	// tolerance is for how long a signature is valid, maxTolerance when it is for ever.
	tolerance time.Duration
}

// verifier is what a webhook.ProviderVerifier does for us.
type verifier interface {
	webhook.Verifier
	webhook.Handshaker
}

// genericPreset is the preset behind hook.GenericSource.
const genericPreset = "generic"

// presetName returns the name under which package webhook knows a type of source.
func presetName(typ string) string {
	if typ == hook.GenericSource {
		return genericPreset
	}
	return typ
}

// gate returns the gate of a snapshot. Two requests may make it at the same time, which
// does no harm.
func (r *Receiver) gate(p *place, s *hook.Source) *gate {
	if g := p.gate.Load(); g != nil && g.source == s {
		return g
	}
	g := r.newGate(s)
	p.gate.Store(g)
	return g
}

func (r *Receiver) newGate(s *hook.Source) *gate {
	g := &gate{source: s, rules: &rules{}}
	for v := range hook.Verdicts {
		g.counters[v] = r.Metrics.IngestRequests.WithLabelValues(s.Type, v.String())
	}
	opened, preset, err := openProvider(s, r.Keys)
	g.preset = preset
	switch {
	case err == nil:
		g.verifier = opened
	case len(s.Config.Secrets) == 0 && errors.Is(err, webhook.ErrInvalidKey):
		// It may get one by a handshake, or from its owner.
	default:
		// Check refuses this; an older version may have stored it. Every webhook is
		// rejected until it is repaired: a scheme that cannot be opened proves nothing.
		r.log.Warn("source cannot verify", "source", r.Sources.Codec().Source(s.Environment, s.ID), telemetry.KeyError, trimmed(err))
		g.verifier = closedVerifier{}
	}
	compiled, err := compileRules(&s.Settings.Validate)
	if err != nil {
		r.log.Warn("source cannot validate", "source", r.Sources.Codec().Source(s.Environment, s.ID), telemetry.KeyError, err)
		g.verifier = closedVerifier{}
	} else {
		g.rules = compiled
	}
	g.methods = s.Settings.Methods
	if g.methods == nil {
		g.methods = g.preset.Methods
	}
	if g.methods == nil {
		g.methods = []string{http.MethodPost}
	}
	g.allow = strings.Join(g.methods, ", ")
	g.tolerance = toleranceOf(s, preset)
	g.window = s.Settings.Dedupe.Window
	if g.window == 0 {
		g.window = max(24*time.Hour, g.preset.RetryFor)
	}
	g.window = min(max(g.window, hook.MinDedupeWindow), hook.MaxDedupeWindow)
	return g
}

// toleranceOf returns how far a signed time may lie from now, as package webhook sees it.
func toleranceOf(s *hook.Source, preset webhook.Preset) time.Duration {
	d := s.Settings.Tolerance
	if seconds, err := strconv.ParseInt(s.Config.Values["tolerance_s"], 10, 32); err == nil && d == 0 {
		d = time.Duration(seconds) * time.Second
	}
	if d == 0 {
		d = preset.Tolerance
	}
	if d <= 0 {
		return maxTolerance
	}
	return min(d, maxTolerance)
}

// openProvider opens the scheme of a source.
func openProvider(s *hook.Source, keys webhook.KeySource) (*webhook.ProviderVerifier, webhook.Preset, error) {
	name := presetName(s.Type)
	preset, _ := webhook.FindPreset(name)
	c := webhook.Config{Secrets: s.Config.Secrets, Settings: s.Config.Values, Tolerance: s.Settings.Tolerance, Keys: keys}
	if s.Type == hook.GenericSource && len(c.Secrets) == 0 && len(c.Settings) == 0 {
		// The contract's type has no config at all: the URL is the secret.
		c.Settings = map[string]string{"mode": "none"}
	}
	v, err := webhook.Provider(name, c)
	if err != nil {
		return nil, preset, err
	}
	return v, v.Preset(), nil
}

// closedVerifier proves nothing genuine.
type closedVerifier struct{}

func (closedVerifier) Verify(webhook.Request, time.Time) (webhook.Verified, error) {
	return webhook.Verified{}, errBroken
}

func (closedVerifier) Handshake(webhook.Request, time.Time) (*webhook.Answer, error) {
	return nil, nil
}

func (g *gate) takes(method string) bool { return slices.Contains(g.methods, method) }

// shakesHandsWith reports whether a request with a method that is no webhook's may be a handshake.
func (g *gate) shakesHandsWith(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost:
		return g.preset.Handshake != ""
	}
	return false
}

func contains(addr netip.Addr) func(netip.Prefix) bool {
	addr = addr.Unmap()
	return func(p netip.Prefix) bool { return p.Contains(addr) }
}
