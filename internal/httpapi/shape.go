package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

func (s *server) getEndpointRequest(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, shapeToAPI(e.Shape))
}

// putEndpointRequest replaces an endpoint's shape; what is absent is the default.
func (s *server) putEndpointRequest(c *call) error {
	in, err := decode[api.EndpointRequestIn](c)
	if err != nil {
		return err
	}
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	now := s.now()
	e, err = s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		shape, err := shapeFromAPI(in, e.Shape)
		if err != nil {
			return err
		}
		if a.Source != 0 {
			if err := fitsForward(&shape); err != nil {
				return err
			}
		}
		e.Shape, e.UpdatedAt = shapeOrNil(shape), now
		return nil
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, shapeToAPI(e.Shape))
}

func (s *server) deleteEndpointRequest(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	now := s.now()
	_, err = s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		e.Shape, e.UpdatedAt = nil, now
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty()
}

// fitsForward refuses what an endpoint of a source cannot have: it gets the provider's
// request as that came.
func fitsForward(s *hook.Shape) error {
	const text = "is not for an endpoint of a source, which gets the provider's request as it came"
	switch {
	case s.Method != "" && s.Method != http.MethodPost:
		return hook.Fieldf("method", text)
	case s.Body != hook.BodyJSON:
		return hook.Fieldf("body", text)
	case s.Token != nil:
		return hook.Fieldf("token", text)
	}
	return nil
}

// shapeFromAPI makes a valid shape. old is the one that is replaced, for a token whose
// value is not given again.
func shapeFromAPI(in api.EndpointRequestIn, old *hook.Shape) (s hook.Shape, err error) {
	if in.Method != nil {
		if s.Method = *in.Method; s.Method == "" {
			return s, hook.Fieldf("method", "must be POST, PUT, PATCH or GET")
		}
	}
	if s.Method == http.MethodGet {
		s.Body = hook.BodyQuery
	}
	if in.Body != nil {
		known := false
		if s.Body, known = hook.ParseBodyForm(*in.Body); !known {
			return s, hook.Fieldf("body", "must be json, form, xml or query")
		}
	}
	if in.XMLRoot != nil {
		if s.XMLRoot = *in.XMLRoot; s.XMLRoot == "" {
			return s, hook.Fieldf("xmlRoot", "must not be empty")
		}
	}
	if in.Token != nil {
		if s.Token, err = tokenFromAPI(*in.Token, old); err != nil {
			return s, err
		}
	}
	if s.Success, err = statusesFromAPI(in.SuccessStatuses); err != nil {
		return s, err
	}
	if in.TimeoutSeconds != nil {
		if n := *in.TimeoutSeconds; n < int64(hook.MinTimeout/time.Second) || n > int64(hook.MaxTimeout/time.Second) {
			return s, hook.Fieldf("timeoutSeconds", "must lie between %d and %d", hook.MinTimeout/time.Second, hook.MaxTimeout/time.Second)
		}
		s.Timeout = time.Duration(*in.TimeoutSeconds) * time.Second
	}
	if in.RetrySchedule != nil {
		if s.RetryPolicy, err = secondsFromAPI("retrySchedule", in.RetrySchedule); err != nil {
			return s, err
		}
	}
	return s, s.Validate()
}

// shapeOrNil spells the defaults as such, and a shape of nothing else as none.
func shapeOrNil(s hook.Shape) *hook.Shape {
	if s.Method == http.MethodPost {
		s.Method = ""
	}
	if s.Timeout == hook.AttemptTimeout {
		s.Timeout = 0
	}
	if len(s.Success) == 1 && s.Success[0] == usualSuccess {
		s.Success = nil
	}
	if s.Method == "" && s.Body == hook.BodyJSON && s.Token == nil && s.Success == nil && s.Timeout == 0 && s.RetryPolicy == nil {
		return nil
	}
	return &s
}

var usualSuccess = hook.StatusRange{Low: 200, High: 299}

func tokenFromAPI(in api.EndpointRequestTokenIn, old *hook.Shape) (*hook.ShapeToken, error) {
	place, known := hook.ParsePlace(in.In)
	if !known {
		return nil, &hook.FieldError{Path: []string{"token", "in"}, Text: "must be body, query or header"}
	}
	t := &hook.ShapeToken{In: place, Name: in.Name}
	switch {
	case in.Value != nil:
		t.Value = *in.Value
	case old != nil && old.Token != nil && old.Token.In == t.In && old.Token.Name == t.Name:
		t.Value = old.Token.Value
	}
	return t, nil
}

// statusesFromAPI reads statuses and ranges; hook.Shape checks their bounds.
func statusesFromAPI(in []api.SuccessStatus) ([]hook.StatusRange, error) {
	if in == nil {
		return nil, nil
	}
	list := make([]hook.StatusRange, 0, min(len(in), hook.MaxStatusRanges+1))
	for _, text := range in {
		if len(list) > hook.MaxStatusRanges {
			break // too many, as the check will say
		}
		low, high, isRange := strings.Cut(string(text), "-")
		if !isRange {
			high = low
		}
		list = append(list, hook.StatusRange{Low: statusFromAPI(low), High: statusFromAPI(high)})
	}
	return list, nil
}

// statusFromAPI reads three digits; anything else is 0, which is no status.
func statusFromAPI(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || len(s) != 3 {
		return 0
	}
	return int(n)
}

func shapeToAPI(s *hook.Shape) api.EndpointRequestOut {
	if s == nil {
		s = &hook.Shape{}
	}
	out := api.EndpointRequestOut{Method: s.Method, Body: s.Body.String(), TimeoutSeconds: int64(hook.AttemptTimeout / time.Second)}
	if out.Method == "" {
		out.Method = http.MethodPost
	}
	if s.Body == hook.BodyXML {
		root := s.XMLRoot
		if root == "" {
			root = hook.DefaultXMLRoot
		}
		out.XMLRoot = &root
	}
	if t := s.Token; t != nil {
		out.Token = &api.EndpointRequestTokenOut{In: t.In.String(), Name: t.Name, IsSet: true}
	}
	ranges := s.Success
	if ranges == nil {
		ranges = []hook.StatusRange{usualSuccess}
	}
	for _, r := range ranges {
		text := strconv.Itoa(r.Low)
		if r.High != r.Low {
			text += "-" + strconv.Itoa(r.High)
		}
		out.SuccessStatuses = append(out.SuccessStatuses, api.SuccessStatus(text))
	}
	if s.Timeout != 0 {
		out.TimeoutSeconds = int64(s.Timeout / time.Second)
	}
	if s.RetryPolicy != nil {
		out.RetrySchedule = secondsToAPI(s.RetryPolicy)
	}
	return out
}
