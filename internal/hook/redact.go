package hook

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Redacted is what stands for a value that is not shown.
const Redacted = "[redacted]"

// RedactedJSON is Redacted as JSON.
const RedactedJSON = `"` + Redacted + `"`

// The bounds of a Redaction.
const (
	MaxRedactPaths     = 32
	MaxRedactPathBytes = 256
	maxRedactDepth     = 16
)

// Redaction are the places in a payload whose values people do not see. What is stored and
// delivered stays whole. A nil Redaction changes nothing. It is never changed, and may be
// used at the same time.
type Redaction struct {
	paths [][]redactStep
}

// redactStep is one step of a path into a JSON document.
type redactStep struct {
	name string
	// index is a place in a list; -1 where the step is a name, -2 for every member or element.
	index int
}

const (
	stepName = -1
	stepAll  = -2
)

// ParseRedaction reads paths such as card.number, items[*].price, items[0], *.email and
// data["a.b"]; a leading "$." is allowed. No paths are nil. The error is a FieldError at
// field and the number of the path.
func ParseRedaction(field string, paths []string) (*Redaction, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	if len(paths) > MaxRedactPaths {
		return nil, Fieldf(field, "must hold at most %d paths", MaxRedactPaths)
	}
	r := &Redaction{}
	for i, text := range paths {
		steps, err := parsePath(text)
		if err == nil {
			for _, before := range paths[:i] {
				if before == text {
					err = errors.New("must not repeat a path")
				}
			}
		}
		if err != nil {
			return nil, &FieldError{Path: []string{field, "[" + strconv.Itoa(i) + "]"}, Text: err.Error()}
		}
		r.paths = append(r.paths, steps)
	}
	return r, nil
}

var errPath = errors.New(`must be a path such as card.number, items[*].price or data["a.b"]`)

func parsePath(text string) (steps []redactStep, err error) {
	if len(text) == 0 || len(text) > MaxRedactPathBytes {
		return nil, errors.New("must have 1 to " + strconv.Itoa(MaxRedactPathBytes) + " bytes")
	}
	rest := text
	if rest[0] == '/' { // a JSON pointer, which would silently be the name of a member
		return nil, errPath
	}
	if after, ok := strings.CutPrefix(rest, "$"); ok && (strings.HasPrefix(after, ".") || strings.HasPrefix(after, "[")) {
		rest = strings.TrimPrefix(after, ".")
	}
	for first := true; rest != ""; first = false {
		var step redactStep
		switch {
		case rest[0] == '[':
			if step, rest, err = bracketStep(rest); err != nil {
				return nil, err
			}
		default:
			if !first {
				if rest[0] != '.' {
					return nil, errPath
				}
				rest = rest[1:]
			}
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			step = redactStep{name: rest[:end], index: stepName}
			if rest = rest[end:]; step.name == "" || strings.ContainsAny(step.name, "]\"") || checkText("", step.name) != nil {
				return nil, errPath
			}
			if step.name == "*" {
				step.index = stepAll
			}
		}
		if steps = append(steps, step); len(steps) > maxRedactDepth {
			return nil, errors.New("must have at most " + strconv.Itoa(maxRedactDepth) + " steps")
		}
	}
	if len(steps) == 0 {
		return nil, errPath
	}
	return steps, nil
}

// bracketStep reads [*], [3] and ["name"], and returns what follows.
func bracketStep(text string) (step redactStep, rest string, err error) {
	inner := text[1:]
	switch {
	case strings.HasPrefix(inner, "*]"):
		return redactStep{index: stepAll}, inner[2:], nil
	case strings.HasPrefix(inner, `"`):
		dec := jsontext.NewDecoder(strings.NewReader(inner))
		token, err := dec.ReadToken()
		if err != nil {
			return step, "", errPath
		}
		name := token.String()
		rest, ok := strings.CutPrefix(inner[dec.InputOffset():], "]")
		if !ok {
			return step, "", errPath
		}
		return redactStep{name: name, index: stepName}, rest, nil
	}
	digits, rest, ok := strings.Cut(inner, "]")
	n, err := strconv.ParseUint(digits, 10, 31)
	if !ok || err != nil {
		return step, "", errPath
	}
	return redactStep{index: int(n)}, rest, nil
}

// Apply returns body with "[redacted]" in the place of each value that a path leads to;
// every other byte is as it was, so that numbers stay exact. A body that is not JSON is
// withheld as a whole, because nothing can be found in it. body is not changed; it is
// returned itself where nothing is redacted.
func (r *Redaction) Apply(body []byte) []byte {
	if r == nil || len(body) == 0 {
		return body
	}
	// What clients' parsers take, this one must find, too: of equal names every one counts.
	w := redactWalk{
		dec: jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		in:  body,
	}
	if err := w.value(r.paths); err != nil {
		return []byte(RedactedJSON)
	}
	if _, err := w.dec.ReadToken(); err != io.EOF {
		return []byte(RedactedJSON)
	}
	if w.out == nil {
		return body
	}
	return append(w.out, body[w.copied:]...)
}

// redactWalk goes through one body.
type redactWalk struct {
	dec    *jsontext.Decoder
	in     []byte
	out    []byte // nil while nothing was redacted
	copied int    // bytes of in that are in out, or left out
}

// value reads one value, whose parts the paths lead to.
func (w *redactWalk) value(paths [][]redactStep) error {
	kind := w.dec.PeekKind()
	if len(paths) == 0 || kind != '{' && kind != '[' {
		return w.dec.SkipValue()
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	for place := 0; ; place++ {
		next := w.dec.PeekKind()
		if next == '}' || next == ']' {
			_, err := w.dec.ReadToken()
			return err
		}
		name := ""
		if kind == '{' {
			token, err := w.dec.ReadToken()
			if err != nil {
				return err
			}
			name = token.String()
		}
		below, whole := follow(paths, kind == '{', name, place)
		if whole {
			if err := w.redact(); err != nil {
				return err
			}
			continue
		}
		if err := w.value(below); err != nil {
			return err
		}
	}
}

// follow returns the rest of those paths that lead to a member or element or below it;
// whole, when one ends there.
func follow(paths [][]redactStep, isObject bool, name string, place int) (below [][]redactStep, whole bool) {
	for _, p := range paths {
		step := p[0]
		switch {
		case step.index == stepAll:
		case isObject && step.index == stepName && step.name == name:
		case !isObject && step.index == place:
		default:
			continue
		}
		if len(p) == 1 {
			return nil, true
		}
		below = append(below, p[1:])
	}
	return below, false
}

// redact leaves the next value out.
func (w *redactWalk) redact() error {
	raw, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	end := int(w.dec.InputOffset())
	if w.out == nil {
		w.out = make([]byte, 0, len(w.in)+16)
	}
	w.out = append(append(w.out, w.in[w.copied:end-len(raw)]...), RedactedJSON...)
	w.copied = end
	return nil
}
