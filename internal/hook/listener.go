package hook

import "time"

// Listener follows an application's messages with a durable cursor: who listens under
// its name goes on where the last one stopped.
type Listener struct {
	Application ApplicationID
	Name        string // unique in the application
	// Secret (whsec_...) signs what this listener gets. It is drawn once, so that the
	// program behind it is set up once.
	Secret string
	// Cursor is the last message that was dealt with; the next one is the oldest above it.
	Cursor    MessageID
	CreatedAt time.Time
	UpdatedAt time.Time // of the cursor
}

// Limits of listeners.
const (
	// MaxListeners is how many an application may have.
	MaxListeners = 100
	// maxListenerName is how long a name may be, in bytes. Host names have at most 253.
	maxListenerName = 256
)

// Validate checks the fields that a client sets.
func (l *Listener) Validate() error { return checkToken("name", l.Name, maxListenerName) }

// AuditFields are what the log says of a listener. That its cursor moves is no change of
// anybody's.
func (l *Listener) AuditFields() (f AuditFields) {
	f.show("name", l.Name)
	f.hide("secret", l.Secret, "set")
	return f
}
