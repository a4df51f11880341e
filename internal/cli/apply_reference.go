package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A value of a YAML file can stand elsewhere, so that the file can be shown to anybody:
//
//	url: !env SLACK_WEBHOOK_URL     the value of an environment variable
//	code: !file slack.js            the text of a file, beside the one that names it
//
// Both are texts, and what they say is not printed in a plan. They are tags of YAML, so no text of
// anybody's can be taken for one; JSON has none.
const (
	envTag  = "!env"
	fileTag = "!file"
)

// maxReferencedBytes bounds the text of a file that is referred to: code, keys, templates.
const maxReferencedBytes = 1 << 20

// references finds what stands elsewhere.
type references struct {
	dir string                   // that relative names of files are of
	env func(name string) string // "" for none

	// found are the texts, as JSON, with what the file calls them by.
	found map[string]string
}

// resolve returns the text that a value refers to; false where it is an ordinary value.
func (r *references) resolve(n *yaml.Node) (text string, refers bool, err error) {
	switch {
	case !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!") || n.Tag == "!":
		return "", false, nil
	case n.Tag != envTag && n.Tag != fileTag:
		return "", true, fmt.Errorf("line %d: unknown tag %s; there are %s and %s", n.Line, n.Tag, envTag, fileTag)
	case n.Kind != yaml.ScalarNode:
		return "", true, fmt.Errorf("line %d: %s needs a name", n.Line, n.Tag)
	case n.Tag == envTag:
		text, err = r.variable(n.Value)
	default:
		text, err = r.file(n.Value)
	}
	if err != nil {
		return "", true, fmt.Errorf("line %d: %s %s: %w", n.Line, n.Tag, n.Value, err)
	}
	if r.found == nil {
		r.found = map[string]string{}
	}
	raw, err := json.Marshal(text)
	if err == nil {
		r.found[string(raw)] = strings.TrimPrefix(n.Tag, "!") + " " + n.Value
	}
	return text, true, err
}

// variable refuses an empty one, which is one that somebody forgot to fill.
func (r *references) variable(name string) (string, error) {
	if value := r.env(name); value != "" {
		return value, nil
	}
	return "", errors.New("the environment variable is not set, or empty")
}

// file returns the text of a file without its last line ends, which no secret has.
func (r *references) file(name string) (string, error) {
	if name == "" {
		return "", errors.New("the name is missing")
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(r.dir, name)
	}
	f, err := os.Open(name)
	if err != nil {
		// The path stands in the complaint already.
		if path, is := errors.AsType[*os.PathError](err); is {
			err = path.Err
		}
		return "", err
	}
	defer f.Close() // opened for reading: nothing to lose
	text, err := io.ReadAll(io.LimitReader(f, maxReferencedBytes+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxReferencedBytes:
		return "", fmt.Errorf("has more than %d bytes", maxReferencedBytes)
	case !utf8.Valid(text):
		return "", errors.New("must be text in UTF-8")
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// hide puts the names of what was referred to in place of the texts, for a plan is printed and logged.
func (d *declared) hide(changes []change) {
	for i, c := range changes {
		text := string(c.To)
		for raw, name := range d.referred {
			shown, _ := json.Marshal("(" + name + ")") // a text
			text = strings.ReplaceAll(text, raw, string(shown))
		}
		if text != string(c.To) {
			changes[i].From, changes[i].To = nil, json.RawMessage(text)
		}
	}
}
