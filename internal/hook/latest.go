package hook

import (
	"strconv"
	"time"
)

// Latest keeps of several messages of one key that come close together only the last: a
// message waits for Window, and ends as Cancelled with ReasonSuperseded when a later one of
// its key comes meanwhile. The wait begins anew with each, but the first of them is answered
// for after LatestPatience windows at most, so that a steady stream is thinned and not stopped.
type Latest struct {
	// Key is a path into the payload ("order.id"); "" is one key for all messages of an event
	// type, as it is for a message that lacks the path.
	Key    string        `json:"key,omitempty"`
	Window time.Duration `json:"window"`
}

// LatestOf is what a new delivery is the latest of.
type LatestOf struct {
	Key    [16]byte // of the message's key: equal for equal keys of one endpoint, and different for others
	Window time.Duration
}

// Bounds of Latest.
const (
	MinLatestWindow = time.Second
	MaxLatestWindow = time.Hour
	// LatestPatience is after how many windows since the first message one is sent although
	// others keep coming.
	LatestPatience = 10
)

// Validate checks the fields that a client sets.
func (l *Latest) Validate() error {
	if l.Window < MinLatestWindow || l.Window > MaxLatestWindow {
		return Fieldf("windowSeconds", "must lie between %d and %d", MinLatestWindow/time.Second, MaxLatestWindow/time.Second)
	}
	if l.Key == ChannelKey {
		return Fieldf("key", "must be a path into the payload like order.id")
	}
	return checkOrderKey(l.Key)
}

// auditFields adds what the log says of it.
func (l *Latest) auditFields(f *AuditFields) {
	if l == nil {
		return
	}
	f.show("latest", "of each "+strconv.Quote(l.Key)+" within "+l.Window.String())
}
