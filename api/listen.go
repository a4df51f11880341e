package api

import "time"

// ListenVersion is the version of the frames below, which a listener is told in the first one.
const ListenVersion = 1

// The types of frames on the WebSocket of `listen`. Each frame is one text message
// that holds one JSON object with a "type".
const (
	FrameHello   = "hello"   // server: the first frame
	FrameMessage = "message" // server: a webhook to be handed on
	FrameSkipped = "skipped" // server: a message whose content is gone
	FrameError   = "error"   // server: what was wrong with a frame of the client
	FrameAck     = "ack"     // client: a message was dealt with
	FrameRetry   = "retry"   // client: send this message once more, signed anew
)

// How a listener's messages are acknowledged: the parameter ack of `listen`.
const (
	// AckEach: each by its own frame. It is the default.
	AckEach = "each"
	// AckCumulative: a frame stands for its message and all that were sent before it.
	AckCumulative = "cumulative"
	// AckAuto: the server takes a message for dealt with before it sends it, so that none
	// comes twice and what is on its way when the connection breaks is lost.
	AckAuto = "auto"
)

// The codes with which the server closes that WebSocket, besides those of RFC 6455:
// 1001 when the server stops (come back), 1008 for a client that does not keep to the
// protocol, 1009 for a frame that is too long, 1013 when the server has too much to do.
const (
	// CloseTakenOver: another client listens under this name now. Coming back would take it over in turn.
	CloseTakenOver = 4001
	// CloseUnauthorized: the token has ended, or may not listen any more.
	CloseUnauthorized = 4003
	// CloseGone: the application or the listener was deleted.
	CloseGone = 4004
)

// ListenFrameOut is a frame from the server. Which fields it has depends on its type.
type ListenFrameOut struct {
	Type string `json:"type"`

	// Of "hello".

	Version     int    `json:"version,omitzero"` // ListenVersion
	Application string `json:"application,omitzero"`
	Listener    string `json:"listener,omitzero"`
	// Created says that the listener is new; otherwise it goes on where it stopped.
	Created bool `json:"created,omitzero"`
	// Secret verifies what this listener gets. Absent where the token may not see secrets of endpoints.
	Secret string `json:"secret,omitzero"`
	// Ack is how messages are acknowledged; absent for AckEach.
	Ack string `json:"ack,omitzero"`
	// Window is how many messages the server sends ahead of their acks.
	Window int `json:"window,omitzero"`

	// Of "message" and "skipped", and of "error" where it is about a message.

	ID string `json:"id,omitzero"`

	// Of "message" and "skipped".

	EventType string     `json:"eventType,omitzero"`
	EventID   string     `json:"eventId,omitzero"`
	Timestamp *time.Time `json:"timestamp,omitzero"`

	// Of "message".

	Channels []string `json:"channels,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	// Retry says that the client asked for this message.
	Retry bool `json:"retry,omitzero"`
	// Body is base64. It is absent when it is empty.
	Body []byte `json:"body,omitempty"`
	// Headers are what is to be sent, name and value: the signature's and the content's type,
	// and after them, of a message of a source, those of the provider's request.
	Headers [][2]string `json:"headers,omitempty"`
	// Request is how a provider's request was made; absent for a published message, which is a POST.
	Request *ListenRequest `json:"request,omitzero"`

	// Of "skipped": "expunged", "expired", or "unreadable" when the stored content was damaged.

	Reason string `json:"reason,omitzero"`

	// Of "error".

	Detail string `json:"detail,omitzero"`
}

// ListenRequest is the place of a provider's request.
type ListenRequest struct {
	Method string `json:"method"`
	// Path is what followed the source's URL, percent-encoded, with its slash; "" for nothing.
	Path string `json:"path,omitzero"`
	// Query is without its question mark.
	Query string `json:"query,omitzero"`
}

// ListenFrameIn is a frame from the client.
type ListenFrameIn struct {
	Type string `json:"type"` // FrameAck or FrameRetry
	ID   string `json:"id"`   // of the message
	// Status is what the local server answered, for the log; 0 for none.
	Status int `json:"status,omitzero"`
}

// ListenerOut is one who follows an application's messages.
type ListenerOut struct {
	Name string `json:"name"`
	// Connected says whether somebody listens now.
	Connected bool `json:"connected"`
	// Cursor is the time of the last message that was dealt with, or of the begin.
	Cursor    time.Time `json:"cursor"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// ListenerList is all listeners of an application, by name.
type ListenerList struct {
	Data []ListenerOut `json:"data"`
}
