package hook

// Explanation says in plain words what a class of failures means, and what to do next.
type Explanation struct {
	Reason Reason
	// Words are one sentence without its full stop, about the receiver.
	Words string
	// Next is what helps, as an instruction.
	Next string
	// IsError is false for what somebody decided: it is no failure of anything.
	IsError bool
}

// Explain returns the explanation of a class; that of ReasonNone is empty.
func Explain(r Reason) Explanation {
	for _, e := range explanations {
		if e.Reason == r {
			return e
		}
	}
	return Explanation{Reason: r}
}

// Explanations returns those of all classes, by phase of a request. The list is the caller's.
func Explanations() []Explanation { return append([]Explanation(nil), explanations...) }

// explanations is never written to.
var explanations = []Explanation{
	{ReasonDNSNotFound, "The host name does not exist in DNS", "Check the spelling of the endpoint's URL, and that its DNS record is published.", true},
	{ReasonDNSTimeout, "The DNS servers of the host name did not answer in time", "Check the name servers of the domain; the delivery is tried again by itself.", true},
	{ReasonConnectRefused, "Nothing is listening at the address of the endpoint", "Start the receiver, or check port, firewall and load balancer in front of it.", true},
	{ReasonConnectTimeout, "The receiver's address did not accept the connection in time", "Check that the firewall lets this server in; a dropped packet looks like this.", true},
	{ReasonReset, "The receiver closed the connection before it answered", "Look into the receiver's log for a crash, and at the idle time-out of the proxy in front of it.", true},
	{ReasonTLSExpired, "The receiver's certificate is not valid at this time", "Renew the certificate.", true},
	{ReasonTLSHostname, "The receiver's certificate is for another host name", "Put the host name of the endpoint's URL into the certificate, or use the name that is in it.", true},
	{ReasonTLSUnknownCA, "The receiver's certificate is signed by an authority that is not trusted", "Serve the whole certificate chain, or use a certificate of a public authority.", true},
	{ReasonTLSHandshake, "The TLS handshake with the receiver failed", "Check that the port speaks TLS 1.2 or newer, and that no client certificate is asked for.", true},
	{ReasonBlockedPrivate, "The address of the endpoint is in a private or special range and is blocked", "Use a public address, or have the operator allow the range.", true},
	{ReasonTimeoutHeaders, "The receiver did not answer in time", "Answer first and do the work afterwards: put the event into a queue and return 200.", true},
	{ReasonTimeoutBody, "The answer's body did not end in time", "Send a short body, or none.", true},
	{ReasonRedirect, "The receiver answered with a redirect, which is not followed", "Set the endpoint's URL to where the redirect leads.", true},
	{ReasonAuth, "The receiver refused the request as unauthorised (401 or 403)", "Check the secret with which the receiver verifies, and the custom headers of the endpoint.", true},
	{ReasonNotFound, "The receiver has no such path or method (404 or 405)", "Check the path of the endpoint's URL, and that the receiver takes POST there.", true},
	{ReasonGone, "The receiver answered 410 and wants nothing more", "Enable the endpoint again if that was a mistake, then replay what it missed.", true},
	{ReasonRejected, "The receiver refused the request (4xx)", "Read the answer's body: the receiver did not like this event.", true},
	{ReasonThrottled, "The receiver asks for fewer requests (429)", "Give the endpoint a throttle rate that the receiver can take.", true},
	{ReasonServer, "The receiver failed while it handled the request (5xx)", "Look into the receiver's log at the time of the attempt.", true},
	{ReasonBadResponse, "The receiver's answer is not valid HTTP", "Check what listens on the port, and the proxy in front of the receiver.", true},
	{ReasonTransformError, "The transformation of the endpoint failed", "Run the transformation on this message and correct it.", true},
	{ReasonTransformTimeout, "The transformation of the endpoint ran for too long", "Make the transformation do less.", true},
	{ReasonTransformMemory, "The transformation of the endpoint used too much memory", "Make the transformation keep less at once.", true},
	{ReasonOAuthToken, "No access token could be had for the endpoint", "Check the OAuth settings of the endpoint against its token server.", true},
	{ReasonMTLS, "The receiver did not accept the client certificate", "Check the client certificate of the endpoint.", true},
	{ReasonExpired, "The message's content or time was over before it could be delivered", "Publish the event again if it still matters.", false},
	{ReasonCanceled, "The delivery was cancelled", "Resend the message if it is wanted after all.", false},
	{ReasonDisabled, "The endpoint is disabled", "Enable the endpoint, then replay what it missed.", false},
	{ReasonSkippedFilter, "The endpoint's filter does not want this message", "Change the filter if it should.", false},
	{ReasonSenderCrashed, "This server stopped several times while it sent this message", "Look into this server's log; the message is tried alone from now on.", true},
	{ReasonStorage, "This server could not store or read what it needed to send", "Look at this server's disk.", true},
	{ReasonPaused, "The endpoint is paused and holds its messages", "Resume the endpoint: what is held is sent then.", false},
	{ReasonEndpointDeleted, "The endpoint was deleted", "Nothing is left to be done.", false},
	{ReasonReplay, "A replay asked for the message to be sent again", "Wait for the replay, or start another where it was cancelled.", false},
	{ReasonTransformCancel, "The transformation of the endpoint decided not to send this message", "Change the transformation if the message should be sent.", false},
	{ReasonSuperseded, "A later message of the same key came soon after and was sent instead", "Nothing is left to be done; a longer or shorter window is a setting of the endpoint.", false},
	{ReasonSkipped, "The message was given up so that those behind it in its line could go on", "Repair the receiver, then resend the message.", true},
	{ReasonUnverified, "The receiver has not yet agreed to be sent to; the message is held", "Verify the endpoint: what is held is sent then.", false},
	{ReasonCredentials, "The endpoint's credentials cannot be used, or have expired", "Set new credentials.", true},
	{ReasonProxy, "The endpoint's proxy did not open the connection", "Check the proxy's address and credentials, and that it allows the endpoint's host.", true},
	{ReasonInternal, "This server could not make the request", "Look into this server's log at the time of the attempt.", true},
}
