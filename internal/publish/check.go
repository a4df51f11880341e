package publish

import (
	"context"
	"sync"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/schema"
)

const (
	// maxSchemas is how many compiled schemas are kept, some hundred KiB each at most.
	maxSchemas = 256
	// maxProblems is how many places of a payload are told.
	maxProblems = 20
	// checkWork bounds the comparisons of one payload, in about nanoseconds: a publisher waits
	// for them, and those of equal type wait for each other.
	checkWork = 200_000_000
)

// Types is where schemas are read.
type Types interface {
	EventType(ctx context.Context, env hook.EnvironmentID, name string) (*hook.EventType, error)
}

// checks compares payloads with the newest schemas of their event types. A schema is
// compiled once for each revision of its type.
type checks struct {
	types Types

	mu   sync.Mutex
	kept map[typeKey]*checked
}

type typeKey struct {
	env  hook.EnvironmentID
	name string
}

// checked is the compiled schema of a revision. compile guards what stands below it until it is set.
type checked struct {
	revision int64
	compile  sync.Mutex
	done     bool
	schema   *schema.Schema // nil where the type has none
	fault    string         // why the schema cannot be used
}

// judge returns hook.FieldErrors at "payload" where the payload does not follow the newest
// schema of the type, which had this revision when it was planned.
func (c *checks) judge(ctx context.Context, env hook.EnvironmentID, name string, revision int64, payload []byte) error {
	k := c.entry(typeKey{env, name}, revision)
	s, fault, err := c.ready(ctx, k, env, name)
	switch {
	case err != nil:
		return err
	case fault != "":
		return hook.Fieldf("payload", "cannot be checked: the schema of the event type %s", fault)
	case s == nil:
		return nil
	}
	return Problems(s, payload)
}

// Problems returns hook.FieldErrors at "payload" for the places where a payload does not
// follow a schema, nil for none.
func Problems(s *schema.Schema, payload []byte) error {
	var list hook.FieldErrors
	for _, p := range s.Problems(payload, maxProblems) {
		list = append(list, &hook.FieldError{Path: append([]string{"payload"}, p.Path...), Text: p.Text, Code: "schema_violation"})
	}
	if list == nil {
		return nil
	}
	return list
}

// entry returns what is kept of a type in this revision, or a new entry.
func (c *checks) entry(key typeKey, revision int64) *checked {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.kept[key]
	if k != nil && k.revision >= revision {
		return k // a plan from before the last change uses what holds now
	}
	if c.kept == nil {
		c.kept = map[typeKey]*checked{}
	}
	if k == nil && len(c.kept) >= maxSchemas {
		for other := range c.kept { // any one: it is compiled anew when it is needed
			delete(c.kept, other)
			break
		}
	}
	k = &checked{revision: revision}
	c.kept[key] = k
	return k
}

// ready compiles a schema for all who wait for it. A failed read is tried again by the next.
func (c *checks) ready(ctx context.Context, k *checked, env hook.EnvironmentID, name string) (*schema.Schema, string, error) {
	k.compile.Lock()
	defer k.compile.Unlock()
	if k.done {
		return k.schema, k.fault, nil
	}
	t, err := c.types.EventType(ctx, env, name)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		return nil, "", nil // deleted meanwhile
	}
	if err != nil {
		return nil, "", err
	}
	if _, text := schema.Newest(t.Schemas); text != nil {
		if k.schema, err = CompileSchema(text); err != nil {
			k.fault = err.Error()
		}
	}
	k.done = true
	return k.schema, k.fault, nil
}

// CompileSchema makes a schema of an event type ready: draft 7 where it does not say so
// (CONTRACT 1.12). The error's text goes on after the name of a field.
func CompileSchema(text []byte) (*schema.Schema, error) {
	return schema.Compile(text, schema.Options{Draft7: true, Work: checkWork})
}

// CheckPayload compares a payload with the newest schema of its event type where that type
// is checked. Publish does it, too; this is for payloads that are published later, with
// Request.IsChecked.
func (p *Publisher) CheckPayload(ctx context.Context, env hook.EnvironmentID, eventType string, payload []byte) error {
	t, err := p.catalog.EventType(ctx, env, eventType)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		return nil // a type need not be in the catalogue
	}
	if err != nil || !t.IsChecked {
		return err
	}
	return p.checks.judge(ctx, env, eventType, t.Revision, payload)
}
