package api

// SettingsIn are the environment settings that this server acts on, as PUT and PATCH
// take them. Other keys of the contract are kept and given back as they came.
type SettingsIn struct {
	// RetryPolicy is the delays in seconds after the first, second, ... failed attempt, each 1 to 604800; null for the default.
	RetryPolicy Optional[[]int64] `json:"retryPolicy,omitzero"`
	// WhitelabelHeaders sends the webhook-* headers alone.
	WhitelabelHeaders Optional[bool] `json:"whitelabelHeaders,omitzero"`
	// SendSvixWebhookHeaders sends the svix-* headers beside webhook-*.
	SendSvixWebhookHeaders Optional[bool] `json:"sendSvixWebhookHeaders,omitzero"`
	// EnforceHTTPS refuses http endpoint URLs even where the operator allows them.
	EnforceHTTPS Optional[bool] `json:"enforceHttps,omitzero"`
	// DisableEndpointOnFailure disables an endpoint after five days without a success.
	DisableEndpointOnFailure Optional[bool] `json:"disableEndpointOnFailure,omitzero"`
	// DisableEndpointOnGone disables an endpoint that answers 410. Ours.
	DisableEndpointOnGone Optional[bool] `json:"disableEndpointOnGone,omitzero"`
	// RequireEndpointFilterTypes refuses endpoints without event types.
	RequireEndpointFilterTypes Optional[bool] `json:"requireEndpointFilterTypes,omitzero"`
	// RequireEndpointChannel refuses endpoints without channels.
	RequireEndpointChannel Optional[bool] `json:"requireEndpointChannel,omitzero"`
	// RequireEndpointConsent holds new endpoints until their receivers agree. Ours.
	RequireEndpointConsent Optional[bool] `json:"requireEndpointConsent,omitzero"`
	// EndpointsPerAppLimit is how many endpoints an application may have, 1 to 1000000; null for any number.
	EndpointsPerAppLimit Optional[int64] `json:"endpointsPerAppLimit,omitzero"`
	// ReadOnly lets portal tokens look and change nothing.
	ReadOnly Optional[bool] `json:"readOnly,omitzero"`
	// WipeSuccessfulPayload removes a message's payload once all its deliveries succeeded.
	WipeSuccessfulPayload Optional[bool] `json:"wipeSuccessfulPayload,omitzero"`
	// RetentionDays is for how many days messages are kept that do not say so themselves, 1
	// to 3650; null for 90. Ours.
	RetentionDays Optional[int64] `json:"retentionDays,omitzero"`
	// DefaultSignatureType is hmac256 or ed25519: the kind of secret that is drawn for an
	// endpoint; null for hmac256. Ours.
	DefaultSignatureType Optional[string] `json:"defaultSignatureType,omitzero"`
	// SendTraceparent tells receivers the trace of each request, in the header traceparent,
	// while the server traces. Ours.
	SendTraceparent Optional[bool] `json:"sendTraceparent,omitzero"`
	// SealContent seals payloads and answers at rest from now on. Ours.
	SealContent Optional[bool] `json:"sealContent,omitzero"`
}

// SettingsOut are the environment settings that this server acts on. The answer
// holds the kept keys beside them.
type SettingsOut struct {
	RetryPolicy              []int64 `json:"retryPolicy"`
	WhitelabelHeaders        bool    `json:"whitelabelHeaders"`
	SendSvixWebhookHeaders   bool    `json:"sendSvixWebhookHeaders"`
	EnforceHTTPS             bool    `json:"enforceHttps"`
	DisableEndpointOnFailure bool    `json:"disableEndpointOnFailure"`
	DisableEndpointOnGone    bool    `json:"disableEndpointOnGone"`
	DefaultSignatureType     string  `json:"defaultSignatureType"`
	RetentionDays            int64   `json:"retentionDays"`
	SendTraceparent          bool    `json:"sendTraceparent"`
	SealContent              bool    `json:"sealContent"`

	RequireEndpointFilterTypes bool   `json:"requireEndpointFilterTypes"`
	RequireEndpointChannel     bool   `json:"requireEndpointChannel"`
	RequireEndpointConsent     bool   `json:"requireEndpointConsent"`
	EndpointsPerAppLimit       *int64 `json:"endpointsPerAppLimit"`
	ReadOnly                   bool   `json:"readOnly"`
	WipeSuccessfulPayload      bool   `json:"wipeSuccessfulPayload"`
}

// PortalSettingsOut are the environment settings that a portal starts from. What the
// environment has not set is left out.
type PortalSettingsOut struct {
	DisplayName *string `json:"displayName"`
	// CustomColor is the main colour, as #rrggbb.
	CustomColor         *string `json:"customColor"`
	LogoURL             *string `json:"logoUrl"`
	CustomLogoURL       *string `json:"customLogoUrl"`
	CustomFontFamily    *string `json:"customFontFamily"`
	CustomFontFamilyURL *string `json:"customFontFamilyUrl"`
	// ColorPaletteLight and ColorPaletteDark are the colours of the two themes.
	ColorPaletteLight *Palette `json:"colorPaletteLight"`
	ColorPaletteDark  *Palette `json:"colorPaletteDark"`
	// CustomThemeOverride has corners and the size of letters.
	CustomThemeOverride *ThemeOverride `json:"customThemeOverride"`
	// CustomStringsOverride has what the product calls channels.
	CustomStringsOverride       *StringsOverride `json:"customStringsOverride"`
	EnableChannels              bool             `json:"enableChannels"`
	EnableMessageTags           bool             `json:"enableMessageTags"`
	EnableMessageStream         bool             `json:"enableMessageStream"`
	EnableIntegrationManagement bool             `json:"enableIntegrationManagement"`
	EnableTransformations       bool             `json:"enableTransformations"`
	EnableEndpointOAuthConfig   bool             `json:"enableEndpointOauthConfig"`
	EnableEndpointMTLSConfig    bool             `json:"enableEndpointMtlsConfig"`
	ShowUseSvixPlay             bool             `json:"showUseSvixPlay"`
	ShowFeatureTooltips         bool             `json:"showFeatureTooltips"`
	ShowSvixBrandFooter         bool             `json:"showSvixBrandFooter"`
	WipeSuccessfulPayload       bool             `json:"wipeSuccessfulPayload"`
	ReadOnly                    bool             `json:"readOnly"`
	AdvancedEndpointTypes       []string         `json:"advancedEndpointTypes"`
}

// Palette is the colours of one theme, each as #rrggbb.
type Palette struct {
	Primary             *string `json:"primary"`
	BackgroundPrimary   *string `json:"backgroundPrimary"`
	BackgroundSecondary *string `json:"backgroundSecondary"`
	BackgroundHover     *string `json:"backgroundHover"`
	TextPrimary         *string `json:"textPrimary"`
	TextSecondary       *string `json:"textSecondary"`
	TextDanger          *string `json:"textDanger"`
	InteractiveAccent   *string `json:"interactiveAccent"`
	NavigationAccent    *string `json:"navigationAccent"`
	ButtonPrimary       *string `json:"buttonPrimary"`
	BorderPrimary       *string `json:"borderPrimary"`
}

// ThemeOverride is what a portal looks like beside its colours.
type ThemeOverride struct {
	BorderRadius *BorderRadius `json:"borderRadius"`
	FontSize     *FontSize     `json:"fontSize"`
}

// BorderRadius is how round corners are: none, sm, md, lg or full.
type BorderRadius struct {
	Button *string `json:"button"`
	Card   *string `json:"card"`
	Input  *string `json:"input"`
}

// FontSize is the size of letters.
type FontSize struct {
	// Base is that of running text in pixels; a portal takes 11 to 22.
	Base *int64 `json:"base"`
}

// StringsOverride is what a product calls channels.
type StringsOverride struct {
	ChannelsOne  *string `json:"channelsOne"`
	ChannelsMany *string `json:"channelsMany"`
	ChannelsHelp *string `json:"channelsHelp"`
}
