package store

import (
	"context"

	"github.com/hookloft/hookloft/internal/hook"
)

// Integrations are other programs that work for an application with a key of their own.
// A key is a hook.Token of kind hook.IntegrationToken, found by TokenByHash; it ends with
// its integration and with the application.
type Integrations interface {
	// CreateIntegration makes an integration, without a key. More than
	// hook.MaxIntegrations of one application are hook.LimitReached.
	CreateIntegration(ctx context.Context, i *hook.Integration, r *Receipt) error
	Integration(ctx context.Context, app hook.ApplicationID, id hook.IntegrationID) (*hook.Integration, error)
	ListIntegrations(ctx context.Context, app hook.ApplicationID, p Page[hook.IntegrationID]) (Listed[*hook.Integration], error)
	// UpdateIntegration changes an integration; its key has the new feature flags at once.
	UpdateIntegration(ctx context.Context, app hook.ApplicationID, id hook.IntegrationID, update func(*hook.Integration) error) (*hook.Integration, error)
	// DeleteIntegration removes an integration with its key.
	DeleteIntegration(ctx context.Context, app hook.ApplicationID, id hook.IntegrationID) error
	// RotateKey makes key the only key of its integration; the one before ends at once.
	// The key's text is kept sealed, because its owner may ask for it again. What the key
	// may do and where it belongs follows from the integration.
	RotateKey(ctx context.Context, app hook.ApplicationID, id hook.IntegrationID, key *hook.Token, text string, r *Receipt) error
	// IntegrationKey returns the text of an integration's key; hook.NotFound where none was made yet.
	IntegrationKey(ctx context.Context, app hook.ApplicationID, id hook.IntegrationID) (string, error)
}
