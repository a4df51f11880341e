package filter

// explain returns the clause of b that keeps v from matching. It is asked only where b is
// not true of v.
func (e *evaluation) explain(b *block, v value, isElement bool) Clause {
	for i := range b.whole {
		if p := &b.whole[i]; e.whole(p, v, isElement) != isTrue {
			return e.explainWhole(p, v, isElement)
		}
	}
	isList := v.kind == kindList && !isElement
	for i := range b.each {
		p := &b.each[i]
		switch {
		case !isList && e.each(p, v, isElement) == isTrue:
		case isList && e.anyElement(b.each[i:i+1], v) == isTrue:
		case isList:
			return e.explainElements(p, v)
		default:
			return e.explainEach(p, v, isElement)
		}
	}
	// Each clause is true of some element, but no element has them all.
	return Clause{Path: joinPath(b.path), Found: "no element of the list has all of it"}
}

func clauseOf(p *part, found string) Clause {
	return Clause{Path: joinPath(p.path), Operator: p.op.String(), Wanted: p.text, Found: found}
}

func found(v value) string {
	switch v.kind {
	case kindMissing:
		return "the field is missing"
	case kindOpaque:
		return "the payload is not JSON"
	}
	return "does not hold for " + v.kind.words()
}

func (e *evaluation) explainEach(p *part, v value, isElement bool) Clause {
	switch p.op {
	case opField:
		if v.kind == kindOpaque {
			return Clause{Path: joinPath(p.path), Found: found(v)}
		}
		return e.explain(p.blocks[0], e.field(v, p.name), false)
	case opOr:
		if len(p.blocks) == 1 {
			return e.explain(p.blocks[0], v, isElement)
		}
		c := clauseOf(p, "no alternative holds")
		c.Wanted = ""
		return c
	}
	return clauseOf(p, e.foundBy(p, v))
}

// foundBy says what a clause met, where its operator has more to say than what kind it was.
func (e *evaluation) foundBy(p *part, v value) string {
	if p.op == opRegex && v.kind == kindText && e.m.length(v) > MaxRegexInput {
		return "the text is too long for a regular expression"
	}
	if v.kind == kindNumber {
		if _, ok := parseDecimal(e.m.doc.raw(v.at)); !ok {
			return "the number is too large to be compared"
		}
	}
	return found(v)
}

// explainElements says why a clause is true of no element of a list.
func (e *evaluation) explainElements(p *part, list value) Clause {
	c := clauseOf(p, "holds for no element of the list")
	if p.op != opField {
		return c
	}
	it := e.elements(list)
	if !it.next() {
		c.Found = "the list is empty"
		return c
	}
	if first := it.value; !it.next() {
		return e.explainEach(p, first, true)
	}
	return c
}

func (e *evaluation) explainWhole(p *part, v value, isElement bool) Clause {
	switch p.op {
	case opAnd:
		for _, b := range p.blocks {
			if e.block(b, v, isElement) != isTrue {
				return e.explain(b, v, isElement)
			}
		}
	case opOr:
		return e.explainEach(p, v, isElement)
	case opNot:
		c := clauseOf(p, "what it excludes holds")
		if e.block(p.blocks[0], v, isElement) == noAnswer {
			c.Found = "a field that it asks about is missing or cannot be compared"
		}
		c.Wanted = ""
		return c
	case opExist:
		c := clauseOf(p, "found "+v.kind.words())
		if v.kind == kindOpaque {
			c.Found = found(v)
		}
		return c
	case opAll:
		if v.kind == kindList && !isElement {
			return clauseOf(p, "the list lacks an element that is asked for")
		}
	}
	return clauseOf(p, e.foundBy(p, v))
}
