package send

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
)

// judge names the outcome of an attempt from its status, or from err when there was
// no answer: what counts as success is decided here and nowhere else. The endpoint's shape
// may name other statuses than the usual ones, and its connector know the target's answers.
func judge(a *hook.Attempt, e *hook.Endpoint, err error) {
	shape := e.Shape
	if err != nil {
		a.Outcome = hook.Failed
		var words string
		a.Reason, words = failure(err)
		a.Error = printable(words)
		return
	}
	if e.Connector != nil && judgeByTarget(a, e) {
		return
	}
	if shape.Succeeds(a.Status) {
		// By the owner's choice a redirect, a 410 or a 500 may be one: then it is nothing else.
		a.Outcome, a.Reason = hook.Success, hook.ReasonNone
		return
	}
	a.Outcome, a.Reason = hook.Failed, reasonOfStatus(a.Status)
	switch {
	case a.Status == http.StatusGone:
		a.Outcome = hook.Gone
	case a.Reason == hook.ReasonNone:
		a.Reason, a.Error = hook.ReasonRejected, "the answer's status is none that the endpoint counts as success"
	}
	switch a.Wish {
	case hook.WishDisable:
		a.Outcome, a.Error = hook.Gone, "the receiver asked to be disabled"
	case hook.WishAbort:
		a.Error = "the receiver asked not to be sent this message again"
	}
}

// judgeByTarget lets the rules of the endpoint's connector say what an answer means, and
// reports whether one did. What the owner has named as success stands above them, and so
// does a 2xx whose body did not come whole: it may have said anything.
func judgeByTarget(a *hook.Attempt, e *hook.Endpoint) bool {
	is2xx := a.Status >= 200 && a.Status <= 299
	if is2xx && a.BodyIncomplete || e.Shape != nil && e.Shape.Success != nil && e.Shape.Succeeds(a.Status) {
		return false
	}
	for i := range e.Connector.Answers {
		rule := &e.Connector.Answers[i]
		if !rule.Fits(a.Status, a.Body) {
			continue
		}
		a.Outcome, a.Reason = hook.Failed, reasonOfStatus(a.Status)
		if a.Reason == hook.ReasonNone {
			a.Reason = hook.ReasonRejected
		}
		switch rule.Means {
		case hook.MeansSuccess:
			a.Outcome, a.Reason = hook.Success, hook.ReasonNone
		case hook.MeansThrottled:
			a.Reason = hook.ReasonThrottled
		case hook.MeansRefused:
			a.Outcome, a.Error = hook.Unsendable, "the service will not take this message, however often it is sent"
		case hook.MeansGone:
			a.Outcome, a.Reason, a.Error = hook.Gone, hook.ReasonGone, "the service says that what the URL leads to is no more"
		}
		if is2xx && a.Outcome != hook.Success {
			a.Error = "the service answered with a status of success, but says in the body that it failed"
		}
		return true
	}
	return false
}

// wishOf reads the header webhook-delivery of an answer (CONTRACT 2.3).
func wishOf(value []byte) hook.Wish {
	switch {
	case is(value, "disable"):
		return hook.WishDisable
	case is(value, "abort-message"):
		return hook.WishAbort
	}
	return hook.NoWish
}

func reasonOfStatus(status int) hook.Reason {
	switch {
	case status >= 200 && status <= 299:
		return hook.ReasonNone
	case status >= 300 && status <= 399:
		// Never followed: a redirect would carry the signature to somebody else.
		return hook.ReasonRedirect
	case status == 401, status == 403:
		return hook.ReasonAuth
	case status == 404, status == 405:
		return hook.ReasonNotFound
	case status == 410:
		return hook.ReasonGone
	case status == 429:
		return hook.ReasonThrottled
	case status >= 400 && status <= 499:
		return hook.ReasonRejected
	}
	// Statuses outside 100 to 599 count as 5xx (RFC 9110 section 15).
	return hook.ReasonServer
}

// failure names the reason of an attempt without an answer, and says it in words that
// the endpoint's owner may see.
func failure(err error) (hook.Reason, string) {
	var e *exchangeError
	switch {
	case err == context.Canceled:
		return hook.ReasonCanceled, "the attempt was stopped before it ended"
	case !errors.As(err, &e):
		return hook.ReasonInternal, "the request could not be made"
	}
	switch e.phase {
	case dialing:
		return dialFailure(err)
	case handshaking:
		if words := refusesIdentity(e); words != "" {
			return hook.ReasonMTLS, words
		}
		return tlsFailure(err)
	}
	return exchangeFailure(e)
}

func dialFailure(err error) (hook.Reason, string) {
	var blocked *egress.BlockedError
	var lookup *egress.LookupError
	var proxy *egress.ProxyError
	var source *egress.SourceError
	switch {
	case errors.As(err, &proxy): // before the rest, which may be of the proxy's own address
		return hook.ReasonProxy, proxy.Error()
	case errors.As(err, &source):
		return hook.ReasonCredentials, source.Error()
	case errors.As(err, &blocked):
		return hook.ReasonBlockedPrivate, blocked.Error()
	case errors.As(err, &lookup) && lookup.NotFound:
		return hook.ReasonDNSNotFound, lookup.Error()
	case lookup != nil:
		// A resolver in trouble is, to the endpoint's owner, one that did not answer.
		return hook.ReasonDNSTimeout, lookup.Error()
	case isTimeout(err):
		return hook.ReasonConnectTimeout, "the connection was not accepted in time" + dialled(err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return hook.ReasonConnectRefused, "nothing is listening" + dialled(err)
	case errors.Is(err, syscall.ECONNRESET):
		return hook.ReasonReset, "the connection was reset while it was opened" + dialled(err)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return hook.ReasonConnectRefused, "the receiver's network cannot be reached" + dialled(err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return hook.ReasonInternal, "the sender has no file descriptor left"
	}
	return hook.ReasonConnectRefused, "the connection could not be opened" + dialled(err)
}

// dialled returns " on ADDRESS" when the error tells the address.
func dialled(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		return " on " + op.Addr.String()
	}
	return ""
}

func tlsFailure(err error) (hook.Reason, string) {
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &hostname):
		return hook.ReasonTLSHostname, "the certificate is not for this host: " + hostname.Error()
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return hook.ReasonTLSExpired, "the certificate is not valid now: " + invalid.Error()
	case errors.As(err, &unknown):
		return hook.ReasonTLSUnknownCA, "the certificate is signed by an authority that is not trusted here"
	case errors.As(err, &record):
		return hook.ReasonTLSHandshake, "the receiver does not speak TLS on this port"
	case isTimeout(err):
		return hook.ReasonTLSHandshake, "the TLS handshake was not finished in time"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF):
		return hook.ReasonTLSHandshake, "the receiver closed the connection during the TLS handshake"
	}
	return hook.ReasonTLSHandshake, "TLS handshake: " + strings.TrimPrefix(err.Error(), "tls: ")
}

func exchangeFailure(e *exchangeError) (hook.Reason, string) {
	if words := refusesIdentity(e); words != "" {
		return hook.ReasonMTLS, words
	}
	var op *net.OpError
	isAlert := errors.As(e.err, &op) && (op.Op == "remote error" || op.Op == "local error")
	switch {
	case isTimeout(e.err) && e.answered:
		return hook.ReasonTimeoutHeaders, "the answer's headers did not end in time"
	case isTimeout(e.err):
		return hook.ReasonTimeoutHeaders, "no answer in time"
	case isAlert:
		// In TLS 1.3 a receiver refuses a client's certificate only after the handshake.
		return hook.ReasonTLSHandshake, "the receiver ended TLS: " + strings.TrimPrefix(op.Err.Error(), "tls: ")
	case e.askedForCert && !e.presented && !e.answered:
		return hook.ReasonTLSHandshake, "the receiver asked for a client certificate, got none and closed the connection"
	case errors.Is(e.err, io.EOF), errors.Is(e.err, io.ErrUnexpectedEOF), errors.Is(e.err, syscall.ECONNRESET), errors.Is(e.err, syscall.EPIPE):
		if e.answered {
			return hook.ReasonReset, "the connection was closed in the middle of the answer's headers"
		}
		return hook.ReasonReset, "the connection was closed before an answer came"
	case !e.answered && strings.HasSuffix(e.err.Error(), notEstablished):
		return hook.ReasonReset, "the connection was closed before HTTP/2 had begun"
	}
	return hook.ReasonBadResponse, e.err.Error()
}

// notEstablished is what net/http's HTTP/2 calls a connection that ended before the receiver's
// settings came. It keeps the error to itself, hence the text.
const notEstablished = "http2: client conn could not be established"

// refusesIdentity returns words for a receiver that ended TLS because of the endpoint's client
// certificate, "" for everything else. crypto/tls keeps the alert's type to itself, hence the text.
func refusesIdentity(e *exchangeError) string {
	var op *net.OpError
	if !e.presented || !errors.As(e.err, &op) || op.Op != "remote error" {
		return ""
	}
	alert := strings.TrimPrefix(op.Err.Error(), "tls: ")
	if !strings.Contains(alert, "certificate") && alert != "access denied" {
		return ""
	}
	return "the receiver refused the client certificate: " + alert
}

// maxErrorBytes bounds the words of a failure, parts of which the receiver chose: the
// names in its certificate, for one.
const maxErrorBytes = 400

// printable makes text that a receiver may have had a hand in safe for logs.
func printable(words string) string {
	clean := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, words)
	if len(clean) > maxErrorBytes {
		clean = strings.ToValidUTF8(clean[:maxErrorBytes], "") + " ..."
	}
	return clean
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// maxRetryAfter keeps the arithmetic in range; what is honoured of it is hook's to say.
const maxRetryAfter = 10 * 365 * 24 * time.Hour

// parseRetryAfter reads seconds, with a fraction if need be, or a date (RFC 9110 section
// 10.2.3, RFC 2822). What is negative, past or neither is 0.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		if !(seconds > 0) { // NaN too
			return 0
		}
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	at, err := http.ParseTime(value)
	if err != nil {
		at, err = time.Parse("Mon, _2 Jan 2006 15:04:05 -0700", value)
	}
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
