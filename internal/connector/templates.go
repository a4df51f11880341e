package connector

import "github.com/hookloft/hookloft/internal/hook"

func status(s int, body string, means hook.Meaning) hook.AnswerRule {
	return hook.AnswerRule{Status: hook.StatusRange{Low: s, High: s}, Body: body, Means: means}
}

// refused are statuses after which the same message is never taken.
func refused(statuses ...int) (rules []hook.AnswerRule) {
	for _, s := range statuses {
		rules = append(rules, status(s, "", hook.MeansRefused))
	}
	return rules
}

func text(otherwise string) Variable {
	return Variable{Name: "text", Meaning: "the message, with places such as {{payload.amount}}, {{eventType}}, {{id}}; by default " + otherwise}
}

const (
	invoicePaid = `{"invoice": {"id": "inv_1042", "amount": 12900, "currency": "eur"}, "customer": {"name": "Ada <ada@example.com>"}}`
	checkFailed = `{"check": {"id": "chk_7", "name": "checkout", "region": "eu-west"}, "status": "down", "since": "2026-11-21T09:00:00Z"}`
)

// templates is never written to.
var templates = []Template{
	{
		Name: "slack", Title: "Slack", Kind: "Slack", EventType: "invoice.paid", Payload: invoicePaid,
		Description:  "Posts a message into a Slack channel.",
		URL:          "https://hooks.slack.com/services/T.../B.../...",
		Instructions: "Make a Slack app with *Incoming Webhooks*, add one for the channel, and use its URL as the endpoint's. Values of the payload are escaped, so that none can mention anybody.",
		Variables:    []Variable{text("the event type and the payload as JSON")},
		Answers: append([]hook.AnswerRule{
			status(200, "ok", hook.MeansSuccess),
			status(200, "", hook.MeansRetry),
			status(404, "no_service", hook.MeansGone),
			status(404, "no_team", hook.MeansGone),
			status(404, "team_disabled", hook.MeansGone),
		}, refused(400, 403, 404)...),
		Limits:      "Texts are cut at 4,000 characters, Slack's advice; about one message a second for a URL, then 429 with Retry-After.",
		Idempotency: "None: a retry after a lost answer posts twice.",
		Sure:        "From memory.",
	},
	{
		Name: "discord", Title: "Discord", Kind: "Discord", EventType: "invoice.paid", Payload: invoicePaid,
		Description:  "Posts a message into a Discord channel.",
		URL:          "https://discord.com/api/webhooks/{id}/{token}?wait=true",
		Instructions: "In the channel's settings, *Integrations*, make a webhook and copy its URL. Add `?wait=true`: without it Discord says nothing of a message that it did not keep. Nobody is mentioned, whatever a payload says.",
		Variables: []Variable{
			text("the event type and the payload as JSON"),
			{Name: "username", Meaning: "the name under which messages appear; by default the webhook's own"},
		},
		Answers: append([]hook.AnswerRule{status(404, "10015", hook.MeansGone)}, refused(400, 401, 404)...),
		Limits:  "Texts are cut at 2,000 characters. About five requests in two seconds for a webhook, then 429 with Retry-After.", Idempotency: "None.",
		Sure: "The payload and wait=true are documented; the rest is from memory.",
	},
	{
		Name: "teams", Title: "Microsoft Teams", Kind: "Teams", EventType: "invoice.paid", Payload: invoicePaid,
		Description:  "Posts an Adaptive Card into a Teams channel.",
		URL:          "https://prod-00.region.logic.azure.com/workflows/.../triggers/manual/paths/invoke?...",
		Instructions: "In the channel, *Workflows*, take \"Post to a channel when a webhook request is received\" and copy its URL. The workflow ends with the account of the person who made it.",
		Variables: []Variable{
			{Name: "title", Meaning: "the first line, in bold; by default the event type"},
			text("the payload as JSON"),
		},
		Answers: append([]hook.AnswerRule{
			// Connectors of the older kind tell a failure in the text of a 200.
			status(200, "HTTP error 429", hook.MeansThrottled),
			status(200, "delivery failed with error", hook.MeansRetry),
		}, refused(400, 401, 404, 413)...),
		Limits: "A message is cut to 28,000 bytes, of the 28 KB that Teams takes.", Idempotency: "None.",
		Sure: "That a workflow belongs to a person and takes Adaptive Cards is documented; limits and answers are from memory.",
	},
	{
		Name: "zapier", Title: "Zapier", Kind: "Zapier", EventType: "invoice.paid", Payload: invoicePaid,
		Description:  "Starts a Zap with id, type and data.",
		URL:          "https://hooks.zapier.com/hooks/catch/{account}/{hook}/",
		Instructions: "Begin a Zap with *Webhooks by Zapier*, *Catch Hook*, and use its URL as the endpoint's.",
		Answers:      refused(400, 404, 413),
		Limits:       "10 MB; 30 requests a second and 10,000 in five minutes, then 429.", Idempotency: "None; the Zap may look at `id`.",
		Sure: "The limits are documented; the answers are from memory.",
	},
	{
		Name: "mattermost", Title: "Mattermost", Kind: "Custom", EventType: "invoice.paid", Payload: invoicePaid,
		Description:  "Posts a message into a Mattermost channel.",
		URL:          "https://mattermost.example.com/hooks/...",
		Instructions: "In *Integrations*, *Incoming Webhooks*, add one for the channel and copy its URL. An @ in a value of the payload calls nobody.",
		Variables: []Variable{
			text("the event type and the payload as JSON"),
			{Name: "username", Meaning: "the name under which messages appear, where the server allows that"},
			{Name: "channel", Meaning: "another channel than the webhook's, where the server allows that"},
			{Name: "icon_url", Meaning: "the picture beside messages, where the server allows that"},
		},
		Answers: refused(400, 403, 404),
		Limits:  "Texts are cut at 16,383 characters.", Idempotency: "None.", Sure: "From memory.",
	},
	{
		Name: "google-chat", Title: "Google Chat", Kind: "Custom", EventType: "invoice.paid", Payload: invoicePaid,
		Description:  "Posts a message into a Google Chat space.",
		URL:          "https://chat.googleapis.com/v1/spaces/.../messages?key=...&token=...",
		Instructions: "In the space, *Apps & integrations*, *Webhooks*, add one and copy its URL.",
		Variables:    []Variable{text("the event type and the payload as JSON")},
		Answers:      refused(400, 403, 404),
		Limits:       "A message is cut to 32,000 bytes; one request a second for a space, then 429.", Idempotency: "requestId is the message's id, so a repeated request posts once.",
		Sure: "From memory.",
	},
	{
		Name: "pagerduty", Title: "PagerDuty", Kind: "Custom", EventType: "check.failed", Payload: checkFailed,
		Description:  "Triggers, acknowledges or resolves an alert by the Events API v2.",
		URL:          "https://events.pagerduty.com/v2/enqueue",
		Instructions: "Add the integration *Events API v2* to a service and give its key as `routingKey`. With `dedupKey` set to what names the trouble (`{{payload.check.id}}`), a later `resolve` ends what a `trigger` began.",
		Variables: []Variable{
			{Name: "routingKey", Meaning: "the integration's key", Required: true, IsSecret: true},
			{Name: "action", Meaning: "trigger, acknowledge or resolve, or a place that gives one of them; by default trigger"},
			{Name: "dedupKey", Meaning: "what names the trouble; by default the message's id"},
			{Name: "summary", Meaning: "one line about it; by default the event type"},
			{Name: "source", Meaning: "where it is; by default webhook"},
			{Name: "severity", Meaning: "critical, error, warning or info, or a place that gives one of them; by default error"},
		},
		Answers: refused(400),
		Limits:  "The summary is cut at 1,024 characters; the payload is left out where the event would have more than 500,000 bytes.", Idempotency: "dedup_key is the message's id unless you set it, so a repeated request is one alert.",
		Sure: "From memory.",
	},
	{
		Name: "standard-webhooks", Title: "Standard Webhooks", Kind: "Custom", EventType: "invoice.paid", Payload: invoicePaid,
		Description:  "Wraps the payload as {type, timestamp, data}, as Standard Webhooks advises.",
		URL:          "https://example.com/webhooks",
		Instructions: "For receivers that expect the envelope of Standard Webhooks. The signature is the one that every endpoint has.",
		Limits:       "Less than 20 KB is advised; nothing is cut.", Idempotency: "The header webhook-id is the same for every retry.",
		Sure: "Documented (standardwebhooks.com).",
	},
	{
		Name: Email, Title: "E-mail", Kind: "Custom", EventType: "invoice.paid", Payload: invoicePaid,
		Description:  "Sends an e-mail by SMTP.",
		URL:          "smtp://smtp.example.com:587?from=shop@example.com&to=billing@example.com",
		Instructions: "Every endpoint with the URL of an SMTP server has this connector. `smtp://` asks for STARTTLS, `smtps://` begins with TLS. `to` takes up to 50 addresses with commas between.",
		Variables: []Variable{
			{Name: "subject", Meaning: "the subject; by default the event type"},
			{Name: "text", Meaning: "the text; by default the payload as JSON"},
			{Name: "html", Meaning: "the same as HTML, where wanted; values are escaped"},
			{Name: "to", Meaning: "other addressees than the URL's, such as {{payload.customer.email}}"},
			{Name: UsernameVariable, Meaning: "the account at the SMTP server", Withheld: true},
			{Name: PasswordVariable, Meaning: "its password", IsSecret: true, Withheld: true},
		},
		Limits: "50 addressees.", Idempotency: "Message-ID is made of the message's id, so that mail servers and readers can drop a repeated one.",
		Sure: "RFC 5321 and 5322.",
	},
	{
		Name: "http", Title: "HTTP API", Kind: "Custom", EventType: "invoice.paid", Payload: invoicePaid,
		Description:  "Calls an HTTP API with a body made from a template.",
		URL:          "https://api.example.com/...",
		Instructions: "`body` is JSON with places in its texts. Where the API wants a form or another method, set the endpoint's `request`; what it wants as proof goes into the endpoint's headers or credentials. docs/connectors.md shows a dozen of services.",
		Variables: []Variable{
			{Name: "body", Meaning: "the body as JSON, with places such as \"{{payload.amount}}\" in its texts; a text that is one place alone keeps the value's type. By default the payload"},
			{Name: "path", Meaning: "what is added to the URL's path, with places, each percent-encoded"},
		},
		Limits: "Those of the service.", Idempotency: "That of the service.", Sure: "See docs/connectors.md.",
	},
}
