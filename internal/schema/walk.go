package schema

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxExponentDigits keeps numbers such as 1e1000000000 away from the exact arithmetic of
	// JSON Schema, which would need as much memory as they have digits.
	maxExponentDigits = 3
	// maxNumberBytes does the same for numbers that are written out.
	maxNumberBytes = 400
)

// Walk goes through a JSON text without keeping it.
type Walk struct {
	MaxDepth  int  // 0 for no bound
	MaxValues int  // 0 for no bound; names of members count, too
	Exact     bool // numbers must be such as can be compared exactly
	Values    int  // how many were found
}

// Fault returns what is wrong with a body: where it is not JSON, and where it goes beyond
// a bound. "" means nothing. isSyntax says that it is not JSON at all.
func (w *Walk) Fault(body []byte) (fault string, isSyntax bool) {
	// Providers' habits are not ours to judge: equal names and broken UTF-8 are passed on.
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		token, err := dec.ReadToken()
		switch {
		case err == io.EOF && dec.InputOffset() == 0, errors.Is(err, io.ErrUnexpectedEOF):
			return "the body is not JSON: it ends too early", true
		case err == io.EOF:
			return "", false
		case err != nil:
			return "the body is not JSON" + atPointer(dec.StackPointer()) + ": byte " + strconv.FormatInt(dec.InputOffset(), 10), true
		}
		if dec.StackDepth() == 0 {
			if rest := bytes.TrimSpace(body[dec.InputOffset():]); len(rest) > 0 {
				return "the body is not JSON: something follows the value, byte " + strconv.FormatInt(dec.InputOffset(), 10), true
			}
		}
		if w.Values++; w.MaxValues > 0 && w.Values > w.MaxValues {
			return "the body has more than " + strconv.Itoa(w.MaxValues) + " values, which are too many to compare with a schema", false
		}
		if w.MaxDepth > 0 && dec.StackDepth() > w.MaxDepth {
			return "the body nests deeper than " + strconv.Itoa(w.MaxDepth) + atPointer(dec.StackPointer()), false
		}
		if w.Exact && token.Kind() == '0' {
			switch number := token.String(); {
			case len(number) > maxNumberBytes:
				return "the number" + atPointer(dec.StackPointer()) + " has more than " + strconv.Itoa(maxNumberBytes) + " characters", false
			case hasHugeExponent(number):
				return "the number" + atPointer(dec.StackPointer()) + " has an exponent of more than 3 digits", false
			}
		}
	}
}

func hasHugeExponent(number string) bool {
	i := strings.IndexAny(number, "eE")
	return i >= 0 && len(strings.TrimLeft(number[i+1:], "+-0")) > maxExponentDigits
}

// maxPointer bounds a path in words.
const maxPointer = 256

func atPointer(p jsontext.Pointer) string {
	if p == "" {
		return ""
	}
	return " at " + clip(string(p), maxPointer)
}

func clip(s string, n int) string { return strings.ToValidUTF8(s[:min(len(s), n)], "") }
