package receive

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/schema"
)

// rules are an owner's ValidationRule, ready for bodies.
type rules struct {
	hook.ValidationRule
	schema *schema.Schema // nil for none
}

// The words of ValidationRule.Syntax.
const (
	syntaxJSON = "json"
	syntaxXML  = "xml"
)

// compileRules makes a rule ready. It fetches nothing: a schema that refers to another
// document is refused. The error is a hook.FieldError below "validate".
func compileRules(v *hook.ValidationRule) (*rules, error) {
	out := &rules{ValidationRule: *v}
	if v.Schema == "" {
		return out, nil
	}
	var err error
	if out.schema, err = schema.Compile([]byte(v.Schema), schema.Options{}); err != nil {
		return out, &hook.FieldError{Path: []string{"validate", "schema"}, Text: err.Error()}
	}
	return out, nil
}

// check judges a genuine webhook by the owner's rules.
func (r *rules) check(contentType string, body []byte) *refusal {
	if fault := r.fault(contentType, body); fault != "" {
		return &refusal{status: http.StatusUnprocessableEntity, code: "invalid", detail: fault, kind: "not valid"}
	}
	return nil
}

// fault says what is wrong in words, "" for nothing.
func (r *rules) fault(contentType string, body []byte) string {
	media := mediaType(contentType)
	if r.ContentTypes != nil && !r.allowsType(media) {
		return "the content type is not one of " + strings.Join(r.ContentTypes, ", ")
	}
	if r.UTF8 && !utf8.Valid(body) {
		return fmt.Sprintf("the body is not UTF-8: byte %d", validPrefix(body))
	}
	isXML := r.Syntax == syntaxXML || r.Syntax == "" && (strings.HasSuffix(media, "/xml") || strings.HasSuffix(media, "+xml"))
	switch {
	case r.Schema == "" && isXML && (r.Syntax == syntaxXML || r.MaxDepth > 0):
		fault, isSyntax := xmlFault(body, r.MaxDepth)
		if isSyntax && r.Syntax == "" {
			return ""
		}
		return fault
	case r.Syntax == syntaxJSON || r.MaxDepth > 0 || r.schema != nil:
		depth := r.MaxDepth
		if r.schema != nil && (depth == 0 || depth > schema.MaxDepth) {
			depth = schema.MaxDepth
		}
		walk := schema.Walk{MaxDepth: depth, Exact: r.schema != nil}
		if r.schema != nil {
			walk.MaxValues = schema.MaxValues
		}
		fault, isSyntax := walk.Fault(body)
		if isSyntax && r.Syntax == "" && r.schema == nil {
			return "" // a depth alone does not ask for JSON
		}
		if fault != "" || r.schema == nil {
			return fault
		}
		return r.schema.Fault(body, walk.Values)
	}
	return ""
}

func (r *rules) allowsType(media string) bool {
	for _, t := range r.ContentTypes {
		if strings.EqualFold(t, media) {
			return true
		}
	}
	return false
}

// validPrefix returns how many bytes are UTF-8.
func validPrefix(body []byte) int {
	n := 0
	for n < len(body) {
		c, size := utf8.DecodeRune(body[n:])
		if c == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

// mediaType is a content type without its parameters, in lower case.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// xmlFault walks through a body and returns where it is not well-formed XML, or nests
// deeper than maxDepth (0 for no bound). Entities of its own are not known, so that none
// can grow.
func xmlFault(body []byte, maxDepth int) (fault string, isSyntax bool) {
	dec := xml.NewDecoder(bytes.NewReader(body))
	dec.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		case "iso-8859-1", "us-ascii", "windows-1252":
			return &latin1{in: in}, nil
		}
		return nil, errors.New("unknown character set")
	}
	var path []string
	roots := 0
	for {
		token, err := dec.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Sprintf("the body is not XML%s: byte %d", inside(path), dec.InputOffset()), true
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(path) == 0 {
				roots++
			}
			path = append(path, qualified(t.Name))
			if maxDepth > 0 && len(path) > maxDepth {
				return fmt.Sprintf("the body nests deeper than %d%s", maxDepth, inside(path)), false
			}
		case xml.EndElement:
			if len(path) == 0 || path[len(path)-1] != qualified(t.Name) {
				return fmt.Sprintf("the body is not XML%s: byte %d", inside(path), dec.InputOffset()), true
			}
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) == 0 && len(bytes.TrimSpace(bytes.TrimPrefix(t, []byte("\ufeff")))) > 0 {
				return "the body is not XML: there is text outside the root element", true
			}
		}
	}
	switch {
	case len(path) > 0:
		return "the body is not XML" + inside(path) + ": it ends too early", true
	case roots != 1:
		return fmt.Sprintf("the body is not XML: it has %d root elements", roots), true
	}
	return "", false
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// maxPathBytes bounds a path in words.
const maxPathBytes = 256

func inside(path []string) string {
	if len(path) == 0 {
		return ""
	}
	shown := path[:min(len(path), 16)]
	return " at /" + clip(strings.Join(shown, "/"), maxPathBytes)
}

// latin1 turns each byte into the character with its number, as ISO 8859-1 has it.
type latin1 struct {
	in      io.Reader
	pending []byte
}

func (l *latin1) Read(p []byte) (int, error) {
	if len(l.pending) == 0 {
		var raw [512]byte
		n, err := l.in.Read(raw[:])
		if n == 0 {
			return 0, err
		}
		for _, c := range raw[:n] {
			l.pending = utf8.AppendRune(l.pending, rune(c))
		}
	}
	n := copy(p, l.pending)
	l.pending = l.pending[n:]
	return n, nil
}
