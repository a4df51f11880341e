package api

import "time"

// SystemOut says what runs and how it is. What nobody knows is null, never 0.
type SystemOut struct {
	At        time.Time       `json:"at"`
	Build     SystemBuild     `json:"build"`
	Process   SystemProcess   `json:"process"`
	Readiness SystemReadiness `json:"readiness"`
	Queue     SystemQueue     `json:"queue"`
	Store     SystemStore     `json:"store"`
	Runtime   SystemRuntime   `json:"runtime"`
	Settings  []SystemSetting `json:"settings"`
}

// SystemBuild is what runs.
type SystemBuild struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"` // system and processor, like linux/amd64
}

// SystemProcess is the process that answers.
type SystemProcess struct {
	// Node is the name of the machine.
	Node      *string   `json:"node"`
	PID       int64     `json:"pid"`
	StartedAt time.Time `json:"startedAt"`
	// Roles are api, receive and deliver.
	Roles []string `json:"roles"`
}

// SystemReadiness says whether the server should get requests, as /readyz does.
type SystemReadiness struct {
	Ready  bool          `json:"ready"`
	Checks []SystemCheck `json:"checks"`
}

// SystemCheck is one thing that was looked at.
type SystemCheck struct {
	// Name is store, workers, draining, space or hold.
	Name string `json:"name"`
	// State is ok, warn or failed.
	State string `json:"state"`
	// Detail says in words what is wrong; null where nothing is.
	Detail *string `json:"detail"`
	// Next says what helps.
	Next *string `json:"next"`
}

// SystemQueue counts the deliveries of all environments that wait.
type SystemQueue struct {
	CountedAt time.Time `json:"countedAt"`
	// DueNow could be sent at once, those in flight included; OnHold are due and wait for the end
	// of a hold; Waiting are due later.
	DueNow  *int64 `json:"dueNow"`
	OnHold  *int64 `json:"onHold"`
	Waiting *int64 `json:"waiting"`
	// InFlight are being tried.
	InFlight int64 `json:"inFlight"`
	// OldestDueSeconds is by how much the most overdue delivery is late that could be sent; null
	// when none is.
	OldestDueSeconds *float64 `json:"oldestDueSeconds"`
	// Stopped: an operator holds back everything since a restore.
	Stopped bool `json:"stopped"`
	// Approximated: counting stopped at a limit, there are more.
	Approximated bool `json:"approximated"`
	// ByDueTime has what is due, on hold or not, by when; null where it could not be counted.
	ByDueTime []SystemDue `json:"byDueTime"`
}

// SystemDue counts what is due in a span of time, which begins where the one before it ends.
type SystemDue struct {
	// UntilSeconds is the end of the span, from now; 0 for what is due already, null for the last span.
	UntilSeconds *int64 `json:"untilSeconds"`
	Count        int64  `json:"count"`
}

// SystemStore is where messages and settings are kept.
type SystemStore struct {
	Kind      string `json:"kind"`
	Directory string `json:"directory"`
	UsedBytes int64  `json:"usedBytes"`
	// MaxBytes is what the store may take; null for no bound.
	MaxBytes     *int64 `json:"maxBytes"`
	FreeBytes    *int64 `json:"freeBytes"` // of the disk
	DiskBytes    *int64 `json:"diskBytes"`
	ReserveBytes int64  `json:"reserveBytes"` // kept for outcomes
	// Full: messages are refused for want of space.
	Full bool `json:"full"`
	// Files hold all but messages.
	Files []SystemFile `json:"files"`
	// Segments hold messages, newest first, the newest 500 of SegmentsTotal.
	Segments      []SystemSegment `json:"segments"`
	SegmentsTotal int64           `json:"segmentsTotal"`
	// OldestMessageAt is when the oldest message was accepted that is still known.
	OldestMessageAt *time.Time `json:"oldestMessageAt"`
	// LastBackup and LastReclaim are what was done last, null for never as far as is known.
	LastBackup  *SystemChore   `json:"lastBackup"`
	LastReclaim *SystemChore   `json:"lastReclaim"`
	Schemas     []SystemSchema `json:"schemas"`
	Slow        SystemSlow     `json:"slow"`
}

// SystemFile is one file of the store.
type SystemFile struct {
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`
	LogBytes int64  `json:"logBytes"` // in its write-ahead log
}

// SystemSegment is one file of messages.
type SystemSegment struct {
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`
	LogBytes int64  `json:"logBytes"`
	// From and To bound when its messages were accepted; To is null for the newest.
	From time.Time  `json:"from"`
	To   *time.Time `json:"to"`
	// State is open, closed, compacting or empty.
	State string `json:"state"`
}

// SystemChore is what was done to look after the store.
type SystemChore struct {
	At    time.Time `json:"at"`
	Files int64     `json:"files"`
	Bytes int64     `json:"bytes"`
}

// SystemSchema is the shape of one part of the store.
type SystemSchema struct {
	Part string `json:"part"` // catalog, segment or rollup
	// Version is the migration that it is at, Newest the last that this program has.
	Version    int64             `json:"version"`
	Newest     int64             `json:"newest"`
	Current    bool              `json:"current"`
	Migrations []SystemMigration `json:"migrations"`
}

// SystemMigration is one change of shape.
type SystemMigration struct {
	Number int64  `json:"number"`
	Title  string `json:"title"`
	// AppliedAt is null where that was not noted.
	AppliedAt *time.Time `json:"appliedAt"`
}

// SystemSlow are operations of the store that took long, without values.
type SystemSlow struct {
	AfterSeconds float64 `json:"afterSeconds"` // from when on one is slow
	// Count is how many there were since the start; Latest are the newest of them.
	Count  int64                 `json:"count"`
	Latest []SystemSlowOperation `json:"latest"`
}

// SystemSlowOperation is one of them.
type SystemSlowOperation struct {
	Kind      string    `json:"kind"`
	Operation string    `json:"operation"`
	At        time.Time `json:"at"`
	Seconds   float64   `json:"seconds"`
}

// SystemRuntime is what the process takes of its machine.
type SystemRuntime struct {
	Goroutines  int64 `json:"goroutines"`
	Processors  int64 `json:"processors"`
	HeapBytes   int64 `json:"heapBytes"`
	MemoryBytes int64 `json:"memoryBytes"`
	// MemoryLimitBytes is null where there is no limit.
	MemoryLimitBytes *int64 `json:"memoryLimitBytes"`
	Collections      int64  `json:"collections"`
	// PauseP99Seconds is how long 99 of 100 pauses of the garbage collector took at most; null before the first.
	PauseP99Seconds *float64 `json:"pauseP99Seconds"`
	OpenFiles       *int64   `json:"openFiles"`
	MaxOpenFiles    *int64   `json:"maxOpenFiles"`
}

// SystemSetting is one setting, without the text of a secret.
type SystemSetting struct {
	Name string `json:"name"`
	// Value is as it would be typed; null for a secret.
	Value   *string `json:"value"`
	Default string  `json:"default"`
	Unit    string  `json:"unit"`
	Why     string  `json:"why"`
	// Origin is command, file, environment or flag; null at the default.
	Origin *string `json:"origin"`
	Secret bool    `json:"secret"`
	// Set: a secret has a value.
	Set bool `json:"set"`
}
