package webhook

import "time"

// zapier: the action "Webhooks by Zapier" of a Zap. docs.zapier.com/platform/build/operating-constraints.
// What it sends is made up by the author of the Zap, so settings say where things are.
var zapier = provider{
	Preset: Preset{
		Name: "zapier", Title: "Zapier", Family: "none",
		Summary:        "Zapier signs nothing: a secret in the query, in a header or as Basic authentication, as the Zap's author types it in.",
		Secret:         unsignedSecret,
		SecretOptional: true,
		Settings:       unsignedSettings(foundBy()...),
		ID:             "settings id_path or id_header; else body id, together with the body",
		// What a Zap sends as id is as likely that of a record, which changes more than once.
		IDShared:   true,
		Deadline:   30 * time.Second,
		Retry:      "none by default; autoreplay over some hours on paid plans, and by hand",
		Withhold:   []string{defaultTokenParameter},
		Confidence: Confidence{Memory, Memory, Docs, Memory},
		Docs:       "https://docs.zapier.com/platform/build/operating-constraints",
	},
	open: openUnsigned,
	factsBy: func(s *settings) facts {
		f := factsBySettings(s)
		if f.id == nil {
			f.id = either(body("id"), form("id"))
		}
		return f
	},
}
