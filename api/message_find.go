package api

import "time"

// FoundMessagesOut is a stretch of messages, newest first, that were found by looking at one
// after another.
type FoundMessagesOut struct {
	Data []FoundMessageOut `json:"data"`
	// Iterator goes on where this stretch ends; null where there is nothing more. It may be
	// there although Data is empty: the look had to end before anything was found.
	Iterator *string `json:"iterator"`
	// Done says that nothing older is left in the time that was asked for.
	Done bool `json:"done"`
	// Examined is how many messages were looked at.
	Examined int `json:"examined"`
	// Until is how far back the look has come; null where it is done.
	Until *time.Time `json:"until"`
}

// FoundMessageOut is a message with where it belongs and what became of it.
type FoundMessageOut struct {
	MessageOut
	AppID string `json:"appId"`
	// Deliveries counts the message's deliveries by what they show; null for very many.
	Deliveries *DeliveryCounts `json:"deliveries"`
}

// DeliveryCounts counts deliveries by what they show.
type DeliveryCounts struct {
	Success  int64 `json:"success"`
	Pending  int64 `json:"pending"`
	Sending  int64 `json:"sending"`
	Fail     int64 `json:"fail"`
	Canceled int64 `json:"canceled"`
}
