package filter

import "bytes"

// decimal is a number as its digits: 0.D × 10^exponent, where D is head followed by tail and
// neither begins nor ends with a zero. So numbers of any length compare exactly, without
// arithmetic on them, and "1e999999" costs no more than "1".
type decimal struct {
	negative   bool
	head, tail []byte // both empty for zero
	exponent   int64
}

// maxExponentDigits bounds the digits of an exponent, leading zeros aside.
const maxExponentDigits = 9

// parseDecimal reads a number of JSON. It reports false for an exponent of more than
// maxExponentDigits: such numbers are not compared.
func parseDecimal(text []byte) (d decimal, ok bool) {
	if text[0] == '-' {
		d.negative, text = true, text[1:]
	}
	exponent := int64(0)
	ok = true
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		exponent, ok = parseExponent(text[i+1:])
		text = text[:i]
	}
	d.head = text
	if i := bytes.IndexByte(text, '.'); i >= 0 {
		d.head, d.tail = text[:i], text[i+1:]
	}
	d.head = bytes.TrimLeft(d.head, "0")
	d.tail = bytes.TrimRight(d.tail, "0")
	d.exponent = exponent + int64(len(d.head))
	if len(d.head) == 0 {
		all := len(d.tail)
		d.tail = bytes.TrimLeft(d.tail, "0")
		d.exponent = exponent - int64(all-len(d.tail))
	}
	if len(d.tail) == 0 {
		d.head = bytes.TrimRight(d.head, "0")
	}
	if len(d.head)+len(d.tail) == 0 {
		return decimal{}, true
	}
	return d, ok
}

func parseExponent(text []byte) (n int64, ok bool) {
	negative := text[0] == '-'
	if negative || text[0] == '+' {
		text = text[1:]
	}
	text = bytes.TrimLeft(text, "0")
	if len(text) > maxExponentDigits {
		return 0, false
	}
	for _, c := range text {
		n = 10*n + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

func (d decimal) isZero() bool { return len(d.head)+len(d.tail) == 0 }

// digit returns the digit at place i, 0 behind the last.
func (d decimal) digit(i int) byte {
	if i < len(d.head) {
		return d.head[i]
	}
	if i -= len(d.head); i < len(d.tail) {
		return d.tail[i]
	}
	return '0'
}

// compare returns -1, 0 or 1 as d is less than, equal to or greater than o.
func (d decimal) compare(o decimal) int {
	sign := func(d decimal) int {
		switch {
		case d.isZero():
			return 0
		case d.negative:
			return -1
		}
		return 1
	}
	s := sign(d)
	if t := sign(o); s != t || s == 0 {
		switch {
		case s < t:
			return -1
		case s > t:
			return 1
		}
		return 0
	}
	switch {
	case d.exponent < o.exponent:
		return -s
	case d.exponent > o.exponent:
		return s
	}
	for i := range max(len(d.head)+len(d.tail), len(o.head)+len(o.tail)) {
		if a, b := d.digit(i), o.digit(i); a < b {
			return -s
		} else if a > b {
			return s
		}
	}
	return 0
}
