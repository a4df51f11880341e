package api

import "time"

// ConnectorIn creates a connector: a named transformation that endpoints are made with.
type ConnectorIn struct {
	Name string  `json:"name"`
	UID  *string `json:"uid,omitempty"`
	// Transformation is the code, 10 to 51,200 bytes.
	Transformation    string   `json:"transformation"`
	Logo              *string  `json:"logo,omitempty"`
	Description       *string  `json:"description,omitempty"`
	Kind              *string  `json:"kind,omitempty"` // Custom by default
	Instructions      *string  `json:"instructions,omitempty"`
	AllowedEventTypes []string `json:"allowedEventTypes,omitempty"`
	FeatureFlags      []string `json:"featureFlags,omitempty"`
	ProductType       *string  `json:"productType,omitempty"` // Dispatch by default
}

// ConnectorUpsertIn replaces a connector, or creates one under the uid in the path. Without
// a name the connector keeps its own, or takes the uid.
type ConnectorUpsertIn struct {
	Name              *string  `json:"name,omitempty"`
	Transformation    string   `json:"transformation"`
	Logo              *string  `json:"logo,omitempty"`
	Description       *string  `json:"description,omitempty"`
	Kind              *string  `json:"kind,omitempty"`
	Instructions      *string  `json:"instructions,omitempty"`
	AllowedEventTypes []string `json:"allowedEventTypes,omitempty"`
	FeatureFlags      []string `json:"featureFlags,omitempty"`
}

// ConnectorPatch changes the given fields of a connector.
type ConnectorPatch struct {
	Name              Optional[string]   `json:"name,omitzero"`
	Logo              Optional[string]   `json:"logo,omitzero"`
	Description       Optional[string]   `json:"description,omitzero"`
	Kind              Optional[string]   `json:"kind,omitzero"`
	Instructions      Optional[string]   `json:"instructions,omitzero"`
	AllowedEventTypes Optional[[]string] `json:"allowedEventTypes,omitzero"`
	Transformation    Optional[string]   `json:"transformation,omitzero"`
	FeatureFlags      Optional[[]string] `json:"featureFlags,omitzero"`
}

// ConnectorOut is a connector.
type ConnectorOut struct {
	ID                      string    `json:"id"`
	OrgID                   string    `json:"orgId"`
	UID                     *string   `json:"uid"`
	Kind                    string    `json:"kind"`
	Name                    string    `json:"name"`
	Logo                    *string   `json:"logo"`
	Description             string    `json:"description"`
	Instructions            string    `json:"instructions"`
	AllowedEventTypes       []string  `json:"allowedEventTypes"`
	Transformation          string    `json:"transformation"`
	CreatedAt               time.Time `json:"createdAt"`
	UpdatedAt               time.Time `json:"updatedAt"`
	TransformationUpdatedAt time.Time `json:"transformationUpdatedAt"`
	FeatureFlags            []string  `json:"featureFlags"`
	ProductType             string    `json:"productType"`
}

// ConnectorOptions are what endpoints that are made with a connector begin with. Options
// belongs to the kind Custom.
type ConnectorOptions struct {
	Kind    string                  `json:"kind"`
	Options *CustomConnectorOptions `json:"options,omitempty"`
}

// CustomConnectorOptions are those of the kind Custom.
type CustomConnectorOptions struct {
	// AuthenticationMethod is HttpBearer, HttpBasic or null.
	AuthenticationMethod *string `json:"authenticationMethod"`
	DefaultURL           *string `json:"defaultUrl"`
}

// EndpointConnectorIn makes an endpoint run a connector's code: one of the environment by
// id or uid, or a ready one by name. Ours.
type EndpointConnectorIn struct {
	ConnectorID *string `json:"connectorId,omitempty"`
	Name        *string `json:"name,omitempty"`
	// Variables are given to the code. Where the connector stays the same, those that
	// Withheld names keep their values, and all do where both are absent.
	Variables map[string]string `json:"variables,omitempty"`
	Withheld  []string          `json:"withheld,omitempty"`
}

// EndpointConnectorOut shows which connector an endpoint has. Ours.
type EndpointConnectorOut struct {
	// ConnectorID is null for a ready one.
	ConnectorID *string `json:"connectorId"`
	// Name is that of a ready one, null for one of the environment.
	Name *string `json:"name"`
	// Variables are those whose values may be shown, Withheld the names of the others.
	Variables map[string]string `json:"variables"`
	Withheld  []string          `json:"withheld"`
	// IsOverridden says that the endpoint has a transformation of its own, which runs instead.
	IsOverridden bool `json:"isOverridden"`
}

// ConnectorTemplateOut is a ready connector. Ours.
type ConnectorTemplateOut struct {
	Name           string                      `json:"name"`
	Title          string                      `json:"title"`
	Kind           string                      `json:"kind"`
	Description    string                      `json:"description"`
	Instructions   string                      `json:"instructions"`
	URL            string                      `json:"url"`
	Variables      []ConnectorTemplateVariable `json:"variables"`
	Example        ConnectorTemplateExample    `json:"example"`
	Limits         string                      `json:"limits"`
	Idempotency    string                      `json:"idempotency"`
	Sure           string                      `json:"sure"`                     // what of this the service documents
	Transformation *string                     `json:"transformation,omitempty"` // left out of lists
}

// ConnectorTemplateVariable is a setting of a ready connector.
type ConnectorTemplateVariable struct {
	Name     string `json:"name"`
	Meaning  string `json:"meaning"`
	Required bool   `json:"required"`
	Secret   bool   `json:"secret"` // its value is never shown
}

// ConnectorTemplateExample is an event that a ready connector makes something of.
type ConnectorTemplateExample struct {
	EventType string         `json:"eventType"`
	Payload   map[string]any `json:"payload"`
}

// ConnectorTemplateList is all ready connectors. Ours.
type ConnectorTemplateList struct {
	Data []ConnectorTemplateOut `json:"data"`
}
