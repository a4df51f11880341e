package api

import "encoding/json"

// Optional is a field of a PATCH body, where absent keeps a value, null clears it
// and anything else sets it. The zero value is absent. Tag such fields omitzero.
type Optional[T any] struct {
	Value T
	// Given: the field stood in the body. Null: as null, which leaves Value zero.
	Given, Null bool
}

// Some returns an Optional that sets v.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Given: true} }

// Null returns an Optional that clears.
func Null[T any]() Optional[T] { return Optional[T]{Given: true, Null: true} }

// IsZero reports whether the field is absent.
func (o Optional[T]) IsZero() bool { return !o.Given }

// UnmarshalJSON reads null or a value.
func (o *Optional[T]) UnmarshalJSON(data []byte) error {
	*o = Optional[T]{Given: true}
	if string(data) == "null" {
		o.Null = true
		return nil
	}
	return json.Unmarshal(data, &o.Value)
}

// MarshalJSON writes the value, or null.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if !o.Given || o.Null {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}
