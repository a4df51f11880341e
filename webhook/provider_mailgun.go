package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// mailgun: documentation.mailgun.com, "Securing Webhooks".
var mailgun = provider{
	Preset: Preset{
		Name: "mailgun", Title: "Mailgun", Family: "hmac",
		Summary:    "HMAC-SHA256 over time and token, all three in the body, within 5 minutes. Nothing else of the body is protected; a token that comes again with another body is refused.",
		Secret:     "the HTTP webhook signing key (Account Settings, API Security)",
		Tolerance:  5 * time.Minute,
		ID:         "body event-data.id; the token for inbound routes",
		Retry:      "after 10, 10, 15, 30 minutes, 1, 2 and 4 hours; not after 406",
		RetryFor:   8 * time.Hour,
		Confidence: Confidence{Vector, Memory, Memory, Memory},
		Docs:       "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
	},
	facts: facts{
		id: either(body("event-data.id"), func(r *Request) string {
			// An inbound mail has no id of its own; its token at least is used once only.
			if proofs, err := mailgunProofs(r); err == nil && jsonFind(r.Body, []string{"signature"}) == nil {
				return proofs[0].token
			}
			return ""
		}),
		eventType: body("event-data.event"),
		time:      body("event-data.timestamp"),
	},
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return &mailgunScheme{keys, s.tolerance()}, nil
	},
}

type mailgunScheme struct {
	keys      [][]byte
	tolerance time.Duration
}

// mailgunProof is what is signed, and the signature.
type mailgunProof struct{ timestamp, token, signature string }

func (s *mailgunScheme) verify(r *Request, now time.Time) (time.Time, error) {
	p, err := s.genuine(r)
	if err != nil {
		return time.Time{}, err
	}
	// From 2001 to 2286 it has ten digits. Nothing stands between time and token: a digit
	// moved from one to the other would make it a token that has not been seen.
	at, err := unixTimestamp("body timestamp", p.timestamp)
	if err != nil || len(p.timestamp) != 10 {
		return time.Time{}, malformed("body timestamp", "a timestamp is a whole number of seconds, with 10 digits")
	}
	return at.time, checkAge(at.time, now, s.tolerance, false)
}

// nonce is the token of the proof that is genuine: whoever forges a request may put another beside it.
func (s *mailgunScheme) nonce(r *Request) string {
	p, err := s.genuine(r)
	if err != nil {
		return ""
	}
	return p.token
}

// genuine returns the first proof that a key has made.
func (s *mailgunScheme) genuine(r *Request) (mailgunProof, error) {
	proofs, err := mailgunProofs(r)
	if err != nil {
		return mailgunProof{}, err
	}
	for _, p := range proofs {
		found := 0
		for _, key := range s.keys {
			found |= subtle.ConstantTimeCompare([]byte(mailgunSignature(key, p.timestamp, p.token)), []byte(p.signature))
		}
		if found == 1 {
			return p, nil
		}
	}
	return mailgunProof{}, ErrNoMatch
}

// mailgunProofs finds the signature, and for subaccounts that of the parent account.
func mailgunProofs(r *Request) ([]mailgunProof, error) {
	var proofs []mailgunProof
	switch {
	case isContent(r, formContent):
		fields, err := formFields(r.Body)
		if err != nil {
			return nil, err
		}
		values := map[string]string{}
		for _, f := range fields {
			name := string(f.name)
			if name != "timestamp" && name != "token" && name != "signature" {
				continue // one may hold a mail
			}
			if _, twice := values[name]; twice {
				return nil, malformed("body", "a field of the form is there twice")
			}
			values[name] = string(f.value)
		}
		proofs = append(proofs, mailgunProof{values["timestamp"], values["token"], values["signature"]})
	case isContent(r, multipartContent):
		values, err := multipartFields(r.Header.Get("Content-Type"), r.Body, "timestamp", "token", "signature")
		if err != nil {
			return nil, err
		}
		proofs = append(proofs, mailgunProof{values["timestamp"], values["token"], values["signature"]})
	default:
		for _, name := range []string{"signature", "parent-signature"} {
			at := func(member string) string { return jsonText(jsonFind(r.Body, []string{name, member})) }
			if p := (mailgunProof{at("timestamp"), at("token"), at("signature")}); p != (mailgunProof{}) {
				proofs = append(proofs, p)
			}
		}
	}
	if len(proofs) == 0 {
		return nil, fmt.Errorf("%w: body signature", ErrMissingHeader)
	}
	for _, p := range proofs {
		if p.timestamp == "" || p.token == "" || p.signature == "" {
			return nil, fmt.Errorf("%w: body signature", ErrMissingHeader)
		}
		if len(p.token) > maxIDBytes {
			return nil, malformed("body token", "a token is at most 256 bytes")
		}
	}
	return proofs, nil
}

func mailgunSignature(key []byte, timestamp, token string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(timestamp + token))
	return hex.EncodeToString(mac.Sum(nil))
}

// sign puts time, token and signature into a JSON object or an urlencoded form.
func (s *mailgunScheme) sign(r *Request, now time.Time) error {
	at := strconv.FormatInt(now.Unix(), 10)
	sum := sha256.Sum256(append([]byte(at), r.Body...))
	token := hex.EncodeToString(sum[:25])
	signature := mailgunSignature(s.keys[0], at, token)
	var object map[string]json.RawMessage
	switch {
	case isContent(r, formContent):
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return invalidSetting("the body is not a form")
		}
		form.Set("timestamp", at)
		form.Set("token", token)
		form.Set("signature", signature)
		r.Body = []byte(form.Encode())
		return nil
	case json.Unmarshal(r.Body, &object) == nil && object != nil:
		object["signature"] = mustJSON(map[string]string{"timestamp": at, "token": token, "signature": signature})
		r.Body = mustJSON(object)
		r.Header.Set("Content-Type", "application/json")
		return nil
	}
	return invalidSetting("a Mailgun body is a JSON object or an urlencoded form")
}
