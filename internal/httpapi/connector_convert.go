package httpapi

import (
	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// A part of the bridge in convert.go: connectors.

// connectorFromAPI sets every field that a client may set, and checks the whole.
func connectorFromAPI(n *hook.Connector, in api.ConnectorIn) (err error) {
	if n.UID, err = uidIn("uid", in.UID); err != nil {
		return err
	}
	if in.ProductType != nil {
		n.Product = *in.ProductType
	}
	return connectorUpsertFromAPI(n, api.ConnectorUpsertIn{
		Name: &in.Name, Transformation: in.Transformation, Logo: in.Logo, Description: in.Description, Kind: in.Kind,
		Instructions: in.Instructions, AllowedEventTypes: in.AllowedEventTypes, FeatureFlags: in.FeatureFlags,
	})
}

// connectorUpsertFromAPI is connectorFromAPI without uid and product, which stay.
func connectorUpsertFromAPI(n *hook.Connector, in api.ConnectorUpsertIn) error {
	switch {
	case in.Name != nil:
		n.Name = *in.Name
	case n.Name == "":
		n.Name = n.UID
	}
	n.Kind = hook.ConnectorKinds()[0]
	if in.Kind != nil {
		n.Kind = *in.Kind
	}
	n.Code, n.Logo, n.Description, n.Instructions = in.Transformation, deref(in.Logo), deref(in.Description), deref(in.Instructions)
	n.AllowedEventTypes, n.FeatureFlags = in.AllowedEventTypes, nilIfEmpty(in.FeatureFlags)
	dropForeignOptions(n)
	return n.Validate()
}

func patchConnector(n *hook.Connector, in api.ConnectorPatch) error {
	for _, f := range []struct {
		in  api.Optional[string]
		out *string
	}{
		{in.Name, &n.Name}, {in.Logo, &n.Logo}, {in.Description, &n.Description}, {in.Kind, &n.Kind},
		{in.Instructions, &n.Instructions}, {in.Transformation, &n.Code},
	} {
		if f.in.Given {
			*f.out = f.in.Value
		}
	}
	if in.AllowedEventTypes.Given {
		n.AllowedEventTypes = in.AllowedEventTypes.Value
	}
	if in.FeatureFlags.Given {
		n.FeatureFlags = nilIfEmpty(in.FeatureFlags.Value)
	}
	dropForeignOptions(n)
	return n.Validate()
}

// dropForeignOptions forgets the options of another kind than the connector now has.
func dropForeignOptions(n *hook.Connector) {
	if n.Options != nil && n.Options.Kind != n.Kind {
		n.Options = nil
	}
}

func (s *server) connectorToAPI(n *hook.Connector) api.ConnectorOut {
	codec := s.Catalog.Codec()
	return api.ConnectorOut{
		ID: codec.Connector(n.Environment, n.ID), OrgID: codec.Environment(n.Environment), UID: orNil(n.UID), Kind: n.Kind, Name: n.Name,
		Logo: orNil(n.Logo), Description: n.Description, Instructions: n.Instructions, AllowedEventTypes: nilIfEmpty(n.AllowedEventTypes),
		Transformation: n.Code, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt, TransformationUpdatedAt: n.CodeUpdatedAt,
		FeatureFlags: nilIfEmpty(n.FeatureFlags), ProductType: n.Product,
	}
}

func connectorOptionsToAPI(o *hook.ConnectorOptions) api.ConnectorOptions {
	out := api.ConnectorOptions{Kind: o.Kind}
	if o.HasCustom {
		out.Options = &api.CustomConnectorOptions{AuthenticationMethod: orNil(o.AuthMethod), DefaultURL: orNil(o.DefaultURL)}
	}
	return out
}
