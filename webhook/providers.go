package webhook

// providers is every provider that is known, one line each, by name. Adding one is a file
// provider_NAME.go, a line here, and vectors in testdata.
var providers = []*provider{
	&beehiiv,
	&brex,
	&clerk,
	&generic,
	&github,
	&gitlab,
	&guesty,
	&incidentIO,
	&lithic,
	&mailchimp,
	&nash,
	&okta,
	&openAI,
	&papertrail,
	&pleo,
	&postmark,
	&psiFi,
	&render,
	&replicate,
	&resend,
	&safebase,
	&sardine,
	&slack,
	&standardWebhooks,
	&stripe,
	&stych,
	&svix,
	&telegram,
	&wordpressCom,
	&zapier,
}

// providerNamed returns nil for an unknown name.
func providerNamed(name string) *provider {
	for _, p := range providers {
		if p.Name == name {
			return p
		}
	}
	return nil
}
