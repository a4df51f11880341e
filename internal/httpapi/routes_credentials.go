package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// credentialsRoutes say what requests to an endpoint prove themselves with, and on which
// way they leave.
func credentialsRoutes() []route {
	const (
		get, put, del = http.MethodGet, http.MethodPut, http.MethodDelete
		ok, none      = http.StatusOK, http.StatusNoContent
		tag           = "Credentials"
	)
	view, manage := portalMay(hook.ViewBase), portalMay(hook.ManageEndpoint)
	list := []route{
		{method: get, path: endpointPath + "/oauth", op: "endpoint.get-oauth", tag: tag, access: view,
			summary: "Show how access tokens for an endpoint are got, without secrets; 404 where none are.",
			out:     api.EndpointOauthConfigOut{}, statuses: []int{ok}, handler: (*server).getOAuth},
		{method: put, path: endpointPath + "/oauth", op: "endpoint.set-oauth-config", tag: tag, access: manage,
			summary: "Have an access token (OAuth 2) sent with each request, in place of another login.",
			in:      api.EndpointOauthConfigIn{}, statuses: []int{none}, handler: (*server).setOAuth},
		{method: del, path: endpointPath + "/oauth", op: "endpoint.delete-oauth-config", tag: tag, access: manage,
			summary: "Send no access token any more.", statuses: []int{none}, handler: (*server).deleteOAuth},
		{method: get, path: endpointPath + "/oauth-config", op: "endpoint.get-oauth-2", tag: tag, access: view,
			summary: "Show whether and how access tokens for an endpoint are got, without secrets.",
			out:     api.EndpointOauthOut{}, statuses: []int{ok}, handler: (*server).getOAuthConfig},
		{method: get, path: endpointPath + "/mtls", op: "endpoint.get-mtls", tag: tag, access: view,
			summary: "Tell that an endpoint has a client certificate; 404 where it has none.",
			out:     api.EndpointMtlsConfigOut{}, statuses: []int{ok}, handler: (*server).getMTLS},
		{method: put, path: endpointPath + "/mtls", op: "endpoint.set-mtls-config", tag: tag, access: manage,
			summary: "Show a client certificate to the receiver.",
			in:      api.EndpointMtlsConfigIn{}, statuses: []int{none}, handler: (*server).setMTLS},
		{method: del, path: endpointPath + "/mtls", op: "endpoint.delete-mtls-config", tag: tag, access: manage,
			summary: "Show no client certificate any more.", statuses: []int{none}, handler: (*server).deleteMTLS},
		{method: get, path: endpointPath + "/mtls-config", op: "endpoint.get-mtls-2", tag: tag, access: view,
			summary: "Tell whether an endpoint has a client certificate.",
			out:     api.EndpointMtlsOut{}, statuses: []int{ok}, handler: (*server).getMTLSConfig},
		{method: get, path: endpointPath + "/ca", op: "endpoint.get-server-ca", tag: tag, access: view,
			summary: "Show whom the receiver's certificate may be signed by; null for the usual authorities.",
			out:     api.EndpointServerCaOut{}, statuses: []int{ok}, handler: (*server).getCA},
		{method: put, path: endpointPath + "/ca", op: "endpoint.set-server-ca", tag: tag, access: manage,
			summary: "Set whom the receiver's certificate may be signed by; null for the usual authorities.",
			in:      api.EndpointServerCaIn{}, statuses: []int{none}, handler: (*server).setCA},
	}
	list = append(list, route{
		method: get, path: "/x/v1/expiring-credentials", op: "endpoint.list-expiring-credentials", tag: tag,
		summary: "List the certificates of endpoints that end soon, or have ended.", out: api.ExpiringCredentials{}, statuses: []int{ok},
		query:   []param{{name: "within_days", kind: "integer", summary: "How soon: 1 to 365 days; 30 by default."}},
		handler: (*server).listExpiringCredentials,
	})
	credentials := feature{name: "credentials", tag: tag, remove: "delete", in: api.CredentialsIn{}, out: api.CredentialsOut{},
		summaries: [...]string{
			"Show what requests prove themselves with and on which way they leave; secrets are withheld.",
			"Replace an endpoint's credentials; what is absent is not there, and a secret that is absent stays.",
			"Remove all credentials of an endpoint.",
		},
		handlers: [...]func(*server, *call) error{(*server).getCredentials, (*server).setCredentials, (*server).deleteCredentials},
	}
	for _, at := range endpointPlaces() {
		list = append(list, credentials.routes(at)...)
	}
	return list
}
