package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/itchyny/gojq"
	"go.yaml.in/yaml/v3"

	"github.com/hookloft/hookloft/internal/config"
)

// The formats of data.
const (
	formatTable  = "table"
	formatJSON   = "json"
	formatYAML   = "yaml"
	formatNDJSON = "ndjson"
	formatID     = "id"
)

var formats = []string{formatTable, formatJSON, formatYAML, formatNDJSON, formatID}

// outputFlags are the flags that say how data is printed.
type outputFlags struct {
	format, jq string
}

// output prints data. JSON is printed as the server wrote it: the order of keys and the
// text of numbers stay.
type output struct {
	// ctx ends an expression of --jq that has no end; see remote for why it is kept.
	ctx    context.Context
	w      io.Writer
	format string
	jq     *gojq.Code // nil for none
}

func (p *program) newOutput(ctx context.Context, f outputFlags) (output, error) {
	o := output{ctx: ctx, w: p.Out, format: f.format}
	known := false
	for _, format := range formats {
		known = known || format == o.format
	}
	if !known {
		if near := config.Suggest(o.format, formats); near != "" {
			return o, usagef("--output %q is unknown; did you mean %q?", o.format, near)
		}
		return o, usagef("--output must be one of %s, not %q", strings.Join(formats, ", "), o.format)
	}
	if f.jq == "" {
		return o, nil
	}
	switch o.format {
	case formatTable:
		o.format = formatJSON
	case formatJSON, formatNDJSON:
	default:
		return o, usagef("--jq prints JSON; leave --output %s away", o.format)
	}
	query, err := gojq.Parse(f.jq)
	if err != nil {
		return o, usagef("--jq: %w", err)
	}
	// Without a loader or an environment: an expression reads nothing but its input.
	if o.jq, err = gojq.Compile(query); err != nil {
		return o, usagef("--jq: %w", err)
	}
	return o, nil
}

// column is one column of a table. What value returns is shown with controls made visible.
type column[T any] struct {
	title string
	value func(T) string
}

// view is how a noun is printed.
type view[T any] struct {
	id      func(T) string
	columns []column[T]
}

// printOne prints one thing: as a table, its columns below each other.
func printOne[T any](r *remote, v view[T], raw json.RawMessage) error {
	var one T
	if err := json.Unmarshal(raw, &one); err != nil {
		return fmt.Errorf("the server's answer is not what was expected: %w", err)
	}
	switch r.out.format {
	case formatID:
		return r.out.line(v.id(one))
	case formatTable:
		t := r.out.table()
		for _, c := range v.columns {
			t.row(c.title+":", c.value(one))
		}
		return t.flush()
	}
	return r.out.value(raw)
}

// printRows prints a list. Rows of ndjson and id are printed as they come; the other
// formats need them all.
func printRows[T any](r *remote, v view[T], rows iter.Seq2[json.RawMessage, error]) error {
	o := r.out
	var all []json.RawMessage
	t := o.table()
	titles := make([]string, len(v.columns))
	for i, c := range v.columns {
		titles[i] = c.title
	}
	t.row(titles...)
	n := 0
	for raw, err := range rows {
		if err != nil {
			return err
		}
		n++
		if o.format == formatJSON || o.format == formatYAML {
			all = append(all, raw)
			continue
		}
		if o.format == formatNDJSON {
			if err := o.value(raw); err != nil {
				return err
			}
			continue
		}
		var one T
		if err := json.Unmarshal(raw, &one); err != nil {
			return fmt.Errorf("the server's answer is not what was expected: %w", err)
		}
		if o.format == formatID {
			if err := o.line(v.id(one)); err != nil {
				return err
			}
			continue
		}
		cells := make([]string, len(v.columns))
		for i, c := range v.columns {
			cells[i] = c.value(one)
		}
		t.row(cells...)
	}
	switch o.format {
	case formatJSON, formatYAML:
		return o.value(arrayOf(all))
	case formatTable:
		if n == 0 {
			r.notef("none")
			return nil
		}
		return t.flush()
	}
	return nil
}

// arrayOf makes one JSON array of several values.
func arrayOf(values []json.RawMessage) json.RawMessage {
	array := []byte("[")
	for i, v := range values {
		if i > 0 {
			array = append(array, ',')
		}
		array = append(array, v...)
	}
	return append(array, ']')
}

// line prints one line of text.
func (o output) line(text string) error {
	_, err := fmt.Fprintln(o.w, visible(text))
	return err
}

// value prints a JSON value as json, ndjson or yaml, through --jq where that is given.
func (o output) value(raw json.RawMessage) error {
	if o.jq != nil {
		return o.filtered(raw)
	}
	var text bytes.Buffer
	var err error
	switch o.format {
	case formatYAML:
		err = toYAML(&text, raw)
	case formatNDJSON:
		err = json.Compact(&text, raw)
		text.WriteByte('\n')
	default:
		err = json.Indent(&text, raw, "", "  ")
		text.WriteByte('\n')
	}
	if err != nil {
		return fmt.Errorf("the server's answer is not JSON: %w", err)
	}
	_, err = o.w.Write(escapeJSON(text.Bytes()))
	return err
}

// jqBudget is how many values an expression may make of one: `repeat(.)` makes them
// without an end.
const jqBudget = 1_000_000

// filtered prints what --jq makes of a value: texts bare, everything else as JSON.
func (o output) filtered(raw json.RawMessage) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // as the server wrote them
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("the server's answer is not JSON: %w", err)
	}
	results := o.jq.RunWithContext(o.ctx, v)
	for n := 0; ; n++ {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		if n == jqBudget {
			return usagef("--jq makes more than %d values of one", jqBudget)
		}
		if err, failed := result.(error); failed {
			if halt, ok := errors.AsType[*gojq.HaltError](err); ok && halt.Value() == nil {
				return nil
			}
			return usagef("--jq: %s", visible(err.Error()))
		}
		if text, isText := result.(string); isText {
			if err := o.line(text); err != nil {
				return err
			}
			continue
		}
		line, err := gojq.Marshal(result)
		if err != nil {
			return fmt.Errorf("--jq: %w", err)
		}
		if _, err := o.w.Write(append(escapeJSON(line), '\n')); err != nil {
			return err
		}
	}
}

// escapeJSON writes what a terminal would act on as \u escapes, which mean the same.
// In JSON such characters stand in strings only; line ends are between values.
func escapeJSON(text []byte) []byte {
	harmless := true
	for _, b := range text {
		harmless = harmless && (b == '\n' || b >= ' ' && b < 0x7f)
	}
	if harmless {
		return text
	}
	out := make([]byte, 0, len(text)+16)
	for _, c := range string(text) {
		if c == '\n' || visible(string(c)) == string(c) {
			out = append(out, string(c)...)
			continue
		}
		if c > 0xffff {
			c -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(c>>10), 0xdc00+(c&0x3ff))
			continue
		}
		out = fmt.Appendf(out, `\u%04x`, c)
	}
	return out
}

// toYAML writes a JSON value as YAML, with keys in their order and numbers as they are.
func toYAML(w io.Writer, raw json.RawMessage) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	node, err := yamlNode(d)
	if err != nil {
		return err
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(node); err != nil {
		return err
	}
	return e.Close()
}

// yamlNode reads the next value of d.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	scalar := func(tag, text string) *yaml.Node {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
	}
	switch v := token.(type) {
	case nil:
		return scalar("!!null", "null"), nil
	case bool:
		return scalar("!!bool", strconv.FormatBool(v)), nil
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return scalar("!!float", v.String()), nil
		}
		return scalar("!!int", v.String()), nil
	case string:
		n := &yaml.Node{}
		n.SetString(v)
		if visible(v) != v { // the library would write some of them bare
			n.Style = yaml.DoubleQuotedStyle
		}
		return n, nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if token == json.Delim('{') {
		n.Kind = yaml.MappingNode
	}
	for d.More() {
		child, err := yamlNode(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	_, err = d.Token() // the end of it
	return n, err
}

// table lines up cells; see tabwriter.
type table struct{ w *tabwriter.Writer }

func (o output) table() table { return table{tabwriter.NewWriter(o.w, 0, 0, 2, ' ', 0)} }

// row adds a row. Cells are data: what a terminal would act on is shown instead.
func (t table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = cell(c)
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

func (t table) flush() error { return t.w.Flush() }
