package hook

// PollState is what a source of type poll saw last. It is saved before and after a change is
// published, so that a crash neither repeats nor loses one.
type PollState struct {
	// Of tells what is watched: a state of another URL or value says nothing.
	Of string `json:"of"`
	// Number counts the changes that were published; the first sight is 0.
	Number int64 `json:"number"`
	// Hash is of the value that was seen last; "" for none yet.
	Hash string `json:"hash"`
	// ETag and LastModified are sent back to the server, so that it may answer 304.
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
	// Pending is a change that is being published: it may be stored already, or not.
	Pending *PollChange `json:"pending,omitempty"`
}

// PollChange is a change of what is watched.
type PollChange struct {
	Hash         string `json:"hash"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
	ContentType  string `json:"contentType,omitempty"`
	Body         []byte `json:"body"`
}
