package filter

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkDecide asks ten clauses of a payload of 2 KB, with its parsing ("first") and without ("again").
func BenchmarkDecide(b *testing.B) {
	f, err := Compile([]byte(`{"eventType":{"$startsWith":"order."},"payload":{"order":{"total":{"$gte":100,"$lt":100000},"currency":{"$in":["EUR","USD"]},
		"customer":{"email":{"$endsWith":"@example.com"},"tier":"gold"}},"items":{"sku":{"$startsWith":"sku-1"},"qty":{"$gt":1}},
		"livemode":true,"deleted":{"$exist":false}}}`))
	if err != nil {
		b.Fatal(err)
	}
	var items []string
	for i := range 20 {
		items = append(items, fmt.Sprintf(`{"sku":"sku-%d","qty":%d,"price":"12.%02d","name":"An item with a name of usual length"}`, i, i, i))
	}
	payload := []byte(`{"id":"evt_1","livemode":true,"order":{"id":"ord_1","total":4200,"currency":"EUR","customer":{"email":"ada@example.com","tier":"gold","name":"Ada"}},"items":[` +
		strings.Join(items, ",") + `]}`)
	m := Message{Payload: payload, EventType: "order.paid"}
	if d := f.Decide(&m); !d.Match {
		b.Fatalf("%+v", d)
	}
	b.Logf("payload of %d bytes", len(payload))
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(payload)))
		for b.Loop() {
			m := Message{Payload: payload, EventType: "order.paid"}
			f.Decide(&m)
		}
	})
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.Decide(&m)
		}
	})
}

// BenchmarkWorst measures the longest that a decision takes: budget, spent on what is dearest.
func BenchmarkWorst(b *testing.B) {
	text := `"` + strings.Repeat("x", MaxRegexInput) + `",`
	long := []byte(`{"l":[` + strings.TrimSuffix(strings.Repeat(text, 60), ",") + `]}`)
	many := []byte(`{"l":[` + strings.TrimSuffix(strings.Repeat("1,", 500000), ",") + `]}`)
	for _, c := range []struct {
		name, filter string
		payload      []byte
	}{
		{"regex", `{"payload":{"l":{"$regex":"(x+x+)+y"}}}`, long},
		{"largeRegex", `{"payload":{"l":{"$regex":"(x?){200}[^x]"}}}`, long},
		{"elements", `{"payload":{"l":{"$in":[2,3,4,5]}}}`, many},
	} {
		f, err := Compile([]byte(c.filter))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m := Message{Payload: c.payload}
				if f.Decide(&m).Match {
					b.Fatal("matched")
				}
			}
		})
	}
}
