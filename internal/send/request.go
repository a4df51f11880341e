package send

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// request is one request, ready to be written as HTTP/1.1: a POST, or what a provider
// made of it (forward.go).
type request struct {
	to *prepared
	// buf holds the head and, when small, the body behind it.
	buf []byte
	// body is the body; bodyInBuf says that buf ends with it.
	body      []byte
	bodyInBuf bool

	// The parts that HTTP/2 needs one by one.
	id, contentType string
	at              time.Time
	signature       []byte
	traceparent     string // "" for none
	// method and target of a forwarded webhook, of a shaped request or of one with credentials, and how much of buf is head; "" otherwise.
	method, target string
	headBytes      int
}

const (
	// maxInlineBytes is up to which size head and body are written at once, by the
	// goroutine that then reads the answer. Even an idle socket's send buffer takes
	// that much, so the write does not wait for the receiver. Larger requests are
	// written by a goroutine of their own, because the answer may come first.
	maxInlineBytes = 32 << 10
	// maxKeptRequest is how large a buffer may be and still be kept.
	maxKeptRequest = 64 << 10
)

var requests = sync.Pool{New: func() any { return &request{buf: make([]byte, 0, 4<<10)} }}

// newRequest builds the request of a job at now. It must be released after use.
func newRequest(p *prepared, job Job, now time.Time) *request {
	r := requests.Get().(*request)
	r.to, r.id, r.at, r.body = p, job.WebhookID, now, job.Message.Body()
	r.contentType, r.traceparent = contentTypeOf(job.Message), job.traceparent
	r.signature = p.signer.AppendSignature(r.signature[:0], r.id, now, r.body)
	b := append(r.buf[:0], p.head...)
	b = appendField(b, "Content-Type: ", r.contentType)
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(r.body)), 10)
	b = append(b, '\r', '\n')
	b = r.appendSigned(b, "Webhook-")
	if p.svix {
		b = r.appendSigned(b, "Svix-")
	}
	if r.traceparent != "" {
		b = appendField(b, traceparent+": ", r.traceparent)
	}
	b = append(b, p.custom...)
	if p.credentials != nil {
		b = p.appendCredentials(b, r, &job, r.body)
	}
	b = append(b, '\r', '\n')
	if p.credentials != nil {
		// For HTTP/2 all fields are read from what stands here.
		r.method, r.target, r.headBytes = http.MethodPost, p.path, len(b)
	}
	if r.bodyInBuf = len(b)+len(r.body) <= maxInlineBytes; r.bodyInBuf {
		b = append(b, r.body...)
	}
	r.buf = b
	return r
}

func appendField(b []byte, nameAndColon, value string) []byte {
	b = append(b, nameAndColon...)
	b = append(b, value...)
	return append(b, '\r', '\n')
}

// appendSigned appends the three fields of one family (Standard Webhooks 1.0.0).
func (r *request) appendSigned(b []byte, prefix string) []byte {
	b = append(b, prefix...)
	b = appendField(b, "Id: ", r.id)
	b = append(b, prefix...)
	b = append(b, "Timestamp: "...)
	b = strconv.AppendInt(b, r.at.Unix(), 10)
	b = append(b, '\r', '\n')
	b = append(b, prefix...)
	b = append(b, "Signature: "...)
	b = append(b, r.signature...)
	return append(b, '\r', '\n')
}

// header is the same fields as a map, for HTTP/2, which has no case to preserve.
func (r *request) header() http.Header {
	if r.method != "" {
		return r.forwardedHeader()
	}
	h := http.Header{
		"User-Agent":        {r.to.agent},
		"Accept":            {"*/*"},
		"Content-Type":      {r.contentType},
		"Webhook-Id":        {r.id},
		"Webhook-Timestamp": {strconv.FormatInt(r.at.Unix(), 10)},
		"Webhook-Signature": {string(r.signature)},
	}
	if r.to.svix {
		h["Svix-Id"], h["Svix-Timestamp"], h["Svix-Signature"] = h["Webhook-Id"], h["Webhook-Timestamp"], h["Webhook-Signature"]
	}
	if r.traceparent != "" {
		h.Set(traceparent, r.traceparent)
	}
	for name, value := range r.to.endpoint.Headers {
		h.Set(name, value)
	}
	return h
}

// release gives the buffers back. Nobody may be writing from them any more.
func (r *request) release() {
	if cap(r.buf) > maxKeptRequest || cap(r.signature) > maxKeptRequest {
		return
	}
	*r = request{buf: r.buf, signature: r.signature}
	requests.Put(r)
}

// isFieldName reports whether b is a token (RFC 9110 section 5.6.2).
func isFieldName(b []byte) bool {
	for _, c := range b {
		if !tokenChars[c] {
			return false
		}
	}
	return len(b) > 0
}

// tokenChars marks the characters of a token.
var tokenChars = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		t[c] = true
	}
	return t
}()

// isFieldValue reports whether s can stand as a field's value without ending it.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
