package webhook

import (
	"crypto"
	"net/http"
	"time"
)

// meta: developers.facebook.com/docs/graph-api/webhooks (Facebook, Instagram, WhatsApp,
// Messenger). The body has \u escapes; they are signed as they are.
var meta = provider{
	Preset: Preset{
		Name: "meta", Title: "Meta (Facebook, Instagram, WhatsApp, Messenger)", Family: "hmac",
		Summary: "HMAC-SHA256 over the body in X-Hub-Signature-256. No time is signed.",
		Secret:  "the app secret (App settings, Basic)",
		Settings: []Setting{
			{Name: "verify_token", Summary: "the verify token that was given to Meta; without it no subscription is confirmed"},
		},
		ID: "body entry[].changes[].value.messages[].id or statuses[].id with status (WhatsApp), entry[].messaging[].message.mid " +
			"(Messenger), where a request or entry has just one",
		Retry:      "at once, then ever more rarely for 36 hours (Graph) or up to 7 days (WhatsApp); failure disables the subscription",
		RetryFor:   7 * 24 * time.Hour,
		Batch:      true,
		Handshake:  "a GET request with hub.verify_token, whose hub.challenge is echoed",
		Withhold:   []string{"hub.verify_token"},
		Confidence: Confidence{Memory, Memory, Memory, Memory},
		Docs:       "https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
	},
	facts: facts{
		id: func(r *Request) string { return metaID(jsonFind(r.Body, []string{"entry"})) },
		eventType: func(r *Request) string {
			return metaType(body("object")(r), jsonFind(r.Body, []string{"entry", "0"}))
		},
		time:  metaTime("entry.0."),
		split: metaEntries,
	},
	open: bodyHMAC(crypto.SHA256, hexText, "X-Hub-Signature-256", "sha256="),
	handshake: func(v *ProviderVerifier, r *Request, _ time.Time) (*Answer, error) {
		query := queryFields(r)
		if r.Method != http.MethodGet || query.Get("hub.mode") == "" {
			return nil, nil
		}
		if query.Get("hub.mode") != "subscribe" || !equalText(v.settings.get("verify_token"), query.Get("hub.verify_token")) {
			return refusedAnswer(http.StatusForbidden, "the verify token is another one"), nil
		}
		return textAnswer(http.StatusOK, query.Get("hub.challenge")), nil
	},
}

// metaEntries are the events of a batch: an entry is the smallest part that still says
// which page, account or number it is about.
func metaEntries(r *Request) []Event {
	object := body("object")(r)
	var events []Event
	all := jsonEach(jsonFind(r.Body, []string{"entry"}), func(entry []byte) bool {
		if len(events) == maxEvents {
			return false
		}
		events = append(events, Event{
			ID: metaID(entry), Type: metaType(object, entry), Body: entry,
			Time: parseTime(metaTime("")(&Request{Body: entry})),
		})
		return true
	})
	if !all {
		return nil
	}
	return events
}

// metaType is the object with what changed first: "whatsapp_business_account.messages", "page.messaging".
func metaType(object string, entry []byte) string {
	kind := jsonText(jsonFind(entry, []string{"changes", "0", "field"}))
	if kind == "" && jsonFind(entry, []string{"messaging"}) != nil {
		kind = "messaging"
	}
	if object == "" || kind == "" {
		return object + kind
	}
	return object + "." + kind
}

// metaTime is when a WhatsApp message was sent, or when Meta made the entry.
func metaTime(entry string) finder {
	return either(body(entry+"changes.0.value.messages.0.timestamp"), body(entry+"time"))
}

// metaID is the id of the one thing that an entry, or an array of entries, reports; "" when
// it reports several or one without an id.
func metaID(value []byte) string {
	count, id := 0, ""
	found := func(text string) {
		count++
		id = text
	}
	entry := func(entry []byte) bool {
		jsonEach(jsonMember(entry, "changes"), func(change []byte) bool {
			before := count
			jsonEach(jsonFind(change, []string{"value", "messages"}), func(message []byte) bool {
				found(body("id")(&Request{Body: message}))
				return count < 2
			})
			jsonEach(jsonFind(change, []string{"value", "statuses"}), func(status []byte) bool {
				found(joined(":", body("id"), body("status"))(&Request{Body: status}))
				return count < 2
			})
			if count == before { // something else changed
				found("")
			}
			return count < 2
		})
		jsonEach(jsonMember(entry, "messaging"), func(message []byte) bool {
			found(body("message.mid")(&Request{Body: message}))
			return count < 2
		})
		return count < 2
	}
	if len(value) > 0 && value[0] == '{' {
		entry(value)
	} else {
		jsonEach(value, entry)
	}
	if count != 1 {
		return ""
	}
	return id
}
