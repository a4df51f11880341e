package filter

import (
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is what a value is.
type kind uint8

const (
	kindMissing kind = iota
	kindNull
	kindFalse
	kindTrue
	kindNumber
	kindText
	kindList
	kindObject
	// kindOpaque is content that is not JSON: it is there, but nothing in it can be asked for.
	kindOpaque
	// kindMessage has the sections for its fields, and kindNames the names of one section.
	kindMessage
	kindNames
)

// words says what was found.
func (k kind) words() string {
	switch k {
	case kindNull:
		return "null"
	case kindFalse, kindTrue:
		return "a boolean"
	case kindNumber:
		return "a number"
	case kindText:
		return "a text"
	case kindList:
		return "a list"
	case kindObject, kindMessage, kindNames:
		return "an object"
	case kindOpaque:
		return "content that is not JSON"
	}
	return "nothing"
}

// node is a value of a document, or the name of an object's member, which stands before its value.
type node struct {
	kind kind
	// escaped says that a text has escapes, so that its bytes are not its characters.
	escaped bool
	// start and end bound the value's bytes; those of a text are without its quotes.
	start, end uint32
	// next is the node after this one and all below it.
	next uint32
}

// document is JSON text as a flat list of its values, in the order of the text.
type document struct {
	text  []byte
	nodes []node
}

// maxDocumentDepth is how deep JSON may be nested; beyond that it counts as no JSON. It is what
// the standard library's parser takes.
const maxDocumentDepth = 10000

// parse reads JSON strictly by RFC 8259: UTF-8, nothing behind the value. It reports false for
// anything else. A name may stand twice; see member.
func (d *document) parse(text []byte) bool {
	d.text, d.nodes = text, d.nodes[:0]
	if uint64(len(text)) >= 1<<32 || !utf8.Valid(text) {
		return false
	}
	if d.nodes == nil {
		d.nodes = make([]node, 0, min(8+len(text)/12, 4096)) // about what payloads have
	}
	i, ok := d.value(d.space(0), 0)
	return ok && d.space(i) == len(text)
}

// add appends a node. The list grows to what the text will need if it goes on as it began.
func (d *document) add(n node) {
	if len(d.nodes) == cap(d.nodes) {
		whole := len(d.nodes) * len(d.text) / (int(n.start) + 1)
		d.nodes = slices.Grow(d.nodes, max(16, min(whole, len(d.text))-len(d.nodes)+len(d.text)/64))
	}
	d.nodes = append(d.nodes, n)
}

func (d *document) space(i int) int {
	for i < len(d.text) && d.text[i] <= ' ' {
		switch d.text[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// value reads the value that begins at i, and returns where it ends.
func (d *document) value(i, depth int) (end int, ok bool) {
	if i >= len(d.text) || depth > maxDocumentDepth {
		return i, false
	}
	at := len(d.nodes)
	d.add(node{start: uint32(i)})
	var k kind
	switch d.text[i] {
	case '{':
		k = kindObject
		end, ok = d.members(i+1, depth)
	case '[':
		k = kindList
		end, ok = d.items(i+1, depth)
	case '"':
		d.nodes = d.nodes[:at]
		return d.string(i)
	case 't':
		k = kindTrue
		end, ok = d.word(i, "true")
	case 'f':
		k = kindFalse
		end, ok = d.word(i, "false")
	case 'n':
		k = kindNull
		end, ok = d.word(i, "null")
	default:
		k = kindNumber
		end, ok = d.number(i)
	}
	n := &d.nodes[at]
	n.kind, n.end, n.next = k, uint32(end), uint32(len(d.nodes))
	return end, ok
}

func (d *document) members(i, depth int) (end int, ok bool) {
	if i = d.space(i); i < len(d.text) && d.text[i] == '}' {
		return i + 1, true
	}
	for {
		if i >= len(d.text) || d.text[i] != '"' {
			return i, false
		}
		if i, ok = d.string(i); !ok {
			return i, false
		}
		if i = d.space(i); i >= len(d.text) || d.text[i] != ':' {
			return i, false
		}
		if i, ok = d.value(d.space(i+1), depth+1); !ok {
			return i, false
		}
		if i = d.space(i); i >= len(d.text) {
			return i, false
		}
		switch d.text[i] {
		case '}':
			return i + 1, true
		case ',':
			i = d.space(i + 1)
		default:
			return i, false
		}
	}
}

func (d *document) items(i, depth int) (end int, ok bool) {
	if i = d.space(i); i < len(d.text) && d.text[i] == ']' {
		return i + 1, true
	}
	for {
		if i, ok = d.value(i, depth+1); !ok {
			return i, false
		}
		if i = d.space(i); i >= len(d.text) {
			return i, false
		}
		switch d.text[i] {
		case ']':
			return i + 1, true
		case ',':
			i = d.space(i + 1)
		default:
			return i, false
		}
	}
}

func (d *document) word(i int, w string) (end int, ok bool) {
	end = i + len(w)
	return end, end <= len(d.text) && string(d.text[i:end]) == w
}

// string reads the text whose quote stands at i, as a node.
func (d *document) string(i int) (end int, ok bool) {
	t := d.text
	start, escaped := i+1, false
	for i = start; i < len(t); i++ {
		switch c := t[i]; {
		case c != '"' && c != '\\' && c >= ' ':
		case c == '"':
			d.add(node{kind: kindText, escaped: escaped, start: uint32(start), end: uint32(i), next: uint32(len(d.nodes) + 1)})
			return i + 1, true
		case c == '\\':
			escaped = true
			if i++; i >= len(t) {
				return i, false
			}
			switch t[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if _, ok := hex4(t[i+1:]); !ok {
					return i, false
				}
				i += 4
			default:
				return i, false
			}
		default:
			return i, false
		}
	}
	return i, false
}

func (d *document) number(i int) (end int, ok bool) {
	t := d.text
	digits := func() bool {
		from := i
		for i < len(t) && '0' <= t[i] && t[i] <= '9' {
			i++
		}
		return i > from
	}
	if t[i] == '-' {
		i++
	}
	if i < len(t) && t[i] == '0' {
		i++
	} else if !digits() {
		return i, false
	}
	if i < len(t) && t[i] == '.' {
		i++
		if !digits() {
			return i, false
		}
	}
	if i < len(t) && (t[i] == 'e' || t[i] == 'E') {
		if i++; i < len(t) && (t[i] == '+' || t[i] == '-') {
			i++
		}
		if !digits() {
			return i, false
		}
	}
	return i, true
}

func hex4(t []byte) (r rune, ok bool) {
	if len(t) < 4 {
		return 0, false
	}
	for _, c := range t[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// raw returns the bytes of a node as they stand in the document.
func (d *document) raw(at uint32) []byte { return d.text[d.nodes[at].start:d.nodes[at].end] }

// characters returns a text without its escapes. Half of a surrogate pair alone becomes
// U+FFFD, as in the standard library.
func (d *document) characters(at uint32) []byte {
	raw := d.raw(at)
	if !d.nodes[at].escaped {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(raw[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				pair := rune(utf8.RuneError)
				if i+2 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					if low, ok := hex4(raw[i+3:]); ok {
						pair = utf16.DecodeRune(r, low)
					}
				}
				if pair != utf8.RuneError {
					i += 6
				}
				r = pair
			}
			out = utf8.AppendRune(out, r)
		default: // the quote, the backslash and the slash stand for themselves
			out = append(out, c)
		}
	}
	return out
}
