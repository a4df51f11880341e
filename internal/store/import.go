package store

import (
	"context"

	"github.com/hookloft/hookloft/internal/hook"
)

// Imports change what is configured for an environment as a whole.
type Imports interface {
	// Import changes settings, event types and connectors of an environment in one commit. plan runs
	// inside of it on what is there now and says what becomes of it; an error from it
	// changes nothing and is returned as it is.
	Import(ctx context.Context, env hook.EnvironmentID, r *Receipt, plan func(*Configuration) error) error
}

// Configuration is what is configured for an environment beside its applications and sources.
type Configuration struct {
	// Environment is the environment; plan may change its Settings.
	Environment *hook.Environment
	// EventTypes are all event types by name, archived ones included. Plan changes none of
	// them in place: what is to be written goes into Put.
	EventTypes map[string]*hook.EventType
	// Put are event types to write, by name; each takes the place of the one that has its
	// name, whose CreatedAt stays.
	Put []*hook.EventType
	// Connectors are all of the environment, in the order in which they were made, to be
	// left as they are; PutConnectors those to write: new ones, and changed copies.
	Connectors    []*hook.Connector
	PutConnectors []*hook.Connector
	// PutSettings: the environment's settings changed and are to be written.
	PutSettings bool
}
