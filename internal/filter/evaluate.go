package filter

import "bytes"

// truth is the answer of a clause. And takes the least, or the greatest, not swaps the ends.
type truth uint8

const (
	isFalse truth = iota
	noAnswer
	isTrue
)

func truthOf(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

// budget bounds the work of one decision: one for each value that is looked at, more for long texts
// and for regular expressions. It lasts for some 10 ms at the worst, and a usual decision takes
// some hundreds.
const budget = 1 << 20

// evaluation is one filter being asked about one message.
type evaluation struct {
	m    *Message
	left int // of the budget; below 0 it is over
}

func (e *evaluation) spend(n int)  { e.left -= n }
func (e *evaluation) isOver() bool { return e.left < 0 }

// block asks a block of v. isElement says that v is an element of a list, and so, if it is
// a list itself, not looked into.
func (e *evaluation) block(b *block, v value, isElement bool) truth {
	t := isTrue
	for i := range b.whole {
		if t = min(t, e.whole(&b.whole[i], v, isElement)); t == isFalse {
			return t
		}
	}
	if len(b.each) == 0 {
		return t
	}
	if v.kind == kindList && !isElement {
		return min(t, e.anyElement(b.each, v))
	}
	return min(t, e.every(b.each, v, isElement))
}

// every asks parts of one value.
func (e *evaluation) every(parts []part, v value, isElement bool) truth {
	t := isTrue
	for i := range parts {
		if t = min(t, e.each(&parts[i], v, isElement)); t == isFalse {
			break
		}
	}
	return t
}

// anyElement asks parts of the elements of a list, together.
func (e *evaluation) anyElement(parts []part, list value) truth {
	t, isEmpty := isFalse, true
	for it := e.elements(list); it.next(); {
		isEmpty = false
		if t = max(t, e.every(parts, it.value, true)); t == isTrue || e.isOver() {
			break
		}
	}
	if isEmpty {
		return e.ofNothing(parts)
	}
	return t
}

// ofNothing is what parts say of a list without elements: no element is equal to anything, and
// fields are missing.
func (e *evaluation) ofNothing(parts []part) truth {
	t := isTrue
	for i := range parts {
		switch p := &parts[i]; p.op {
		case opField:
			t = min(t, e.block(p.blocks[0], value{}, false))
		case opOr:
			some := isFalse
			for _, b := range p.blocks {
				some = max(some, e.ofNothing(b.each))
			}
			t = min(t, some)
		default:
			t = isFalse
		}
	}
	return t
}

// iterator walks over the elements of a list.
type iterator struct {
	e        *evaluation
	list     value
	i        int    // of texts
	at, last uint32 // of nodes
	value    value  // the current one
}

func (e *evaluation) elements(list value) iterator {
	it := iterator{e: e, list: list}
	if list.isJSON {
		it.at, it.last = list.at+1, e.m.doc.nodes[list.at].next
	}
	return it
}

func (it *iterator) next() bool {
	it.e.spend(1)
	if !it.list.isJSON {
		if it.i >= len(it.list.list) {
			return false
		}
		it.value = textValue(it.list.list[it.i])
		it.i++
		return true
	}
	if it.at >= it.last {
		return false
	}
	it.value = it.e.m.node(it.at)
	it.at = it.e.m.doc.nodes[it.at].next
	return true
}

// field returns a field of v. Of a name that stands twice in JSON the last one counts, as for
// most parsers.
func (e *evaluation) field(v value, name string) (found value) {
	e.spend(1)
	switch v.kind {
	case kindMessage:
		return e.m.section(name)
	case kindNames:
		e.spend(len(e.m.Header))
		return e.m.named(v.section, name)
	case kindObject:
	default:
		return value{}
	}
	d := &e.m.doc
	for member, last := v.at+1, d.nodes[v.at].next; member < last; member = d.nodes[member+1].next {
		e.spend(1)
		n := &d.nodes[member]
		switch {
		case n.escaped:
			e.spend(int(n.end-n.start) / 16)
			if string(d.characters(member)) == name {
				found = e.m.node(member + 1)
			}
		case int(n.end-n.start) == len(name) && string(d.text[n.start:n.end]) == name:
			found = e.m.node(member + 1)
		}
	}
	return found
}

// each asks what is asked of a value or of an element.
func (e *evaluation) each(p *part, v value, isElement bool) truth {
	switch p.op {
	case opField:
		if v.kind == kindOpaque {
			return noAnswer
		}
		return e.block(p.blocks[0], e.field(v, p.name), false)
	case opOr:
		t := isFalse
		for _, b := range p.blocks {
			if t = max(t, e.block(b, v, isElement)); t == isTrue {
				break
			}
		}
		return t
	}
	if v.kind == kindMissing || v.kind == kindOpaque {
		return noAnswer
	}
	return e.compare(p, v)
}

// whole asks what is asked of a list as such.
func (e *evaluation) whole(p *part, v value, isElement bool) truth {
	switch p.op {
	case opExist:
		return truthOf(p.exist == (v.kind != kindMissing && v.kind != kindOpaque))
	case opNot:
		return isTrue - e.block(p.blocks[0], v, isElement)
	case opAnd:
		t := isTrue
		for _, b := range p.blocks {
			if t = min(t, e.block(b, v, isElement)); t == isFalse {
				break
			}
		}
		return t
	case opOr:
		return e.each(p, v, isElement)
	}
	if v.kind == kindMissing || v.kind == kindOpaque {
		return noAnswer
	}
	switch p.op {
	case opAll:
		if v.kind != kindList || isElement {
			return isFalse
		}
		t := isTrue
		for _, b := range p.blocks {
			some := isFalse
			for it := e.elements(v); it.next(); {
				if some = max(some, e.block(b, it.value, true)); some == isTrue || e.isOver() {
					break
				}
			}
			t = min(t, some)
		}
		return t
	case opContains:
		if v.kind == kindText {
			if p.values[0].kind != kindText {
				return isFalse
			}
			e.spend(e.m.length(v) / 16)
			return truthOf(bytes.Contains(e.m.characters(v), p.values[0].text))
		}
		if v.kind != kindList || isElement {
			return isFalse
		}
		return e.anyEqual(p, v)
	}
	// $neq and $nin: of a list, that no element is equal.
	if v.kind == kindList && !isElement {
		return isTrue - e.anyEqual(p, v)
	}
	return isTrue - e.equalsAny(p, v)
}

// anyEqual asks whether an element is equal to one of the values.
func (e *evaluation) anyEqual(p *part, list value) truth {
	t := isFalse
	for it := e.elements(list); it.next(); {
		if t = max(t, e.equalsAny(p, it.value)); t == isTrue || e.isOver() {
			break
		}
	}
	return t
}

// compare asks an operator of one value that is there.
func (e *evaluation) compare(p *part, v value) truth {
	switch p.op {
	case opEq, opIn:
		return e.equalsAny(p, v)
	case opGt, opGte, opLt, opLte:
		order, t := e.order(v, &p.values[0])
		if t != isTrue {
			return t
		}
		switch p.op {
		case opGt:
			return truthOf(order > 0)
		case opGte:
			return truthOf(order >= 0)
		case opLt:
			return truthOf(order < 0)
		}
		return truthOf(order <= 0)
	}
	if v.kind != kindText {
		return isFalse
	}
	n := e.m.length(v)
	e.spend(n / 16)
	text := e.m.characters(v)
	switch p.op {
	case opStartsWith:
		return truthOf(bytes.HasPrefix(text, p.values[0].text))
	case opEndsWith:
		return truthOf(bytes.HasSuffix(text, p.values[0].text))
	}
	if len(text) > MaxRegexInput {
		return noAnswer
	}
	// Each instruction may look at each character once.
	if e.spend(1 + len(text)*p.size); e.isOver() {
		return noAnswer
	}
	return truthOf(p.regex.Match(text))
}

// equalsAny asks whether a value is equal to one of the values of a clause.
func (e *evaluation) equalsAny(p *part, v value) truth {
	t := isFalse
	for i := range p.values {
		l := &p.values[i]
		e.spend(1)
		if l.kind != v.kind {
			continue
		}
		switch v.kind {
		case kindNull, kindTrue, kindFalse:
			return isTrue
		}
		order, known := e.order(v, l)
		if known != isTrue {
			t = max(t, known)
		} else if order == 0 {
			return isTrue
		}
	}
	return t
}

// order compares a value with one of the filter. It is isTrue where they can be compared,
// isFalse where they are of different kinds, and noAnswer for a number that is not compared.
func (e *evaluation) order(v value, l *literal) (order int, known truth) {
	switch {
	case v.kind != l.kind:
		return 0, isFalse
	case v.kind == kindText:
		e.spend(e.m.length(v) / 16)
		return bytes.Compare(e.m.characters(v), l.text), isTrue
	case v.kind == kindNumber:
		e.spend(e.m.length(v) / 16)
		d, ok := parseDecimal(e.m.doc.raw(v.at))
		if !ok {
			return 0, noAnswer
		}
		return d.compare(l.number), isTrue
	}
	return 0, isFalse
}
