package httpapi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

func (s *server) getSourceSettings(c *call) error {
	src, err := s.source(c)
	if err != nil {
		return err
	}
	return s.showSourceSettings(c, src)
}

// putSourceSettings replaces: what is absent is the default again.
func (s *server) putSourceSettings(c *call) error {
	return s.changeSourceSettings(c, func(hook.SourceSettings, hook.EnvironmentID) api.SourceSettings { return api.SourceSettings{} })
}

// patchSourceSettings merges as in RFC 7396: what is absent stays, null is the default again.
func (s *server) patchSourceSettings(c *call) error {
	return s.changeSourceSettings(c, s.settingsOfSource)
}

// changeSourceSettings lays the body over a base that is made from the settings so far.
func (s *server) changeSourceSettings(c *call, base func(hook.SourceSettings, hook.EnvironmentID) api.SourceSettings) error {
	body, err := s.decodeSourceSettings(c)
	if err != nil {
		return err
	}
	src, err := s.source(c)
	if err != nil {
		return err
	}
	// Looked up before the update begins: inside it the store's writer would wait for itself.
	publishTo, err := s.publishTarget(c, body)
	if err != nil {
		return err
	}
	src, err = s.changeSource(c, src, s.checkSource, func(src *hook.Source) error {
		merged, err := mergeSettings(base(src.Settings, src.Environment), body)
		if err != nil {
			return err
		}
		to := src.Settings.PublishTo
		if _, given := body["publishTo"]; given || merged.PublishTo == nil {
			to = publishTo
		}
		src.Settings, err = sourceSettingsFromAPI(merged)
		src.Settings.PublishTo = to
		return err
	})
	if err != nil {
		return atSettings(err)
	}
	return s.showSourceSettings(c, src)
}

// showSourceSettings answers with the settings. An application that is gone is not
// shown, so that what was read can be written back.
func (s *server) showSourceSettings(c *call, src *hook.Source) error {
	out := s.sourceSettingsToAPI(src)
	if !c.token.MayDo(hook.ScopeReadSecret) {
		out.VerificationToken, out.PublicURL = nil, withoutPassword(out.PublicURL)
	}
	if out.PublishTo != nil {
		_, err := s.applicationNamed(c, *out.PublishTo)
		if hook.KindOf(err) == hook.NotFound {
			out.PublishTo = nil
		} else if err != nil {
			return err
		}
	}
	return c.json(http.StatusOK, out)
}

// withoutPassword withholds the password in a URL. What stands in its place is none that a URL
// may hold, so that it cannot be written back by mistake.
func withoutPassword(raw *string) *string {
	if raw == nil {
		return nil
	}
	u, err := url.Parse(*raw)
	if err != nil {
		return nil
	}
	if _, has := u.User.Password(); !has {
		return raw
	}
	user := url.User(u.User.Username()).String()
	u.User = nil
	text := strings.Replace(u.String(), "://", "://"+user+":"+withheldText+"@", 1)
	return &text
}

// wireSettings are the names of settings that are spelled differently on the wire,
// where they carry their unit.
var wireSettings = map[string]string{
	"tolerance": "toleranceSeconds", "dedupe window": "windowSeconds", "stale after": "afterSeconds",
	"pass": "passThrough", "pass deadline": "deadlineMilliseconds", "answer header": "headers",
}

const settingsKey = "settings"

// belowSettings names the place of a mistake in the settings as the wire spells it, below
// "settings"; mistakes in type and config stay.
func belowSettings(err error) error {
	var f *hook.FieldError
	if !errors.As(err, &f) || len(f.Path) == 0 || anyOf(f.Path[0], "type", "config") {
		return err
	}
	path := append([]string{settingsKey}, f.Path...)
	if name := wireSettings[f.Path[0]]; name != "" {
		path[1] = name
	}
	if len(f.Path) > 1 && wireSettings[f.Path[0]+" "+f.Path[1]] != "" {
		path[2] = wireSettings[f.Path[0]+" "+f.Path[1]]
	}
	return &hook.FieldError{Path: path, Text: f.Text, Code: f.Code}
}

// atSettings drops the name of the settings from the place of an error: here they are
// the whole body.
func atSettings(err error) error {
	var f *hook.FieldError
	if errors.As(err, &f) && len(f.Path) > 1 && f.Path[0] == settingsKey {
		return &hook.FieldError{Path: f.Path[1:], Text: f.Text, Code: f.Code}
	}
	return err
}

// shownOnly are the names of SourceSettingsOut that cannot be set. They may be sent
// back, so that what was read can be changed and written.
var shownOnly = []string{"sourceId", "applicationId", "configured", "verificationToken", "provider"}

// decodeSourceSettings reads the body as an object without what is only shown.
func (s *server) decodeSourceSettings(c *call) (map[string]jsontext.Value, error) {
	if err := checkDepth(c.body); err != nil {
		return nil, err
	}
	var body map[string]jsontext.Value
	if err := json.Unmarshal(c.body, &body); err != nil {
		return nil, decodeError(err, "body")
	}
	if body == nil {
		return nil, invalidAt(typeJSON, "must be an object, not null", "body")
	}
	var ignored []string
	for _, name := range shownOnly {
		if _, given := body[name]; given {
			delete(body, name)
			ignored = append(ignored, name)
		}
	}
	if len(ignored) > 0 {
		c.ignored(ignored)
	}
	return body, nil
}

// publishTarget resolves the application that publishTo names; 0 for none.
func (s *server) publishTarget(c *call, body map[string]jsontext.Value) (hook.ApplicationID, error) {
	raw := body["publishTo"]
	if rawOrNil(raw) == nil {
		return 0, nil
	}
	var ref string
	if err := json.Unmarshal(raw, &ref); err != nil {
		return 0, invalidAt(typeJSON, "must be a string", "body", "publishTo")
	}
	a, err := s.applicationNamed(c, ref)
	switch {
	case hook.KindOf(err) == hook.NotFound:
		return 0, hook.Fieldf("publishTo", "there is no such application")
	case err != nil:
		return 0, err
	case a.Source != 0:
		return 0, hook.Fieldf("publishTo", "must be an ordinary application; this one belongs to a source")
	}
	return a.ID, nil
}

// mergedSettings are the settings that are merged by field; all others are replaced as
// a whole, a JSON Schema above all, in which null has a meaning.
var mergedSettings = []string{"answer", "dedupe", "forward", "validate", "stale", "passThrough"}

// mergeSettings lays body over base. Unknown names are refused, because a misspelt limit
// would be none.
func mergeSettings(base api.SourceSettings, body map[string]jsontext.Value) (out api.SourceSettings, err error) {
	var all map[string]jsontext.Value
	if err := json.Unmarshal(encode(base), &all); err != nil {
		return out, fmt.Errorf("read settings: %w", err)
	}
	for name, value := range body {
		if !anyOf(name, mergedSettings...) || value.Kind() != '{' || all[name].Kind() != '{' {
			all[name] = value
			continue
		}
		var part map[string]jsontext.Value
		if err := json.Unmarshal(all[name], &part); err != nil {
			return out, fmt.Errorf("read settings: %w", err)
		}
		var change map[string]jsontext.Value
		if err := json.Unmarshal(value, &change); err != nil {
			return out, decodeError(err, "body", name)
		}
		// A name belongs to its rule: with another rule it would be of no use.
		if _, named := change["name"]; name == "dedupe" && !named && change["by"] != nil && string(change["by"]) != string(part["by"]) {
			delete(part, "name")
		}
		maps.Copy(part, change)
		if all[name], err = json.Marshal(part); err != nil {
			return out, fmt.Errorf("merge settings: %w", err)
		}
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return out, fmt.Errorf("merge settings: %w", err)
	}
	err = json.Unmarshal(raw, &out, json.RejectUnknownMembers(true))
	var meaning *json.SemanticError
	if errors.As(err, &meaning) && errors.Is(err, json.ErrUnknownName) {
		return out, invalidAt(typeJSON, "is not a known setting", append([]string{"body"}, pointerPath(meaning.JSONPointer)...)...)
	}
	if err != nil {
		return out, decodeError(err, "body")
	}
	return out, nil
}

// dedupeWords spell hook.DedupeBy.
var dedupeWords = map[string]hook.DedupeBy{
	"provider": hook.DedupeByProvider, "body": hook.DedupeByBody, "header": hook.DedupeByHeader,
	"hash": hook.DedupeByHash, "off": hook.DedupeOff,
}

// sourceSettingsFromAPI reads all but PublishTo, which needs a look-up. Whether the
// values make sense together and for the provider is judged by Deps.CheckSource.
func sourceSettingsFromAPI(in api.SourceSettings) (st hook.SourceSettings, err error) {
	r := reading{}
	st = hook.SourceSettings{
		PublicURL: deref(in.PublicURL), Methods: in.Methods,
		FailureStatus: r.number(in.FailureStatus, "failureStatus"),
		Tolerance:     r.duration(in.ToleranceSeconds, time.Second, "toleranceSeconds"),
		MaxBodyBytes:  r.number(in.MaxBodyBytes, "maxBodyBytes"),
		RatePerMinute: r.number(in.RatePerMinute, "ratePerMinute"),
		RatePerHour:   r.number(in.RatePerHour, "ratePerHour"),
		Networks:      r.networks(in.Networks),
		Split:         deref(in.Split),
	}
	if a := in.Answer; a != nil {
		st.Answer = hook.SourceAnswer{Status: r.number(a.Status, "answer", "status"), Body: deref(a.Body)}
		if len(a.Headers) > 0 {
			st.Answer.Header = a.Headers
		}
	}
	if d := in.Dedupe; d != nil {
		by, known := dedupeWords[deref(d.By)]
		if d.By != nil && !known {
			r.fail("must be one of provider, body, header, hash, off", "dedupe", "by")
		}
		st.Dedupe = hook.DedupeRule{By: by, Name: deref(d.Name), Window: r.duration(d.WindowSeconds, time.Second, "dedupe", "windowSeconds")}
	}
	if f := in.Forward; f != nil {
		st.Forward = hook.ForwardRule{
			Headers: nilIfEmpty(f.Headers), NoHeaders: f.Headers != nil && len(f.Headers) == 0,
			NoMethod: off(f.Method), NoPath: off(f.Path), NoQuery: off(f.Query),
		}
	}
	if v := in.Validate; v != nil {
		st.Validate = hook.ValidationRule{
			ContentTypes: v.ContentTypes, UTF8: deref(v.UTF8), Syntax: deref(v.Syntax),
			MaxDepth: r.number(v.MaxDepth, "validate", "maxDepth"), Schema: r.schema(v.Schema),
		}
	}
	if in.Stale != nil {
		st.Stale = hook.StaleRule{After: r.duration(in.Stale.AfterSeconds, time.Second, "stale", "afterSeconds"), Drop: deref(in.Stale.Drop)}
	}
	if p := in.PassThrough; p != nil {
		st.Pass = hook.PassRule{
			Enabled:  deref(p.Enabled),
			Deadline: r.duration(p.DeadlineMilliseconds, time.Millisecond, "passThrough", "deadlineMilliseconds"),
		}
	}
	return st, r.err
}

func off(p *bool) bool { return p != nil && !*p }

// reading keeps the first mistake of a body.
type reading struct{ err error }

func (r *reading) fail(text string, at ...string) {
	if r.err == nil {
		r.err = &hook.FieldError{Path: at, Text: text}
	}
}

// most bounds numbers, so that no conversion overflows; the rules are narrower. Inside,
// 0 is the default, which nobody means who writes 0: a rate of none, or a tolerance of none.
const most = 10 * 365 * 24 * 3600

func (r *reading) number(n *int64, at ...string) int {
	if n == nil {
		return 0
	}
	if *n < 1 || *n > most {
		r.fail(fmt.Sprintf("must lie between 1 and %d; null is the default", most), at...)
		return 0
	}
	return int(*n)
}

func (r *reading) duration(n *int64, unit time.Duration, at ...string) time.Duration {
	return time.Duration(r.number(n, at...)) * unit
}

func (r *reading) networks(list []string) (out []netip.Prefix) {
	const maxNetworks = 1000
	if len(list) > maxNetworks {
		r.fail(fmt.Sprintf("must hold at most %d networks", maxNetworks), "networks")
		return nil
	}
	if list != nil && len(list) == 0 {
		r.fail("must name at least one network, or be null for anywhere", "networks")
	}
	for i, text := range list {
		p, err := netip.ParsePrefix(text)
		switch at := fmt.Sprintf("[%d]", i); {
		case err != nil:
			r.fail("must be a network such as 192.0.2.0/24 or 2001:db8::/32", "networks", at)
		case p != p.Masked():
			r.fail("must have no bits set behind its length; did you mean "+p.Masked().String()+"?", "networks", at)
		case p.Addr().Is4In6():
			r.fail("must be written as an IPv4 network", "networks", at)
		case slices.Contains(out, p):
			r.fail("must not repeat an item", "networks", at)
		default:
			out = append(out, p)
		}
	}
	return out
}

func (r *reading) schema(raw []byte) string {
	if rawOrNil(raw) == nil {
		return ""
	}
	if k := jsontext.Value(raw).Kind(); k != '{' && k != 't' && k != 'f' {
		r.fail("must be a JSON Schema", "validate", "schema")
		return ""
	}
	if checkNumbers(raw) != nil {
		r.fail(fmt.Sprintf("must not hold numbers with an exponent of more than %d digits", maxExponentDigits), "validate", "schema")
		return ""
	}
	return string(raw)
}

// settingsOfSource shows settings; a default is null, a switch always true or false.
func (s *server) settingsOfSource(st hook.SourceSettings, env hook.EnvironmentID) api.SourceSettings {
	yes := func(b bool) *bool { return &b }
	number := func(n int) *int64 { return orNil(int64(n)) }
	out := api.SourceSettings{
		PublicURL: orNil(st.PublicURL), Methods: nilIfEmpty(st.Methods),
		Answer:        &api.SourceAnswer{Status: number(st.Answer.Status), Headers: orEmpty(st.Answer.Header), Body: orNil(st.Answer.Body)},
		FailureStatus: number(st.FailureStatus), ToleranceSeconds: orNil(int64(st.Tolerance / time.Second)),
		Dedupe:       &api.SourceDedupe{Name: orNil(st.Dedupe.Name), WindowSeconds: orNil(int64(st.Dedupe.Window / time.Second))},
		MaxBodyBytes: number(st.MaxBodyBytes), RatePerMinute: number(st.RatePerMinute), RatePerHour: number(st.RatePerHour),
		Forward: &api.SourceForward{
			Headers: nilIfEmpty(st.Forward.Headers), Method: yes(!st.Forward.NoMethod), Path: yes(!st.Forward.NoPath), Query: yes(!st.Forward.NoQuery),
		},
		Split: yes(st.Split),
		Validate: &api.SourceValidation{
			ContentTypes: nilIfEmpty(st.Validate.ContentTypes), UTF8: yes(st.Validate.UTF8), Syntax: orNil(st.Validate.Syntax),
			MaxDepth: number(st.Validate.MaxDepth),
		},
		Stale:       &api.SourceStale{AfterSeconds: orNil(int64(st.Stale.After / time.Second)), Drop: yes(st.Stale.Drop)},
		PassThrough: &api.SourcePassThrough{Enabled: yes(st.Pass.Enabled), DeadlineMilliseconds: orNil(st.Pass.Deadline.Milliseconds())},
	}
	if st.Forward.NoHeaders {
		out.Forward.Headers = []string{}
	}
	for word, by := range dedupeWords {
		if by == st.Dedupe.By {
			out.Dedupe.By = &word
		}
	}
	for _, p := range st.Networks {
		out.Networks = append(out.Networks, p.String())
	}
	if st.Validate.Schema != "" {
		out.Validate.Schema = []byte(st.Validate.Schema)
	}
	if st.PublishTo != 0 {
		app := s.Catalog.Codec().Application(env, st.PublishTo)
		out.PublishTo = &app
	}
	return out
}

// handsOverPaste is the provider that hands over a token which a person must type in
// where the webhook was made (developers.notion.com, "Verify webhook subscriptions").
const handsOverPaste = "notion"

func (s *server) sourceSettingsToAPI(src *hook.Source) api.SourceSettingsOut {
	codec := s.Catalog.Codec()
	out := api.SourceSettingsOut{
		SourceSettings: s.settingsOfSource(src.Settings, src.Environment),
		SourceID:       codec.Source(src.Environment, src.ID),
		ApplicationID:  codec.Application(src.Environment, src.ID.Application()),
		Configured:     configured(src),
	}
	if src.Type == handsOverPaste && len(src.Config.Secrets) > 0 {
		out.VerificationToken = &src.Config.Secrets[0]
	}
	if p, known := presetOf(src.Type); known {
		provider := providerToAPI(p)
		out.Provider = &provider
	}
	return out
}
