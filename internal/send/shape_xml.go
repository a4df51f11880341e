package send

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/internal/hook"
)

// A JSON object becomes one element for each member, in order; a list becomes an element
// with one <item> for each item, so that empty lists, lists of one and lists of lists can
// be told apart. Scalars are text, numbers as they were written; null is an empty element.
// There are no attributes and no namespaces, because neither has a counterpart in JSON.

const xmlItem = "item"

// xmlBody returns a JSON object as an XML document, with the token as the last element
// below the root. A member of the token's name makes room for it.
func xmlBody(payload []byte, root string, token *hook.ShapeToken) ([]byte, error) {
	x := document{b: append(make([]byte, 0, 2*len(payload)+128), `<?xml version="1.0" encoding="UTF-8"?>`+"\n"...)}
	dec := decoderOf(payload)
	if open, err := dec.ReadToken(); err != nil || open.Kind() != '{' {
		return nil, errShapeJSON
	}
	x.b = append(append(append(x.b, '<'), root...), '>')
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, errShapeJSON
		}
		if token != nil && name.String() == token.Name {
			if err := dec.SkipValue(); err != nil {
				return nil, errShapeJSON
			}
			continue
		}
		if err := x.element(dec, xmlName(name.String())); err != nil {
			return nil, err
		}
	}
	if end, err := dec.ReadToken(); err != nil || end.Kind() != '}' {
		return nil, errShapeJSON
	}
	if token != nil {
		name := xmlName(token.Name)
		x.open(name)
		x.text(token.Value)
		x.close(name)
	}
	x.close(root)
	return x.b, nil
}

// document is an XML document that is being made.
type document struct{ b []byte }

func (x *document) open(name string)  { x.b = append(append(append(x.b, '<'), name...), '>') }
func (x *document) close(name string) { x.b = append(append(append(x.b, "</"...), name...), '>') }

// element adds the next value of dec as an element.
func (x *document) element(dec *jsontext.Decoder, name string) error {
	x.open(name)
	switch kind := dec.PeekKind(); kind {
	case '{', '[':
		if _, err := dec.ReadToken(); err != nil {
			return errShapeJSON
		}
		for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
			inner := xmlItem
			if kind == '{' {
				member, err := dec.ReadToken()
				if err != nil {
					return errShapeJSON
				}
				inner = xmlName(member.String())
			}
			if err := x.element(dec, inner); err != nil {
				return err
			}
		}
		if _, err := dec.ReadToken(); err != nil {
			return errShapeJSON
		}
	default:
		value, err := dec.ReadToken()
		if err != nil {
			return errShapeJSON
		}
		x.text(textOf(value))
	}
	x.close(name)
	if len(x.b) > maxShapedBytes {
		return errShapeLarge
	}
	return nil
}

// text adds character data. A carriage return would become a line feed in the parser
// (XML 1.0 section 2.11), so it is a reference. What XML 1.0 cannot hold in any spelling
// (section 2.2: most control characters, U+FFFE and U+FFFF) becomes U+FFFD.
func (x *document) text(s string) {
	for _, r := range s {
		switch {
		case r == '&':
			x.b = append(x.b, "&amp;"...)
		case r == '<':
			x.b = append(x.b, "&lt;"...)
		case r == '>':
			x.b = append(x.b, "&gt;"...)
		case r == '\r':
			x.b = append(x.b, "&#13;"...)
		case r < ' ' && r != '\t' && r != '\n', r == 0xfffe, r == 0xffff:
			x.b = append(x.b, "\uFFFD"...)
		default:
			x.b = utf8.AppendRune(x.b, r)
		}
	}
}

// xmlName returns a member's name as the name of an element. What a name cannot hold, or
// not at its begin, becomes _xHHHH_ with the character's number in hexadecimal, or
// _xHHHHHHHH_ above U+FFFF (ISO/IEC 9075-14 section 9.1, also .NET's XmlConvert.EncodeName);
// an underscore that would be read as the begin of such a code becomes one itself. The
// empty name is _xFFFFFFFF_, which is no character. Of the letters outside ASCII only those
// of Latin-1 stay: the editions of XML 1.0 differ in the others.
func xmlName(name string) string {
	if name == "" {
		return "_xFFFFFFFF_"
	}
	var b []byte
	reserved := isReservedXML(name)
	for i, r := range name {
		switch {
		case i == 0 && reserved:
			b = appendCode(b, r)
		case r == '_' && isCode(name[i:]):
			b = appendCode(b, r)
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_',
			r >= 0xc0 && r <= 0xff && r != 0xd7 && r != 0xf7,
			i > 0 && (r >= '0' && r <= '9' || r == '-' || r == '.'):
			b = utf8.AppendRune(b, r)
		default:
			b = appendCode(b, r)
		}
	}
	return string(b)
}

// isReservedXML reports whether a name begins with xml in any case (XML 1.0 section 2.3).
func isReservedXML(name string) bool {
	return len(name) >= 3 && is([]byte(name[:3]), "xml")
}

func appendCode(b []byte, r rune) []byte {
	const hex = "0123456789ABCDEF"
	shift := 12
	if r > 0xffff {
		shift = 28
	}
	b = append(b, "_x"...)
	for ; shift >= 0; shift -= 4 {
		b = append(b, hex[r>>shift&15])
	}
	return append(b, '_')
}

// isCode reports whether s begins like a code of appendCode. The code's last underscore is
// not looked for: it may come from what stands behind s.
func isCode(s string) bool {
	if len(s) < len("_x0000") || s[1] != 'x' {
		return false
	}
	for _, c := range []byte(s[2:6]) {
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}
