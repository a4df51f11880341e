package send

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/internal/hook"
)

// An endpoint may want requests of another shape than a POST of the stored bytes
// (hook.Shape, docs/request-shape.md). What is built here is all that differs: the
// signature, the fields and the way out are those of every request. Nothing here is
// reached for an endpoint without such a wish.

const (
	// maxShapedBytes bounds a body that is made from a payload. A list below a long name
	// repeats that name for each item, so a small payload can make an endless form.
	maxShapedBytes = 8 << 20
	// maxTargetBytes bounds path and query of a shaped request: what common servers take.
	maxTargetBytes = 8 << 10
)

// What makes a message one that cannot be sent in an endpoint's shape. The endpoint's
// owner reads these.
var (
	errShapeRaw   = errors.New("the message has a raw body, which goes out as it is or not at all, and the endpoint asks for another form")
	errShapeJSON  = errors.New("the payload is not a JSON object, so that it cannot be brought into the form that the endpoint asks for")
	errShapeLong  = fmt.Errorf("path and query of the request would have more than %d bytes, which servers do not take", maxTargetBytes)
	errShapeLarge = fmt.Errorf("the payload would take more than %d MiB in the form that the endpoint asks for", maxShapedBytes>>20)
)

// newShaped builds the request of a job whose endpoint has a shape. It must be released
// after use. An error says in words that no attempt can ever be made.
func newShaped(p *prepared, job Job, now time.Time) (*request, error) {
	s := job.Endpoint.Shape
	method := s.Method
	if method == "" {
		method = http.MethodPost
	}
	body, contentType, err := shapedBody(s, job.Message)
	if err != nil {
		return nil, err
	}
	target := p.path
	if s.Body == hook.BodyQuery {
		// What the body is elsewhere, the query is here.
		target, body = withQuery(target, body), nil
	}
	if t := s.Token; t != nil && t.In == hook.InQuery {
		target = withQuery(target, appendPair(nil, t.Name, t.Value))
	}
	if len(target) > maxTargetBytes {
		return nil, errShapeLong
	}
	signed := body
	if method == http.MethodGet {
		// A signature over the empty body would vouch for nothing: whoever sees one such
		// request could send any other query with it.
		signed = []byte(queryOf(target))
	}
	r := requests.Get().(*request)
	r.to, r.id, r.at, r.body = p, job.WebhookID, now, body
	r.method, r.target = method, target
	r.signature = p.signer.AppendSignature(r.signature[:0], r.id, now, signed)
	b := append(r.buf[:0], method...)
	b = append(b, ' ')
	b = append(b, target...)
	b = append(b, " HTTP/1.1\r\n"...)
	b = append(b, p.rest...)
	if method != http.MethodGet {
		b = appendField(b, "Content-Type: ", contentType)
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(r.body)), 10)
		b = append(b, '\r', '\n')
	}
	b = r.appendSigned(b, "Webhook-")
	if p.svix {
		b = r.appendSigned(b, "Svix-")
	}
	if job.traceparent != "" {
		b = appendField(b, traceparent+": ", job.traceparent)
	}
	b = append(b, p.custom...)
	if p.credentials != nil {
		b = p.appendCredentials(b, r, &job, signed)
	}
	b = append(b, '\r', '\n')
	r.headBytes = len(b)
	if r.bodyInBuf = len(b)+len(r.body) <= maxInlineBytes; r.bodyInBuf {
		b = append(b, r.body...)
	}
	r.buf = b
	return r, nil
}

// shapedBody returns a message's content in an endpoint's form, and its type. For a GET it
// is what is added to the query.
func shapedBody(s *hook.Shape, m *hook.Message) (body []byte, contentType string, err error) {
	var token *hook.ShapeToken
	if s.Token != nil && s.Token.In == hook.InBody {
		token = s.Token
	}
	if s.Body == hook.BodyJSON && token == nil {
		return m.Body(), contentTypeOf(m), nil
	}
	if m.RawBody != nil || m.Inbound != nil {
		return nil, "", errShapeRaw
	}
	switch s.Body {
	case hook.BodyJSON:
		body, err = withMember(m.Payload, token)
		return body, contentTypeOf(m), err
	case hook.BodyXML:
		root := s.XMLRoot
		if root == "" {
			root = hook.DefaultXMLRoot
		}
		body, err = xmlBody(m.Payload, root, token)
		return body, "application/xml; charset=utf-8", err
	}
	most, tooLarge := maxShapedBytes, errShapeLarge
	if s.Body == hook.BodyQuery {
		most, tooLarge = maxTargetBytes, errShapeLong
	}
	body, err = formBody(m.Payload, token, most, tooLarge)
	return body, "application/x-www-form-urlencoded", err
}

// contentTypeOf returns what a message's stored bytes are sent as.
func contentTypeOf(m *hook.Message) string {
	if m.ContentType == "" || !isFieldValue(m.ContentType) {
		return "application/json"
	}
	return m.ContentType
}

// withQuery adds pairs to the query of a target.
func withQuery(target string, pairs []byte) string {
	switch at := strings.IndexByte(target, '?'); {
	case len(pairs) == 0:
		return target
	case at < 0:
		return target + "?" + string(pairs)
	case at == len(target)-1:
		return target + string(pairs)
	}
	return target + "&" + string(pairs)
}

// queryOf returns what follows the question mark of a target.
func queryOf(target string) string {
	_, query, _ := strings.Cut(target, "?")
	return query
}

// decoderOf reads a payload token by token. Payloads are checked when they are published,
// but not for keys that stand twice, which are the user's business.
func decoderOf(payload []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(payload), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// withMember returns a JSON object with a token as its last member. The bytes of all other
// members stay as they are; one of the token's name makes room for it.
func withMember(payload []byte, token *hook.ShapeToken) ([]byte, error) {
	dec := decoderOf(payload)
	if open, err := dec.ReadToken(); err != nil || open.Kind() != '{' {
		return nil, errShapeJSON
	}
	b := append(make([]byte, 0, len(payload)+len(token.Name)+len(token.Value)+16), '{')
	for dec.PeekKind() == '"' {
		name, err := dec.ReadValue()
		if err != nil {
			return nil, errShapeJSON
		}
		from := dec.InputOffset() - int64(len(name))
		plain, _ := jsontext.AppendUnquote(nil, name) // of lone surrogates it makes U+FFFD, and says so
		if err := dec.SkipValue(); err != nil {
			return nil, errShapeJSON
		}
		if string(plain) != token.Name {
			b = append(append(b, payload[from:dec.InputOffset()]...), ',')
		}
	}
	if end, err := dec.ReadToken(); err != nil || end.Kind() != '}' {
		return nil, errShapeJSON
	}
	b, _ = jsontext.AppendQuote(b, token.Name)
	b, _ = jsontext.AppendQuote(append(b, ':'), token.Value)
	return append(b, '}'), nil
}
