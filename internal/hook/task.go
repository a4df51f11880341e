package hook

import "time"

// Task is durable background work that makes deliveries or removes content.
type Task struct {
	ID          TaskID
	Environment EnvironmentID
	Application ApplicationID // 0 for none
	Endpoint    EndpointID    // 0 for none
	Type        string        // the contract's name, for example "endpoint.recover"
	Status      TaskStatus
	Since       time.Time // the window of a recover
	Until       time.Time // zero for the time of the request, which is then stored
	// Cursor is the last message that the task has dealt with, so that it goes on
	// there after a restart.
	Cursor MessageID
	// Done counts what the task has made so far (for a recover: messages sent).
	Done      int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// TaskStatus is where a task stands, spelled as the contract does.
type TaskStatus string

// The states of a task.
const (
	TaskRunning  TaskStatus = "running"
	TaskFinished TaskStatus = "finished"
	TaskFailed   TaskStatus = "failed"
)

// The kinds of task that exist so far.
const TaskRecover = "endpoint.recover"

// MaxRecoverSpan is how far back a recover may reach (with five minutes of slack for clocks).
const MaxRecoverSpan = 14 * 24 * time.Hour
