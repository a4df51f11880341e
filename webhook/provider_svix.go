package webhook

import "time"

// Svix and those who send through it (docs.svix.com/receiving). One scheme for all; they
// differ in the names of the headers that they write, which are both read, and in what
// they call the type of an event. Of most, no more is known than that they belong here.
var (
	svix   = svixSender("svix", "Svix", Confidence{Vector, Docs, Memory, Memory}, "https://docs.svix.com/receiving/introduction", "svix-id", body("type"), openSvix)
	clerk  = svixSender("clerk", "Clerk", Confidence{Memory, Memory, Memory, Memory}, "https://clerk.com/docs/webhooks/overview", "svix-id", body("type"), openSvix)
	resend = svixSender("resend", "Resend", Confidence{Memory, Memory, Memory, Memory}, "https://resend.com/docs/dashboard/webhooks/introduction", "svix-id", body("type"), openSvix)
	// brex writes webhook-*, and lists its secrets by GET /v1/webhooks/secrets: two while they rotate.
	brex = svixSender("brex", "Brex", Confidence{Memory, Memory, Memory, Memory}, "https://developer.brex.com/docs/webhooks/", "webhook-id", body("event_type"), openStandard)

	beehiiv    = svixNamed("beehiiv", "beehiiv")
	guesty     = svixNamed("guesty", "Guesty")
	incidentIO = svixNamed("incident-io", "incident.io")
	lithic     = svixNamed("lithic", "Lithic")
	nash       = svixNamed("nash", "Nash")
	openAI     = svixNamed("open-ai", "OpenAI")
	pleo       = svixNamed("pleo", "Pleo")
	psiFi      = svixNamed("psi-fi", "Psi-Fi")
	render     = svixNamed("render", "Render")
	replicate  = svixNamed("replicate", "Replicate")
	safebase   = svixNamed("safebase", "SafeBase")
	sardine    = svixNamed("sardine", "Sardine")
	stych      = svixNamed("stych", "Stytch")
)

func svixSender(name, title string, c Confidence, docs, idHeader string, eventType finder, open func(*settings) (scheme, error)) provider {
	return provider{
		Preset: Preset{
			Name: name, Title: title, Family: "standard-webhooks",
			Summary:    "HMAC-SHA256 over id, time and body in svix-signature or webhook-signature, within 5 minutes.",
			Secret:     "the endpoint's signing secret, whsec_...",
			Tolerance:  DefaultTolerance,
			ID:         "header " + idHeader,
			Deadline:   15 * time.Second,
			Retry:      "after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h; the endpoint is disabled after 5 days of failure",
			RetryFor:   28 * time.Hour,
			Confidence: c,
			Docs:       docs,
		},
		facts: standardFacts(eventType),
		open:  open,
	}
}

// svixNamed is a sender of which only this is known. The type is looked for under both
// names that others use.
func svixNamed(name, title string) provider {
	return svixSender(name, title, Confidence{Memory, Memory, Memory, Memory}, "", "svix-id", either(body("type"), body("event_type")), openSvix)
}
