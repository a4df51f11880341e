package httpapi

import (
	"net/http"
	"slices"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// listenRoutes serve those who watch live. Listening gives away what an endpoint gets, and
// makes something durable of the application: a portal token needs what it would need to
// make an endpoint. The paths of a source lead to its internal application.
func listenRoutes() []route {
	params := []param{
		{name: "name", kind: "string", summary: "Name of the listener, unique in the application; it is made when it is new."},
		{name: "event_types", kind: "list", summary: "Only messages of these event types; * stands for any characters."},
		{name: "channel", kind: "string", summary: "Only messages with this channel."},
		{name: "since", kind: "date-time", summary: "Where a new listener begins; now by default."},
		{name: "ack", kind: "string", summary: "How messages are acknowledged: each by its own frame, which is the default; cumulative, so that a frame stands for all before it too; or auto, at most once.", words: []string{api.AckEach, api.AckCumulative, api.AckAuto}},
	}
	may := portalMay(hook.ManageEndpoint)
	below := func(path, noun, op, tag string, may, view, secret access) []route {
		return []route{
			{method: http.MethodGet, path: path + "/listen", op: op + ".listen", tag: tag, summary: "Open a WebSocket on which " + noun + "'s messages come as they are accepted.", access: may,
				statuses: []int{http.StatusSwitchingProtocols}, query: params, handler: (*server).listen},
			{method: http.MethodGet, path: path + "/listener", op: op + ".list-listeners", tag: tag, summary: "List who listens, or did, with how far each has come.", access: view,
				out: api.ListenerList{}, statuses: []int{http.StatusOK}, handler: (*server).listListeners},
			{method: http.MethodGet, path: path + "/listener/{listener_name}/secret", op: op + ".get-listener-secret", tag: tag, summary: "Show what verifies the messages of a listener.", access: secret,
				out: api.EndpointSecretOut{}, statuses: []int{http.StatusOK}, handler: (*server).getListenerSecret},
			{method: http.MethodDelete, path: path + "/listener/{listener_name}", op: op + ".delete-listener", tag: tag, summary: "Forget a listener with its secret and its place; who listens under the name is sent away.", access: may,
				statuses: []int{http.StatusNoContent}, handler: (*server).deleteListener},
		}
	}
	return slices.Concat(
		below("/x/v1/app/{app_id}", "an application", "application", "Application", may, portalMay(hook.ViewBase), portalMay(hook.ViewEndpointSecret)),
		below(ownSourcePath, "a source", "source", "Source settings", access{}, access{}, access{}),
	)
}
