package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// maxBulkExpunge is how many messages one request names: each is a commit.
const maxBulkExpunge = 1000

// What became of a message of a bulk expunge, in the contract's words.
const (
	expunged        = "expunged"
	expungeNotFound = "not-found"
)

// bulkExpunge removes the content of messages that are named. What is not there is no
// error, so that a repeat does the rest.
func (s *server) bulkExpunge(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	in, err := decode[api.BulkExpungeContentsIn](c)
	if err != nil {
		return err
	}
	if len(in.IDs) > maxBulkExpunge {
		return hook.Fieldf("ids", "must hold at most %d items", maxBulkExpunge)
	}
	for i, ref := range in.IDs {
		if !isRef(ref) {
			return &hook.FieldError{Path: []string{"ids", fmt.Sprintf("[%d]", i)}, Text: "must be the id or eventId of a message"}
		}
	}
	results := make(map[string]string, len(in.IDs))
	for _, ref := range in.IDs {
		id, err := s.messageNamed(c, a.ID, ref)
		if err == nil {
			err = s.History.ExpungeMessage(c.ctx(), a.ID, id)
		}
		switch {
		case err == nil:
			results[ref] = expunged
		case hook.KindOf(err) == hook.NotFound:
			results[ref] = expungeNotFound
		default:
			return err
		}
	}
	return c.json(http.StatusOK, api.BulkExpungeContentsOut{Results: results})
}

// expungeAll removes the content of all of an application's messages, in the background.
func (s *server) expungeAll(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	t, err := s.newPurge(c, a, "")
	if err != nil {
		return err
	}
	return s.startTask(c, t, s.startedToAPI(t))
}

// expungeTag removes the content of all messages of a data subject, in the background.
func (s *server) expungeTag(c *call) error {
	in, err := decode[api.ExpungeIn](c)
	if err != nil {
		return err
	}
	if in.Tag == "" {
		return hook.Fieldf("tag", "must be given: it names the data subject")
	}
	if err := hook.CheckTag("tag", in.Tag); err != nil {
		return err
	}
	var a *hook.Application
	if in.Application != nil {
		a, err = s.applicationNamed(c, *in.Application)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			return hook.Fieldf("application", "does not exist")
		}
		if err != nil {
			return err
		}
	}
	t, err := s.newPurge(c, a, in.Tag)
	if err != nil {
		return err
	}
	return s.startTask(c, t, s.ownTaskToAPI(t))
}

// newPurge makes a task that removes what was accepted until now; a is nil for the whole
// environment.
func (s *server) newPurge(c *call, a *hook.Application, tag string) (t *hook.Task, err error) {
	t = s.newTask(c, hook.TaskPurge)
	// What was accepted in this very millisecond goes, too.
	t.Until = t.CreatedAt.Add(time.Millisecond)
	if a != nil {
		t.Application = a.ID
	}
	if t.Params, err = json.Marshal(hook.PurgeParams{Tag: tag}); err != nil {
		return nil, err
	}
	return t, nil
}
