package filter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// FuzzFilterAgreesWithReference feeds any text as filter and payload. What Compile takes must be decided
// as the reference decides it, explained without a panic, and bounded.
func FuzzFilterAgreesWithReference(f *testing.F) {
	for _, c := range decisions {
		if len(c.payload) > 1<<10 {
			continue // minimizing it would take the fuzzer's time
		}
		f.Add(c.filter, c.payload, "X-Kind,a,x-kind,b,X-One,1", "a=1&a=2&b=x")
	}
	f.Fuzz(func(t *testing.T, text, payload, header, query string) {
		compiled, err := Compile([]byte(text))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Text == "" {
				t.Fatalf("not an *Error with a text: %v", err)
			}
			return
		}
		m := &Message{
			Payload: []byte(payload), Query: query, EventType: "order.paid", Channels: []string{"a", "b"},
			Metadata: map[string]string{"tier": "gold"},
		}
		if header != "" {
			m.Header = strings.Split(header, ",")
		}
		d := compiled.Decide(m)
		if len(d.Clause.Note()) > 400 || d.Why() == "" || d.Match != (d.Clause == Clause{}) {
			t.Fatalf("decision %+v", d)
		}
		if isHeavy([]byte(text)) || isHeavy([]byte(payload)) || d.Clause.Found == overBudget || !foldsAsASCII(text, header) {
			return
		}
		if want := refMatch([]byte(text), m); d.Match != want {
			t.Fatalf("filter %s\npayload %s\ngot %+v, the reference says %v", text, payload, d, want)
		}
	})
}

// foldsAsASCII: the reference folds names by ToLower, which differs from EqualFold beyond ASCII.
func foldsAsASCII(texts ...string) bool {
	for _, text := range texts {
		for i := range len(text) {
			if text[i] >= 0x80 || text[i] == '\\' {
				return false
			}
		}
	}
	return true
}

// TestRandomFiltersAgreeWithReference makes filters and payloads from few names and values, so that
// most clauses meet something.
func TestRandomFiltersAgreeWithReference(t *testing.T) {
	seed := rand.Uint64()
	rounds := 6000
	if testing.Short() {
		rounds = 1000
	}
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	matched, compiledN := 0, 0
	for range rounds {
		text := g.filter()
		f, err := Compile([]byte(text))
		if err != nil {
			if strings.Contains(err.Error(), "too many") || strings.Contains(err.Error(), "too deep") {
				continue
			}
			t.Fatalf("seed %d: the generator makes good filters only: %s: %v", seed, text, err)
		}
		compiledN++
		for range 3 {
			m := &Message{Payload: []byte(g.json(0)), EventType: g.pick("a", "b", ""), Query: g.pick("", "a=1&a=2", "b=x&a=xy"),
				Channels: [][]string{nil, {"a"}, {"a", "b"}}[g.IntN(3)]}
			if g.IntN(2) == 0 {
				m.Header = []string{"A", "x", "b", "1", "a", "xy"}
			}
			if g.IntN(20) == 0 {
				m.Payload = []byte("<xml/>")
			}
			d := f.Decide(m)
			if want := refMatch([]byte(text), m); d.Match != want {
				t.Fatalf("seed %d\nfilter %s\npayload %s\nmessage %+v\ngot %+v, the reference says %v", seed, text, m.Payload, m.EventType, d, want)
			}
			if d.Match {
				matched++
			} else if d.Clause.Found == "" {
				t.Fatalf("seed %d: filter %s, payload %s: no clause decided: %+v", seed, text, m.Payload, d)
			}
		}
	}
	if matched < compiledN/20 {
		t.Errorf("seed %d: only %d decisions of %d filters matched: the generator tests little", seed, matched, compiledN)
	}
}

type generator struct{ *rand.Rand }

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) name() string { return g.pick("a", "b", "c", `\u0061`) }

func (g generator) scalar() string {
	return g.pick(`"x"`, `"xy"`, `"\u0078y"`, `""`, "1", "1.0", "10e-1", "2", "9007199254740993", "9007199254740992", "-0", "0", "0.5",
		"5e-1", "-1.25", "true", "false", "null", `"1"`)
}

func (g generator) json(depth int) string {
	if n := g.IntN(10); depth > 3 || n < 3 {
		return g.scalar()
	} else if n < 6 {
		return "[" + g.several(3, func() string { return g.json(depth + 1) }) + "]"
	}
	return "{" + g.several(3, func() string { return fmt.Sprintf(`"%s": %s`, g.name(), g.json(depth+1)) }) + "}"
}

func (g generator) several(most int, one func() string) string {
	var list []string
	for range g.IntN(most + 1) {
		list = append(list, one())
	}
	return strings.Join(list, ", ")
}

// members makes an object of some members with different names.
func (g generator) members(most int, one func() (name, value string)) string {
	list, seen := []string{}, map[string]bool{}
	for range 1 + g.IntN(most) {
		name, value := one()
		if !seen[name] {
			seen[name] = true
			list = append(list, fmt.Sprintf("%q: %s", name, value))
		}
	}
	return "{" + strings.Join(list, ", ") + "}"
}

func (g generator) filter() string { return g.message(0) }

func (g generator) message(depth int) string {
	return g.members(2, func() (string, string) {
		switch n := g.IntN(10); {
		case n < 5 || depth > 2:
			return "payload", g.expression(0, true)
		case n == 5:
			return g.pick("eventType", "channels"), g.expression(2, false)
		case n == 6:
			return g.pick("headers", "query"), g.members(2, func() (string, string) { return g.pick("a", "b"), g.expression(2, false) })
		case n == 7:
			return "$not", g.message(depth + 1)
		}
		return g.pick("$or", "$and"), "[" + g.message(depth+1) + "," + g.message(depth+1) + "]"
	})
}

func (g generator) expression(depth int, fields bool) string {
	switch n := g.IntN(10); {
	case n < 2:
		return g.scalar()
	case n == 2:
		return "[" + g.scalar() + ", " + g.members(2, func() (string, string) { return g.clause(depth+1, fields) }) + "]"
	}
	return g.members(3, func() (string, string) { return g.clause(depth, fields) })
}

func (g generator) clause(depth int, fields bool) (name, value string) {
	n := g.IntN(20)
	if depth > 3 {
		n = 8 + g.IntN(12)
	}
	switch {
	case n < 6 && fields:
		return g.pick("a", "b", "c"), g.expression(depth+1, true)
	case n < 7:
		return g.pick("$or", "$and"), "[" + g.expression(depth+1, fields) + ", " + g.expression(depth+1, fields) + "]"
	case n < 8:
		return "$not", g.expression(depth+1, fields)
	case n < 12:
		return g.pick("$eq", "$neq", "$contains"), g.scalar()
	case n < 14:
		return g.pick("$gt", "$gte", "$lt", "$lte"), g.pick("1", "1.5", "9007199254740992.5", `"x"`, "-1", "0.50")
	case n < 16:
		return g.pick("$in", "$nin"), "[" + g.scalar() + ", " + g.scalar() + "]"
	case n < 17:
		return g.pick("$startsWith", "$endsWith"), g.pick(`"x"`, `"y"`)
	case n < 19:
		return "$exist", g.pick("true", "false")
	}
	return "$regex", g.pick(`"^x"`, `"(?i)XY$"`, `"[0-9]"`)
}
