package hook

import "time"

// Message is one published event. Payload and Body are kept byte for byte.
type Message struct {
	ID          MessageID // drawn by the store inside the commit; its time is the message's time
	Environment EnvironmentID
	Application ApplicationID
	EventType   string
	EventID     string // the user's own id, unique in the application for 24 h; "" for none
	Channels    []string
	Tags        []string
	// Payload is the JSON object as it stood in the request.
	Payload []byte
	// RawBody is sent instead of Payload where transformationsParams.rawPayload was
	// given; nil otherwise.
	RawBody []byte
	// ContentType of what is sent; "" for application/json.
	ContentType string
	// TransformationsParams is the JSON object of that name, nil for none.
	TransformationsParams []byte
	// DeliverAt is the earliest first attempt; zero for at once.
	DeliverAt time.Time
	// Deadline is when a delivery becomes too late to matter; zero for never. A scheduled
	// attempt never begins after it.
	Deadline time.Time
	// ContentExpiresAt is when payload and bodies stop being readable.
	ContentExpiresAt time.Time
	// Expunged says that the content was removed on request.
	Expunged bool
	// Unreadable says that the stored content cannot be opened: it was damaged, or moved from
	// another row. It shows when the content is read; then none of it is there.
	Unreadable bool
	// Inbound is the provider's request; nil for a message that was published. The body
	// of an inbound message is RawBody, whatever its type, and Payload is nil.
	Inbound *Inbound
	// Batch are the messages that leave in one request, of which this stands for all; it is
	// never stored. Nil for a message.
	Batch []*Message
}

// Time returns when the message was accepted, to the millisecond.
func (m *Message) Time() time.Time { return Key(m.ID).Time() }

// Body returns the bytes that are signed and sent.
func (m *Message) Body() []byte {
	if m.RawBody != nil {
		return m.RawBody
	}
	return m.Payload
}

// Size is how many bytes of memory the message's content takes, about.
func (m *Message) Size() int {
	n := len(m.Payload) + len(m.RawBody) + len(m.TransformationsParams)
	if in := m.Inbound; in != nil {
		n += len(in.Path) + len(in.Query) + len(in.Type) + len(in.DeliveryID)
		for _, text := range in.Header {
			n += len(text) + 16 // the string itself
		}
	}
	return n
}

// HasContent reports whether the payload can still be read and sent at now.
func (m *Message) HasContent(now time.Time) bool {
	return !m.Expunged && !m.Unreadable && (m.ContentExpiresAt.IsZero() || now.Before(m.ContentExpiresAt))
}

// Limits of a message (CONTRACT sections 0 and 1.6).
const (
	// MaxTags is how many tags a message may carry.
	MaxTags = 5
	// MaxChannels is how many channels a message or endpoint may name.
	MaxChannels = 10
	// MaxRetention is the longest that an environment or an event type may keep content.
	MaxRetention = 3650 * 24 * time.Hour
	// DefaultRetention is how long content is kept.
	DefaultRetention = 90 * 24 * time.Hour
	// EventIDLife is how long an eventId stays taken.
	EventIDLife = 24 * time.Hour
	// MinDelay and MaxDelay bound how far ahead deliverAt may lie.
	MinDelay = time.Minute
	MaxDelay = 24 * time.Hour
	// MinDeadline is how far ahead expiresAt must lie.
	MinDeadline = time.Second
)

// Validate checks the fields that a client sets, at now.
func (m *Message) Validate(now time.Time) error {
	if err := checkToken("eventType", m.EventType, 256); err != nil {
		return err
	}
	if err := checkUID("eventId", "message", m.EventID); err != nil {
		return err
	}
	if err := checkChannels("channels", m.Channels); err != nil {
		return err
	}
	if err := checkList("tags", m.Tags, MaxTags, checkTag); err != nil {
		return err
	}
	if !m.DeliverAt.IsZero() {
		// A second of slack each way, because the client's clock is not ours.
		if ahead := m.DeliverAt.Sub(now); ahead < MinDelay-time.Second || ahead > MaxDelay+time.Second {
			return Fieldf("deliverAt", "must lie at least 1 minute and at most 24 hours ahead")
		}
	}
	return m.checkDeadline(now)
}

// checkDeadline checks Deadline, at now.
func (m *Message) checkDeadline(now time.Time) error {
	if m.Deadline.IsZero() {
		return nil
	}
	last := m.ContentExpiresAt
	if last.IsZero() { // the environment's or the event type's to say; see CheckKept
		last = now.Add(MaxRetention)
	}
	switch {
	case m.Deadline.Sub(now) < MinDeadline:
		return Fieldf("expiresAt", "must lie at least 1 second ahead")
	case m.Deadline.After(last):
		return Fieldf("expiresAt", "must not lie after the content's own end, %s", last.UTC().Format(time.RFC3339))
	case m.Deadline.Before(m.DeliverAt):
		return Fieldf("expiresAt", "must not lie before deliverAt")
	}
	return nil
}

// CheckKept checks Deadline once it is known when the content ends.
func (m *Message) CheckKept() error {
	if m.Deadline.After(m.ContentExpiresAt) {
		return Fieldf("expiresAt", "must not lie after the content's own end, %s", m.ContentExpiresAt.UTC().Format(time.RFC3339))
	}
	return nil
}

// IsLate reports whether a delivery that is tried at now is too late to matter.
func (m *Message) IsLate(now time.Time) bool { return !m.Deadline.IsZero() && !now.Before(m.Deadline) }
