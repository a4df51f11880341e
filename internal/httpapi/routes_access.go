package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	apiTokensPath       = "/api/v1/management/authentication/{env_id}/api-token"
	apiTokenPath        = apiTokensPath + "/{key_id}"
	integrationPath     = appPath + "/integration/{integ_id}"
	publicKeysPath      = "/x/v1/jwks/{app_id}/{endpoint_id}"
	oneTimePath         = "/x/v1/auth/one-time-token/{app_id}"
	oneTimeExchangePath = "/api/v1/auth/one-time-token"
)

// accessRoutes make, list and end tokens and keys of every kind, and show the audit log.
func accessRoutes() []route {
	const (
		get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
		ok, created, none          = http.StatusOK, http.StatusCreated, http.StatusNoContent
	)
	return []route{
		{method: get, path: apiTokensPath, op: "management.authentication.list-api-tokens", tag: "API token", summary: "List API tokens, those that have ended included.",
			out: api.List[api.APITokenCensoredOut]{}, statuses: []int{ok}, query: pageParams, handler: (*server).listAPITokens},
		{method: post, path: apiTokensPath, op: "management.authentication.create-api-token", tag: "API token", summary: "Make an API token. Its text is shown this one time.",
			in: api.APITokenIn{}, out: api.APITokenOut{}, statuses: []int{ok}, receipts: true, handler: (*server).createAPIToken},
		{method: get, path: apiTokenPath, op: "management.authentication.get-api-token", tag: "API token", summary: "Show an API token without its text.",
			out: api.APITokenCensoredOut{}, statuses: []int{ok}, handler: (*server).getAPIToken},
		{method: put, path: apiTokenPath, op: "management.authentication.update-api-token", tag: "API token", summary: "Name an API token anew.",
			in: api.APITokenUpdate{}, out: api.APITokenCensoredOut{}, statuses: []int{ok}, handler: (*server).updateAPIToken},
		{method: patch, path: apiTokenPath, op: "management.authentication.patch-api-token", tag: "API token", summary: "Change an API token's name or scopes.",
			in: api.APITokenPatch{}, out: api.APITokenCensoredOut{}, statuses: []int{ok}, handler: (*server).patchAPIToken},
		{method: post, path: apiTokenPath + "/expire", op: "management.authentication.expire-api-token", tag: "API token", summary: "End an API token, at once or in a while.",
			in: api.APITokenExpireIn{}, bodyOptional: true, statuses: []int{none}, handler: (*server).expireAPIToken},

		{method: post, path: "/api/v1/auth/app/{app_id}/create-message-token", op: "authentication.create-message-token", tag: "Authentication", summary: "Make a token that may only create messages in this application.",
			in: api.CreateTokenIn{}, out: api.APITokenOut{}, statuses: []int{ok}, receipts: true, handler: (*server).createMessageToken},
		{method: post, path: oneTimePath, op: "authentication.create-one-time-token", tag: "Authentication", summary: "Make a token, and a link, that may be exchanged once within five minutes for a portal token.",
			in: api.AppPortalAccessIn{}, bodyOptional: true, out: api.OneTimeAccessOut{}, statuses: []int{ok}, receipts: true, handler: (*server).createOneTimeToken},
		{method: post, path: oneTimeExchangePath, op: "authentication.exchange-one-time-token", tag: "Authentication", summary: "Exchange a one-time token for a portal token.", access: open,
			in: api.OneTimeTokenIn{}, out: api.OneTimeTokenOut{}, statuses: []int{ok}, handler: (*server).exchangeOneTimeToken},

		{method: get, path: appPath + "/integration", op: "integration.list", tag: "Integration", summary: "List an application's integrations.",
			out: api.List[api.IntegrationOut]{}, statuses: []int{ok}, query: pageParams, handler: (*server).listIntegrations},
		{method: post, path: appPath + "/integration", op: "integration.create", tag: "Integration", summary: "Create an integration. Rotate its key to get one.",
			in: api.IntegrationIn{}, out: api.IntegrationOut{}, statuses: []int{created}, receipts: true, handler: (*server).createIntegration},
		{method: get, path: integrationPath, op: "integration.get", tag: "Integration", summary: "Show an integration.",
			out: api.IntegrationOut{}, statuses: []int{ok}, handler: (*server).getIntegration},
		{method: put, path: integrationPath, op: "integration.update", tag: "Integration", summary: "Replace an integration's name and feature flags; its key stays.",
			in: api.IntegrationIn{}, out: api.IntegrationOut{}, statuses: []int{ok}, handler: (*server).updateIntegration},
		{method: del, path: integrationPath, op: "integration.delete", tag: "Integration", summary: "Remove an integration; its key ends at once.",
			statuses: []int{none}, handler: (*server).deleteIntegration},
		{method: get, path: integrationPath + "/key", op: "integration.get-key", tag: "Integration", summary: "Show an integration's key again, for older clients.",
			out: api.IntegrationKeyOut{}, statuses: []int{ok}, handler: (*server).getIntegrationKey},
		{method: post, path: integrationPath + "/key/rotate", op: "integration.rotate-key", tag: "Integration", summary: "Make an integration's key; the one before ends at once.",
			out: api.IntegrationKeyOut{}, statuses: []int{ok}, receipts: true, handler: (*server).rotateIntegrationKey},

		{method: get, path: ownEndpointPath + "/jwks", op: "endpoint.get-jwks", tag: "Keys", summary: "Show an endpoint's public keys as a JWK set.", access: portalMay(hook.ViewBase),
			out: api.JWKSet{}, statuses: []int{ok}, handler: (*server).endpointKeys},
		{method: get, path: publicKeysPath, op: "endpoint.get-public-jwks", tag: "Keys", summary: "Show an endpoint's public keys to its receiver, without a token.", access: open,
			out: api.JWKSet{}, statuses: []int{ok}, handler: (*server).publicKeys},

		{method: get, path: "/x/v1/app/{app_id}/activity", op: "application.list-activity", tag: "Application", summary: "List what was changed of an application's endpoints, newest first, as its owner may see it.", access: portalMay(hook.ViewBase),
			out: api.List[api.ActivityOut]{}, statuses: []int{ok}, handler: (*server).listActivity,
			query: append([]param{{name: "endpoint_id", kind: "string", summary: "Only changes of this endpoint."}}, pageParams...)},
		{method: get, path: "/x/v1/audit", op: "audit.list", tag: "Audit", summary: "List who changed what, newest first.",
			out: api.List[api.AuditOut]{}, statuses: []int{ok}, handler: (*server).listAudit,
			query: append([]param{
				{name: "noun", kind: "string", summary: "Only changes of this kind of thing.", words: auditNouns()},
				{name: "subject", kind: "string", summary: "Only changes of what has this id."},
				{name: "app_id", kind: "string", summary: "With subject: the application that it belongs to. Without: only changes of this application and of what belongs to it."},
				{name: "actor", kind: "string", summary: "Only changes by the token or integration with this id."},
				{name: "since", kind: "date-time", summary: "Only changes that are not older."},
				{name: "until", kind: "date-time", summary: "Only changes that are older."},
			}, pageParams...)},
	}
}

func auditNouns() []string {
	var names []string
	for _, n := range hook.AuditNouns() {
		names = append(names, string(n))
	}
	return names
}
