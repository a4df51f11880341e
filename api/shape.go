package api

import (
	"encoding/json"
	"strconv"
	"strings"
)

// EndpointRequestIn says how requests to an endpoint look. What is absent or null is the
// default. Ours.
type EndpointRequestIn struct {
	// Method is POST (the default), PUT, PATCH or GET.
	Method *string `json:"method,omitempty"`
	// Body is json (the default: the payload byte for byte), form, xml, or query, which is
	// what a GET has instead of a body.
	Body *string `json:"body,omitempty"`
	// XMLRoot names the outermost element of an XML body; payload by default.
	XMLRoot *string `json:"xmlRoot,omitempty"`
	// Token goes with each request.
	Token *EndpointRequestTokenIn `json:"token,omitempty"`
	// SuccessStatuses are statuses and ranges of them, 200 to 599: 302, "200-299".
	SuccessStatuses []SuccessStatus `json:"successStatuses,omitempty"`
	// TimeoutSeconds is the deadline of one attempt, 1 to 30; 15 by default.
	TimeoutSeconds *int64 `json:"timeoutSeconds,omitempty"`
	// RetrySchedule is the delays in seconds after the first, second, ... failed attempt. An
	// empty list is a single attempt; null inherits the event type's or the environment's.
	RetrySchedule []int64 `json:"retrySchedule,omitempty"`
}

// EndpointRequestTokenIn is a secret that the receiver wants beside the content.
type EndpointRequestTokenIn struct {
	// In is body, query or header.
	In string `json:"in"`
	// Name is that of the field, parameter or header.
	Name string `json:"name"`
	// Value is write-only. Absent keeps the one that is set, where in and name are the same.
	Value *string `json:"value,omitempty"`
}

// EndpointRequestOut shows how requests to an endpoint look.
type EndpointRequestOut struct {
	Method          string                   `json:"method"`
	Body            string                   `json:"body"`
	XMLRoot         *string                  `json:"xmlRoot"`
	Token           *EndpointRequestTokenOut `json:"token"`
	SuccessStatuses []SuccessStatus          `json:"successStatuses"`
	TimeoutSeconds  int64                    `json:"timeoutSeconds"`
	// RetrySchedule is null where it is inherited.
	RetrySchedule []int64 `json:"retrySchedule"`
}

// EndpointRequestTokenOut shows a token without its value.
type EndpointRequestTokenOut struct {
	In   string `json:"in"`
	Name string `json:"name"`
	// IsSet says that there is a value. It is never shown.
	IsSet bool `json:"isSet"`
}

// SuccessStatus is a status, or a range of them with a hyphen. A single one is a number on
// the wire; as a string it is read too.
type SuccessStatus string

// UnmarshalJSON keeps whatever stands there as text: whether that is a status is a rule
// of its own, which names the place.
func (s *SuccessStatus) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil || strings.HasPrefix(string(data), "null") {
		text = string(data)
	}
	*s = SuccessStatus(text)
	return nil
}

// MarshalJSON writes a number for one status, and a string for a range.
func (s SuccessStatus) MarshalJSON() ([]byte, error) {
	if _, err := strconv.ParseUint(string(s), 10, 16); err == nil {
		return []byte(s), nil
	}
	return json.Marshal(string(s))
}

// RetryScheduleInOut is an event type's own retry schedule; null inherits the environment's.
type RetryScheduleInOut struct {
	RetrySchedule []Duration `json:"retrySchedule,omitempty"`
}

// RetryScheduleOut is RetryScheduleInOut as it is shown, where null is spelled out.
type RetryScheduleOut struct {
	RetrySchedule []Duration `json:"retrySchedule"`
}

// Duration is a delay of a retry schedule. It is kept to the millisecond.
type Duration struct {
	Secs  *int64 `json:"secs"`
	Nanos *int64 `json:"nanos"`
}

// DestinationDetail explains what the contract has no field for.
type DestinationDetail struct {
	// Reason is why the message is not there: of the last failure, or why it is not tried
	// any more ("expired": its expiresAt has passed).
	Reason string `json:"reason"`
	// DestinationID is the id of what is a destination.
	DestinationID string `json:"destinationId,omitempty"`
	// Note says more about the reason: which clause of the endpoint's filter decided.
	Note string `json:"note,omitempty"`
}
