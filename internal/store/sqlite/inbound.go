package sqlite

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/hookloft/hookloft/internal/hook"
)

// The column inbound is the JSON of a hook.Inbound. JSON holds Unicode, but headers and
// queries hold bytes; so each byte is stored as the character with its number (ISO 8859-1),
// which leaves ASCII as it is and brings every other byte back, too.

// encodeInbound returns the column of a message, nil for one that was published.
func encodeInbound(in *hook.Inbound) ([]byte, error) {
	if in == nil {
		return nil, nil
	}
	stored := mapInbound(in, bytesToText)
	b, err := json.Marshal(&stored)
	if err != nil {
		return nil, fmt.Errorf("encode inbound: %w", err)
	}
	return b, nil
}

// decodeInbound is the reverse of encodeInbound.
func decodeInbound(b []byte) (*hook.Inbound, error) {
	if b == nil {
		return nil, nil
	}
	var stored hook.Inbound
	if err := json.Unmarshal(b, &stored); err != nil {
		return nil, fmt.Errorf("decode inbound: %w", err)
	}
	in := mapInbound(&stored, textToBytes)
	return &in, nil
}

// mapInbound returns a copy with f applied to every text.
func mapInbound(in *hook.Inbound, f func(string) string) hook.Inbound {
	out := *in
	for _, text := range [...]*string{&out.Provider, &out.Method, &out.Path, &out.Query, &out.Type, &out.DeliveryID} {
		*text = f(*text)
	}
	out.Header = nil
	if len(in.Header) > 0 {
		out.Header = make([]string, len(in.Header))
		for i, text := range in.Header {
			out.Header[i] = f(text)
		}
	}
	return out
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func bytesToText(s string) string {
	if isASCII(s) {
		return s
	}
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

func textToBytes(s string) string {
	if isASCII(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}
