package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// payment is what the channel is told of an event invoice.paid.
type payment struct {
	eventID  string
	customer string
	number   string
	minor    int64  // in the currency's smallest unit
	currency string // ISO 4217, lower case
	url      string // "" when the invoice has no page
}

// parsePayment reads an event of Stripe. It returns nil for one of another type.
func parsePayment(body []byte) (*payment, error) {
	var event struct {
		ID   string
		Type string
		Data struct {
			Object struct {
				Number           string
				AmountPaid       int64  `json:"amount_paid"`
				Currency         string `json:"currency"`
				CustomerName     string `json:"customer_name"`
				CustomerEmail    string `json:"customer_email"`
				HostedInvoiceURL string `json:"hosted_invoice_url"`
			}
		}
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, err
	}
	if event.Type != "invoice.paid" {
		return nil, nil
	}
	if event.ID == "" {
		return nil, fmt.Errorf("the event has no id")
	}
	invoice := event.Data.Object
	p := &payment{eventID: event.ID, customer: invoice.CustomerName, number: invoice.Number,
		minor: invoice.AmountPaid, currency: invoice.Currency, url: invoice.HostedInvoiceURL}
	if p.customer == "" {
		p.customer = invoice.CustomerEmail
	}
	return p, nil
}

// text is a line of Slack's mrkdwn.
func (p *payment) text() string {
	number := escape(p.number)
	if strings.HasPrefix(p.url, "https://") {
		number = "<" + escape(p.url) + "|" + number + ">"
	}
	return fmt.Sprintf(":moneybag: %s paid %s (invoice %s)", escape(p.customer), amount(p.minor, p.currency), number)
}

// wholeCurrencies have no smaller unit (docs.stripe.com/currencies, "Zero-decimal currencies").
const wholeCurrencies = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"

// amount writes 490005 eur as "EUR 4900.05".
func amount(minor int64, currency string) string {
	code := strings.ToUpper(currency)
	if slices.Contains(strings.Fields(wholeCurrencies), currency) {
		return fmt.Sprintf("%s %d", code, minor)
	}
	return fmt.Sprintf("%s %d.%02d", code, minor/100, minor%100)
}

// escape keeps text of customers from being read as links or mentions: Slack's three
// control characters (docs.slack.dev, "Formatting message text").
func escape(s string) string {
	const most = 300 // a name; Slack cuts messages at 40,000 characters
	if letters := []rune(s); len(letters) > most {
		s = string(letters[:most]) + "…"
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "¦").Replace(s)
}
