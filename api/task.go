package api

import "time"

// BackgroundTaskOut is durable work in the background.
type BackgroundTaskOut struct {
	ID string `json:"id"`
	// Status is running, finished or failed.
	Status string `json:"status"`
	// Task is the kind of work, for example endpoint.recover.
	Task      string    `json:"task"`
	Data      TaskData  `json:"data"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// TaskData is what a task has done so far.
type TaskData struct {
	MessagesSent int64 `json:"messagesSent"`
}
