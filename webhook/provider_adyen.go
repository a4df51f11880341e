package webhook

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// adyen: docs.adyen.com/development-resources/webhooks/verify-hmac-signatures.
var adyen = provider{
	Preset: Preset{
		Name: "adyen", Title: "Adyen", Family: "hmac",
		Summary: "standard: HMAC-SHA256 over eight fields of every item, which carries it in additionalData.hmacSignature; nothing else of the body is protected. header: over the body, in HmacSignature. No time is signed.",
		Secret:  "the webhook's HMAC key, in hex (Customer Area, Developers, Webhooks); for a while after a new one is made, the old one too",
		Settings: []Setting{
			{Name: "mode", Summary: "standard for payments; header for Balance Platform and Management webhooks", Words: []string{"standard", "header"}},
		},
		ID:         "body pspReference and eventCode together, and success where it is not true",
		Deadline:   10 * time.Second,
		Retry:      "3 times at once, then after 2, 5, 10, 15, 30 minutes, 1, 2, 4 hours, then every 8 hours for 30 days",
		RetryFor:   30 * 24 * time.Hour,
		Batch:      true,
		Success:    Success{http.StatusOK, "text/plain", "[accepted]"},
		Confidence: Confidence{Vector, Memory, Memory, Memory},
		Docs:       "https://docs.adyen.com/development-resources/webhooks",
	},
	facts: adyenFacts(),
	open: func(s *settings) (scheme, error) {
		texts, err := s.texts()
		if err != nil {
			return nil, err
		}
		keys := make([][]byte, len(texts))
		for i, text := range texts {
			if keys[i], err = hex.DecodeString(string(text)); err != nil {
				return nil, invalidKey("secret %d: Adyen's key is written in hex", i+1)
			}
		}
		if s.get("mode") == "header" {
			return &hmacScheme{keys: keys, hash: crypto.SHA256, encode: base64Text, header: "HmacSignature"}, nil
		}
		return adyenItems{keys}, nil
	},
}

func adyenFacts() facts {
	item := func(field string) finder { return body("NotificationRequestItem." + field) }
	f := batchFacts(nil, "notificationItems", facts{
		id: func(r *Request) string {
			id := joined(":", item("pspReference"), item("eventCode"))(r)
			// The same event comes again with the other outcome when that changes.
			if success := item("success")(r); id != "" && success != "" && success != "true" {
				id += ":" + success
			}
			return id
		},
		eventType: item("eventCode"),
		time:      item("eventDate"),
	})
	f.eventType = either(f.eventType, body("type"))
	f.time = either(f.time, body("timestamp"))
	return f
}

// adyenItems verifies each item of a standard webhook; one that is wrong spoils all.
type adyenItems struct{ keys [][]byte }

// maxAdyenItems: JSON webhooks hold one, those of SOAP up to six.
const maxAdyenItems = 100

func (s adyenItems) verify(r *Request, _ time.Time) (time.Time, error) {
	items, err := adyenParse(r.Body)
	if err != nil {
		return time.Time{}, err
	}
	found := 1
	for _, item := range items {
		one := 0
		for _, key := range s.keys {
			one |= subtle.ConstantTimeCompare([]byte(adyenSignature(key, item.text)), []byte(item.signature))
		}
		found &= one
	}
	if found != 1 {
		return time.Time{}, ErrNoMatch
	}
	return time.Time{}, nil
}

// adyenItem is what is signed of an item, and its signature.
type adyenItem struct{ text, signature string }

func adyenParse(text []byte) ([]adyenItem, error) {
	if !json.Valid(text) {
		return nil, malformed("body", "it is not JSON")
	}
	top, err := signedObject(jsonFind(text, nil), "the body", "notificationItems")
	if err != nil {
		return nil, err
	}
	var items []adyenItem
	all := jsonEach(top["notificationItems"], func(element []byte) bool {
		var item adyenItem
		if item, err = adyenParseItem(element); err != nil {
			return false
		}
		if items = append(items, item); len(items) > maxAdyenItems {
			err = malformed("body", "there are more than 100 items")
		}
		return err == nil
	})
	if err == nil && (!all || len(items) == 0) { // an item that is not seen is one that is not verified
		err = fmt.Errorf("%w: body notificationItems", ErrMissingHeader)
	}
	return items, err
}

func adyenParseItem(element []byte) (adyenItem, error) {
	outer, err := signedObject(element, "an item", "NotificationRequestItem")
	if err != nil {
		return adyenItem{}, err
	}
	fields, err := signedObject(outer["NotificationRequestItem"], "an item", "additionalData", "amount",
		"pspReference", "originalReference", "merchantAccountCode", "merchantReference", "eventCode", "success")
	if err != nil {
		return adyenItem{}, err
	}
	additional, err := signedObject(fields["additionalData"], "additionalData", "hmacSignature")
	if err != nil {
		return adyenItem{}, fmt.Errorf("%w: body hmacSignature", ErrMissingHeader)
	}
	signature, err := signedText(additional, "hmacSignature")
	if err != nil {
		return adyenItem{}, err
	}
	amount := map[string][]byte{}
	if fields["amount"] != nil {
		if amount, err = signedObject(fields["amount"], "an amount", "value", "currency"); err != nil {
			return adyenItem{}, err
		}
	}
	return adyenItem{signature: signature, text: strings.Join([]string{
		jsonText(fields["pspReference"]), jsonText(fields["originalReference"]), jsonText(fields["merchantAccountCode"]),
		jsonText(fields["merchantReference"]), jsonText(amount["value"]), jsonText(amount["currency"]),
		jsonText(fields["eventCode"]), jsonText(fields["success"]),
	}, ":")}, nil
}

func adyenSignature(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// sign puts a signature into every item of the body.
func (s adyenItems) sign(r *Request, _ time.Time) error {
	var top map[string]json.RawMessage
	var items []map[string]map[string]json.RawMessage
	if json.Unmarshal(r.Body, &top) != nil || json.Unmarshal(top["notificationItems"], &items) != nil || len(items) == 0 {
		return invalidSetting("an Adyen body has notificationItems")
	}
	for _, item := range items {
		fields := item["NotificationRequestItem"]
		if fields == nil {
			return invalidSetting("an Adyen item is a NotificationRequestItem")
		}
		additional := map[string]json.RawMessage{}
		if raw := fields["additionalData"]; raw != nil && json.Unmarshal(raw, &additional) != nil {
			return invalidSetting("additionalData is an object")
		}
		additional["hmacSignature"] = json.RawMessage(`"-"`)
		fields["additionalData"] = mustJSON(additional)
		parsed, err := adyenParseItem(mustJSON(item))
		if err != nil {
			return err
		}
		additional["hmacSignature"] = mustJSON(adyenSignature(s.keys[0], parsed.text))
		fields["additionalData"] = mustJSON(additional)
	}
	top["notificationItems"] = mustJSON(items)
	r.Body = mustJSON(top)
	return nil
}

// mustJSON writes what is made of texts and of JSON that was parsed, which never fails.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
