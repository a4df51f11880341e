package hook

import "sync/atomic"

// Filter lets only those messages through whose content it wants.
type Filter struct {
	// Text is the filter as its owner wrote it: JSON, in the language of package filter.
	Text string `json:"text"`

	// compiled is what the text was compiled to: of this filter alone, so that it goes when the
	// filter goes, and nothing has to be thrown out of a cache.
	compiled atomic.Pointer[any]
}

// Compiled returns what compile makes of the text. It is kept, so that compile runs once for a
// filter as long as that is in use; two who ask first at the same time may both run it.
func (f *Filter) Compiled(compile func(text string) any) any {
	if kept := f.compiled.Load(); kept != nil {
		return *kept
	}
	made := compile(f.Text)
	f.compiled.Store(&made)
	return made
}

// Equal reports whether two filters have the same text; nil is equal to nil alone.
func (f *Filter) Equal(o *Filter) bool {
	if f == nil || o == nil {
		return f == o
	}
	return f.Text == o.Text
}
