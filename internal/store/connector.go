package store

import (
	"context"

	"github.com/hookloft/hookloft/internal/hook"
)

// Connectors are those of an environment; UIDs are unique in it. An endpoint that uses one
// (hook.ConnectorUse) gets code and answers of it with Endpoint, Destination and its plan;
// a change of a connector is in every plan that is asked for after it.
type Connectors interface {
	// CreateConnector makes a connector. More than hook.MaxConnectors of one environment
	// are hook.LimitReached, a uid that is taken hook.Conflict.
	CreateConnector(ctx context.Context, c *hook.Connector, r *Receipt) error
	// Connector finds by public id or uid.
	Connector(ctx context.Context, env hook.EnvironmentID, ref string) (*hook.Connector, error)
	// ConnectorOf finds by row key.
	ConnectorOf(ctx context.Context, env hook.EnvironmentID, id hook.ConnectorID) (*hook.Connector, error)
	// ListConnectors lists those of one product, or all where product is "".
	ListConnectors(ctx context.Context, env hook.EnvironmentID, product string, p Page[hook.ConnectorID]) (Listed[*hook.Connector], error)
	UpdateConnector(ctx context.Context, env hook.EnvironmentID, id hook.ConnectorID, r *Receipt, update func(*hook.Connector) error) (*hook.Connector, error)
	// DeleteConnector removes a connector that no endpoint uses; else it is hook.Conflict.
	DeleteConnector(ctx context.Context, env hook.EnvironmentID, id hook.ConnectorID) error
}
