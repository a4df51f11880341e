package webhook

import (
	"strings"
	"time"
)

// telegram: core.telegram.org/bots/api#setwebhook.
var telegram = provider{
	Preset: Preset{
		Name: "telegram", Title: "Telegram Bot API", Family: "token",
		Summary:    "The secret token in X-Telegram-Bot-Api-Secret-Token.",
		Secret:     "the secret_token given to setWebhook: 1 to 256 characters A-Z, a-z, 0-9, _ and -",
		ID:         "body update_id",
		Retry:      "a number of times that Telegram calls reasonable; waiting updates are kept for 24 hours",
		RetryFor:   24 * time.Hour,
		Withhold:   []string{"X-Telegram-Bot-Api-Secret-Token"},
		Confidence: Confidence{Memory, Memory, Memory, Memory},
		Docs:       "https://core.telegram.org/bots/api#setwebhook",
	},
	facts: facts{id: body("update_id"), eventType: telegramType, time: telegramTime},
	open: func(s *settings) (scheme, error) {
		carrier := headerToken("X-Telegram-Bot-Api-Secret-Token")
		carrier.check = func(secret string) error {
			if len(secret) > 256 || strings.Trim(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
				return invalidKey("a secret_token is 1 to 256 characters A-Z, a-z, 0-9, _ and -")
			}
			return nil
		}
		return newTokenScheme(s, carrier)
	},
}

// telegramType is the name of the one member beside update_id: message, callback_query ...
func telegramType(r *Request) (name string) {
	jsonMembers(jsonFind(r.Body, nil), func(key, _ []byte) bool {
		if key := jsonText(key); key != "update_id" {
			name = key
		}
		return name == ""
	})
	return name
}

func telegramTime(r *Request) string {
	return jsonText(jsonFind(r.Body, []string{telegramType(r), "date"}))
}
