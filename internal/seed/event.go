package seed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/hookloft/hookloft/api"
)

// chance makes the contents the same each time.
const chance = 20261121

// largeAt is the number of the message whose payload is about 200 kB.
const largeAt = 77

// event is a message with the application that it is for.
type event struct {
	app string
	in  api.MessageIn
}

func random(n int) *rand.Rand { return rand.New(rand.NewPCG(chance, uint64(n))) }

// eventAt is the nth message, from 0: the same each time.
func eventAt(n int) event {
	r := random(n)
	if n == largeAt {
		return event{"acme-bakery", message(n, "report.ready", "report", r)}
	}
	at := r.IntN(100)
	app := &applications[0]
	for i := range applications {
		if app = &applications[i]; at < app.share {
			break
		}
		at -= app.share
	}
	types := below(app.types)
	t := types[r.IntN(len(types))]
	return event{app.uid, message(n, t.name, t.noun, r)}
}

func message(n int, name, noun string, r *rand.Rand) api.MessageIn {
	id := fmt.Sprintf("seed-%06d", n)
	m := api.MessageIn{EventType: name, EventID: &id, Payload: payload(name, noun, n, r, n == largeAt)}
	m.Tags = []string{[]string{"web", "app", "till"}[r.IntN(3)]}
	if r.IntN(10) == 0 {
		m.Tags = append(m.Tags, "vip")
	}
	if r.IntN(4) == 0 {
		m.Channels = []string{[]string{"west", "east"}[r.IntN(2)]}
	}
	return m
}

var people = []struct{ name, city, country string }{
	{"Ada Lovelace", "London", "GB"}, {"Zoë Müller", "München", "DE"}, {"José Ñúñez", "Sevilla", "ES"}, {"山田 花子", "東京", "JP"}, //nolint:gosmopolitan // so are theirs
	{"Łucja Żak", "Łódź", "PL"}, {"Åse Ødegård", "Tromsø", "NO"}, {"أمينة حداد", "الرباط", "MA"}, {"Grace Hopper", "New York", "US"},
}

var goods = []struct{ sku, name string }{
	{"BRD-001", "Sourdough bread"}, {"BRD-014", "Brioche 🥐"}, {"COF-220", "Espresso, 1 kg"}, {"BOK-913", "“The Lighthouse”"},
	{"GAM-007", "将棋セット"}, {"TRV-300", "Night train Zürich–Hamburg"}, //nolint:gosmopolitan // and their goods
}

// payload is written by hand, because numbers must stand as they are: 12.50 and integers
// beyond what a double holds.
func payload(name, noun string, n int, r *rand.Rand, large bool) json.RawMessage {
	who := people[r.IntN(len(people))]
	item := goods[r.IntN(len(goods))]
	var b bytes.Buffer
	switch noun {
	case "order":
		fmt.Fprintf(&b, `{"order":{"id":%d,"number":%s,"total":%d.%02d,"currency":%s,"items":[`,
			orderID(n), quote(fmt.Sprintf("A-%06d", orderID(n))), 5+r.IntN(300), r.IntN(100), quote([]string{"EUR", "USD", "JPY", "GBP"}[r.IntN(4)]))
		for i := range 1 + r.IntN(4) {
			if i > 0 {
				b.WriteByte(',')
			}
			item := goods[r.IntN(len(goods))]
			fmt.Fprintf(&b, `{"sku":%s,"name":%s,"quantity":%d,"price":%d.%02d}`, quote(item.sku), quote(item.name), 1+r.IntN(5), 1+r.IntN(60), r.IntN(100))
		}
		fmt.Fprintf(&b, `],"customer":{"id":"cus_%04d","name":%s}`, r.IntN(400), quote(who.name))
		if name != "order.cancelled" {
			fmt.Fprintf(&b, `,"shipping":{"country":%s,"city":%s}`, quote(who.country), quote(who.city))
		}
		fmt.Fprintf(&b, `},"ledger":%d}`, int64(9007199254740993)+int64(n))
	case "invoice":
		fmt.Fprintf(&b, `{"invoice":{"number":"INV-%05d","amount":%d,"currency":"EUR","due":"2026-12-%02d","order":{"id":%d}}}`, n, 100+r.IntN(90000), 1+r.IntN(31), orderID(n))
	case "payment":
		fmt.Fprintf(&b, `{"payment":{"id":%d,"amount":%d.%02d,"method":%s,"order":{"id":%d}}}`,
			int64(184467440737095516)+int64(n), 5+r.IntN(300), r.IntN(100), quote([]string{"card", "transfer", "wallet"}[r.IntN(3)]), orderID(n))
	case "customer":
		fmt.Fprintf(&b, `{"customer":{"id":"cus_%04d","name":%s,"email":"customer-%d@shop.example","city":%s}}`, r.IntN(400), quote(who.name), r.IntN(400), quote(who.city))
	case "subscription":
		fmt.Fprintf(&b, `{"subscription":{"id":"sub_%04d","plan":%s,"seats":%d}}`, r.IntN(400), quote([]string{"free", "silver", "gold"}[r.IntN(3)]), 1+r.IntN(40))
	case "inventory":
		fmt.Fprintf(&b, `{"item":{"sku":%s,"name":%s,"left":%d}}`, quote(item.sku), quote(item.name), r.IntN(50))
	default:
		rows := 3
		if large {
			rows = 2400 // about 200 kB
		}
		b.WriteString(`{"report":{"rows":[`)
		for i := range rows {
			if i > 0 {
				b.WriteByte(',')
			}
			item := goods[r.IntN(len(goods))]
			fmt.Fprintf(&b, `{"row":%d,"sku":%s,"name":%s,"sold":%d,"left":%d}`, i+1, quote(item.sku), quote(item.name), r.IntN(1000), r.IntN(100))
		}
		b.WriteString(`]}}`)
	}
	return b.Bytes()
}

// orderID lets a few messages in a row be about the same order.
func orderID(n int) int { return 100 + n/4 }

// quote is a text in JSON, with < and & as they are.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a Builder takes all, and a text is always JSON
	return strings.TrimSuffix(b.String(), "\n")
}
