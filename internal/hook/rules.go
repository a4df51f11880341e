package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The rules of single values (CONTRACT sections 0, 1.5, 1.6 and 1.13). Each names
// the field and what would be right.

// CheckName reports whether s may name an environment, application or token.
func CheckName(field, s string) error { return checkName(field, s) }

func checkName(field, s string) error {
	if s == "" {
		return Fieldf(field, "must not be empty")
	}
	if len(s) > 4096 {
		return Fieldf(field, "must have at most 4096 bytes")
	}
	return checkText(field, s)
}

// checkText refuses control characters 0x00 to 0x08 and broken UTF-8.
func checkText(field, s string) error {
	if !utf8.ValidString(s) {
		return Fieldf(field, "must be valid UTF-8")
	}
	for i := range len(s) {
		if s[i] <= 0x08 {
			return Fieldf(field, "must not contain control characters")
		}
	}
	return nil
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
}

func checkChars(field, s string, limit int, more, pattern string) error {
	if s == "" || len(s) > limit {
		return Fieldf(field, "must have 1 to %d characters", limit)
	}
	for i := range len(s) {
		if !isWord(s[i]) && strings.IndexByte(more, s[i]) < 0 {
			return Fieldf(field, "must match %s", pattern)
		}
	}
	return nil
}

func checkToken(field, s string, limit int) error {
	return checkChars(field, s, limit, "", `^[a-zA-Z0-9\-_.]+$`)
}

// CheckEventTypeName reports whether s may name an event type.
func CheckEventTypeName(field, s string) error { return checkToken(field, s, 256) }

func checkUID(field, noun, s string) error {
	if s == "" {
		return nil
	}
	if err := checkToken(field, s, 256); err != nil {
		return err
	}
	if HasIDPrefix(noun, s) {
		return Fieldf(field, "must not begin with the prefix of generated ids")
	}
	return nil
}

// CheckEventID reports whether s may be the user's own id of a message.
func CheckEventID(field, s string) error { return checkUID(field, "message", s) }

func checkTag(field, s string) error {
	return checkChars(field, s, 128, `/\#`, `^[a-zA-Z0-9\-_./\\#]+$`)
}

func checkChannel(field, s string) error {
	return checkChars(field, s, 128, ":+", `^[a-zA-Z0-9\-_.:+]+$`)
}

// CheckChannels checks the channels of a message or of a precheck.
func CheckChannels(field string, list []string) error { return checkChannels(field, list) }

func checkChannels(field string, list []string) error {
	if list != nil && len(list) == 0 {
		return Fieldf(field, "must hold 1 to %d channels, or be null", MaxChannels)
	}
	return checkList(field, list, MaxChannels, checkChannel)
}

func checkEventTypes(field string, list []string) error {
	return checkList(field, list, 0, func(f, s string) error { return checkToken(f, s, 256) })
}

// checkList checks each item and that none stands twice; limit 0 is none. The
// error names the item as the contract does: ["channels", "[2]"].
func checkList(field string, list []string, limit int, check func(field, s string) error) error {
	if limit > 0 && len(list) > limit {
		return Fieldf(field, "must hold at most %d items", limit)
	}
	seen := make(map[string]bool, len(list))
	for i, s := range list {
		if err := check(field, s); err != nil {
			if f, ok := errors.AsType[*FieldError](err); ok {
				f.Path = []string{field, fmt.Sprintf("[%d]", i)}
			}
			return err
		}
		if seen[s] {
			return &FieldError{Path: []string{field, fmt.Sprintf("[%d]", i)}, Text: "must not repeat an item"}
		}
		seen[s] = true
	}
	return nil
}

func checkRate(field string, rate int) error {
	if rate < 0 || rate > 65535 {
		return Fieldf(field, "must lie between 1 and 65535")
	}
	return nil
}

// maxMetadataBytes bounds the serialised metadata.
const maxMetadataBytes = 4096

func checkMetadata(field string, m map[string]string) error {
	for k, v := range m {
		if err := checkText(field, k); err != nil {
			return err
		}
		if err := checkText(field, v); err != nil {
			return err
		}
	}
	// The bound is on the JSON, where a quote or a line end takes two bytes.
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return Fieldf(field, "must be a map of text")
	}
	if b.Len()-len("\n") > maxMetadataBytes {
		return Fieldf(field, "must have at most %d bytes as JSON", maxMetadataBytes)
	}
	return nil
}

// Header names that an endpoint may not set: they are the transport's, the
// signature's, or a cloud's (CONTRACT 0 and 1.13).
var (
	forbiddenHeaders = " user-agent keep-alive proxy-authenticate proxy-authorization te trailer trailers transfer-encoding upgrade age" +
		" cache-control clear-site-data expires pragma warning content-length content-type content-encoding content-language" +
		" content-location host connection "
	forbiddenHeaderPrefixes = []string{"x-amz-", "x-amzn-", "x-google", "x-goog-", "x-gfe", "x-azure-", "x-fd-", "x-svix-", "svix-", "webhook-", "x-hookloft-"}
	sensitiveHeaders        = " x-auth-token x-api-key www-authenticate authorization proxy-authenticate proxy-authorization "
)

// CheckHeaders checks an endpoint's custom headers.
func CheckHeaders(field string, headers map[string]string) error {
	if len(headers) > MaxEndpointHeaders {
		return Fieldf(field, "must hold at most %d headers", MaxEndpointHeaders)
	}
	seen := make(map[string]bool, len(headers))
	for name, value := range headers {
		at := &FieldError{Path: []string{field, name}}
		lower := strings.ToLower(name)
		switch {
		case !IsHeaderName(name):
			at.Path, at.Text = []string{field}, "names must be HTTP tokens of 1 to 256 characters (RFC 9110 section 5.6.2)"
		case seen[lower]:
			at.Text = "must not be given twice in different case"
		case strings.Contains(forbiddenHeaders, " "+lower+" "), hasAnyPrefix(lower, forbiddenHeaderPrefixes):
			at.Text = "this header is set by the sender and cannot be chosen"
		case len(value) > MaxHeaderValueBytes:
			at.Text = fmt.Sprintf("must have at most %d bytes", MaxHeaderValueBytes)
		case !isHeaderValue(value):
			at.Text = "must not contain control characters, and not begin or end with white space"
		}
		if at.Text != "" {
			return at
		}
		seen[lower] = true
	}
	return nil
}

// IsSensitiveHeader reports whether the value of a custom header is withheld when headers are read.
func IsSensitiveHeader(name string) bool {
	return strings.Contains(sensitiveHeaders, " "+strings.ToLower(name)+" ")
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// IsConnectionHeader reports whether a header, in any case, is never handed on with what it came
// with: it belongs to one connection (RFC 9110 section 7.6.1), frames the message, or is kept
// elsewhere (Content-Type).
func IsConnectionHeader(name string) bool {
	var room [len("proxy-authorization")]byte // the longest of them; the name is that of every header of a request
	if len(name) > len(room) {
		return false
	}
	for i := range len(name) {
		if room[i] = name[i]; 'A' <= name[i] && name[i] <= 'Z' {
			room[i] += 'a' - 'A'
		}
	}
	switch string(room[:len(name)]) {
	case "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
		"transfer-encoding", "upgrade", "http2-settings", "host", "content-length", "content-type", "expect":
		return true
	}
	return false
}

// IsHeaderName reports whether s may name a header: an HTTP token (RFC 9110 section 5.6.2) of
// 1 to 256 characters.
func IsHeaderName(s string) bool {
	if s == "" || len(s) > 256 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return true
}

func isHeaderValue(s string) bool {
	if s != strings.TrimSpace(s) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
