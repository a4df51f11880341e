package httpapi

import (
	"fmt"
	"slices"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// checkImportedConnectors checks what needs no look at what is there: each by itself, its
// code, and that none stands twice.
func (s *server) checkImportedConnectors(c *call, list []api.ConnectorIn) error {
	if len(list) > hook.MaxConnectors {
		return hook.Fieldf("connectors", "must hold at most %d", hook.MaxConnectors)
	}
	seen := map[string]bool{}
	for i, in := range list {
		at := []string{"connectors", fmt.Sprintf("[%d]", i)}
		n := s.newConnector(c)
		if err := connectorFromAPI(n, in); err != nil {
			return within(err, at...)
		}
		key := "name " + n.Name
		if n.UID != "" {
			key = "uid " + n.UID
		}
		if seen[key] {
			return within(hook.Fieldf("name", "stands twice in the file: %s", cut(key, 256)), at...)
		}
		seen[key] = true
		if err := s.checkConnectorCode(c, n.ID, n.Code); err != nil {
			return within(err, at...)
		}
	}
	return nil
}

// importConnector adds to an import what makes a connector as a file says; nil where it is
// so already. It is found again by its uid, or by its name among those without.
func (s *server) importConnector(c *call, now *store.Configuration, in api.ConnectorIn) (*api.EventTypeChange, error) {
	next := s.newConnector(c)
	if err := connectorFromAPI(next, in); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(now.Connectors, func(old *hook.Connector) bool {
		return old.UID == next.UID && (next.UID != "" || old.Name == next.Name)
	})
	if i < 0 {
		now.PutConnectors = append(now.PutConnectors, next)
		return &api.EventTypeChange{Name: next.Name, Change: changeCreate, Fields: []string{}}, nil
	}
	old := now.Connectors[i]
	changed := *old
	if err := connectorFromAPI(&changed, in); err != nil {
		return nil, err
	}
	fields := []string{}
	for _, f := range []struct {
		name string
		same bool
	}{
		{"name", old.Name == changed.Name},
		{"kind", old.Kind == changed.Kind},
		{"logo", old.Logo == changed.Logo},
		{"description", old.Description == changed.Description},
		{"instructions", old.Instructions == changed.Instructions},
		{"allowedEventTypes", slices.Equal(old.AllowedEventTypes, changed.AllowedEventTypes)},
		{"featureFlags", slices.Equal(old.FeatureFlags, changed.FeatureFlags)},
		{"transformation", old.Code == changed.Code},
		{"productType", old.Product == changed.Product},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	if len(fields) == 0 {
		return nil, nil
	}
	now.PutConnectors = append(now.PutConnectors, &changed)
	return &api.EventTypeChange{Name: changed.Name, Change: changeUpdate, Fields: fields}, nil
}
