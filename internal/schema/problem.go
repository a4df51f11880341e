package schema

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Problem is one place where a document does not follow a schema.
type Problem struct {
	// Path leads to the value, names and places ("[0]") in turn; for one that is missing or
	// should not be there, to it. Empty for the document as a whole. Long names are cut.
	Path []string
	// Text says what is wrong. It may repeat a part of the value.
	Text string
}

const (
	maxProblemText = 300
	maxPathNames   = 32
	maxNameBytes   = 64
)

// Problems compares a document and returns up to limit places where it does not follow the
// schema, nil for none. Where a choice of schemas fails, all of its branches are told.
func (c *Schema) Problems(document []byte, limit int) []Problem {
	whole := func(text string) []Problem { return []Problem{{Text: text}} }
	walk := Walk{MaxDepth: MaxDepth, MaxValues: MaxValues, Exact: true}
	if fault, _ := walk.Fault(document); fault != "" {
		return whole(fault)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return whole("is not JSON")
	}
	err = c.validate(doc, firstSteps+stepsPerValue*walk.Values)
	var found *jsonschema.ValidationError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooMuch):
		return whole("takes too many steps to compare with the schema")
	case !errors.As(err, &found):
		return whole("does not follow the schema")
	}
	r := report{doc: doc, limit: limit}
	r.add(found)
	return r.list
}

// report collects the leaves of a library's error.
type report struct {
	doc   any
	limit int
	list  []Problem
}

func (r *report) add(e *jsonschema.ValidationError) {
	for _, cause := range e.Causes {
		if len(r.list) >= r.limit {
			return
		}
		r.add(cause)
	}
	if len(e.Causes) > 0 || len(r.list) >= r.limit {
		return
	}
	path := r.path(e.InstanceLocation)
	below := func(names []string, text string) {
		for _, name := range names {
			if len(r.list) < r.limit {
				r.list = append(r.list, Problem{Path: append(path[:len(path):len(path)], clip(name, maxNameBytes)), Text: text})
			}
		}
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		below(k.Missing, "is missing")
	case *kind.AdditionalProperties:
		below(k.Properties, "is not allowed here")
	default:
		text := "does not follow the schema"
		if out := e.BasicOutput(); out.Error != nil {
			text = clip(out.Error.String(), maxProblemText)
		}
		r.list = append(r.list, Problem{Path: path, Text: text})
	}
}

// path spells a place as errors of the API do: members by name, elements as [n].
func (r *report) path(tokens []string) []string {
	at, path := r.doc, make([]string, 0, len(tokens))
	for i, token := range tokens {
		if i == maxPathNames {
			return append(path, "...")
		}
		name := clip(token, maxNameBytes)
		switch v := at.(type) {
		case map[string]any:
			at = v[token]
		case []any:
			name, at = "["+name+"]", nil
			if n, err := strconv.Atoi(token); err == nil && n >= 0 && n < len(v) {
				at = v[n]
			}
		}
		path = append(path, name)
	}
	return path
}
