package filter

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// block is what is asked of one value; all of it must hold.
type block struct {
	path []string // of the block in the filter
	// each is asked of the value, or of one and the same element of a list.
	each []part
	// whole is asked of the value, and of a list as such.
	whole []part
}

// part is one clause of a block.
type part struct {
	op   operator
	path []string // of the clause in the filter, without its operator
	text string   // what stands beside the operator, cut for showing

	name   string         // of opField
	blocks []*block       // of opField, opNot: one; of opOr, opAnd, opAll: each
	values []literal      // of opIn and opNin: the list; of other comparisons: one
	exist  bool           // of opExist
	regex  *regexp.Regexp // of opRegex
	size   int            // of the regular expression, in instructions
}

type operator uint8

const (
	opEq operator = iota
	opNeq
	opGt
	opGte
	opLt
	opLte
	opIn
	opNin
	opStartsWith
	opEndsWith
	opContains
	opExist
	opOr
	opAnd
	opNot
	opRegex
	operators
)

const (
	// opField asks a block of a field.
	opField = operators
	// opAll is a list in the filter: each of its items is true of an element.
	opAll = operators + 1
)

var operatorNames = strings.Fields(operatorList)

func (o operator) String() string {
	if o < operators {
		return operatorNames[o]
	}
	return ""
}

// isWhole reports whether an operator is asked of a list itself. For opOr it depends on what
// its alternatives ask.
func (o operator) isWhole() bool {
	switch o {
	case opNeq, opNin, opContains, opExist, opAnd, opNot, opAll:
		return true
	}
	return false
}

// literal is a value of the filter that is compared.
type literal struct {
	kind   kind
	text   []byte  // of a text: its characters
	number decimal // of a number
}

// place says what may stand where in a filter.
type place uint8

const (
	inMessage place = iota // the names are sections
	inNames                // the names are those of headers, parameters or metadata
	inValue                // a text or a list of texts, without fields
	inJSON                 // anything
)

// Compile reads a filter. The error is an *Error.
func Compile(text []byte) (*Filter, error) {
	if len(text) > MaxTextBytes {
		return nil, &Error{Text: fmt.Sprintf("must have at most %d bytes", MaxTextBytes)}
	}
	c := compiler{}
	if !c.doc.parse(text) {
		return nil, &Error{Text: "must be JSON in UTF-8"}
	}
	if c.doc.nodes[0].kind != kindObject {
		return nil, &Error{Text: "must be an object"}
	}
	root, err := c.object(0, inMessage, nil, 0)
	if err != nil {
		return nil, err
	}
	return &Filter{root: root}, nil
}

// compiler turns a document into blocks.
type compiler struct {
	doc     document
	clauses int
}

func broken(path []string, format string, args ...any) error {
	return &Error{Path: slices.Clone(path), Text: fmt.Sprintf(format, args...)}
}

// count takes n clauses out of the number that a filter may have.
func (c *compiler) count(path []string, n int) error {
	if c.clauses += n; c.clauses > MaxClauses {
		return broken(path, "is one clause too many; a filter has at most %d", MaxClauses)
	}
	return nil
}

func below(path []string, name string) []string { return append(slices.Clip(path), name) }

// expression compiles what is asked of a value: an object of clauses, a list, or a bare value.
func (c *compiler) expression(at uint32, p place, path []string, depth int) (*block, error) {
	if depth > MaxDepth {
		return nil, broken(path, "is nested too deep; a filter has at most %d levels", MaxDepth)
	}
	switch k := c.doc.nodes[at].kind; {
	case k == kindObject:
		return c.object(at, p, path, depth)
	case p == inMessage || p == inNames:
		return nil, broken(path, "an object is needed")
	case k == kindList:
		blocks, err := c.list(at, p, path, depth, false)
		if err != nil {
			return nil, err
		}
		return &block{path: path, whole: []part{{op: opAll, path: path, text: c.shown(at), blocks: blocks}}}, nil
	}
	one, err := c.literal(at, path)
	if err != nil {
		return nil, err
	}
	return &block{path: path, each: []part{{op: opEq, path: path, text: c.shown(at), values: []literal{one}}}}, c.count(path, 1)
}

// list compiles the items of a list, each an expression.
func (c *compiler) list(at uint32, p place, path []string, depth int, mayNest bool) (blocks []*block, err error) {
	n := c.doc.nodes[at]
	i := 0
	for item := at + 1; item < n.next; item = c.doc.nodes[item].next {
		here := below(path, "["+strconv.Itoa(i)+"]")
		if !mayNest && c.doc.nodes[item].kind == kindList {
			return nil, broken(here, "must not be a list in a list")
		}
		b, err := c.expression(item, p, here, depth+1)
		if err != nil {
			return nil, err
		}
		if err := c.count(here, 1); err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
		i++
	}
	if i == 0 {
		return nil, broken(path, "must not be an empty list")
	}
	return blocks, nil
}

func (c *compiler) object(at uint32, p place, path []string, depth int) (*block, error) {
	b := &block{path: path}
	n := c.doc.nodes[at]
	seen := map[string]bool{}
	for member := at + 1; member < n.next; member = c.doc.nodes[member+1].next {
		name := string(c.doc.characters(member))
		if seen[name] {
			return nil, broken(below(path, name), "stands twice")
		}
		seen[name] = true
		one, err := c.member(name, member+1, p, path, depth)
		if err != nil {
			return nil, err
		}
		isWhole := one.op.isWhole()
		if one.op == opOr {
			isWhole = slices.ContainsFunc(one.blocks, func(b *block) bool { return len(b.whole) > 0 })
		}
		if isWhole {
			b.whole = append(b.whole, one)
		} else {
			b.each = append(b.each, one)
		}
	}
	if len(seen) == 0 {
		return nil, broken(path, "must hold at least one clause; {} asks for nothing, and {\"$exist\": true} that it is there")
	}
	return b, nil
}

// member compiles one member of an object.
func (c *compiler) member(name string, at uint32, p place, path []string, depth int) (one part, err error) {
	here := below(path, name)
	if err := c.count(here, 1); err != nil {
		return one, err
	}
	if strings.HasPrefix(name, "$") && !strings.HasPrefix(name, "$$") {
		return c.operator(name, at, p, path, depth)
	}
	field, next := name, inJSON
	switch p {
	case inMessage:
		if !slices.Contains(Sections(), name) {
			return one, broken(here, "is no section of a message; there are %s", strings.Join(Sections(), ", "))
		}
		switch name {
		case "headers", "query", "metadata":
			next = inNames
		case "eventType", "channels":
			next = inValue
		}
	case inNames:
		next = inValue
	case inValue:
		return one, broken(here, "is no operator, and nothing here has fields; there are %s", operatorList)
	}
	if p != inMessage {
		field = strings.TrimPrefix(field, "$") // of two
	}
	b, err := c.expression(at, next, here, depth+1)
	if err != nil {
		return one, err
	}
	return part{op: opField, path: here, name: field, blocks: []*block{b}}, nil
}

// operator compiles one member whose name begins with a $.
func (c *compiler) operator(name string, at uint32, p place, path []string, depth int) (one part, err error) {
	here := below(path, name)
	i := slices.Index(operatorNames, name)
	if i < 0 {
		return one, broken(here, "is no operator; there are %s", operatorList)
	}
	one = part{op: operator(i), path: path, text: c.shown(at)}
	isLogical := one.op == opOr || one.op == opAnd || one.op == opNot
	switch {
	case p == inMessage && !isLogical:
		return one, broken(here, "must stand below a section: %s; beside them stand $or, $and and $not", strings.Join(Sections(), ", "))
	case p == inNames && !isLogical && one.op != opExist:
		return one, broken(here, "must stand below a name; beside names stand $or, $and, $not and $exist")
	}
	switch k := c.doc.nodes[at].kind; one.op {
	case opOr, opAnd:
		if k != kindList {
			return one, broken(here, "a list is needed")
		}
		one.blocks, err = c.list(at, p, here, depth, true)
	case opNot:
		var b *block
		b, err = c.expression(at, p, here, depth+1)
		one.blocks = []*block{b}
	case opExist:
		if k != kindTrue && k != kindFalse {
			return one, broken(here, "true or false is needed")
		}
		one.exist = k == kindTrue
	case opIn, opNin:
		one.values, err = c.literals(at, here)
	case opStartsWith, opEndsWith:
		if k != kindText {
			return one, broken(here, "a text is needed")
		}
		if c.doc.nodes[at].start == c.doc.nodes[at].end {
			return one, broken(here, "must not be empty")
		}
		one.values, err = c.one(at, here)
	case opGt, opGte, opLt, opLte:
		if k != kindNumber && k != kindText {
			return one, broken(here, "a number or a text is needed")
		}
		one.values, err = c.one(at, here)
	case opRegex:
		if k != kindText {
			return one, broken(here, "a text is needed")
		}
		one.regex, one.size, err = compileRegex(string(c.doc.characters(at)), here)
	default:
		one.values, err = c.one(at, here)
	}
	return one, err
}

func (c *compiler) one(at uint32, path []string) ([]literal, error) {
	l, err := c.literal(at, path)
	return []literal{l}, err
}

func (c *compiler) literals(at uint32, path []string) (values []literal, err error) {
	n := c.doc.nodes[at]
	if n.kind != kindList || n.next == at+1 {
		return nil, broken(path, "a list of at least one value is needed")
	}
	for item := at + 1; item < n.next; item = c.doc.nodes[item].next {
		here := below(path, "["+strconv.Itoa(len(values))+"]")
		if err := c.count(here, 1); err != nil {
			return nil, err
		}
		l, err := c.literal(item, here)
		if err != nil {
			return nil, err
		}
		values = append(values, l)
	}
	return values, nil
}

// literal reads a value that can be compared.
func (c *compiler) literal(at uint32, path []string) (l literal, err error) {
	l.kind = c.doc.nodes[at].kind
	switch l.kind {
	case kindList, kindObject:
		return l, broken(path, "a text, a number, true, false or null is needed")
	case kindText:
		l.text = slices.Clone(c.doc.characters(at))
	case kindNumber:
		var ok bool
		if l.number, ok = parseDecimal(slices.Clone(c.doc.raw(at))); !ok {
			return l, broken(path, "is a number with too large an exponent; it has at most %d digits", maxExponentDigits)
		}
	}
	return l, nil
}

// shown returns the text of a value as far as it is shown.
func (c *compiler) shown(at uint32) string {
	n := c.doc.nodes[at]
	start, end := n.start, n.end
	if n.kind == kindText { // with its quotes
		start, end = start-1, end+1
	}
	return cut(string(c.doc.text[start:end]), 64)
}

func compileRegex(text string, path []string) (re *regexp.Regexp, size int, err error) {
	switch {
	case text == "" || len(text) > MaxRegexBytes:
		return nil, 0, broken(path, "must have 1 to %d bytes", MaxRegexBytes)
	case !utf8.ValidString(text):
		return nil, 0, broken(path, "must be UTF-8")
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, 0, broken(path, "is no regular expression of RE2: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, 0, broken(path, "cannot be compiled: %v", err)
	}
	if len(program.Inst) > MaxRegexSize {
		return nil, 0, broken(path, "is too large a regular expression: %d instructions, at most %d are allowed", len(program.Inst), MaxRegexSize)
	}
	re, err = regexp.Compile(text)
	if err != nil {
		return nil, 0, broken(path, "is no regular expression of RE2: %v", err)
	}
	return re, len(program.Inst), nil
}
