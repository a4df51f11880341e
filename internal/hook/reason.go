package hook

// Reason is the class of a failure or of a delivery that was not tried: one word
// that is stored, counted in metrics and shown in plain language. The zero value
// means success or nothing to explain.
type Reason uint8

// The classes, by phase of a request. Their numbers are stored: only add at the end.
const (
	ReasonNone Reason = iota
	ReasonDNSNotFound
	ReasonDNSTimeout
	ReasonConnectRefused
	ReasonConnectTimeout
	ReasonReset
	ReasonTLSExpired
	ReasonTLSHostname
	ReasonTLSUnknownCA
	ReasonTLSHandshake
	ReasonBlockedPrivate
	ReasonTimeoutHeaders
	ReasonTimeoutBody
	ReasonRedirect
	ReasonAuth
	ReasonNotFound
	ReasonGone
	ReasonRejected
	ReasonThrottled
	ReasonServer
	ReasonBadResponse
	ReasonTransformError
	ReasonTransformTimeout
	ReasonTransformMemory
	ReasonOAuthToken
	ReasonMTLS
	ReasonExpired
	ReasonCanceled
	ReasonDisabled
	ReasonSkippedFilter
	ReasonSenderCrashed
	ReasonStorage
	ReasonPaused
	ReasonEndpointDeleted
	ReasonInternal
	// ReasonReplay is on a pending delivery whose round a replay has begun, until its first
	// attempt, and on one that was never attempted because that replay was cancelled.
	ReasonReplay
	// ReasonTransformCancel: the endpoint's transformation decided not to send the message.
	ReasonTransformCancel
	// ReasonSuperseded: a later message of the same key came within the endpoint's window.
	ReasonSuperseded
	// ReasonSkipped: the head of a line was given up so that the line could go on.
	ReasonSkipped
	// ReasonUnverified: held, because the receiver has not agreed to be sent to.
	ReasonUnverified
	// ReasonCredentials: the endpoint's credentials cannot be used, or have expired.
	ReasonCredentials
	// ReasonProxy: the endpoint's proxy did not open the connection.
	ReasonProxy
	reasons
)

var reasonNames = [reasons]string{
	"", "dns_not_found", "dns_timeout", "connect_refused", "connect_timeout", "reset",
	"tls_expired", "tls_hostname", "tls_unknown_ca", "tls_handshake", "blocked_private",
	"timeout_headers", "timeout_body", "redirect", "auth", "not_found", "gone", "rejected",
	"throttled", "server", "bad_response", "transform_error", "transform_timeout",
	"transform_memory", "oauth_token", "mtls", "expired", "canceled", "disabled",
	"skipped_filter", "sender_crashed", "storage", "paused", "endpoint_deleted", "internal", "replay",
	"transform_cancel", "superseded", "skipped", "unverified", "credentials", "proxy",
}

// String returns the class as it is logged, counted and served.
func (r Reason) String() string {
	if r >= reasons {
		return "unknown"
	}
	return reasonNames[r]
}

// IsTimeout reports whether an attempt ran into its deadline, which is one over DNS,
// connect, headers and body (CONTRACT section 0); a retry then waits at least a minute.
func (r Reason) IsTimeout() bool {
	switch r {
	case ReasonDNSTimeout, ReasonConnectTimeout, ReasonTimeoutHeaders, ReasonTimeoutBody:
		return true
	}
	return false
}

// IsOfCertificate reports whether an attempt failed on what the receiver's certificate says.
func (r Reason) IsOfCertificate() bool {
	return r == ReasonTLSExpired || r == ReasonTLSHostname || r == ReasonTLSUnknownCA
}

// IsTransformation reports whether an attempt failed in the endpoint's script, before
// anything was sent.
func (r Reason) IsTransformation() bool {
	return r == ReasonTransformError || r == ReasonTransformTimeout || r == ReasonTransformMemory
}

// CountsForBreaker reports whether a failure says that the receiver as a whole is in
// trouble (connection, time-out, 5xx), not that it disliked this message.
func (r Reason) CountsForBreaker() bool {
	switch r {
	case ReasonDNSNotFound, ReasonDNSTimeout, ReasonConnectRefused, ReasonConnectTimeout, ReasonReset,
		ReasonTLSExpired, ReasonTLSHostname, ReasonTLSUnknownCA, ReasonTLSHandshake,
		ReasonTimeoutHeaders, ReasonServer, ReasonBadResponse,
		ReasonOAuthToken, ReasonMTLS, ReasonCredentials, ReasonProxy:
		return true
	}
	return false
}
