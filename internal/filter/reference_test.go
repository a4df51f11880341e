package filter

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The slow reference: the language read off doc.go a second time, over maps and big numbers,
// without compiling, budget or shared code. An answer is nil for "no answer".

type (
	gone    struct{} // a field that is missing
	notJSON struct{} // content of which nothing can be asked
)

func yes() *bool { t := true; return &t }
func no() *bool  { f := false; return &f }

func answer(b bool) *bool {
	if b {
		return yes()
	}
	return no()
}

func refNot(a *bool) *bool {
	if a == nil {
		return nil
	}
	return answer(!*a)
}

func refAnd(list ...*bool) *bool {
	open := false
	for _, a := range list {
		if a == nil {
			open = true
		} else if !*a {
			return no()
		}
	}
	if open {
		return nil
	}
	return yes()
}

func refOr(list ...*bool) *bool {
	for i, a := range list {
		list[i] = refNot(a)
	}
	return refNot(refAnd(list...))
}

func refTree(text []byte) (v any, ok bool) {
	if !utf8.Valid(text) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	return v, json.Valid(text)
}

// refMatch says whether a message matches a filter that is known to be a good one.
func refMatch(filterText []byte, m *Message) bool {
	f, _ := refTree(filterText)
	a := refMessage(f.(map[string]any), m)
	return a != nil && *a
}

func refMessage(f map[string]any, m *Message) *bool {
	var all []*bool
	for name, want := range f {
		switch name {
		case "$and", "$or":
			var list []*bool
			for _, one := range want.([]any) {
				list = append(list, refMessage(one.(map[string]any), m))
			}
			if name == "$and" {
				all = append(all, refAnd(list...))
			} else {
				all = append(all, refOr(list...))
			}
		case "$not":
			all = append(all, refNot(refMessage(want.(map[string]any), m)))
		case "headers":
			all = append(all, refObject(want.(map[string]any), refHeaders(m), false, true))
		default:
			all = append(all, refAsk(want, refSection(name, m), false, false))
		}
	}
	return refAnd(all...)
}

func refHeaders(m *Message) any {
	if len(m.Header) == 0 {
		return gone{}
	}
	lists := map[string][]string{}
	for i := 0; i+1 < len(m.Header); i += 2 {
		name := strings.ToLower(m.Header[i])
		lists[name] = append(lists[name], m.Header[i+1])
	}
	return refNames(lists)
}

func refNames(lists map[string][]string) any {
	out := map[string]any{}
	for name, texts := range lists {
		if out[name] = any(texts[0]); len(texts) > 1 {
			var list []any
			for _, text := range texts {
				list = append(list, text)
			}
			out[name] = list
		}
	}
	return out
}

func refSection(name string, m *Message) any {
	switch name {
	case "payload":
		if m.Payload == nil {
			return gone{}
		}
		if v, ok := refTree(m.Payload); ok {
			return v
		}
		return notJSON{}
	case "eventType":
		if m.EventType != "" {
			return m.EventType
		}
	case "channels":
		if len(m.Channels) > 0 {
			var list []any
			for _, c := range m.Channels {
				list = append(list, c)
			}
			return list
		}
	case "query":
		if m.Query != "" {
			q, _ := url.ParseQuery(m.Query)
			return refNames(q)
		}
	case "metadata":
		if len(m.Metadata) > 0 {
			out := map[string]any{}
			for k, v := range m.Metadata {
				out[k] = v
			}
			return out
		}
	}
	return gone{}
}

// refAsk asks an expression of a value.
func refAsk(f, v any, inList, fold bool) *bool {
	switch f := f.(type) {
	case map[string]any:
		return refObject(f, v, inList, fold)
	case []any:
		if isAbsent(v) {
			return nil
		}
		list, isList := v.([]any)
		if !isList || inList {
			return no()
		}
		var all []*bool
		for _, want := range f {
			some := []*bool{no()}
			for _, element := range list {
				some = append(some, refAsk(want, element, true, false))
			}
			all = append(all, refOr(some...))
		}
		return refAnd(all...)
	}
	return refObject(map[string]any{"$eq": f}, v, inList, fold)
}

func isAbsent(v any) bool {
	switch v.(type) {
	case gone, notJSON:
		return true
	}
	return false
}

// asksElements reports whether a member of an object is asked of a list's elements.
func asksElements(name string, want any) bool {
	switch name {
	case "$neq", "$nin", "$not", "$contains", "$exist", "$and":
		return false
	case "$or":
		for _, alternative := range want.([]any) {
			switch alternative := alternative.(type) {
			case []any:
				return false
			case map[string]any:
				for n, w := range alternative {
					if !asksElements(n, w) {
						return false
					}
				}
			}
		}
	default:
		if strings.HasPrefix(name, "$") {
			return true
		}
	}
	return true
}

func refObject(f map[string]any, v any, inList, fold bool) *bool {
	var all []*bool
	list, isList := v.([]any)
	together := map[string]any{}
	for name, want := range f {
		if isList && !inList && asksElements(name, want) {
			together[name] = want
			continue
		}
		all = append(all, refMember(name, want, v, inList, fold))
	}
	if len(together) > 0 {
		var some []*bool
		for _, element := range list {
			var one []*bool
			for name, want := range together {
				one = append(one, refMember(name, want, element, true, fold))
			}
			some = append(some, refAnd(one...))
		}
		if len(list) == 0 {
			some = append(some, refEmpty(together))
		}
		all = append(all, refOr(some...))
	}
	return refAnd(all...)
}

func refEmpty(f map[string]any) *bool {
	var all []*bool
	for name, want := range f {
		switch {
		case name == "$or":
			var some []*bool
			for _, alternative := range want.([]any) {
				object, isObject := alternative.(map[string]any)
				if !isObject {
					object = map[string]any{"$eq": alternative}
				}
				some = append(some, refEmpty(object))
			}
			all = append(all, refOr(some...))
		case isField(name):
			all = append(all, refAsk(want, gone{}, false, false))
		default:
			all = append(all, no())
		}
	}
	return refAnd(all...)
}

func isField(name string) bool {
	return !strings.HasPrefix(name, "$") || strings.HasPrefix(name, "$$")
}

func refMember(name string, want, v any, inList, fold bool) *bool {
	if isField(name) {
		name = strings.TrimPrefix(name, "$")
		if fold {
			name = strings.ToLower(name)
		}
		if _, is := v.(notJSON); is {
			return nil
		}
		field := any(gone{})
		if object, is := v.(map[string]any); is {
			if found, has := object[name]; has {
				field = found
			}
		}
		return refAsk(want, field, false, false)
	}
	switch name {
	case "$exist":
		return answer(want.(bool) != isAbsent(v))
	case "$not":
		return refNot(refAsk(want, v, inList, fold))
	case "$and", "$or":
		var list []*bool
		for _, one := range want.([]any) {
			list = append(list, refAsk(one, v, inList, fold))
		}
		if name == "$and" {
			return refAnd(list...)
		}
		return refOr(list...)
	}
	if isAbsent(v) {
		return nil
	}
	list, isList := v.([]any)
	isList = isList && !inList
	wanted, hasList := want.([]any)
	if !hasList {
		wanted = []any{want}
	}
	equal := func(v any) *bool {
		some := []*bool{no()}
		for _, w := range wanted {
			some = append(some, refEqual(w, v))
		}
		return refOr(some...)
	}
	anyEqual := func() *bool {
		some := []*bool{no()}
		for _, element := range list {
			some = append(some, equal(element))
		}
		return refOr(some...)
	}
	switch name {
	case "$eq", "$in":
		return equal(v)
	case "$neq", "$nin":
		if isList {
			return refNot(anyEqual())
		}
		return refNot(equal(v))
	case "$contains":
		if text, is := v.(string); is {
			part, isText := want.(string)
			return answer(isText && strings.Contains(text, part))
		}
		if isList {
			return anyEqual()
		}
		return no()
	case "$gt", "$gte", "$lt", "$lte":
		order, same := 0, false
		switch w := want.(type) {
		case string:
			var text string
			if text, same = v.(string); same {
				order = strings.Compare(text, w)
			}
		case json.Number:
			var n json.Number
			if n, same = v.(json.Number); same {
				order = rat(n).Cmp(rat(w))
			}
		}
		if !same {
			return no()
		}
		return answer(name == "$gt" && order > 0 || name == "$gte" && order >= 0 || name == "$lt" && order < 0 || name == "$lte" && order <= 0)
	}
	text, isText := v.(string)
	if !isText {
		return no()
	}
	switch name {
	case "$startsWith":
		return answer(strings.HasPrefix(text, want.(string)))
	case "$endsWith":
		return answer(strings.HasSuffix(text, want.(string)))
	case "$regex":
		if len(text) > 16<<10 {
			return nil
		}
		return answer(regexp.MustCompile(want.(string)).MatchString(text))
	}
	panic("the reference does not know " + name)
}

func refEqual(w, v any) *bool {
	switch w := w.(type) {
	case json.Number:
		n, is := v.(json.Number)
		return answer(is && rat(n).Cmp(rat(w)) == 0)
	case string:
		text, is := v.(string)
		return answer(is && text == w)
	case bool:
		b, is := v.(bool)
		return answer(is && b == w)
	}
	return answer(v == nil)
}

func rat(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		panic("no number: " + n.String())
	}
	return r
}

// isHeavy reports whether a text has exponents for which big numbers would take for ever.
var isHeavy = regexp.MustCompile(`[eE][+-]?0*[0-9]{3,}`).Match
