package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" // Twilio's choice; HMAC-SHA1 is not broken (RFC 6194 section 3.3)
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// twilio: www.twilio.com/docs/usage/webhooks/webhooks-security.
var twilio = provider{
	Preset: Preset{
		Name: "twilio", Title: "Twilio", Family: "hmac",
		Summary:  "HMAC-SHA1 over the URL and the form fields, or the URL with bodySHA256, in X-Twilio-Signature. No time is signed.",
		Secret:   "the account's auth token (Console, Account Info)",
		Settings: []Setting{{Name: "webhook_url", Summary: "scheme, host, port and path as Twilio knows them, which it signs; those of the request when not set"}},
		Methods:  []string{http.MethodPost, http.MethodGet},
		ID:       "header I-Twilio-Idempotency-Token, else MessageSid with its status, or CallSid with status and sequence number",
		// A caller who presses the same key again asks again, in the same words.
		BodyRepeats: true,
		Deadline:    15 * time.Second,
		Retry:       "1 retry within 15 s, then the fallback URL; changed per URL with a fragment; Event Streams: growing delays up to 4 hours",
		RetryFor:    4 * time.Hour,
		Batch:       true,
		Success:     Success{Status: http.StatusNoContent},
		Confidence:  Confidence{Vector, Memory, Docs, Docs},
		Docs:        "https://www.twilio.com/docs/usage/webhooks",
	},
	facts: twilioFacts(),
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return &twilioScheme{keys: keys, url: s.Settings["webhook_url"]}, nil
	},
}

// twilioFacts: a form is one event, a JSON array of CloudEvents (Event Streams) several.
func twilioFacts() facts {
	f := batchFacts(nil, "", facts{id: body("id"), eventType: body("type"), time: body("time")})
	token := header("I-Twilio-Idempotency-Token")
	f.id = either(token, twilioID, f.id)
	f.key = func(r *Request) string {
		if token(r) != "" {
			return ""
		}
		return twilioKey(r)
	}
	f.eventType = either(twilioType, f.eventType)
	return f
}

// twilioID tells apart the reports about one message or call. It is "" for the questions of
// a call, of which each has the same status and no number: what to say first, what to do
// after each key that was pressed.
func twilioID(r *Request) string {
	number := formValue(r.Body, "SequenceNumber")
	sid := either(form("MessageSid"), form("SmsSid"))(r)
	if sid == "" && (number != "" || formValue(r.Body, "CallStatus") == "") {
		sid = formValue(r.Body, "CallSid")
	}
	if sid == "" {
		return ""
	}
	for _, part := range []string{twilioStatus(r), number} {
		if part != "" {
			sid += ":" + part
		}
	}
	return sid
}

// twilioKey is for reports that have a sid and no status: of the recordings, transcripts,
// streams and conferences of one call, whose other fields tell them apart.
func twilioKey(r *Request) string {
	if twilioStatus(r) != "" {
		return ""
	}
	return qualified(twilioID, func(*Request) string { return r.URL }, func(*Request) string { return string(r.Body) })(r)
}

func twilioStatus(r *Request) string {
	return either(form("MessageStatus"), form("SmsStatus"), form("CallStatus"))(r)
}

func twilioType(r *Request) string {
	switch status := twilioStatus(r); {
	case status != "":
		return status
	case formValue(r.Body, "CallSid") != "":
		return "voice"
	}
	return ""
}

type twilioScheme struct {
	keys [][]byte
	url  string // setting webhook_url
}

func (s *twilioScheme) verify(r *Request, _ time.Time) (time.Time, error) {
	signature, err := single(r.Header, "X-Twilio-Signature")
	if err != nil {
		return time.Time{}, err
	}
	if err := s.checkQuery(r); err != nil {
		return time.Time{}, err
	}
	address := s.address(r)
	fields, err := twilioFields(r, address)
	if err != nil {
		return time.Time{}, err
	}
	found := 0
	for _, key := range s.keys {
		for _, variant := range twilioURLs(address) {
			found |= subtle.ConstantTimeCompare([]byte(twilioSignature(key, variant, fields)), []byte(signature))
		}
	}
	if found != 1 {
		return time.Time{}, ErrNoMatch
	}
	return time.Time{}, nil
}

// sign adds bodySHA256 to the URL of a request that is no form.
func (s *twilioScheme) sign(r *Request, _ time.Time) error {
	if r.Header.Get("Content-Type") == "" && len(r.Body) > 0 {
		if r.Body[0] == '{' || r.Body[0] == '[' {
			r.Header.Set("Content-Type", "application/json")
		} else {
			r.Header.Set("Content-Type", formContent)
		}
	}
	if len(r.Body) > 0 && !isContent(r, formContent) {
		sum := sha256.Sum256(r.Body)
		if err := queryToken("bodySHA256").put(r, hex.EncodeToString(sum[:])); err != nil {
			return err
		}
	}
	address := s.address(r)
	fields, err := twilioFields(r, address)
	if err != nil {
		return err
	}
	r.Header.Set("X-Twilio-Signature", twilioSignature(s.keys[0], address, fields))
	return nil
}

// address is the request's URL, with what the setting says up to the query. Fragments are
// Twilio's options; it neither sends nor signs them.
func (s *twilioScheme) address(r *Request) string {
	address, _, _ := strings.Cut(r.URL, "#")
	if s.url == "" {
		return address
	}
	base, _, _ := strings.Cut(s.url, "#")
	if strings.Contains(base, "?") && !strings.Contains(address, "bodySHA256=") {
		return base
	}
	base, _, _ = strings.Cut(base, "?")
	if _, query, ok := strings.Cut(address, "?"); ok {
		base += "?" + query
	}
	return base
}

// checkQuery refuses a query that is not that of webhook_url, where it has one: only that
// one would be signed, and whoever holds a request could send it with any other.
func (s *twilioScheme) checkQuery(r *Request) error {
	base, _, _ := strings.Cut(s.url, "#")
	address, _, _ := strings.Cut(r.URL, "#")
	_, want, set := strings.Cut(base, "?")
	_, got, _ := strings.Cut(address, "?")
	if set && got != "" && got != want && !strings.Contains(address, "bodySHA256=") {
		return fmt.Errorf("%w: the query is not that of webhook_url", ErrNoMatch)
	}
	return nil
}

// twilioFields is what is signed behind the URL: each field of a form by name, a repeated
// one with each different value once. Any other body is signed by its hash in the URL.
func twilioFields(r *Request, address string) ([]formField, error) {
	if len(r.Body) == 0 {
		return nil, nil
	}
	if !isContent(r, formContent) {
		want, err := queryValue(address, "bodySHA256")
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(r.Body)
		if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(strings.ToLower(want))) != 1 {
			return nil, fmt.Errorf("%w: the body is not the one of bodySHA256", ErrNoMatch)
		}
		return nil, nil
	}
	fields, err := formFields(r.Body)
	if err != nil {
		return nil, err
	}
	compare := func(a, b formField) int {
		if c := bytes.Compare(a.name, b.name); c != 0 {
			return c
		}
		return bytes.Compare(a.value, b.value)
	}
	slices.SortFunc(fields, compare)
	return slices.CompactFunc(fields, func(a, b formField) bool { return compare(a, b) == 0 }), nil
}

// twilioURLs are the ways in which Twilio may have written a URL before it signed it: with
// or without the port, and, as its Node library has it, with %27 for an apostrophe.
func twilioURLs(address string) []string {
	variants := []string{address}
	if scheme, rest, ok := strings.Cut(address, "://"); ok {
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		authority, path := rest[:end], rest[end:]
		colon := strings.LastIndexByte(authority, ':')
		switch {
		// A colon before @ or ] belongs to the password or to an IPv6 address.
		case colon > strings.LastIndexAny(authority, "@]"):
			variants = append(variants, scheme+"://"+authority[:colon]+path)
		case strings.EqualFold(scheme, "https"):
			variants = append(variants, scheme+"://"+authority+":443"+path)
		case strings.EqualFold(scheme, "http"):
			variants = append(variants, scheme+"://"+authority+":80"+path)
		}
	}
	if strings.Contains(address, "'") {
		for _, v := range variants {
			variants = append(variants, strings.ReplaceAll(v, "'", "%27"))
		}
	}
	return variants
}

func twilioSignature(key []byte, address string, fields []formField) string {
	mac := hmac.New(sha1.New, key)
	mac.Write([]byte(address))
	for _, f := range fields {
		mac.Write(f.name)
		mac.Write(f.value)
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
