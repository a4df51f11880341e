package publish

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

// catalogue is one event type that counts how often it is read.
type catalogue struct {
	t     hook.EventType
	err   error
	reads int
}

func (c *catalogue) EventType(context.Context, hook.EnvironmentID, string) (*hook.EventType, error) {
	c.reads++
	if c.err != nil {
		return nil, c.err
	}
	t := c.t
	return &t, nil
}

func TestSchemaIsCompiledOnceForARevision(t *testing.T) {
	types := &catalogue{t: hook.EventType{Schemas: []byte(`{"1":{"required":["a"]},"2":{"required":["b"]}}`)}}
	c := checks{types: types}
	judge := func(revision int64, payload string) error {
		return c.judge(t.Context(), 7, "a.b", revision, []byte(payload))
	}
	for range 5 {
		var list hook.FieldErrors
		if err := judge(1, `{"a":1}`); !errors.As(err, &list) || len(list[0].Path) != 2 || list[0].Path[1] != "b" {
			t.Fatalf("without what the newest version wants: %v", err)
		}
		if err := judge(1, `{"b":1}`); err != nil {
			t.Fatal(err)
		}
	}
	if types.reads != 1 {
		t.Errorf("the type was read %d times for one revision", types.reads)
	}
	types.t.Schemas = []byte(`{"1":{"required":["c"]}}`)
	if err := judge(2, `{"c":1}`); err != nil {
		t.Errorf("the new revision is not used: %v", err)
	}
	if err := judge(1, `{"c":1}`); err != nil || types.reads != 2 {
		t.Errorf("a plan from before the change: %v after %d reads", err, types.reads)
	}
}

func TestFailedReadOfASchemaIsTriedAgain(t *testing.T) {
	types := &catalogue{err: errors.New("disk")}
	c := checks{types: types}
	if err := c.judge(t.Context(), 7, "a.b", 1, []byte(`{}`)); err == nil || hook.KindOf(err) != hook.Internal {
		t.Fatalf("a payload passed that nothing was compared with: %v", err)
	}
	types.err, types.t.Schemas = nil, []byte(`{"1":{"required":["a"]}}`)
	if err := c.judge(t.Context(), 7, "a.b", 1, []byte(`{}`)); hook.KindOf(err) != hook.Invalid {
		t.Errorf("then: %v", err)
	}
}

func TestKeptSchemasAreBounded(t *testing.T) {
	c := checks{types: &catalogue{t: hook.EventType{Schemas: []byte(`{"1":{}}`)}}}
	for i := range 3 * maxSchemas {
		if err := c.judge(t.Context(), 7, "t"+strconv.Itoa(i), 1, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.kept) > maxSchemas {
		t.Errorf("%d schemas are kept", len(c.kept))
	}
}
