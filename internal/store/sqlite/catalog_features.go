package sqlite

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/hookloft/hookloft/internal/hook"
)

// sealFeatures returns the sealed column of an endpoint's features, nil for none. The
// whole of them is sealed, because many of them hold secrets.
func (c *catalog) sealFeatures(e *hook.Endpoint) ([]byte, error) {
	if reflect.ValueOf(e.Features).IsZero() {
		return nil, nil
	}
	plain, err := json.Marshal(e.Features)
	if err != nil {
		return nil, fmt.Errorf("encode features: %w", err)
	}
	return c.sealer.Seal(plain, endpointContext(e.ID, "features")), nil
}

// openFeatures reads them back. Of a removed destination nothing is left but that it was one.
func (c *catalog) openFeatures(e *hook.Endpoint, isDestination bool, sealed []byte) error {
	if sealed == nil {
		if isDestination {
			e.Kind = hook.FIFOEndpoint
		}
		return nil
	}
	plain, err := c.sealer.Open(sealed, endpointContext(e.ID, "features"))
	if err != nil {
		return fmt.Errorf("open features of endpoint %d: %w", e.ID, err)
	}
	if err := json.Unmarshal(plain, &e.Features); err != nil {
		return fmt.Errorf("decode features of endpoint %d: %w", e.ID, err)
	}
	return nil
}

// argBit is a truth in the text of a statement.
func argBit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
