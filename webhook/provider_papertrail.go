package webhook

// papertrail: documentation.solarwinds.com, Papertrail, Web hooks. The body is a form
// with one field, payload, which holds JSON. Ids are larger than 2^53: they stay text.
var papertrail = provider{
	Preset: Preset{
		Name: "papertrail", Title: "Papertrail (SolarWinds)", Family: "none",
		Summary:        "Papertrail signs nothing: a secret in the URL, as a query parameter or as user:password@.",
		Secret:         unsignedSecret,
		SecretOptional: true,
		Settings:       unsignedSettings(),
		ID:             "body payload.saved_search.id, min_id and max_id (per call), payload.saved_search.id with payload.events[].id (per line)",
		BodyRepeats:    true, // that a search finds nothing has no id and no time
		Retry:          "not documented",
		Batch:          true,
		Withhold:       []string{defaultTokenParameter},
		Confidence:     Confidence{Docs, Docs, Memory, Memory},
		Docs:           "https://documentation.solarwinds.com/en/success_center/papertrail/content/kb/how-it-works/web-hooks.htm",
	},
	facts: facts{
		id:        joined(":", inPayload("saved_search.id"), inPayload("min_id"), inPayload("max_id")),
		eventType: inPayload("saved_search.name"),
		in:        func(r *Request) []byte { return []byte(formValue(r.Body, "payload")) },
		list:      new("events"),
		each:      &facts{id: body("id"), time: body("received_at")},
		within:    inPayload("saved_search.id"), // a line is an event for each search that finds it
	},
	open: openUnsigned,
}
