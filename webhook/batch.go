package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

// batchFacts are the facts of a provider whose requests hold a list of events at a path of
// the JSON that in finds (nil: the body). What the request is as a whole follows from its
// events: the id of the only one, or one made of all their ids, and its key likewise; the
// type that they share; the time of the only one.
func batchFacts(in func(r *Request) []byte, list string, each facts) facts {
	var names []string
	if list != "" {
		names = strings.Split(list, ".")
	}
	// all returns what f finds in each event, nil when it is not in every one, or not all are seen.
	all := func(r *Request, f finder) (found []string) {
		if f == nil {
			return nil
		}
		text := r.Body
		if in != nil {
			text = in(r)
		}
		complete := jsonEach(jsonFind(text, names), func(element []byte) bool {
			one := f(&Request{Method: r.Method, URL: r.URL, Header: r.Header, Body: element})
			found = append(found, one)
			return one != "" && len(found) <= maxEvents
		})
		if !complete {
			return nil
		}
		return found
	}
	together := func(f finder) finder {
		return func(r *Request) string {
			switch found := all(r, f); len(found) {
			case 0:
				return ""
			case 1:
				return found[0]
			default:
				sum := sha256.Sum256([]byte(strings.Join(found, "\n")))
				return hex.EncodeToString(sum[:])
			}
		}
	}
	return facts{
		in: in, list: &list, each: &each,
		id: together(each.id), key: together(each.key),
		eventType: func(r *Request) string {
			types := all(r, each.eventType)
			for _, t := range types {
				if t != types[0] {
					return ""
				}
			}
			if len(types) == 0 {
				return ""
			}
			return types[0]
		},
		time: func(r *Request) string {
			if times := all(r, each.time); len(times) == 1 {
				return times[0]
			}
			return ""
		},
	}
}

// list reads a setting that holds several values: a JSON array of strings, or the values
// with commas or white space between them.
func (s *settings) list(name string) ([]string, error) {
	text := strings.TrimSpace(s.Settings[name])
	if strings.HasPrefix(text, "[") {
		var values []string
		if json.Unmarshal([]byte(text), &values) != nil {
			return nil, invalidSetting("%s is a JSON array of strings", name)
		}
		return values, nil
	}
	return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r' }), nil
}

// signedURL is the URL that the provider signs: that of a setting, because the receiver
// may not see what the provider called, or the request's.
func signedURL(s *settings, setting string) func(r *Request) string {
	if set := s.Settings[setting]; set != "" {
		return func(*Request) string { return set }
	}
	return func(r *Request) string { return r.URL }
}

// urlSetting describes the setting of signedURL.
func urlSetting(name string) Setting {
	return Setting{Name: name, Summary: "the URL exactly as the provider knows it, which it signs; the URL of the request when not set"}
}

// originAnswer answers the OPTIONS request with which CloudEvents asks for leave to send
// (cloudevents/spec http-webhook.md section 4). It is nil for any other request. No
// origins given means that everybody may ask; what he sends must be genuine all the same.
func originAnswer(r *Request, allowed []string) *Answer {
	origin := r.Header.Get("WebHook-Request-Origin")
	if r.Method != http.MethodOptions || origin == "" {
		return nil
	}
	if len(origin) > 255 || headerText(origin) != nil || !originAllowed(origin, allowed) {
		return refusedAnswer(http.StatusMethodNotAllowed, "the origin is not one of allowed_origins")
	}
	answer := &Answer{Status: http.StatusOK, Header: http.Header{"Allow": {http.MethodPost}}}
	answer.Header.Set("WebHook-Allowed-Origin", origin)
	// A rate is a number of requests per minute, or *.
	if rate := r.Header.Get("WebHook-Request-Rate"); rate == "*" || rate != "" && len(rate) <= 9 && strings.Trim(rate, "0123456789") == "" {
		answer.Header.Set("WebHook-Allowed-Rate", rate)
	}
	return answer
}

func originAllowed(origin string, allowed []string) bool {
	for _, one := range allowed {
		if one == "*" || strings.EqualFold(one, origin) {
			return true
		}
	}
	return len(allowed) == 0
}
