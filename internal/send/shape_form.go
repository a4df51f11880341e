package send

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/internal/hook"
)

// A form has names and texts, and no depth. The names here are those that PHP, Rack, qs
// and most other parsers read back into a tree: "a[b]" for a member, "a[0]" for an item.
// Items are numbered, because "a[]" cannot say which members of two objects in a list
// belong together.

// formBody returns a JSON object as application/x-www-form-urlencoded, in the order of its
// members, with the token as the last pair. A pair of the token's name makes room for it.
// tooLarge is returned for more than most bytes.
func formBody(payload []byte, token *hook.ShapeToken, most int, tooLarge error) ([]byte, error) {
	f := form{most: most, tooLarge: tooLarge}
	if token != nil {
		f.taken = token.Name
	}
	dec := decoderOf(payload)
	if open, err := dec.ReadToken(); err != nil || open.Kind() != '{' {
		return nil, errShapeJSON
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, errShapeJSON
		}
		if err := f.flatten(dec, formName(name.String())); err != nil {
			return nil, err
		}
	}
	if end, err := dec.ReadToken(); err != nil || end.Kind() != '}' {
		return nil, errShapeJSON
	}
	if token != nil {
		f.b = appendPair(f.b, token.Name, token.Value)
	}
	return f.b, nil
}

// form is a form that is being made.
type form struct {
	b     []byte
	taken string // the name of the token; "" for none
	most  int
	// tooLarge is the error of a form of more than most bytes.
	tooLarge error
}

// flatten adds the next value of dec under name. Each value leaves a pair, also the empty
// ones: null, {} and [] are the empty text, so that no name is lost.
func (f *form) flatten(dec *jsontext.Decoder, name string) error {
	switch kind := dec.PeekKind(); kind {
	case '{', '[':
		if _, err := dec.ReadToken(); err != nil {
			return errShapeJSON
		}
		n := 0
		for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
			part := strconv.Itoa(n)
			if kind == '{' {
				member, err := dec.ReadToken()
				if err != nil {
					return errShapeJSON
				}
				part = formName(member.String())
			}
			if err := f.flatten(dec, name+"["+part+"]"); err != nil {
				return err
			}
			n++
		}
		if _, err := dec.ReadToken(); err != nil {
			return errShapeJSON
		}
		if n > 0 {
			return nil
		}
		return f.add(name, "")
	}
	value, err := dec.ReadToken()
	if err != nil {
		return errShapeJSON
	}
	return f.add(name, textOf(value))
}

func (f *form) add(name, value string) error {
	if f.taken != "" && name == f.taken {
		return nil
	}
	f.b = appendPair(f.b, name, value)
	if len(f.b) > f.most {
		return f.tooLarge
	}
	return nil
}

// textOf returns a scalar as text: a number as it was written, null as nothing.
func textOf(value jsontext.Token) string {
	if value.Kind() == 'n' {
		return ""
	}
	return value.String()
}

// formName returns a member's name as a part of a form's name. Brackets are what holds the
// parts together, so those in a name are percent-encoded; so is the sign before what would
// then be read as such a code. Replacing %5B, %5D and %25 gives the name back.
func formName(name string) string {
	if !strings.ContainsAny(name, "[]%") {
		return name
	}
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c == '[':
			b.WriteString("%5B")
		case c == ']':
			b.WriteString("%5D")
		case c == '%' && (strings.HasPrefix(name[i:], "%5B") || strings.HasPrefix(name[i:], "%5D") || strings.HasPrefix(name[i:], "%25")):
			b.WriteString("%25")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// appendPair appends "&name=value", without the "&" at the begin.
func appendPair(b []byte, name, value string) []byte {
	if len(b) > 0 {
		b = append(b, '&')
	}
	b = append(appendFormText(b, name), '=')
	return appendFormText(b, value)
}

// appendFormText percent-encodes as the WHATWG URL Standard does in forms (section 5.2,
// application/x-www-form-urlencoded serializing).
func appendFormText(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '*', c == '-', c == '.', c == '_':
			b = append(b, c)
		case c == ' ':
			b = append(b, '+')
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
