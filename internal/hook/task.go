package hook

import "time"

// Task is durable work in the background: it makes deliveries or messages, removes
// content, or counts. It goes on after a restart where it had come to.
type Task struct {
	ID          TaskID
	Environment EnvironmentID
	Application ApplicationID // 0 for none
	Endpoint    EndpointID    // 0 for none
	Type        string        // the contract's name, for example "endpoint.recover"
	Status      TaskStatus
	Since       time.Time // the window of messages, by when they were accepted
	Until       time.Time // zero for the time of the request
	// Params is what was asked for beside that, as JSON of the type that belongs to Type
	// (ReplayParams, ...); nil for nothing.
	Params []byte
	// Cursor is the last message that the task has dealt with, so that it goes on there
	// after a restart.
	Cursor MessageID
	// Done counts what the task has made so far: for a replay the messages sent again.
	Done int64
	// Failed counts what could not be done while the task went on.
	Failed int64
	// Total is how many there are to be done, as counted at the beginning; -1 while that
	// is not known, or too much to count.
	Total int64
	// RatePerSecond is the most that is done per second; 0 for no limit of its own.
	RatePerSecond float64
	// State is where the work stands beyond Cursor, as JSON of the room that does it.
	State []byte
	// Result is what came of it, as JSON of the type that belongs to Type
	// (BroadcastResult, ...); nil where the counts say it all.
	Result []byte
	// Error says why Status is failed, in words for whoever asked; "" otherwise.
	Error     string
	CreatedAt time.Time
	StartedAt time.Time // of the first piece of work; zero before
	UpdatedAt time.Time
}

// TaskStatus is where a task stands.
type TaskStatus string

// The states of a task. The contract knows running, finished and failed: a paused task
// is running there, a cancelled one failed.
const (
	TaskRunning   TaskStatus = "running"
	TaskPaused    TaskStatus = "paused"
	TaskCancelled TaskStatus = "cancelled"
	TaskFinished  TaskStatus = "finished"
	TaskFailed    TaskStatus = "failed"
)

// HasEnded reports whether nothing more happens.
func (s TaskStatus) HasEnded() bool { return s != TaskRunning && s != TaskPaused }

// MaxOpenTasks is how many tasks of one application may be running or paused at once, and
// how many of an environment that are of no application.
const MaxOpenTasks = 32

// The kinds of task (CONTRACT 1.14).
const (
	TaskRecover    = "endpoint.recover"
	TaskReplay     = "endpoint.replay"      // what was never attempted
	TaskBulkReplay = "endpoint.bulk-replay" // everything that matches, successes included
	TaskBroadcast  = "message.broadcast"
	TaskPurge      = "application.purge_content"
	TaskAppStats   = "application.stats"
	TaskEventTypes = "event-type.aggregate"
	TaskGenerate   = "sdk.generate" // its result is the document, not one of our types
)

// Limits of tasks.
const (
	// MaxRecoverSpan is how far back a recover may reach (with five minutes of slack for clocks).
	MaxRecoverSpan = 14 * 24 * time.Hour
	// MaxTaskRate is the greatest pace of a task, per second.
	MaxTaskRate = 100_000
	// MinTaskRate is the least: one in a hundred seconds.
	MinTaskRate = 0.01
	// MaxBroadcastIDs is how many of its messages a broadcast's result names.
	MaxBroadcastIDs = 1_000
	// MaxStatsRows is how many applications a statistic lists.
	MaxStatsRows = 10_000
)

// CheckRate judges the pace of a task; 0 is no pace.
func CheckRate(field string, perSecond float64) error {
	if perSecond == 0 || perSecond >= MinTaskRate && perSecond <= MaxTaskRate {
		return nil
	}
	return Fieldf(field, "must lie between %v and %d per second", MinTaskRate, MaxTaskRate)
}

// ReplayParams narrow a replay: empty fields match all. Status and StatusClass look at
// the pair's state and at its last attempt.
type ReplayParams struct {
	EventTypes  []string `json:",omitempty"`
	Channel     string   `json:",omitempty"`
	Tag         string   `json:",omitempty"`
	Status      *uint8   `json:",omitempty"` // the contract's number
	StatusClass int      `json:",omitempty"` // 0 none; 1 no answer; 100, 200, ... the class
}

// Validate checks the fields that a client sets.
func (p *ReplayParams) Validate() error {
	if err := checkEventTypes("eventTypes", p.EventTypes); err != nil {
		return err
	}
	if p.Channel != "" {
		if err := checkChannel("channel", p.Channel); err != nil {
			return err
		}
	}
	if p.Tag != "" {
		return checkTag("tag", p.Tag)
	}
	return nil
}

// CheckTag checks one tag of a message.
func CheckTag(field, s string) error { return checkTag(field, s) }

// BroadcastParams is the message that each application of the environment gets.
type BroadcastParams struct {
	EventType   string
	EventID     string   `json:",omitempty"`
	Channels    []string `json:",omitempty"`
	Payload     []byte
	KeepContent time.Duration // how long the content of each message is kept; 0 for as long as its event type's is
}

// BroadcastResult names the messages of a broadcast, the first MaxBroadcastIDs of them.
type BroadcastResult struct {
	Created []BroadcastMessage
}

// BroadcastMessage is one message of a broadcast.
type BroadcastMessage struct {
	Application ApplicationID
	Message     MessageID
}

// PurgeParams say whose content is purged; an application is Task.Application.
type PurgeParams struct {
	// Tag is the data subject; "" for everything.
	Tag string `json:",omitempty"`
}

// AppStatsParams say which applications are counted; nil for all.
type AppStatsParams struct {
	Applications []ApplicationID `json:",omitempty"`
}

// AppStatsResult counts deliveries by application.
type AppStatsResult struct {
	Applications []AppStats
	// Truncated: there are more than MaxStatsRows.
	Truncated bool `json:",omitempty"`
}

// AppStats is how many deliveries an application's messages have.
type AppStats struct {
	Application  ApplicationID
	UID          string `json:",omitempty"`
	Destinations int64
}

// EventTypesResult says by application which event types somebody subscribed to.
type EventTypesResult struct {
	Applications []SubscribedTypes
	// Truncated: there are more than MaxStatsRows.
	Truncated bool `json:",omitempty"`
}

// SubscribedTypes are the event types that endpoints of an application name.
type SubscribedTypes struct {
	Application ApplicationID
	EventTypes  []string
	// HasCatchAll: an endpoint gets all types.
	HasCatchAll bool
}

// Preview is what a replay would send.
type Preview struct {
	Count          int64
	Oldest, Newest MessageID // 0 for none
	// IsComplete: everything was looked at; otherwise there is more than Count.
	IsComplete bool
}
