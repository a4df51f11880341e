package webhook

// providers is every provider that is known, one line each, by name. Adding one is a file
// provider_NAME.go, a line here, and vectors in testdata.
var providers = []*provider{
	&airtable,
	&asana,
	&beehiiv,
	&bitbucket,
	&brex,
	&calendly,
	&circleci,
	&clerk,
	&coinbaseCommerce,
	&docusign,
	&dropbox,
	&generic,
	&gitea,
	&github,
	&gitlab,
	&gogs,
	&guesty,
	&incidentIO,
	&intercom,
	&jira,
	&lemonsqueezy,
	&linear,
	&lithic,
	&mailchimp,
	&meta,
	&nash,
	&notion,
	&okta,
	&openAI,
	&paddle,
	&pagerduty,
	&papertrail,
	&pleo,
	&postmark,
	&psiFi,
	&razorpay,
	&render,
	&replicate,
	&resend,
	&safebase,
	&sardine,
	&sentry,
	&shopify,
	&slack,
	&standardWebhooks,
	&stripe,
	&stych,
	&svix,
	&telegram,
	&twitter,
	&typeform,
	&vercel,
	&websub,
	&woocommerce,
	&wordpressCom,
	&wpWebhooks,
	&xero,
	&zapier,
	&zoom,
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
