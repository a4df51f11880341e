package api

import "time"

// MessageAttemptOut is one ended HTTP request of a delivery.
type MessageAttemptOut struct {
	ID         string `json:"id"`
	MsgID      string `json:"msgId"`
	EndpointID string `json:"endpointId"`
	URL        string `json:"url"`
	// Response is the body of the answer; base64 where it is not UTF-8.
	Response string `json:"response"`
	// ResponseStatusCode is 0 without an answer.
	ResponseStatusCode int   `json:"responseStatusCode"`
	ResponseDurationMS int64 `json:"responseDurationMs"`
	// Status: 0 success, 1 pending, 2 fail, 3 sending, 4 canceled; StatusText is its word.
	Status     int    `json:"status"`
	StatusText string `json:"statusText"`
	// TriggerType: 0 scheduled, 1 manual.
	TriggerType int       `json:"triggerType"`
	Timestamp   time.Time `json:"timestamp"`
	// Msg is there only with with_msg=true.
	Msg *MessageOut `json:"msg,omitempty"`
	// Hookloft holds what the contract has no field for.
	Hookloft *AttemptDetail `json:"hookloft,omitempty"`
}

// AttemptDetail explains an attempt. Durations are milliseconds with fractions.
type AttemptDetail struct {
	// N counts the attempts of this message to this endpoint, from 1.
	N int `json:"n"`
	// DestinationID is the id of a destination that the attempt was made at.
	DestinationID string `json:"destinationId,omitempty"`
	// Reason is the class of a failure, absent after a success.
	Reason string `json:"reason,omitempty"`
	// Error is the failure in words.
	Error      string         `json:"error,omitempty"`
	RemoteAddr string         `json:"remoteAddr,omitempty"`
	Timings    AttemptTimings `json:"timings"`
	// Protocol is "http/1.1" or "h2", absent where no connection came about or nobody knows.
	Protocol string `json:"protocol,omitempty"`
	// TLS is what the secured connection told of itself, absent without TLS, and where there is
	// an answer whose content was not asked for.
	TLS *AttemptTLS `json:"tls,omitempty"`
	// ResponseHeaders are the answer's, as received, one line each.
	ResponseHeaders []string `json:"responseHeaders,omitempty"`
	// ResponseBase64: Response is base64 because the body is not UTF-8.
	ResponseBase64 bool `json:"responseBase64,omitzero"`
	BodyTruncated  bool `json:"bodyTruncated,omitzero"`
	BodyIncomplete bool `json:"bodyIncomplete,omitzero"`
	// Console is what the endpoint's transformation wrote, line by line; at most 8 KiB.
	Console []string `json:"console,omitempty"`
	// NextAttempt is when the next scheduled attempt is due.
	NextAttempt *time.Time `json:"nextAttempt,omitempty"`
}

// AttemptTLS is what a secured connection told of itself. Its names are the receiver's words.
type AttemptTLS struct {
	// Version is, for example, "TLS 1.3"; absent where none was agreed on.
	Version string `json:"version,omitempty"`
	// Subject and Issuer are whose certificate it is, and who signed it: the common names, or
	// the first host and the issuer's organisation.
	Subject string `json:"subject,omitempty"`
	Issuer  string `json:"issuer,omitempty"`
	// NotAfter is when the certificate expires; absent where none was shown.
	NotAfter *time.Time `json:"notAfter,omitempty"`
}

// AttemptTimings splits the duration by phase; a phase that did not happen is 0.
type AttemptTimings struct {
	DNSMS       float64 `json:"dnsMs"`
	ConnectMS   float64 `json:"connectMs"`
	TLSMS       float64 `json:"tlsMs"`
	FirstByteMS float64 `json:"firstByteMs"`
	BodyMS      float64 `json:"bodyMs"`
	Reused      bool    `json:"reused"`
}

// EndpointMessageOut is a message with what became of it at one endpoint.
type EndpointMessageOut struct {
	MessageOut
	Status      int        `json:"status"`
	StatusText  string     `json:"statusText"`
	NextAttempt *time.Time `json:"nextAttempt,omitempty"`
}

// MessageEndpointOut is an endpoint with what became of one message there.
type MessageEndpointOut struct {
	EndpointOut
	Status      int        `json:"status"`
	StatusText  string     `json:"statusText"`
	NextAttempt *time.Time `json:"nextAttempt,omitempty"`
	// Hookloft is there where there is something to explain. Ours.
	Hookloft *DestinationDetail `json:"hookloft,omitempty"`
}
