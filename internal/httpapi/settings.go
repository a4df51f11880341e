package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// keptSettings are the keys of the contract that are for portals, or that this version does not
// act on, with the JSON kinds that they may have beside null. They are kept and given back, so
// that a client's round trip loses nothing; keys that nobody knows are kept as well.
var keptSettings = map[string]string{
	"enableMsgAtmptLog": "b", "enableOtlp": "b", "eventCatalogPublished": "b",
	"enableChannels": "b", "enableMessageStream": "b", "enableMessageTags": "b",
	"enableIntegrationManagement": "b", transformationsSetting: "b",
	oauthSetting: "b", mtlsSetting: "b", "showUseSvixPlay": "b",
	"enableApplicationAlerts": "b", "showFeatureTooltips": "b",
	"webhooksAutoConfig": "b", "mcpToken": "b", "showSvixBrandFooter": "b",
	"customColor": "\"", "customLogoUrl": "\"", "logoUrl": "\"", "customFontFamily": "\"", "customFontFamilyUrl": "\"",
	"displayName": "\"", "applicationAlertsDashboardUrl": "\"", "applicationAlertsLogoUrl": "\"", "whitelabelLogo": "\"",
	"customBaseFontSize":    "0",
	"advancedEndpointTypes": "[", "applicationAlertEvents": "[",
	"customThemeOverride": "{", "customStringsOverride": "{", "colorPaletteLight": "{", "colorPaletteDark": "{",
}

// actedOn are settings that were only kept once.
var actedOn = []string{"requireEndpointChannel", "requireEndpointFilterTypes", "readOnly", "wipeSuccessfulPayload", "endpointsPerAppLimit"}

// portalSettings are the keys that a portal starts from.
var portalSettings = []string{
	"customColor", "logoUrl", "customLogoUrl", "customFontFamily", "customFontFamilyUrl", "customThemeOverride",
	"customStringsOverride", "displayName", "enableChannels", "enableMessageTags", "enableMessageStream",
	"enableIntegrationManagement", transformationsSetting, oauthSetting, mtlsSetting,
	"colorPaletteLight", "colorPaletteDark", "showUseSvixPlay", "showSvixBrandFooter", "wipeSuccessfulPayload",
	"showFeatureTooltips", "advancedEndpointTypes", "readOnly",
}

// hmac256 is the wire's name for hook.HMAC256.
const hmac256 = "hmac256"

// maxKeptBytes bounds what is kept for others.
const maxKeptBytes = 64 << 10

func (s *server) getSettings(c *call) error {
	e, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return err
	}
	return c.raw(http.StatusOK, settingsToAPI(e.Settings))
}

func (s *server) putSettings(c *call) error {
	return s.changeSettings(c, func(hook.Settings) hook.Settings { return hook.DefaultSettings() })
}

func (s *server) patchSettings(c *call) error {
	return s.changeSettings(c, func(old hook.Settings) hook.Settings { return old })
}

// changeSettings lays the body's keys over a base that is made from the settings so far.
func (s *server) changeSettings(c *call, base func(hook.Settings) hook.Settings) error {
	in, kept, err := decodeSettings(c.body)
	if err != nil {
		return err
	}
	now := s.now()
	e, err := s.Catalog.UpdateEnvironment(c.ctx(), c.env(), func(e *hook.Environment) error {
		e.Settings, e.UpdatedAt = base(e.Settings), now
		return settingsFromAPI(&e.Settings, in, kept)
	})
	if err != nil {
		return err
	}
	return c.raw(http.StatusOK, settingsToAPI(e.Settings))
}

func decodeSettings(body []byte) (api.SettingsIn, map[string]jsontext.Value, error) {
	var in struct {
		In   api.SettingsIn            `json:",embed"`
		Kept map[string]jsontext.Value `json:",embed"`
	}
	if err := checkDepth(body); err != nil {
		return in.In, nil, err
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return in.In, nil, decodeError(err, "body")
	}
	for key, value := range in.Kept {
		kind := value.Kind()
		if kind == 't' || kind == 'f' {
			kind = 'b'
		}
		if want := keptSettings[key]; want != "" && kind != 'n' && string(kind) != want {
			return in.In, nil, invalidAt(typeJSON, "must be "+map[string]string{
				"b": "a boolean", "\"": "a string", "0": "a number", "[": "a list", "{": "an object",
			}[want], "body", key)
		}
	}
	return in.In, in.Kept, nil
}

func settingsFromAPI(st *hook.Settings, in api.SettingsIn, kept map[string]jsontext.Value) error {
	for _, err := range []error{
		patch(&st.WhitelabelHeaders, "whitelabelHeaders", in.WhitelabelHeaders),
		patch(&st.SendSvixHeaders, "sendSvixWebhookHeaders", in.SendSvixWebhookHeaders),
		patch(&st.EnforceHTTPS, "enforceHttps", in.EnforceHTTPS),
		patch(&st.DisableEndpointOnFailure, "disableEndpointOnFailure", in.DisableEndpointOnFailure),
		patch(&st.DisableEndpointOnGone, "disableEndpointOnGone", in.DisableEndpointOnGone),
		patch(&st.SendTraceparent, "sendTraceparent", in.SendTraceparent),
		patch(&st.SealContent, "sealContent", in.SealContent),
		orFalse(&st.RequireEventTypes, in.RequireEndpointFilterTypes),
		orFalse(&st.RequireChannel, in.RequireEndpointChannel),
		orFalse(&st.RequireConsent, in.RequireEndpointConsent),
		orFalse(&st.PortalReadOnly, in.ReadOnly),
		orFalse(&st.WipeDelivered, in.WipeSuccessfulPayload),
	} {
		if err != nil {
			return err
		}
	}
	if in.DefaultSignatureType.Given {
		switch kind := in.DefaultSignatureType.Value; {
		case in.DefaultSignatureType.Null || kind == hmac256:
			st.SignatureType = hook.HMAC256
		case kind == string(hook.Ed25519):
			st.SignatureType = hook.Ed25519
		default:
			return hook.Fieldf("defaultSignatureType", "must be hmac256 or ed25519")
		}
	}
	if in.EndpointsPerAppLimit.Given {
		switch n := in.EndpointsPerAppLimit.Value; {
		case in.EndpointsPerAppLimit.Null:
			st.EndpointLimit = 0
		case n < 1 || n > hook.MaxEndpointLimit:
			return hook.Fieldf("endpointsPerAppLimit", "must lie between 1 and %d, or be null for no limit", hook.MaxEndpointLimit)
		default:
			st.EndpointLimit = int(n)
		}
	}
	if in.RetentionDays.Given {
		switch days := in.RetentionDays.Value; {
		case in.RetentionDays.Null:
			st.Retention = 0
		case days < 1 || days > maxRetentionDays:
			return hook.Fieldf("retentionDays", "must lie between 1 and %d", maxRetentionDays)
		default:
			st.Retention = time.Duration(days) * 24 * time.Hour
		}
	}
	if in.RetryPolicy.Given {
		st.RetryPolicy = nil
		if !in.RetryPolicy.Null {
			policy, err := secondsFromAPI("retryPolicy", in.RetryPolicy.Value)
			if err != nil {
				return err
			}
			st.RetryPolicy = policy
		}
	}
	extra := maps.Clone(st.Extra)
	if extra == nil {
		extra = map[string][]byte{}
	}
	size := 0
	for key, value := range kept {
		if value.Kind() == 'n' {
			delete(extra, key)
			continue
		}
		extra[key] = slices.Clone(value)
	}
	for key, value := range extra {
		size += len(key) + len(value)
	}
	if size > maxKeptBytes {
		return &hook.FieldError{Text: "the settings are too large"}
	}
	if st.Extra = extra; len(extra) == 0 {
		st.Extra = nil
	}
	return nil
}

// orFalse takes a switch that is off unless it was given; null is off, as for the switches
// that are only kept.
func orFalse(to *bool, in api.Optional[bool]) error {
	if in.Given {
		*to = in.Value && !in.Null
	}
	return nil
}

// settingsToAPI writes the known settings with the kept ones beside them.
func settingsToAPI(st hook.Settings) []byte {
	out := api.SettingsOut{
		WhitelabelHeaders: st.WhitelabelHeaders, SendSvixWebhookHeaders: st.SendSvixHeaders, EnforceHTTPS: st.EnforceHTTPS,
		DisableEndpointOnFailure: st.DisableEndpointOnFailure, DisableEndpointOnGone: st.DisableEndpointOnGone,
		SendTraceparent: st.SendTraceparent, DefaultSignatureType: hmac256, RetentionDays: int64(st.KeptFor() / (24 * time.Hour)),
		SealContent:                st.SealContent,
		RequireEndpointFilterTypes: st.RequireEventTypes, RequireEndpointChannel: st.RequireChannel, RequireEndpointConsent: st.RequireConsent,
		ReadOnly: st.PortalReadOnly, WipeSuccessfulPayload: st.WipeDelivered,
	}
	if st.SignatureType != hook.HMAC256 {
		out.DefaultSignatureType = string(st.SignatureType)
	}
	if st.EndpointLimit > 0 {
		limit := int64(st.EndpointLimit)
		out.EndpointsPerAppLimit = &limit
	}
	if st.RetryPolicy != nil {
		out.RetryPolicy = secondsToAPI(st.RetryPolicy)
	}
	kept := make(map[string]jsontext.Value, len(st.Extra))
	for key, value := range st.Extra {
		if !slices.Contains(actedOn, key) { // one that an earlier version only kept
			kept[key] = value
		}
	}
	return encode(struct {
		Out  api.SettingsOut           `json:",embed"`
		Kept map[string]jsontext.Value `json:",embed"`
	}{out, kept})
}

// getPortalSettings shows what a portal starts from: looks and switches, no secrets.
func (s *server) getPortalSettings(c *call) error {
	e, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return err
	}
	out := make(map[string]jsontext.Value, len(portalSettings))
	for _, key := range portalSettings {
		switch value := e.Settings.Extra[key]; {
		case key == "wipeSuccessfulPayload":
			out[key] = encode(e.Settings.WipeDelivered)
		case key == "readOnly":
			out[key] = encode(e.Settings.PortalReadOnly)
		case value != nil:
			out[key] = value
		case slices.Contains(portalSwitches, key):
			out[key] = jsontext.Value("true")
		case keptSettings[key] == "b":
			out[key] = jsontext.Value("false")
		case keptSettings[key] == "[":
			out[key] = jsontext.Value("[]")
		}
	}
	return c.json(http.StatusOK, out)
}

// refuseReadOnly refuses a change by a portal token where the environment's portal is for
// looking only. Tokens that exist to publish are not of the portal, and a token may always
// end itself.
func (s *server) refuseReadOnly(c *call) error {
	if !c.token.IsPortal() || c.token.Kind == hook.MessageToken || c.route.method == http.MethodGet ||
		slices.Contains(readByPost, c.route.op) || slices.Contains(withoutScope, c.route.op) {
		return nil
	}
	e, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil || !e.Settings.PortalReadOnly {
		return err
	}
	return &statusError{http.StatusForbidden, "insufficient access", "The portal of this environment is read-only."}
}
