package hook

import (
	"errors"
	"fmt"
)

// Kind says what a caller can do about an error. One table in httpapi turns kinds
// into status codes. An error without a kind is internal: the caller can do nothing.
type Kind uint8

const (
	// Internal is every error that is not one of the kinds below.
	Internal Kind = iota
	// Invalid: a value breaks a rule of its noun. See FieldError.
	Invalid
	// NotFound: there is no such thing, or it is another tenant's.
	NotFound
	// Conflict: a name (uid, event type, eventId) is taken.
	Conflict
	// KeyReused: the same Idempotency-Key came with a different request.
	KeyReused
	// Stale: the catalogue changed between planning and appending; plan again.
	Stale
	// Overloaded: the store's queue is full; try again later.
	Overloaded
	// StorageFull: the disk has no room for new messages.
	StorageFull
	// TooLarge: a body or payload is over its limit.
	TooLarge
	// LimitReached: one more of these is not allowed, for example live old secrets.
	LimitReached
	// MissingPayload: the content was expunged or has expired.
	MissingPayload
	// Closed: the store or server is shutting down.
	Closed
)

// Error is an error with a kind. Its text may be shown to the caller, so it holds
// no secret, no SQL and no path.
type Error struct {
	Kind Kind
	Text string
}

func (e *Error) Error() string { return e.Text }

// Errorf returns an Error of kind k.
func Errorf(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Text: fmt.Sprintf(format, args...)}
}

// KindOf returns the kind of err, Internal when it has none, as nil has none.
func KindOf(err error) Kind {
	if err == nil {
		return Internal // every message comes here several times, and what As needs is on the heap
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	var f *FieldError
	var list FieldErrors
	if errors.As(err, &f) || errors.As(err, &list) {
		return Invalid
	}
	return Internal
}

// FieldError is a value that breaks a rule, with the field's place in the request.
type FieldError struct {
	// Path is the field's place below the body, as the wire spells it:
	// {"channels", "[0]"}. Empty means the body as a whole.
	Path []string
	// Text says what is wrong and what would be right.
	Text string
	// Code is the machine-readable type of the validation list; "" means "value_error".
	Code string
}

func (e *FieldError) Error() string {
	if len(e.Path) == 0 {
		return e.Text
	}
	return fmt.Sprintf("%v: %s", e.Path, e.Text)
}

// FieldErrors are several values that break rules; at least one.
type FieldErrors []*FieldError

func (l FieldErrors) Error() string { return l[0].Error() }

// Fieldf returns a FieldError for one top-level field.
func Fieldf(field, format string, args ...any) error {
	return &FieldError{Path: []string{field}, Text: fmt.Sprintf(format, args...)}
}
