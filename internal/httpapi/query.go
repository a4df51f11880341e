package httpapi

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// query reads the parameters of a request. What cannot be read as its type is 400,
// what can but is out of range is 422 (CONTRACT 1.9).
type query struct{ values url.Values }

func parseQuery(raw string) (query, error) {
	if raw == "" {
		return query{}, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query{}, badRequest("The query string is malformed.")
	}
	return query{values}, nil
}

// has reports whether a parameter is given, in any of the forms that a list may have.
func (q query) has(name string) bool {
	return q.values.Has(name) || q.values.Has(name+"[]") || q.values.Has(name+"[0]")
}

// text returns a scalar. Given twice, or with a control character, it is refused:
// two readers might otherwise see two different values.
func (q query) text(name string) (string, bool, error) {
	list := q.values[name]
	switch {
	case len(list) == 0:
		return "", false, nil
	case len(list) > 1:
		return "", false, badRequest("The query parameter %s must not be given twice.", name)
	}
	return list[0], true, checkQueryText(name, list[0])
}

func checkQueryText(name, s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return badRequest("The query parameter %s must not contain control characters.", name)
	}
	return nil
}

func (q query) boolean(name string, otherwise bool) (bool, error) {
	s, given, err := q.text(name)
	if err != nil || !given {
		return otherwise, err
	}
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, badRequest("The query parameter %s must be true or false.", name)
}

func (q query) time(name string) (time.Time, error) {
	s, given, err := q.text(name)
	if err != nil || !given {
		return time.Time{}, err
	}
	// A + of an offset that was not percent-encoded arrives as a space.
	t, err := time.Parse(time.RFC3339, strings.Replace(s, " ", "+", 1))
	if err != nil {
		return time.Time{}, badRequest("The query parameter %s must be a time as in RFC 3339.", name)
	}
	return t.UTC(), nil
}

// oneOf returns a parameter that must be one of a few words, otherwise when absent.
func (q query) oneOf(name, otherwise string, words ...string) (string, error) {
	s, given, err := q.text(name)
	if err != nil || !given {
		return otherwise, err
	}
	if !anyOf(s, words...) {
		return "", badRequest("The query parameter %s must be one of %s.", name, strings.Join(words, ", "))
	}
	return s, nil
}

// list returns a list in any of the forms that clients send: a=x,y; a=x&a=y;
// a[]=x&a[]=y; a[0]=x&a[1]=y. Nil when there is none.
func (q query) list(name string) ([]string, error) {
	var out []string
	add := func(values []string) error {
		for _, v := range values {
			if err := checkQueryText(name, v); err != nil {
				return err
			}
			for item := range strings.SplitSeq(v, ",") {
				if item != "" {
					out = append(out, item)
				}
			}
		}
		return nil
	}
	if err := add(q.values[name]); err != nil {
		return nil, err
	}
	if err := add(q.values[name+"[]"]); err != nil {
		return nil, err
	}
	const maxItems = 500
	for i := range maxItems {
		values, given := q.values[name+"["+strconv.Itoa(i)+"]"]
		if !given {
			break
		}
		if err := add(values); err != nil {
			return nil, err
		}
	}
	if len(out) > maxItems {
		return nil, invalidQuery(name, fmt.Sprintf("must hold at most %d items", maxItems))
	}
	return out, nil
}

// limit returns how many rows a page may have.
func (q query) limit() (int, error) {
	const most, otherwise = 250, 50
	s, given, err := q.text("limit")
	if err != nil || !given {
		return otherwise, err
	}
	n, err := strconv.ParseUint(s, 10, 31)
	switch {
	case err != nil:
		return 0, badRequest("The query parameter limit must be a whole number.")
	case n > most:
		return 0, invalidQuery("limit", "Given limit must not exceed 250")
	case n == 0:
		return 0, invalidQuery("limit", "Given limit must be at least 1")
	}
	return int(n), nil
}

// number returns a whole number within bounds, otherwise when absent.
func (q query) number(name string, otherwise, least, most int64) (int64, error) {
	s, given, err := q.text(name)
	if err != nil || !given {
		return otherwise, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return 0, badRequest("The query parameter %s must be a whole number.", name)
	case n < least || n > most:
		return 0, invalidQuery(name, fmt.Sprintf("must lie between %d and %d", least, most))
	}
	return n, nil
}

// cursor is an iterator: go on after this row, or with a leading "-" walk back from it.
type cursor struct {
	id              string
	given, backward bool
}

func (q query) cursor() (cursor, error) {
	s, given, err := q.text("iterator")
	if err != nil || !given {
		return cursor{}, err
	}
	id, backward := strings.CutPrefix(s, "-")
	if id == "" {
		return cursor{}, badIterator()
	}
	return cursor{id: id, given: true, backward: backward}, nil
}

func badIterator() error { return invalidQuery("iterator", "Invalid iterator") }

// page reads limit, iterator and order of a list that pages by K.
func page[K any](q query, descending bool, parse func(string) (K, bool)) (store.Page[K], error) {
	var p store.Page[K]
	var err error
	if p.Limit, err = q.limit(); err != nil {
		return p, err
	}
	otherwise := "ascending"
	if descending {
		otherwise = "descending"
	}
	order, err := q.oneOf("order", otherwise, "ascending", "descending")
	if err != nil {
		return p, err
	}
	p.Descending = order == "descending"
	at, err := q.cursor()
	if err != nil || !at.given {
		return p, err
	}
	ok := false
	if p.After, ok = parse(at.id); !ok {
		return p, badIterator()
	}
	p.HasAfter, p.Backward = true, at.backward
	return p, nil
}

// historyDays is how far a list of messages or attempts reaches (CONTRACT 1.7).
const historyDays = 90 * 24 * time.Hour

// window reads limit, iterator, before and after of a list of messages or attempts.
func window(q query, now time.Time, parse func(string) (hook.Key, bool)) (store.Window, error) {
	var w store.Window
	var err error
	if w.Limit, err = q.limit(); err != nil {
		return w, err
	}
	before, err := q.time("before")
	if err != nil {
		return w, err
	}
	after, err := q.time("after")
	if err != nil {
		return w, err
	}
	at, err := q.cursor()
	if err != nil {
		return w, err
	}
	if at.given {
		ok := false
		if w.From, ok = parse(at.id); !ok {
			return w, badIterator()
		}
		w.Backward = at.backward
	}
	latest := now.Add(time.Hour)
	switch {
	case after.IsZero() && before.IsZero():
		w.After = now.Add(-historyDays)
	case after.IsZero():
		w.Before = earlier(before, latest)
		w.After = w.Before.Add(-historyDays)
	case before.IsZero():
		w.After = after.Truncate(time.Millisecond)
		w.Before = earlier(w.After.Add(historyDays), latest)
		w.Ascending = !at.given
	default:
		w.After, w.Before = after.Truncate(time.Millisecond), earlier(before, latest)
	}
	return w, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
