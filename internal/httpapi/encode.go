package httpapi

import (
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
)

// outOptions write an answer: a nil list is null, because client libraries read []
// in these places as "none allowed", and maps are sorted, because a repeated request
// must get the same bytes.
var outOptions = json.JoinOptions(json.FormatNilSliceAsNull(true), json.Deterministic(true))

var jsonType = []string{"application/json"}

// encode returns v as JSON. The types of api always encode.
func encode(v any) []byte {
	b, err := json.Marshal(v, outOptions)
	if err != nil {
		panic("httpapi: encode answer: " + err.Error())
	}
	return b
}

// json answers with v.
func (c *call) json(status int, v any) error { return c.raw(status, encode(v)) }

// raw answers with JSON text, or with no body at all.
func (c *call) raw(status int, body []byte) error {
	c.status = status
	if len(body) > 0 {
		c.w.Header()["Content-Type"] = jsonType
	}
	c.w.WriteHeader(status)
	// A write error means that the client is gone: nothing is left to be done for it.
	_, _ = c.w.Write(body)
	return nil
}

// empty answers 204.
func (c *call) empty() error {
	c.status = http.StatusNoContent
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// What holds a payload is written by hand: an encoder would drop the white space
// between its tokens, and the payload is shown as it was received.

// appendMessage appends m as a JSON object.
func appendMessage(dst []byte, m *api.MessageOut) []byte {
	dst = appendMessageFields(append(dst, '{'), m)
	return append(dst, '}')
}

func appendMessageFields(dst []byte, m *api.MessageOut) []byte {
	dst = append(dst, `"id":"`...)
	dst = append(dst, m.ID...)
	dst = append(dst, `","eventType":`...)
	dst = appendString(dst, m.EventType)
	dst = append(dst, `,"eventId":`...)
	if m.EventID == nil {
		dst = append(dst, "null"...)
	} else {
		dst = appendString(dst, *m.EventID)
	}
	dst = append(dst, `,"payload":`...)
	dst = append(dst, m.Payload...)
	dst = append(dst, `,"channels":`...)
	dst = appendStrings(dst, m.Channels)
	dst = append(dst, `,"tags":`...)
	dst = appendStrings(dst, m.Tags)
	dst = append(dst, `,"timestamp":"`...)
	dst = m.Timestamp.AppendFormat(dst, timeFormat)
	dst = append(dst, `","deliverAt":`...)
	if m.DeliverAt == nil {
		dst = append(dst, "null"...)
	} else {
		dst = m.DeliverAt.AppendFormat(append(dst, '"'), timeFormat)
		dst = append(dst, '"')
	}
	if m.ExpiresAt != nil {
		dst = m.ExpiresAt.AppendFormat(append(dst, `,"expiresAt":"`...), timeFormat)
		dst = append(dst, '"')
	}
	if m.Inbound != nil {
		dst = append(append(dst, `,"inbound":`...), encode(m.Inbound)...)
	}
	return dst
}

// timeFormat is RFC 3339 with milliseconds; the times are in UTC.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

func appendString(dst []byte, s string) []byte {
	// Valid UTF-8 was checked when s came in, so quoting cannot fail.
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

func appendStrings(dst []byte, list []string) []byte {
	if list == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// appendAttempt appends a as a JSON object, its message by hand.
func appendAttempt(dst []byte, a *api.MessageAttemptOut) []byte {
	plain := *a
	plain.Msg = nil
	dst = append(dst, encode(plain)...)
	if a.Msg == nil {
		return dst
	}
	dst = append(dst[:len(dst)-1], `,"msg":`...)
	return append(appendMessage(dst, a.Msg), '}')
}

// appendAttempted appends m with its status at an endpoint.
func appendAttempted(dst []byte, m *api.EndpointMessageOut) []byte {
	dst = appendMessageFields(append(dst, '{'), &m.MessageOut)
	status := encode(struct {
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		NextAttempt *time.Time `json:"nextAttempt,omitempty"`
	}{m.Status, m.StatusText, m.NextAttempt})
	dst = append(dst, ',')
	return append(dst, status[1:]...)
}

// appendList appends a page whose rows are written by row.
func appendList[T any](dst []byte, l api.List[T], row func([]byte, *T) []byte) []byte {
	dst = append(dst, `{"data":[`...)
	for i := range l.Data {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = row(dst, &l.Data[i])
	}
	dst = append(dst, `],"iterator":`...)
	if l.Iterator == nil {
		dst = append(dst, "null"...)
	} else {
		dst = appendString(dst, *l.Iterator)
	}
	if l.PrevIterator != nil {
		dst = appendString(append(dst, `,"prevIterator":`...), *l.PrevIterator)
	}
	if l.Done {
		return append(dst, `,"done":true}`...)
	}
	return append(dst, `,"done":false}`...)
}
