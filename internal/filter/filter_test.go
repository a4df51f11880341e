package filter

import (
	"errors"
	"strings"
	"testing"
)

// decisions are cases about a payload. The fuzz target begins with them, too.
var decisions = []struct {
	name, filter, payload string
	match                 bool
	why                   string
}{
	{"bare value", `{"payload":{"a":1}}`, `{"a":1}`, true, "the same as $eq"},
	{"other value", `{"payload":{"a":1}}`, `{"a":2}`, false, ""},
	{"no kind becomes another", `{"payload":{"a":1}}`, `{"a":"1"}`, false, "no coercion"},
	{"one spelling of a number", `{"payload":{"a":1}}`, `{"a":10e-1}`, true, "numbers compare by value"},
	{"beyond 2^53", `{"payload":{"a":9007199254740993}}`, `{"a":9007199254740992}`, false, "as doubles they are equal"},
	{"beyond 2^53, order", `{"payload":{"a":{"$gt":9007199254740992}}}`, `{"a":9007199254740993}`, true, ""},
	{"long decimals", `{"payload":{"a":{"$lt":0.30000000000000000000000000000001}}}`, `{"a":0.3}`, true, ""},
	{"minus zero", `{"payload":{"a":0}}`, `{"a":-0.0e7}`, true, "zero has no sign"},
	{"huge exponent", `{"payload":{"a":{"$gt":1}}}`, `{"a":1e999999999}`, true, "compared without being written out"},
	{"exponent too long", `{"payload":{"a":{"$gt":1}}}`, `{"a":1e9999999999}`, false, "not compared"},
	{"exponent too long, not", `{"payload":{"a":{"$not":{"$gt":1}}}}`, `{"a":1e9999999999}`, false, "not compared either way"},
	{"null is a value", `{"payload":{"a":null}}`, `{"a":null}`, true, ""},
	{"null is not missing", `{"payload":{"a":null}}`, `{}`, false, ""},
	{"missing and $neq", `{"payload":{"a":{"$neq":1}}}`, `{}`, false, "a missing field never matches"},
	{"missing and $nin", `{"payload":{"a":{"$nin":[1]}}}`, `{}`, false, "a missing field never matches"},
	{"missing and $not", `{"payload":{"$not":{"a":1}}}`, `{}`, false, "$not of no answer is none"},
	{"missing below a text", `{"payload":{"a":{"b":{"$exist":false}}}}`, `{"a":"x"}`, true, "a text has no fields"},
	{"$exist false", `{"payload":{"a":{"$exist":false}}}`, `{}`, true, ""},
	{"$exist and null", `{"payload":{"a":{"$exist":true}}}`, `{"a":null}`, true, "null is there"},
	{"$exist in $not", `{"payload":{"a":{"$not":{"$exist":true}}}}`, `{}`, true, "$exist always has an answer"},
	{"$or beside no answer", `{"$or":[{"payload":{"a":1}},{"eventType":"order.paid"}]}`, `{}`, true, ""},
	{"escapes", `{"payload":{"\u0061":"\u00e9\ud83d\ude00"}}`, `{"a":"é😀"}`, true, "names and texts are compared without their escapes"},
	{"half a surrogate pair", `{"payload":{"a":"\ufffd"}}`, `{"a":"\ud800"}`, true, "as the standard library reads it"},
	{"name twice", `{"payload":{"a":2}}`, `{"a":1,"a":2}`, true, "the last one counts"},
	{"name twice, first", `{"payload":{"a":1}}`, `{"a":1,"a":2}`, false, "the last one counts"},
	{"field with a dollar", `{"payload":{"$$ref":1}}`, `{"$ref":1}`, true, ""},
	{"no JSON", `{"payload":{"a":{"$exist":false}}}`, `<a/>`, false, "nothing can be asked of what is not JSON"},
	{"no JSON, asked", `{"payload":{"$exist":false}}`, `<a/>`, true, "but whether it is JSON"},
	{"no JSON, negated", `{"$not":{"payload":{"a":1}}}`, `<a/>`, false, ""},
	{"broken UTF-8", `{"payload":{"$exist":true}}`, "{\"a\":\"\xff\"}", false, "JSON is UTF-8"},
	{"something behind", `{"payload":{"$exist":true}}`, `{} {}`, false, ""},
	{"element", `{"payload":{"tags":"a"}}`, `{"tags":["b","a"]}`, true, "true of an element"},
	{"element of another kind", `{"payload":{"tags":1}}`, `{"tags":["1"]}`, false, ""},
	{"same element", `{"payload":{"n":{"$gt":5,"$lt":10}}}`, `{"n":[1,20]}`, false, "in one object, so of one element"},
	{"different elements", `{"payload":{"n":{"$and":[{"$gt":5},{"$lt":10}]}}}`, `{"n":[1,20]}`, true, "$and is asked of the list"},
	{"fields of one element", `{"payload":{"items":{"sku":"a","qty":2}}}`, `{"items":[{"sku":"a","qty":1},{"sku":"b","qty":2}]}`, false, ""},
	{"fields and $or of one element", `{"payload":{"items":{"sku":"a","$or":[{"qty":1},{"qty":3}]}}}`, `{"items":[{"sku":"a","qty":2},{"sku":"b","qty":3}]}`, false, ""},
	{"$neq of a list", `{"payload":{"tags":{"$neq":"a"}}}`, `{"tags":["a","b"]}`, false, "no element may be equal"},
	{"$nin of a list", `{"payload":{"tags":{"$nin":["c","d"]}}}`, `{"tags":["a","b"]}`, true, ""},
	{"$not of a list", `{"payload":{"tags":{"$not":{"$startsWith":"a"}}}}`, `{"tags":["b","ab"]}`, false, "no element may begin so"},
	{"$neq of an empty list", `{"payload":{"tags":{"$neq":"a"}}}`, `{"tags":[]}`, true, "the field is there"},
	{"field in an empty list", `{"payload":{"items":{"$not":{"sku":"a"}}}}`, `{"items":[]}`, false, "there is no such field"},
	{"all of a list", `{"payload":{"tags":["a","b"]}}`, `{"tags":["b","c","a"]}`, true, ""},
	{"all of a list, one lacks", `{"payload":{"tags":["a","b"]}}`, `{"tags":["a"]}`, false, ""},
	{"list in a list", `{"payload":{"m":"a"}}`, `{"m":[["a"]]}`, false, "is not looked into"},
	{"$contains in a text", `{"payload":{"t":{"$contains":"ell"}}}`, `{"t":"hello"}`, true, ""},
	{"$contains in a list", `{"payload":{"t":{"$contains":"ell"}}}`, `{"t":["hello"]}`, false, "an element is equal, or not"},
	{"$contains a number", `{"payload":{"t":{"$contains":1.0}}}`, `{"t":[1]}`, true, ""},
	{"order of texts", `{"payload":{"at":{"$gte":"2026-01-01"}}}`, `{"at":"2026-11-21T00:00:00Z"}`, true, ""},
	{"order across kinds", `{"payload":{"a":{"$gt":"1"}}}`, `{"a":2}`, false, ""},
	{"$regex", `{"payload":{"a":{"$regex":"^ord_[0-9]+$"}}}`, `{"a":"ord_42"}`, true, ""},
	{"$regex of a long text", `{"payload":{"a":{"$regex":"x"}}}`, `{"a":"` + strings.Repeat("x", MaxRegexInput+1) + `"}`, false, "not looked at"},
	{"$regex of a long text, negated", `{"payload":{"a":{"$not":{"$regex":"y"}}}}`, `{"a":"` + strings.Repeat("x", MaxRegexInput+1) + `"}`, false, "not looked at"},
	{"bare payload", `{"payload":7}`, `7`, true, ""},
}

func TestDecisions(t *testing.T) {
	for _, c := range decisions {
		t.Run(c.name, func(t *testing.T) {
			f, err := Compile([]byte(c.filter))
			if err != nil {
				t.Fatal(err)
			}
			m := &Message{Payload: []byte(c.payload), EventType: "order.paid"}
			if d := f.Decide(m); d.Match != c.match {
				t.Errorf("%s about %.200s: %+v, want %v: %s", c.filter, c.payload, d, c.match, c.why)
			}
			if !isHeavy([]byte(c.payload)) && refMatch([]byte(c.filter), m) != c.match {
				t.Errorf("the reference disagrees")
			}
		})
	}
}

func TestSectionsOfAMessage(t *testing.T) {
	m := &Message{
		Payload: []byte(`{}`), Header: []string{"X-GitHub-Event", "push", "X-Forwarded", "a", "x-forwarded", "b"}, Query: "env=prod&id=1&id=2",
		Metadata: map[string]string{"tier": "gold"}, EventType: "push", Channels: []string{"eu", "us"},
	}
	for text, want := range map[string]bool{
		`{"headers":{"x-github-event":"push"}}`:                              true,
		`{"headers":{"X-GITHUB-EVENT":{"$neq":"push"}}}`:                     false,
		`{"headers":{"x-forwarded":"b"}}`:                                    true,
		`{"headers":{"x-forwarded":["a","b"]}}`:                              true,
		`{"headers":{"x-none":{"$exist":false}}}`:                            true,
		`{"headers":{"$or":[{"x-none":"1"},{"x-github-event":"push"}]}}`:     true,
		`{"query":{"env":"prod"}}`:                                           true,
		`{"query":{"Env":"prod"}}`:                                           false,
		`{"query":{"id":"2"}}`:                                               true,
		`{"query":{"id":2}}`:                                                 false,
		`{"metadata":{"tier":{"$in":["gold","silver"]}}}`:                    true,
		`{"metadata":{"tier":"Gold"}}`:                                       false,
		`{"eventType":{"$startsWith":"pu"}}`:                                 true,
		`{"channels":"us"}`:                                                  true,
		`{"channels":{"$nin":["us"]}}`:                                       false,
		`{"$and":[{"channels":"us"},{"$not":{"eventType":"pull"}}]}`:         true,
		`{"metadata":{"tier":"gold"},"payload":{"a":{"$exist":true}}}`:       false,
		`{"headers":{"$exist":true},"query":{"$not":{"env":{"$eq":"dev"}}}}`: true,
	} {
		f, err := Compile([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if d := f.Decide(m); d.Match != want {
			t.Errorf("%s: %+v, want %v", text, d, want)
		}
	}
	published := &Message{Payload: []byte(`{}`), EventType: "a"}
	for _, section := range []string{"headers", "query", "metadata"} {
		f, err := Compile([]byte(`{"` + section + `":{"a":{"$neq":"x"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		if f.Decide(published).Match {
			t.Errorf("%s: a section that a message lacks matched", section)
		}
	}
}

func TestBrokenFilterNamesItsPlace(t *testing.T) {
	deep := strings.Repeat(`{"a":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1)
	many := `{"payload":{"a":{"$in":[` + strings.TrimSuffix(strings.Repeat("1,", MaxClauses), ",") + `]}}}`
	for _, c := range []struct{ name, text, want string }{
		{"no JSON", `{`, "filter: must be JSON"},
		{"no object", `[]`, "filter: must be an object"},
		{"empty", `{}`, "filter: must hold at least one clause"},
		{"too long", `{"payload":"` + strings.Repeat("x", MaxTextBytes) + `"}`, "filter: must have at most"},
		{"unknown section", `{"body":{}}`, "filter.body: is no section of a message"},
		{"operator at the top", `{"$eq":1}`, "filter.$eq: must stand below a section"},
		{"unknown operator", `{"payload":{"a":{"$ne":1}}}`, "filter.payload.a.$ne: is no operator"},
		{"order of a boolean", `{"payload":{"amount":{"$gt":true}}}`, "filter.payload.amount.$gt: a number or a text is needed"},
		{"equal to an object", `{"payload":{"a":{"$eq":{}}}}`, "filter.payload.a.$eq: a text, a number, true, false or null is needed"},
		{"$in without a list", `{"payload":{"a":{"$in":"x"}}}`, "filter.payload.a.$in: a list of at least one value is needed"},
		{"$in of a list", `{"payload":{"a":{"$in":[1,[]]}}}`, "filter.payload.a.$in[1]: a text"},
		{"$in of nothing", `{"payload":{"a":{"$in":[]}}}`, "filter.payload.a.$in: a list of at least one value"},
		{"$exist of a text", `{"payload":{"a":{"$exist":"yes"}}}`, "filter.payload.a.$exist: true or false is needed"},
		{"$or of an object", `{"$or":{}}`, "filter.$or: a list is needed"},
		{"$or of nothing", `{"$or":[]}`, "filter.$or: must not be an empty list"},
		{"$or of a bare value", `{"$or":[1]}`, "filter.$or[0]: an object is needed"},
		{"an empty object", `{"payload":{"a":{}}}`, "filter.payload.a: must hold at least one clause"},
		{"an empty list", `{"payload":{"a":[]}}`, "filter.payload.a: must not be an empty list"},
		{"a list in a list", `{"payload":{"a":[["x"]]}}`, "filter.payload.a[0]: must not be a list in a list"},
		{"twice", `{"payload":{"a":1,"\u0061":2}}`, "filter.payload.a: stands twice"},
		{"field of a header", `{"headers":{"x":{"y":1}}}`, "filter.headers.x.y: is no operator"},
		{"headers as a text", `{"headers":"x"}`, "filter.headers: an object is needed"},
		{"operator on all headers", `{"headers":{"$eq":1}}`, "filter.headers.$eq: must stand below a name"},
		{"field of the event type", `{"eventType":{"a":1}}`, "filter.eventType.a: is no operator"},
		{"empty beginning", `{"eventType":{"$startsWith":""}}`, "filter.eventType.$startsWith: must not be empty"},
		{"regex", `{"eventType":{"$regex":"("}}`, "filter.eventType.$regex: is no regular expression of RE2: missing closing )"},
		{"regex with a look-ahead", `{"eventType":{"$regex":"(?=a)"}}`, "filter.eventType.$regex: is no regular expression"},
		{"regex too long", `{"eventType":{"$regex":"` + strings.Repeat("a", MaxRegexBytes+1) + `"}}`, "filter.eventType.$regex: must have 1 to"},
		{"regex too large", `{"eventType":{"$regex":"(\\pL{50}){20}"}}`, "filter.eventType.$regex: is too large"},
		{"exponent", `{"payload":{"a":1e9999999999}}`, "filter.payload.a: is a number with too large an exponent"},
		{"too deep", `{"payload":` + deep + `}`, "is nested too deep"},
		{"too many clauses", many, "is one clause too many"},
		{"what $not excludes", `{"payload":{"$not":{}}}`, "filter.payload.$not: must hold at least one clause"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Compile([]byte(c.text))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, %v", f, err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q", err, c.want)
			}
		})
	}
}

func TestDecisionNamesTheClause(t *testing.T) {
	for _, c := range []struct{ filter, payload, note, why string }{
		{`{"payload":{"total":{"$gt":100}}}`, `{"total":12}`, "payload.total $gt: does not hold for a number", "payload.total $gt 100: does not hold for a number."},
		{`{"payload":{"a":1,"b":{"c":"secret"}}}`, `{"a":1}`, "payload.b.c $eq: the field is missing", `payload.b.c $eq "secret": the field is missing.`},
		{`{"payload":{"a":{"$exist":false}}}`, `{"a":null}`, "payload.a $exist: found null", "payload.a $exist false: found null."},
		{`{"$or":[{"payload":{"a":1}},{"eventType":"x"}]}`, `{}`, "$or: no alternative holds", "$or: no alternative holds."},
		{`{"$and":[{"payload":{"$exist":true}},{"payload":{"a":1}}]}`, `{"a":2}`, "$and[1].payload.a $eq: does not hold for a number", "$and[1].payload.a $eq 1: does not hold for a number."},
		{`{"$not":{"payload":{"a":1}}}`, `{"a":1}`, "$not: what it excludes holds", "$not: what it excludes holds."},
		{`{"$not":{"payload":{"a":1}}}`, `{}`, "$not: a field that it asks about is missing or cannot be compared", "$not: a field that it asks about is missing or cannot be compared."},
		{`{"payload":{"a":1}}`, `<a/>`, "payload.a: the payload is not JSON", "payload.a: the payload is not JSON."},
		{`{"payload":{"items":{"sku":"a","qty":2}}}`, `{"items":[{"sku":"a","qty":1},{"sku":"b","qty":2}]}`, "payload.items: no element of the list has all of it", "payload.items: no element of the list has all of it."},
		{`{"payload":{"tags":"a"}}`, `{"tags":["b"]}`, "payload.tags $eq: holds for no element of the list", `payload.tags $eq "a": holds for no element of the list.`},
		{`{"payload":{"tags":["a","b"]}}`, `{"tags":["b"]}`, "payload.tags: the list lacks an element that is asked for", `payload.tags ["a","b"]: the list lacks an element that is asked for.`},
		{`{"headers":{"x-kind":"a"}}`, `{}`, "headers.x-kind $eq: the field is missing", `headers.x-kind $eq "a": the field is missing.`},
		{`{"payload":{"a":1}}`, `{"a":1}`, "", "Every clause of the filter holds."},
	} {
		f, err := Compile([]byte(c.filter))
		if err != nil {
			t.Fatal(err)
		}
		d := f.Decide(&Message{Payload: []byte(c.payload), EventType: "order.paid"})
		if got := d.Clause.Note(); got != c.note {
			t.Errorf("%s about %s: note %q, want %q", c.filter, c.payload, got, c.note)
		}
		if got := d.Why(); got != c.why {
			t.Errorf("%s about %s: why %q, want %q", c.filter, c.payload, got, c.why)
		}
	}
}

// A note is stored in the clear and shown to whoever may see that there was a delivery: it must
// hold no value of the payload, nor of the filter.
func TestNoteHoldsNoValue(t *testing.T) {
	const secret = "hunter2"
	for _, text := range []string{
		`{"payload":{"a":"hunter2"}}`, `{"payload":{"b":{"$neq":"hunter2"}}}`, `{"payload":{"b":{"$not":"hunter2"}}}`, `{"payload":{"b":{"$in":["hunter2x"]}}}`,
		`{"payload":{"b":{"$regex":"hunter2."}}}`, `{"payload":{"c":{"$contains":"hunter2!"}}}`, `{"payload":{"c":["hunter2!"]}}`, `{"headers":{"x":"hunter2"}}`,
	} {
		f, err := Compile([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		d := f.Decide(&Message{Payload: []byte(`{"a":"other","b":"hunter2","c":["hunter2"]}`), Header: []string{"x", "hunter2 "}})
		if d.Match || strings.Contains(d.Clause.Note(), secret) || strings.Contains(d.Clause.Found, secret) {
			t.Errorf("%s: %+v", text, d)
		}
	}
}

// What costs too much does not match, whatever else the filter says, and says why.
func TestBudgetEndsADecision(t *testing.T) {
	var alternatives []string
	for range 50 {
		alternatives = append(alternatives, `{"payload":{"l":{"a":1}}}`)
	}
	alternatives = append(alternatives, `{"eventType":"x"}`)
	f, err := Compile([]byte(`{"$or":[` + strings.Join(alternatives, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	payload := []byte(`{"l":[` + strings.TrimSuffix(strings.Repeat("{},", 300000), ",") + `]}`)
	if d := f.Decide(&Message{Payload: payload, EventType: "x"}); d.Match || d.Clause.Found != overBudget {
		t.Errorf("got %+v", d)
	}
	evil, err := Compile([]byte(`{"payload":{"l":{"$regex":"(x+x+)+y"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	text := `"` + strings.Repeat("x", MaxRegexInput) + `",`
	payload = []byte(`{"l":[` + strings.TrimSuffix(strings.Repeat(text, 60), ",") + `]}`)
	if d := evil.Decide(&Message{Payload: payload}); d.Match || d.Clause.Found != overBudget {
		t.Errorf("got %+v", d)
	}
}

func TestDeepPayloadIsNoJSON(t *testing.T) {
	f, err := Compile([]byte(`{"payload":{"$exist":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if !f.Decide(&Message{Payload: nested(maxDocumentDepth)}).Match {
		t.Error("the deepest payload that is allowed is none")
	}
	if f.Decide(&Message{Payload: nested(1 << 19)}).Match {
		t.Error("a payload that is nested too deep is taken for JSON")
	}
}

// One message is asked by many filters, which read its payload once.
func TestPayloadIsParsedOnce(t *testing.T) {
	f, err := Compile([]byte(`{"payload":{"a":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	m := &Message{Payload: []byte(`{"a":1}`)}
	f.Decide(m)
	if n := testing.AllocsPerRun(100, func() { f.Decide(m) }); n != 0 {
		t.Errorf("a second filter costs %v allocations, want none", n)
	}
}
