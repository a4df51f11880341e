package api

// AppPortalAccessIn asks for a token that is bound to one application.
type AppPortalAccessIn struct {
	// Application is created when the path names none.
	Application *ApplicationIn `json:"application,omitempty"`
	// ReadOnly is an older way to ask for the capability ViewBase alone.
	ReadOnly     *bool    `json:"readOnly,omitzero"`
	Capabilities []string `json:"capabilities,omitempty"`
	// FeatureFlags, 1 to 25, open the event types that carry one of them.
	FeatureFlags []string `json:"featureFlags,omitempty"`
	// Expiry is in seconds: 3600 to 604800, default 604800.
	Expiry    *int64  `json:"expiry,omitempty"`
	SessionID *string `json:"sessionId,omitempty"`
}

// AppPortalAccessOut is the token, and a link that carries it.
type AppPortalAccessOut struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// ApplicationTokenExpireIn ends the portal tokens of an application.
type ApplicationTokenExpireIn struct {
	// Expiry is in how many seconds they end: 0 to 259200, default at once.
	Expiry *int64 `json:"expiry,omitempty"`
	// SessionIDs restricts it to the tokens of these sessions.
	SessionIDs []string `json:"sessionIds,omitempty"`
}

// WhoamiOut says what a token is.
type WhoamiOut struct {
	EnvID            *string `json:"envId"`
	AppID            *string `json:"appId"`
	StreamAppID      *string `json:"streamAppId"`
	PermissionSource string  `json:"permissionSource"`
	SessionID        *string `json:"sessionId"`
}
