// Package connector holds the ready connectors: code that makes of an event what a known
// service understands, with what that service's answers mean. They are part of the
// program, so a new version of it repairs them for every endpoint that uses one.
//
// What is written here of a service (limits, answers) is from its public documentation
// where Template.Sure says so, and from memory elsewhere.
package connector

import (
	"embed"
	"slices"

	"github.com/hookloft/hookloft/internal/hook"
)

// Template is a ready connector.
type Template struct {
	// Name is what endpoints refer to; it never changes. Title is what people read.
	Name, Title string
	// Kind is that of the contract (hook.ConnectorKinds).
	Kind        string
	Description string
	// Instructions say, in Markdown, where the service gives the URL and what to enter.
	Instructions string
	// URL is how the endpoint's URL looks.
	URL       string
	Variables []Variable
	// EventType and Payload are an example of what comes in.
	EventType, Payload string
	// Answers are tried before what any answer means.
	Answers []hook.AnswerRule
	// Limits are what the service takes at most, in words, Idempotency what a repeated
	// request does there.
	Limits, Idempotency string
	// Sure says which of this is documented by the service; the rest is from memory.
	Sure string
}

// Variable is a setting of a template's code.
type Variable struct {
	Name, Meaning string
	// Default holds where the endpoint gives none; the code's own default is said in Meaning.
	Default  string
	Required bool
	// IsSecret: the value is never shown again. Withheld: nor is it given to the code.
	IsSecret, Withheld bool
}

// Email is the name of the connector that every endpoint with an SMTP URL has, and
// UsernameVariable and PasswordVariable what it proves itself with.
const (
	Email            = "email"
	UsernameVariable = "username"
	PasswordVariable = "password"
)

//go:embed code/*.js
var code embed.FS

// All returns the templates, in the order in which they are shown. The list is the caller's.
func All() []Template { return slices.Clone(templates) }

// Find returns the template of a name.
func Find(name string) (t Template, found bool) {
	for i := range templates {
		if templates[i].Name == name {
			return templates[i], true
		}
	}
	return t, false
}

// Code returns what a template runs: the shared part, and its own. It depends on nothing else.
func (t *Template) Code() string {
	lib, err := code.ReadFile("code/lib.js")
	own, err2 := code.ReadFile("code/" + t.Name + ".js")
	if err != nil || err2 != nil {
		return "" // a test reads all of them
	}
	return string(lib) + string(own)
}

// Variable returns one of the template's variables; false where it has none of the name.
func (t *Template) Variable(name string) (Variable, bool) {
	for _, v := range t.Variables {
		if v.Name == name {
			return v, true
		}
	}
	return Variable{}, false
}

// Ready finds what an endpoint takes from the template of a name.
func Ready(name string) (r hook.ReadyConnector, found bool) {
	t, found := Find(name)
	if !found {
		return r, false
	}
	r = hook.ReadyConnector{Code: t.Code(), Answers: t.Answers}
	for _, v := range t.Variables {
		if v.Default != "" {
			if r.Variables == nil {
				r.Variables = map[string]string{}
			}
			r.Variables[v.Name] = v.Default
		}
		if v.Withheld {
			r.Withheld = append(r.Withheld, v.Name)
		}
	}
	return r, true
}

// Check checks the values that an endpoint gives. The error names the variable, and holds no value.
func (t *Template) Check(field string, vars map[string]string) error {
	for _, v := range t.Variables {
		if v.Required && vars[v.Name] == "" {
			return &hook.FieldError{Path: []string{field, v.Name}, Text: "must be given: " + v.Meaning}
		}
	}
	for name := range vars {
		if _, known := t.Variable(name); !known {
			return &hook.FieldError{Path: []string{field, name}, Text: "is no variable of the connector " + t.Name}
		}
	}
	return nil
}
