package seed

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// eventType is an entry of the catalogue.
type eventType struct {
	name, about string
	noun        string // what its payload is about: a key of nouns
	validated   bool
	deprecated  bool
	// before is an older version of the schema; "" for none.
	before string
	redact []string
}

var eventTypes = []eventType{
	{name: "order.created", about: "A customer has ordered.", noun: "order", validated: true, before: orderBefore},
	{name: "order.paid", about: "The money for an order has come in.", noun: "order", validated: true},
	{name: "order.cancelled", about: "An order was taken back before it was shipped.", noun: "order"},
	{name: "order.refunded", about: "A customer got the money back.", noun: "order"},
	{name: "order.shipment.dispatched", about: "A parcel has left the warehouse.", noun: "order"},
	{name: "order.shipment.delivered", about: "A parcel was handed over.", noun: "order"},
	{name: "order.shipment.delayed", about: "A parcel will come later than promised.", noun: "order"},
	{name: "invoice.created", about: "An invoice was written.", noun: "invoice", validated: true},
	{name: "invoice.paid", about: "An invoice was paid in full.", noun: "invoice"}, // what dev prints to try has a payload of its own
	{name: "invoice.payment_failed", about: "A payment for an invoice did not go through.", noun: "invoice"},
	{name: "invoice.voided", about: "An invoice is not valid any more.", noun: "invoice"},
	{name: "payment.captured", about: "A payment was taken.", noun: "payment"},
	{name: "payment.disputed", about: "A card's owner wants the money back.", noun: "payment"},
	{name: "payment.settled", about: "A payment is on our account.", noun: "payment"},
	{name: "customer.created", about: "Somebody has made an account.", noun: "customer", redact: []string{"customer.email"}},
	{name: "customer.updated", about: "A customer's data have changed.", noun: "customer", redact: []string{"customer.email"}},
	{name: "customer.deleted", about: "An account is gone, and all that belonged to it.", noun: "customer", deprecated: true},
	{name: "subscription.started", about: "A subscription begins.", noun: "subscription"},
	{name: "subscription.renewed", about: "A subscription goes on for another period.", noun: "subscription"},
	{name: "subscription.ended", about: "A subscription has ended.", noun: "subscription"},
	{name: "inventory.low", about: "Less is left than the warehouse wants.", noun: "inventory"},
	{name: "inventory.restocked", about: "New goods have come.", noun: "inventory"},
	{name: "report.ready", about: "A report can be read. It is large.", noun: "report"},
}

// schemas of the nouns, without an example; that is made by event.go.
var schemas = map[string]string{
	"order": `{"type":"object","required":["order"],"properties":{
		"order":{"type":"object","required":["id","number","total","currency","items"],"properties":{
			"id":{"type":"integer","description":"Ours, rising"},
			"number":{"type":"string","description":"What the customer sees"},
			"total":{"type":"number","minimum":0},
			"currency":{"type":"string","enum":["EUR","USD","JPY","GBP"]},
			"items":{"type":"array","minItems":1,"items":{"type":"object","required":["sku","quantity"],"properties":{
				"sku":{"type":"string"},"name":{"type":"string"},"quantity":{"type":"integer","minimum":1},"price":{"type":"number"}}}},
			"customer":{"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"}}},
			"shipping":{"type":"object","properties":{"country":{"type":"string"},"city":{"type":"string"}}}}},
		"ledger":{"type":"integer","description":"A number beyond 2^53"}}}`,
	"invoice": `{"type":"object","required":["invoice"],"properties":{
		"invoice":{"type":"object","required":["number","amount","currency"],"properties":{
			"number":{"type":"string"},"amount":{"type":"integer","description":"In cents"},"currency":{"type":"string"},
			"due":{"type":"string"},"order":{"type":"object","properties":{"id":{"type":"integer"}}}}}}}`,
	"payment": `{"type":"object","required":["payment"],"properties":{
		"payment":{"type":"object","required":["id","amount"],"properties":{
			"id":{"type":"integer"},"amount":{"type":"number"},"method":{"type":"string","enum":["card","transfer","wallet"]},
			"order":{"type":"object","properties":{"id":{"type":"integer"}}}}}}}`,
	"customer": `{"type":"object","required":["customer"],"properties":{
		"customer":{"type":"object","required":["id","name"],"properties":{
			"id":{"type":"string"},"name":{"type":"string"},"email":{"type":"string"},"city":{"type":"string"}}}}}`,
	"subscription": `{"type":"object","required":["subscription"],"properties":{
		"subscription":{"type":"object","required":["id","plan"],"properties":{
			"id":{"type":"string"},"plan":{"type":"string","enum":["free","silver","gold"]},"seats":{"type":"integer"}}}}}`,
	"inventory": `{"type":"object","required":["item"],"properties":{
		"item":{"type":"object","required":["sku","left"],"properties":{
			"sku":{"type":"string"},"name":{"type":"string"},"left":{"type":"integer"}}}}}`,
	"report": `{"type":"object","required":["report"],"properties":{
		"report":{"type":"object","required":["rows"],"properties":{"rows":{"type":"array"}}}}}`,
}

// orderBefore is the first version of order.created: without a currency, and with a total in words.
const orderBefore = `{"type":"object","required":["order"],"properties":{
	"order":{"type":"object","required":["id","total"],"properties":{
		"id":{"type":"integer"},"number":{"type":"string"},"total":{"type":"string"}}}}}`

// versions are the schemas of an event type by number, with an example in the newest.
func (t *eventType) versions() (json.RawMessage, error) {
	text := schemas[t.noun]
	example := payload(t.name, t.noun, exampleOf(t.name), random(exampleOf(t.name)), false)
	text = strings.TrimSuffix(text, "}") + `,"examples":[` + string(example) + `]}`
	if t.before != "" {
		text = `{"1":` + t.before + `,"2":` + text + `}`
	} else {
		text = `{"1":` + text + `}`
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("the schema of %s is not JSON", t.name)
	}
	return json.RawMessage(text), nil
}

// exampleOf numbers the examples, apart from messages.
func exampleOf(name string) int {
	return 1_000_000 + slices.IndexFunc(eventTypes, func(t eventType) bool { return t.name == name })
}

// group is the first step of a name.
func (t *eventType) group() string {
	group, _, _ := strings.Cut(t.name, ".")
	return group
}

// below are the event types that are one of the names, or below one in the tree.
func below(names []string) (types []eventType) {
	for _, t := range eventTypes {
		if slices.ContainsFunc(names, func(name string) bool { return t.name == name || strings.HasPrefix(t.name, name+".") }) {
			types = append(types, t)
		}
	}
	return types
}

// namesOf are their names.
func namesOf(types []eventType) (names []string) {
	for _, t := range types {
		names = append(names, t.name)
	}
	return names
}
