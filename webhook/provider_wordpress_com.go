package webhook

// wordpressCom: wordpress.com/support/webhooks. Sites that run WordPress themselves have
// WooCommerce or the plugin WP Webhooks instead.
var wordpressCom = provider{
	Preset: Preset{
		Name: "wordpress-com", Title: "WordPress.com", Family: "none",
		Summary:        "WordPress.com signs nothing: a secret in the URL.",
		Secret:         unsignedSecret,
		SecretOptional: true,
		Settings:       unsignedSettings(),
		BodyRepeats:    true, // nothing is sent twice, and an edit may look like the one before
		Retry:          "not documented, none seen",
		Withhold:       []string{defaultTokenParameter},
		Confidence:     Confidence{Docs, Memory, Memory, Memory},
		Docs:           "https://wordpress.com/support/webhooks/",
	},
	// Which other fields are there is the administrator's choice.
	facts: facts{eventType: form("hook"), time: either(form("post_modified_gmt"), form("post_date_gmt"))},
	open:  openUnsigned,
}
