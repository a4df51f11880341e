package send

import (
	"net/http"
	"strings"

	"github.com/hookloft/hookloft/internal/hook"
)

// Forwarded is what of a provider's request goes on, for those who make it anew somewhere
// else: where somebody listens. It has passed the same checks as a request of newForward.
type Forwarded struct {
	Method string
	Path   string // what follows the receiver's own path, percent-encoded, with one slash before it; "" for nothing
	Query  string // percent-encoded, without its question mark
	// Header is the fields that say where the webhook is from and those of the provider, name and value.
	Header [][2]string
}

// Forward returns what of an inbound message goes on. sourceID is the public id of its
// source. An error says in words that it never can.
func Forward(m *hook.Message, sourceID string) (*Forwarded, error) {
	in := m.Inbound
	f := &Forwarded{Method: in.Method}
	switch in.Method {
	case "":
		f.Method = http.MethodPost
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		return nil, errMethod
	}
	target, err := forwardTarget("", in.Path, in.Query)
	if err != nil {
		return nil, err
	}
	f.Path, f.Query, _ = strings.Cut(target, "?")
	p := &prepared{}
	fields, _ := p.appendForwarded(appendStamps(nil, Job{Message: m, SourceID: sourceID}), in.Header, false)
	for line := range strings.SplitSeq(string(fields), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			f.Header = append(f.Header, [2]string{name, value})
		}
	}
	return f, nil
}
