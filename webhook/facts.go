package webhook

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"
	"time"
)

// facts says where a provider's request holds what a receiver wants to know. Everything
// is optional. It is read only after the request was found genuine, never panics, and
// leaves out what is not there.
type facts struct {
	id, eventType, time finder
	key                 finder // see Verified.Key; mostly qualified
	// within is asked of the request: what the ids of the events in list are unique within,
	// for a provider that gives the same event to several senders of its own.
	within finder
	// list is the path of the array that holds a batch's events; nil when a request is one
	// event. id, eventType and time are asked of the request; each is of an event, whose
	// body is the array's element.
	list *string
	each *facts
	// in is the JSON that list is a path of, for a provider that sends it in a form's
	// field; nil means the body.
	in func(r *Request) []byte
	// split finds the events of a batch whose arrays are nested; instead of list. It returns
	// nil when it does not see all of them.
	split func(r *Request) []Event
}

// finder returns text of a request, "" when it is not there. Numbers are returned as they are written.
type finder func(r *Request) string

// header finds a header's first value.
func header(name string) finder {
	return func(r *Request) string { return r.Header.Get(name) }
}

// body finds a value of a JSON body by its path: names and array indexes with full stops
// between them ("data.object.id", "entry.0.id").
func body(path string) finder {
	names := strings.Split(path, ".")
	return func(r *Request) string { return jsonText(jsonFind(r.Body, names)) }
}

// form finds a field of a form body.
func form(field string) finder {
	return func(r *Request) string { return formValue(r.Body, field) }
}

// inPayload finds a value in the JSON of the form field payload (Slack's interactivity, Papertrail).
func inPayload(path string) finder {
	inner := body(path)
	return func(r *Request) string {
		return inner(&Request{Body: []byte(formValue(r.Body, "payload"))})
	}
}

// joined puts what the finders find together; "" when any of them finds nothing.
func joined(separator string, finders ...finder) finder {
	return func(r *Request) string {
		parts := make([]string, len(finders))
		for i, f := range finders {
			if parts[i] = f(r); parts[i] == "" {
				return ""
			}
		}
		return strings.Join(parts, separator)
	}
}

// qualified finds an id that several events share, with what tells those apart, as far as
// it is there. It returns a hash, because what tells may be long; "" without the id.
func qualified(id finder, more ...finder) finder {
	return func(r *Request) string {
		first := id(r)
		if first == "" {
			return ""
		}
		h := sha256.New()
		writePart(h, first)
		for _, f := range more {
			writePart(h, f(r))
		}
		return hex.EncodeToString(h.Sum(nil))
	}
}

// writePart hashes a text with its length, so that no two lists of parts are the same bytes.
func writePart(h hash.Hash, text string) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
	h.Write([]byte(text))
}

// either is the first that finds something.
func either(finders ...finder) finder {
	return func(r *Request) string {
		for _, f := range finders {
			if s := f(r); s != "" {
				return s
			}
		}
		return ""
	}
}

// maxEvents bounds what is read of a batch: providers send up to 5,000 (Event Grid). A
// larger one is not a batch, but one event: whoever splits it must not lose the rest.
const maxEvents = 10_000

func (f *facts) read(r *Request, v *Verified) {
	one := f.find(r)
	v.ID, v.Key, v.Type, v.Time = one.ID, one.Key, one.Type, one.Time
	if f.split != nil {
		v.Events = f.split(r)
		for i := range v.Events {
			v.Events[i].ID, v.Events[i].Type = short(v.Events[i].ID), short(v.Events[i].Type)
		}
	}
	if f.list == nil {
		return
	}
	var names []string
	if *f.list != "" {
		names = strings.Split(*f.list, ".")
	}
	text := r.Body
	if f.in != nil {
		text = f.in(r)
	}
	key := finder(nil)
	if f.within != nil {
		place := f.within(r)
		key = qualified(f.each.id, func(*Request) string { return place })
	}
	all := jsonEach(jsonFind(text, names), func(element []byte) bool {
		if len(v.Events) == maxEvents {
			return false
		}
		part := &Request{Method: r.Method, URL: r.URL, Header: r.Header, Body: element}
		e := f.each.find(part)
		e.Body = element
		if key != nil {
			e.Key = key(part)
		}
		if e.Type == "" { // then it is said once, for all
			e.Type = v.Type
		}
		v.Events = append(v.Events, e)
		return true
	})
	if !all {
		v.Events = nil
	}
}

// find reads what r says of one event, without its body.
func (f *facts) find(r *Request) (e Event) {
	if f.id != nil {
		e.ID = short(f.id(r))
	}
	if f.key != nil {
		e.Key = f.key(r)
	}
	if f.eventType != nil {
		e.Type = short(f.eventType(r))
	}
	if f.time != nil {
		e.Time = parseTime(f.time(r))
	}
	return e
}

// short leaves out what is too long: ids and types go into logs and headers, and text
// beyond this is neither.
func short(text string) string {
	if len(text) > maxIDBytes {
		return ""
	}
	return text
}

// parseTime reads the ways in which providers write times: Unix seconds, with or without
// a fraction, Unix milliseconds, RFC 3339, and the same without a zone, with "T" or a space, in UTC.
// Zero for anything else.
func parseTime(text string) time.Time {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		switch {
		case n >= 1e8 && n < 1e11:
			return time.UnixMilli(int64(n * 1000)).UTC()
		case n >= 1e11 && n < 1e14:
			return time.UnixMilli(int64(n)).UTC()
		}
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05", time.DateTime, time.RFC1123, time.RFC1123Z} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
