package hook

import "context"

// Actor is who changes something, for the audit log. The zero Actor is the server itself.
type Actor struct {
	Kind ActorKind
	// ID is the public id of the token, integration or user, "" where there is none.
	ID string
	// Name is the token's name, the user's e-mail address, or what a command is called.
	Name string
	// Session is the session id of a portal token.
	Session string
	// RequestID is the id of the API request.
	RequestID string
	// Address is where the request came from.
	Address string
}

// ActorKind says by which right an actor acts.
type ActorKind string

// The kinds of actor.
const (
	ActorSystem      ActorKind = "system" // the server, for example a dispatcher that disables
	ActorAPIToken    ActorKind = "api-token"
	ActorPortal      ActorKind = "portal"
	ActorIntegration ActorKind = "integration"
	ActorJWT         ActorKind = "jwt"
	ActorOneTime     ActorKind = "one-time"
	ActorUser        ActorKind = "user"    // who has signed in; the name is the e-mail address
	ActorCommand     ActorKind = "command" // an operator, on the server's machine
)

type actorKey struct{}

// WithActor returns a context in which a is who changes something.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorIn returns who changes something in ctx: the server itself where nobody was named.
func ActorIn(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{Kind: ActorSystem}
}
