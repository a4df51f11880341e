// Package hook holds Hookloft's nouns and their rules: what an environment, an
// application, an endpoint, a message, a delivery and an attempt are, how they
// are named, and how a delivery moves from one state to the next.
//
// It is pure: standard library only, no input or output, no goroutines. Time and
// chance are arguments. Every other room speaks in these types, so the meaning of
// a word is settled here and nowhere else (DESIGN: "Words").
package hook

// The row keys of the nouns. They are distinct types so that the compiler catches
// a swapped argument; all of them are drawn from one KeyClock per store. Their
// public text is made by Codec.
type (
	// EnvironmentID names an isolated space with its own tokens, event types and applications.
	EnvironmentID Key
	// ApplicationID names a customer of the user: the tenant that owns endpoints.
	ApplicationID Key
	// EndpointID names a URL with its secret, filters, headers and limits.
	EndpointID Key
	// MessageID names one published event.
	MessageID Key
	// AttemptID names one HTTP request of a delivery.
	AttemptID Key
	// TaskID names a background task.
	TaskID Key
	// TokenID names an API or portal token (not the token's text).
	TokenID Key
)
