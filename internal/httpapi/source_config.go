package httpapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// A source's config on the wire is an object in camelCase; in the library it is a list
// of secrets and settings in snake_case. An unknown key is refused, never ignored: a
// misspelt setting would leave a source open, or shut, without a word.

const (
	// genericPreset is what the library calls the type generic-webhook.
	genericPreset = "generic"
	secretKey     = "secret"
	secretsKey    = "secrets"
	publicKeyKey  = "publicKey"
)

// cronKeys are the settings of the type cron.
var cronKeys = []string{"schedule", "payload", "content_type"}

// pollKeys are the settings of the type poll.
var pollKeys = []string{"url", "interval", "schedule", "headers", "value_path", "first", "event_type"}

// presetOf returns what is known about the provider of a type; false for cron, poll and
// what is no provider.
func presetOf(typ string) (webhook.Preset, bool) {
	switch typ {
	case hook.CronSource, hook.PollSource:
		return webhook.Preset{}, false
	case hook.GenericSource:
		typ = genericPreset
	}
	return webhook.FindPreset(typ)
}

// signsInPrivate reports whether the keys that a receiver of this provider holds are
// public. In the family jwt they may be, but need not.
func signsInPrivate(p webhook.Preset) bool { return anyOf(p.Family, "ed25519", "ecdsa") }

// configKeys returns the keys that the config of a type may have, as the wire spells
// them, each with the library's name. The keys of secrets have none. False when the
// type is not known, which is said elsewhere.
func configKeys(typ string) (map[string]string, bool) {
	keys := map[string]string{}
	if typ == hook.CronSource {
		for _, name := range cronKeys {
			keys[camel(name)] = name
		}
		return keys, true
	}
	if typ == hook.PollSource {
		for _, name := range pollKeys {
			keys[camel(name)] = name
		}
		return keys, true
	}
	p, known := presetOf(typ)
	if !known {
		return nil, false
	}
	if p.Secret != "" || p.Name == genericPreset {
		keys[secretKey], keys[secretsKey] = "", ""
		if signsInPrivate(p) || p.Name == genericPreset {
			keys[publicKeyKey] = ""
		}
	}
	for _, setting := range p.Settings {
		keys[camel(setting.Name)] = setting.Name
	}
	// The library takes it for every provider (webhook.Config.Tolerance).
	keys["toleranceS"] = "tolerance_s"
	return keys, true
}

// configFromAPI reads the config of a source of a type. Errors never repeat a value.
func configFromAPI(typ string, raw []byte) (hook.SourceConfig, error) {
	var out hook.SourceConfig
	if rawOrNil(raw) == nil {
		raw = emptyPayload
	}
	if !jsonObject(raw) {
		return out, hook.Fieldf("config", "must be an object")
	}
	var given map[string]jsontext.Value
	if err := json.Unmarshal(raw, &given); err != nil {
		return out, decodeError(err, "body", "config")
	}
	keys, known := configKeys(typ)
	if !known {
		return out, nil
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		name, ok := keys[key]
		at := &hook.FieldError{Path: []string{"config", cut(key, 64)}}
		if !ok {
			at.Text = "is not a setting of " + typ + "; there are: " + strings.Join(slices.Sorted(maps.Keys(keys)), ", ")
			return out, at
		}
		if name == "" || given[key].Kind() == 'n' {
			continue
		}
		text, err := settingText(given[key])
		if err != nil {
			at.Text = "must be a string, a number, a boolean, a list or an object"
			return out, at
		}
		if out.Values == nil {
			out.Values = map[string]string{}
		}
		out.Values[name] = text
	}
	if _, set := out.Values["payload"]; typ == hook.CronSource && !set {
		return out, &hook.FieldError{Path: []string{"config", "payload"}, Text: "missing field `payload`", Code: typeJSON}
	}
	var err error
	out.Secrets, err = secretsFromAPI(given)
	return out, err
}

// secretsFromAPI reads the keys that hold secrets: the single one stands first.
func secretsFromAPI(given map[string]jsontext.Value) (secrets []string, err error) {
	add := func(at []string, text string) error {
		if text == "" {
			// An empty key would verify what anybody signs with an empty key.
			return &hook.FieldError{Path: at, Text: "must not be empty; leave it out where there is none"}
		}
		if !slices.Contains(secrets, text) {
			secrets = append(secrets, text)
		}
		return nil
	}
	for _, key := range []string{secretKey, publicKeyKey} {
		if given[key].Kind() == 'n' || given[key] == nil {
			continue
		}
		var text string
		if json.Unmarshal(given[key], &text) != nil {
			return nil, &hook.FieldError{Path: []string{"config", key}, Text: "must be a string", Code: typeJSON}
		}
		if err := add([]string{"config", key}, text); err != nil {
			return nil, err
		}
	}
	if given[secretsKey] == nil || given[secretsKey].Kind() == 'n' {
		return secrets, nil
	}
	var list []string
	if given[secretsKey].Kind() != '[' || json.Unmarshal(given[secretsKey], &list) != nil {
		return nil, &hook.FieldError{Path: []string{"config", secretsKey}, Text: "must be a list of strings", Code: typeJSON}
	}
	for _, text := range list {
		if err := add([]string{"config", secretsKey}, text); err != nil {
			return nil, err
		}
	}
	return secrets, nil
}

// settingText is a value as the library takes it: strings as they are, all else as JSON.
func settingText(v jsontext.Value) (string, error) {
	if v.Kind() == '"' {
		var text string
		err := json.Unmarshal(v, &text)
		return text, err
	}
	v = v.Clone()
	err := v.Compact()
	return string(v), err
}

// configToAPI shows what of a config is no secret.
func configToAPI(src *hook.Source) *api.IngestSourceConfigOut {
	out := &api.IngestSourceConfigOut{}
	switch src.Type {
	case hook.GenericSource:
		return nil // the contract knows no config of it
	case hook.CronSource:
		schedule, payload := src.Config.Values["schedule"], src.Config.Values["payload"]
		out.Schedule, out.Payload = &schedule, &payload
		out.ContentType = orNil(src.Config.Values["content_type"])
	case hook.PollSource:
		// The URL's query and the headers may hold what lets in.
		url, _, _ := strings.Cut(src.Config.Values["url"], "?")
		out.URL, out.Interval, out.Schedule = &url, orNil(src.Config.Values["interval"]), orNil(src.Config.Values["schedule"])
		out.ValuePath, out.First, out.EventType = orNil(src.Config.Values["value_path"]), orNil(src.Config.Values["first"]), orNil(src.Config.Values["event_type"])
	default:
		if p, ok := presetOf(src.Type); ok && signsInPrivate(p) && len(src.Config.Secrets) > 0 {
			out.PublicKey = &src.Config.Secrets[0]
		}
	}
	return out
}

// configured returns the names of the keys that are set.
func configured(src *hook.Source) []string {
	names := []string{}
	for name := range src.Config.Values {
		names = append(names, camel(name))
	}
	switch len(src.Config.Secrets) {
	case 0:
	case 1:
		names = append(names, secretKey)
	default:
		names = append(names, secretsKey)
	}
	slices.Sort(names)
	return names
}

// camel spells a name of the library as the wire does: webhook_url is webhookUrl.
func camel(name string) string {
	b := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		if name[i] == '_' && i+1 < len(name) {
			i++
			b = append(b, strings.ToUpper(name[i:i+1])...)
			continue
		}
		b = append(b, name[i])
	}
	return string(b)
}
