package hook

import "slices"

// Operational webhooks tell the user what becomes of the endpoints and messages of an
// environment. Their receivers are endpoints of one more application, which nobody sees:
// the operational one. It has the row key of its environment, as the internal application
// of a source has the source's, so either is found from the other.

// Operational is the application that owns the environment's receivers of operational webhooks.
func (e EnvironmentID) Operational() ApplicationID { return ApplicationID(e) }

// IsOperational reports whether the application is the operational one of its environment.
// What happens to its own endpoints and messages is not announced.
func (a *Application) IsOperational() bool { return a.ID == a.Environment.Operational() }

// The types of operational webhooks (CONTRACT 2.8); EndpointFailing and its form for
// sources are ours (CONTRACT section 0).
const (
	EndpointCreated  = "endpoint.created"
	EndpointUpdated  = "endpoint.updated"
	EndpointDeleted  = "endpoint.deleted"
	EndpointEnabled  = "endpoint.enabled"
	EndpointDisabled = "endpoint.disabled"
	EndpointFailing  = "endpoint.failing"

	AttemptFailing   = "message.attempt.failing"
	AttemptExhausted = "message.attempt.exhausted"
	AttemptRecovered = "message.attempt.recovered"

	BackgroundTaskFinished = "background_task.finished"

	// ofSource is what stands before the type when the endpoint is a source's.
	ofSource = "ingest."
)

// OperationalTypes returns the types that a receiver may subscribe to, in the order in
// which they are documented.
func OperationalTypes() []string {
	return []string{
		EndpointCreated, EndpointUpdated, EndpointDeleted, EndpointEnabled, EndpointDisabled, EndpointFailing,
		AttemptFailing, AttemptExhausted, AttemptRecovered,
		BackgroundTaskFinished,
		ofSource + EndpointDisabled, ofSource + EndpointFailing,
		ofSource + AttemptFailing, ofSource + AttemptExhausted, ofSource + AttemptRecovered,
	}
}

// UnknownOperationalTypes returns those of names that are no type of operational webhook.
func UnknownOperationalTypes(names []string) (unknown []string) {
	known := OperationalTypes()
	for _, name := range names {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}
