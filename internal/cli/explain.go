package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/hookloft/hookloft/client"
)

// codedError is an error with an exit code of its own.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

func notFoundf(format string, args ...any) error {
	return &codedError{exitNotFound, fmt.Errorf(format, args...)}
}

func timeoutf(format string, args ...any) error {
	return &codedError{exitTimeout, fmt.Errorf(format, args...)}
}

func partialf(format string, args ...any) error {
	return &codedError{exitPartial, fmt.Errorf(format, args...)}
}

// missing says which thing a 404 was about, where the command knows it.
func missing(err error, format string, args ...any) error {
	if client.StatusOf(err) != http.StatusNotFound {
		return err
	}
	return notFoundf(format, args...)
}

// explain says what an error of a call means and what to do next. Texts of the server
// are shown with controls made visible.
func explain(err error) string {
	if refused, ok := errors.AsType[*client.Error](err); ok {
		return explainAnswer(refused)
	}
	var certificate *tls.CertificateVerificationError
	var dns *net.DNSError
	var call *url.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at %s\nStart a server ('hookloft serve', or 'hookloft dev' to try things), or name another one: --server, HOOKLOFT_SERVER or 'hookloft login'.", hostOf(err))
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %q cannot be resolved: %s\nIs the server's URL right? 'hookloft whoami' shows where it comes from.", dns.Name, dns.Err)
	case errors.As(err, &certificate):
		return fmt.Sprintf("the server's certificate is not trusted: %v\nName a file with its authority in SSL_CERT_FILE.", certificate.Err)
	case errors.As(err, &call) && errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer from %s in time", hostOf(err))
	}
	return visible(err.Error())
}

func hostOf(err error) string {
	var call *url.Error
	if errors.As(err, &call) {
		if u, err := url.Parse(call.URL); err == nil {
			return u.Scheme + "://" + u.Host
		}
	}
	return "the server"
}

func explainAnswer(e *client.Error) string {
	detail := e.Detail
	if detail == "" {
		detail = http.StatusText(e.Status)
	}
	request := ""
	if e.RequestID != "" {
		request = fmt.Sprintf(" (request %s)", e.RequestID)
	}
	var text string
	switch {
	case len(e.Fields) > 0:
		lines := make([]string, len(e.Fields))
		for i, f := range e.Fields {
			lines[i] = client.FieldName(f) + ": " + f.Msg
		}
		text = "the server refused this: " + strings.Join(lines, "\n  ")
	case e.Status == http.StatusUnauthorized:
		text = "the server does not know this token: " + detail + "\nMake one where the server runs ('hookloft token create'), then 'hookloft login'."
	case e.Status == http.StatusForbidden:
		text = "this token may not do that: " + detail + "\n'hookloft whoami' shows whose token it is."
	case e.Status == http.StatusNotFound:
		text = fmt.Sprintf("not found: %s %s: %s", e.Method, e.Path, detail)
	case e.Status == http.StatusNotImplemented:
		text = fmt.Sprintf("this server does not have %s %s; is it an older one? 'hookloft doctor' shows its version.", e.Method, e.Path)
	case e.Status == http.StatusTooManyRequests:
		text = "too many requests: " + detail + "\nTry again a little later, or slow down with --rate where there is one."
	case e.Status >= 500:
		text = fmt.Sprintf("the server answered %d: %s%s", e.Status, detail, request)
	case e.Status/100 == 3:
		text = fmt.Sprintf("the server answered %d, a redirect: is its URL right, with https?", e.Status)
	default:
		text = detail
		if e.Code != "" && e.Code != "generic_error" {
			text += " (" + e.Code + ")"
		}
		text = "the server refused this: " + text
	}
	return visible(text)
}

// answerCode is the exit code for an answer.
func answerCode(status int) int {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitAuth
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return exitTimeout
	}
	return exitError
}
