package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hookloft/hookloft/internal/config"
)

const (
	// maxDeclared bounds what aliases of a YAML file may grow to.
	maxDeclaredBytes = 64 << 20
	maxDeclaredDepth = 200
)

// fields is an object of a file, with its values as they stand there.
type fields map[string]json.RawMessage

// declared is what the files say should be.
type declared struct {
	// hasTypes, hasApps, hasSources: the files have such a list, so that --prune may remove what is not in it.
	hasTypes, hasApps, hasSources bool

	types         []declaredThing
	apps, sources []declaredApp

	// referred are texts, as JSON, that stand outside of the files, with what they are called by there.
	referred map[string]string
}

// declaredThing is an event type or an endpoint.
type declaredThing struct {
	name   string // of an event type, uid of the others
	fields fields
}

// declaredApp is an application or a source.
type declaredApp struct {
	declaredThing
	isSource     bool
	hasEndpoints bool
	endpoints    []declaredThing
}

// The fields that files may hold.
var (
	typeFields     = []string{"name", "description", "deprecated", "schemas", "groupName", "featureFlags", "validation", "redact"}
	appFieldNames  = []string{"uid", "name", "throttleRate", "metadata", "endpoints"}
	endpointFieldN = []string{"uid", "url", "description", "disabled", "eventTypes", "channels", "throttleRate", "metadata", "headers", "secret", "credentials", "latest", "request", "consent", orderField, "filter", transformationField, connectorField}

	sourceFieldNames = []string{"uid", "name", "type", "config", "metadata", settingsField, "endpoints"}
)

// sourceEndpointFields are those of an endpoint of a source: what it wants is said by its filter.
func sourceEndpointFields() []string {
	return slices.DeleteFunc(slices.Clone(endpointFieldN), func(name string) bool { return name == "eventTypes" || name == "channels" })
}

// readDeclared reads a file, the YAML and JSON files of a directory, or standard input.
func (p *program) readDeclared(path string) (*declared, error) {
	out := &declared{referred: map[string]string{}}
	if path == "-" {
		text, err := io.ReadAll(io.LimitReader(p.In, maxDeclaredBytes))
		if err != nil {
			return nil, err
		}
		return out, errors.Join(out.addFile("standard input", text, references{dir: ".", env: p.env, found: out.referred}), out.check())
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, usagef("--file: %w", err)
	}
	files := []string{path}
	if info.IsDir() {
		entries, err := os.ReadDir(path) // by name
		if err != nil {
			return nil, usagef("--file: %w", err)
		}
		files = nil
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); !e.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, ext) {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
		if len(files) == 0 {
			return nil, usagef("--file: there is no .yaml, .yml or .json file in %s", path)
		}
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, usagef("--file: %w", err)
		}
		refs := references{dir: filepath.Dir(name), env: p.env, found: out.referred}
		if err := out.addFile(name, text, refs); err != nil {
			return nil, err
		}
	}
	return out, out.check()
}

// addFile adds what one file declares.
func (d *declared) addFile(name string, text []byte, refs references) error {
	documents, err := documentsOf(name, text, refs)
	if err != nil {
		return usagef("%s: %w", name, err)
	}
	for _, raw := range documents {
		if err := d.addDocument(raw); err != nil {
			return usagef("%s: %w", name, err)
		}
	}
	return nil
}

// documentsOf returns the documents of a file as JSON.
func documentsOf(name string, text []byte, refs references) ([]json.RawMessage, error) {
	if filepath.Ext(name) == ".json" {
		if !json.Valid(text) {
			var v any
			return nil, json.Unmarshal(text, &v)
		}
		return []json.RawMessage{text}, nil
	}
	var documents []json.RawMessage
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var node yaml.Node
		err := d.Decode(&node)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		w := yamlReader{refs: refs}
		if err := w.value(&node, 0); err != nil {
			return nil, err
		}
		documents = append(documents, w.out)
	}
}

// yamlReader writes YAML as JSON. The text of numbers stays: 1.10 is not 1.1 in an example.
type yamlReader struct {
	out  []byte
	refs references
}

func (w *yamlReader) value(n *yaml.Node, depth int) error {
	if depth > maxDeclaredDepth || len(w.out) > maxDeclaredBytes {
		return fmt.Errorf("line %d: nested too deep, or too large", n.Line)
	}
	if text, refers, err := w.refs.resolve(n); refers {
		if err != nil {
			return err
		}
		return w.text(n, text)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return w.value(n.Content[0], depth+1)
	case yaml.AliasNode:
		return w.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		w.out = append(w.out, '[')
		for i, item := range n.Content {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			if err := w.value(item, depth+1); err != nil {
				return err
			}
		}
		w.out = append(w.out, ']')
		return nil
	case yaml.MappingNode:
		return w.object(n, depth)
	}
	return w.scalar(n)
}

func (w *yamlReader) object(n *yaml.Node, depth int) error {
	w.out = append(w.out, '{')
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return fmt.Errorf("line %d: a key must be a plain text", key.Line)
		}
		if seen[key.Value] {
			return fmt.Errorf("line %d: %q stands twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		if i > 0 {
			w.out = append(w.out, ',')
		}
		name, err := json.Marshal(key.Value)
		if err != nil {
			return err
		}
		w.out = append(append(w.out, name...), ':')
		if err := w.value(n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}

func (w *yamlReader) scalar(n *yaml.Node) error {
	var v any = n.Value
	switch n.ShortTag() {
	case "!!null":
		v = nil
	case "!!bool":
		b, err := strconv.ParseBool(strings.ToLower(n.Value))
		if err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		v = b
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			w.out = append(w.out, n.Value...)
			return nil
		}
		if err := n.Decode(&v); err != nil { // as 0x1f, .5 or .inf
			return err
		}
	}
	return w.text(n, v)
}

func (w *yamlReader) text(n *yaml.Node, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("line %d: %q has no spelling in JSON", n.Line, n.Value)
	}
	w.out = append(w.out, text...)
	return nil
}

// addDocument adds what one document declares.
func (d *declared) addDocument(raw json.RawMessage) error {
	if string(bytes.TrimSpace(raw)) == "null" {
		return nil // an empty document
	}
	var top fields
	if err := json.Unmarshal(raw, &top); err != nil {
		return fmt.Errorf("must be an object with eventTypes, applications or sources")
	}
	if err := known(top, "the file", []string{"eventTypes", "applications", "sources"}); err != nil {
		return err
	}
	if list, ok := top["eventTypes"]; ok {
		d.hasTypes = true
		things, err := things(list, "eventTypes", "name", typeFields)
		if err != nil {
			return err
		}
		d.types = append(d.types, things...)
	}
	if list, ok := top["applications"]; ok {
		d.hasApps = true
		apps, err := owners(list, "applications", "application", appFieldNames, endpointFieldN)
		if err != nil {
			return err
		}
		d.apps = append(d.apps, apps...)
	}
	if list, ok := top["sources"]; ok {
		d.hasSources = true
		sources, err := owners(list, "sources", "source", sourceFieldNames, sourceEndpointFields())
		if err != nil {
			return err
		}
		for i := range sources {
			sources[i].isSource = true
		}
		d.sources = append(d.sources, sources...)
	}
	return nil
}

// owners reads a list of what has endpoints.
func owners(raw json.RawMessage, what, one string, names, endpointNames []string) ([]declaredApp, error) {
	list, err := things(raw, what, "uid", names)
	if err != nil {
		return nil, err
	}
	out := make([]declaredApp, len(list))
	for i, thing := range list {
		out[i] = declaredApp{declaredThing: thing}
		endpoints, given := thing.fields["endpoints"]
		if !given {
			continue
		}
		delete(thing.fields, "endpoints")
		out[i].hasEndpoints = true
		if out[i].endpoints, err = things(endpoints, "the endpoints of "+one+" "+thing.name, "uid", endpointNames); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// things reads a list of objects, each with a name of its own.
func things(raw json.RawMessage, what, key string, names []string) ([]declaredThing, error) {
	var list []fields
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%s: must be a list of objects", what)
	}
	out := make([]declaredThing, len(list))
	for i, f := range list {
		var name string
		if json.Unmarshal(f[key], &name) != nil || name == "" {
			return nil, fmt.Errorf("%s: the one at place %d needs a %s, which it is found again by", what, i+1, key)
		}
		if err := known(f, name, names); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		out[i] = declaredThing{name, f}
	}
	return out, nil
}

// known refuses a field that nobody reads: a misspelt one would change nothing, without a word.
func known(f fields, what string, names []string) error {
	for _, name := range sortedKeys(f) {
		if slices.Contains(names, name) {
			continue
		}
		if near := config.Suggest(name, names); near != "" {
			return fmt.Errorf("%s: unknown field %q; did you mean %q?", what, name, near)
		}
		return fmt.Errorf("%s: unknown field %q; there are %s", what, name, strings.Join(names, ", "))
	}
	return nil
}

// check refuses what is declared twice, and what cannot be created.
func (d *declared) check() error {
	seen := map[string]bool{}
	once := func(what, name string) error {
		if seen[what+" "+name] {
			return usagef("%s %s is declared twice", what, name)
		}
		seen[what+" "+name] = true
		return nil
	}
	for _, t := range d.types {
		if err := once("event type", t.name); err != nil {
			return err
		}
	}
	for _, a := range slices.Concat(d.apps, d.sources) {
		kind := "application"
		if a.isSource {
			kind = "source"
			if len(a.fields["type"]) == 0 {
				return usagef("source %s has no type; 'hookloft providers' lists them", a.name)
			}
		}
		if err := once(kind, a.name); err != nil {
			return err
		}
		for _, e := range a.endpoints {
			if err := once("endpoint of "+kind, a.name+"/"+e.name); err != nil {
				return err
			}
			if len(e.fields["url"]) == 0 {
				return usagef("endpoint %s/%s has no url", a.name, e.name)
			}
		}
	}
	return nil
}
