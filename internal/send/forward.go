package send

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// A message that came from a provider goes on as the request that it was: its method,
// what followed the source's URL, its query, its headers and its bytes, with the fields
// of newRequest and those that say where it is from. The sender of that request is a
// stranger, so everything of it is checked once more here: it can neither break out of
// its place in the request nor speak in our name.

const (
	// maxForwardedHead is how large request line and header block may grow by what a
	// provider sent; common servers refuse more than 8 to 64 KiB. Ours stand first, so
	// that never the signature is left out.
	maxForwardedHead = 32 << 10
	// maxForwardedFields is how many of a provider's fields go on: some servers refuse
	// requests with more than 100.
	maxForwardedFields = 80
	// maxStampBytes bounds what a field of ours repeats of a provider's words.
	maxStampBytes = 1 << 10
)

// What makes a received request one that cannot be made again. The door for webhooks
// refuses all of this, so the texts are for messages of another version or hand.
var (
	errMethod   = errors.New("the webhook's method cannot be forwarded")
	errSuffix   = errors.New("the webhook's path holds characters, escapes or dot segments that cannot be forwarded")
	errQuery    = errors.New("the webhook's query holds control characters or spaces")
	errLongPath = errors.New("the webhook's path and query are too long to be forwarded")
)

// newForward builds the request of a job whose message came from a provider. It must be
// released after use. An error says in words that no attempt can ever be made.
func newForward(p *prepared, job Job, now time.Time) (*request, error) {
	in := job.Message.Inbound
	method := in.Method
	switch method {
	case "":
		method = http.MethodPost
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		return nil, errMethod
	}
	target, err := forwardTarget(p.path, in.Path, in.Query)
	if err != nil {
		return nil, err
	}
	r := requests.Get().(*request)
	r.to, r.id, r.at, r.body = p, job.WebhookID, now, job.Message.Body()
	r.method, r.target = method, target
	r.signature = p.signer.AppendSignature(r.signature[:0], r.id, now, r.body)
	b := append(r.buf[:0], method...)
	b = append(b, ' ')
	b = append(b, target...)
	b = append(b, " HTTP/1.1\r\n"...)
	b = append(b, p.fields...)
	if t := job.Message.ContentType; t != "" && isFieldValue(t) && len(t) <= maxStampBytes {
		b = appendField(b, "Content-Type: ", t)
	}
	if len(r.body) > 0 || anticipatesContent(method) {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(r.body)), 10)
		b = append(b, '\r', '\n')
	}
	b = r.appendSigned(b, "Webhook-")
	if p.svix {
		b = r.appendSigned(b, "Svix-")
	}
	b = appendStamps(b, job)
	if job.traceparent != "" {
		b = appendField(b, traceparent+": ", job.traceparent)
	}
	b = append(b, p.custom...)
	if p.credentials != nil {
		signed := r.body
		if len(signed) == 0 {
			// As of a shaped GET: a signature over nothing would vouch for any query. The
			// signature of Standard Webhooks is over the body alone, as its readers expect.
			signed = []byte(queryOf(target))
		}
		b = p.appendCredentials(b, r, &job, signed)
	}
	b, accepts := p.appendForwarded(b, in.Header, job.traceparent != "")
	if !accepts && !p.own["accept"] {
		b = appendField(b, "Accept: ", "*/*")
	}
	b = append(b, '\r', '\n')
	r.headBytes = len(b)
	if r.bodyInBuf = len(b)+len(r.body) <= maxInlineBytes; r.bodyInBuf {
		b = append(b, r.body...)
	}
	r.buf = b
	return r, nil
}

// anticipatesContent reports whether a request of that method says that it has no
// content with "Content-Length: 0", rather than with no such field (RFC 9110 section 8.6).
func anticipatesContent(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// appendStamps appends the fields that say where a webhook is from.
func appendStamps(b []byte, job Job) []byte {
	in := job.Message.Inbound
	stamp := func(nameAndColon, value string) {
		if value != "" && len(value) <= maxStampBytes && isFieldValue(value) {
			b = appendField(b, nameAndColon, value)
		}
	}
	stamp("x-hookloft-source: ", job.SourceID)
	stamp("x-hookloft-provider: ", in.Provider)
	stamp("x-hookloft-event-type: ", in.Type)
	stamp("x-hookloft-delivery-id: ", in.DeliveryID)
	if in.Stale {
		stamp("x-hookloft-stale: ", "true")
	}
	return b
}

// appendForwarded appends a provider's fields, of which names and values stand by turns,
// as far as they may go on and there is room. traced: a traceparent of ours stands there
// already, so the provider's goes no further. accepts: one of them was Accept.
func (p *prepared) appendForwarded(b []byte, fields []string, traced bool) (_ []byte, accepts bool) {
	nominated := map[string]bool{}
	if traced {
		nominated[traceparent], nominated["tracestate"] = true, true
	}
	for i := 0; i+1 < len(fields); i += 2 {
		if plainName(fields[i]) == "connection" {
			for name := range strings.SplitSeq(fields[i+1], ",") {
				nominated[plainName(strings.TrimSpace(name))] = true
			}
		}
	}
	n := 0
	for i := 0; i+1 < len(fields); i += 2 {
		name, value := fields[i], fields[i+1]
		plain := plainName(name)
		if !isFieldName([]byte(name)) || !isFieldValue(value) || isReserved(plain) || nominated[plain] || p.own[plain] {
			continue
		}
		if n++; n > maxForwardedFields || len(b)+len(name)+len(value)+len(": \r\n") > maxForwardedHead {
			break
		}
		b = append(b, name...)
		b = appendField(b, ": ", value)
		accepts = accepts || plain == "accept"
	}
	return b, accepts
}

// plainName is the name by which a field is known: in lower case, and with hyphens for
// underscores, because gateways (CGI, WSGI) hand both to a program as one.
func plainName(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

// isReserved reports whether a field never goes on: those of one connection, those that are
// set by newForward, what asks for an answer that we could not store readably, and the names
// in which we sign.
func isReserved(plain string) bool {
	switch plain {
	case "user-agent", "accept-encoding":
		return true
	}
	return hook.IsConnectionHeader(plain) || strings.HasPrefix(plain, "webhook-") || strings.HasPrefix(plain, "svix-") || strings.HasPrefix(plain, "x-hookloft-")
}

// forwardTarget joins what followed a source's URL to an endpoint's path and query:
// "/hook?a=1", "/x/y" and "b=2" become "/hook/x/y?a=1&b=2".
func forwardTarget(own, suffix, query string) (string, error) {
	if suffix == "" && query == "" {
		return own, nil
	}
	path, ownQuery, _ := strings.Cut(own, "?")
	if suffix != "" {
		if !isPlainSuffix(suffix) {
			return "", errSuffix
		}
		// One slash between, and none more: "//" at the begin of a target names a host.
		path = strings.TrimSuffix(path, "/") + "/" + percentEncoded(strings.TrimLeft(suffix, "/"))
	}
	if hasControl(query) {
		return "", errQuery
	}
	target := path
	for i, q := range [...]string{ownQuery, query} {
		switch {
		case q == "":
			continue
		case i == 0 || ownQuery == "":
			target += "?"
		default:
			target += "&"
		}
		target += percentEncoded(q)
	}
	if len(target) > maxForwardedHead/2 {
		return "", errLongPath
	}
	return target, nil
}

// isPlainSuffix reports whether a path can be joined to another without leading out of
// it: no dot segments, however they are written, and no end of the path inside.
func isPlainSuffix(suffix string) bool {
	if hasControl(suffix) || strings.ContainsAny(suffix, `?#\`) {
		return false
	}
	decoded, err := url.PathUnescape(suffix)
	if err != nil {
		return false
	}
	for segment := range strings.FieldsFuncSeq(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
		// Some servers take "..;x=y" for "..".
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			return false
		}
	}
	return true
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// percentEncoded encodes what a request line cannot hold or a server could take for the
// begin of a fragment. Existing escapes stay.
func percentEncoded(s string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool { return c < 0x80 && c != '#' }
	at := 0
	for at < len(s) && plain(s[at]) {
		at++
	}
	if at == len(s) {
		return s
	}
	b := []byte(s[:at])
	for ; at < len(s); at++ {
		if c := s[at]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// forwardedHeader is the fields of a forwarded request as a map, for HTTP/2. They are read from what
// HTTP/1.1 would get, so that both say the same.
func (r *request) forwardedHeader() http.Header {
	h := http.Header{}
	lines := strings.Split(string(r.buf[:r.headBytes]), "\r\n")
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		// HTTP/2 has these two in places of their own.
		if name != "" && name != "Host" && name != "Content-Length" {
			h.Add(name, value)
		}
	}
	return h
}

// forwardedURL is where HTTP/2 finds the target byte for byte.
func (r *request) forwardedURL() *url.URL {
	return &url.URL{Scheme: r.to.url.Scheme, Host: r.to.url.Host, Opaque: "//" + r.to.url.Host + r.target}
}

// isForward reports whether the job's message came from a provider.
func (j *Job) isForward() bool { return j.Message.Inbound != nil }

// blockedHint is what the owner of a source can do about a refused address: the
// services behind a source are often their own.
const blockedHint = "; the operator of this server can allow it with --egress-allow"

// explain adds to the words of a forwarded request's failure.
func explain(a *hook.Attempt) {
	if a.Reason == hook.ReasonBlockedPrivate {
		a.Error += blockedHint
	}
}
