// Package filter is the language in which an endpoint says which messages it wants by
// what is in them. A filter is compiled once and then decides about messages in time
// that is bounded by their size and its own. doc.go has the language.
package filter

import "strings"

// Limits of a filter. They are judged by Compile.
const (
	// MaxTextBytes bounds the text of a filter.
	MaxTextBytes = 16 << 10
	// MaxDepth is how deep a filter may be nested.
	MaxDepth = 32
	// MaxClauses bounds operators, fields, alternatives and the values of lists together.
	MaxClauses = 256
	// MaxRegexBytes bounds the text of a regular expression.
	MaxRegexBytes = 1 << 10
	// MaxRegexSize bounds the instructions that a regular expression is compiled to.
	MaxRegexSize = 1000
	// MaxRegexInput is the longest text that $regex looks at, in bytes. About a longer one
	// it has no answer, as about a missing one.
	MaxRegexInput = 16 << 10
)

// Operators are all operators, in the order of the documentation. The list is the caller's.
func Operators() []string { return strings.Fields(operatorList) }

const operatorList = "$eq $neq $gt $gte $lt $lte $in $nin $startsWith $endsWith $contains $exist $or $and $not $regex"

// Sections are the parts of a message that a filter asks about. The list is the caller's.
func Sections() []string {
	return []string{"payload", "headers", "query", "metadata", "eventType", "channels"}
}

// Filter is a compiled filter. It is never changed, and may be used by many at the same time.
type Filter struct {
	root *block
}

// Error says what is wrong with the text of a filter, and where.
type Error struct {
	// Path is the place in the filter: {"payload", "amount", "$gt"}, {"$or", "[1]"}; nil for the whole.
	Path []string
	// Text says what is wrong and what would be right, as the end of a sentence about the place.
	Text string
}

func (e *Error) Error() string {
	return joinPath(append([]string{"filter"}, e.Path...)) + ": " + e.Text
}

// Decision is what a filter says of a message. It holds nothing of the message but kinds of values.
type Decision struct {
	Match bool
	// Clause is the first one, in the order in which a filter is read, for which the message
	// does not match. Zero where it matches.
	Clause Clause
}

// Clause is one condition of a filter, with what it met.
type Clause struct {
	// Path is the place that the clause is about, in the filter: "payload.order.total", "$or[1].headers.x-kind".
	Path string
	// Operator is its operator; "" where several clauses together decided.
	Operator string
	// Wanted is the value that stands beside the operator, as JSON, of which 64 bytes at most are kept.
	Wanted string
	// Found says in words what was there, never its value: "a number", "nothing".
	Found string
}

// Note says in at most some 300 bytes which clause decided, without any value of filter or message.
func (c Clause) Note() string {
	at := cut(c.Path, 200)
	if c.Operator != "" {
		if at != "" {
			at += " "
		}
		at += c.Operator
	}
	if at == "" {
		return c.Found
	}
	return at + ": " + c.Found
}

// Why says in one sentence why a message matches or does not.
func (d Decision) Why() string {
	if d.Match {
		return "Every clause of the filter holds."
	}
	text := cut(d.Clause.Path, 200)
	if d.Clause.Operator != "" {
		text = strings.TrimSpace(text + " " + d.Clause.Operator)
	}
	if d.Clause.Wanted != "" {
		text += " " + d.Clause.Wanted
	}
	if text == "" {
		return d.Clause.Found + "."
	}
	return text + ": " + d.Clause.Found + "."
}

// Decide says whether a message matches, and if not, why.
func (f *Filter) Decide(m *Message) Decision {
	e := evaluation{m: m, left: budget}
	v := value{kind: kindMessage}
	if t := e.block(f.root, v, false); t == isTrue && !e.isOver() {
		return Decision{Match: true}
	}
	if e.isOver() {
		return Decision{Clause: Clause{Found: overBudget}}
	}
	x := evaluation{m: m, left: budget}
	c := x.explain(f.root, v, false)
	if x.isOver() {
		return Decision{Clause: Clause{Found: overBudget}}
	}
	return Decision{Clause: c}
}

const overBudget = "the payload is too large for so many clauses, so that the filter was given up"

// joinPath writes a path as people do: names with dots between, places in lists in brackets.
func joinPath(path []string) string {
	var b strings.Builder
	for i, p := range path {
		if i > 0 && !strings.HasPrefix(p, "[") {
			b.WriteByte('.')
		}
		b.WriteString(p)
	}
	return b.String()
}

// cut shortens a text to at most n bytes of whole characters, and shows that it did.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const more = "..."
	for n -= len(more); n > 0 && s[n]&0xc0 == 0x80; n-- {
	}
	return s[:n] + more
}
