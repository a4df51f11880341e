// Package api is the JSON of Hookloft's HTTP API as Go types, one file per noun.
//
// The wire format is that of the public Svix API (its hosted contract), so that
// client libraries written for it work unchanged. Two generations of those libraries
// read different names for the same thing; the types carry both: what the server
// sends holds both names always, what it reads may hold either.
//
// The types have no logic but the difference between absent and null (Optional).
// Times are RFC 3339 in UTC with up to milliseconds. Fields named In are requests,
// Out are answers. Nothing here may be removed or renamed: programs depend on it.
package api

// List is one page of a list.
type List[T any] struct {
	// Data are the rows in the list's order; empty, never null.
	Data []T `json:"data"`
	// Iterator continues after the last row; null only when Data is empty.
	Iterator *string `json:"iterator"`
	// PrevIterator walks back from the first row; absent when Data is empty.
	PrevIterator *string `json:"prevIterator,omitempty"`
	// Done says that the walk has reached its end.
	Done bool `json:"done"`
}

// Empty is the answer {} of operations that have nothing to say.
type Empty struct{}
