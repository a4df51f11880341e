package api

import "time"

// ViewerOut says who makes a request, and what they may do.
type ViewerOut struct {
	// Kind is api, portal, integration or user.
	Kind        string            `json:"kind"`
	Environment ViewerEnvironment `json:"environment"`
	// User is who has signed in, and Environments are where they may go; null for tokens.
	User         *ViewerUser   `json:"user"`
	Environments []ViewerPlace `json:"environments"`
	// AppID is what a portal token or an integration's key is bound to.
	AppID *string `json:"appId"`
	// Capabilities are what may be done within an application, in the words of portal tokens. An
	// API token or a user has one if every operation that needs it is allowed.
	Capabilities []string `json:"capabilities"`
	// FeatureFlags are those whose event types are seen; null for all.
	FeatureFlags []string `json:"featureFlags"`
	// ReadOnly: the environment's portal is for looking only, whatever the capabilities say.
	ReadOnly bool `json:"readOnly"`
	// SessionID is the session id that a portal token was made with, or that of a user's session.
	SessionID *string `json:"sessionId"`
	// Scopes are those of an API token or a role; null for everything.
	Scopes    []string   `json:"scopes"`
	ExpiresAt *time.Time `json:"expiresAt"`
}

// ViewerEnvironment is an environment by id and, for whom it is not a customer's portal, name.
type ViewerEnvironment struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}
