package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/hookloft/hookloft/client"
)

const (
	// historyRows is how many messages are read at once.
	historyRows = 100
	// originTag begins the tag that says what a message was called where it came from.
	originTag = "svix/"
	// maxTags is how many tags a message may carry (CONTRACT 1.6).
	maxTags = 5
)

// history keeps the messages of one application here that are there, the oldest first. A
// message that is here already is known by its tag, so a run that was broken off goes on.
func (m *migration) history(app fields, appID string) error {
	known := map[string]bool{}
	if appID != "" {
		ours, err := m.list(m.Client, client.Path("/api/v1/app/{}/msg", appID)+"?with_content=false")
		if err != nil {
			return err
		}
		for _, msg := range ours {
			for _, tag := range msg.strings("tags") {
				known[tag] = true
			}
		}
	}
	from := client.Path("/api/v1/app/{}/msg", app.text("id"))
	after, seen := m.since.UTC().Format(time.RFC3339Nano), map[string]bool{}
	for {
		rows, last, err := m.page(from, after)
		if err != nil {
			return err
		}
		fresh := 0
		for _, msg := range rows {
			id := msg.text("id")
			if seen[id] {
				continue // the last page ended in the same millisecond
			}
			fresh++
			if known[originTag+id] {
				m.same++
				continue
			}
			if err := m.keep(app, appID, msg); err != nil {
				return err
			}
		}
		if len(rows) < historyRows || last == "" {
			return nil
		}
		if fresh == 0 {
			m.lacks("application "+app.label()+": messages after "+last, "more than %d of them have the same time", historyRows)
			return nil
		}
		clear(seen)
		for _, msg := range rows {
			seen[msg.text("id")] = true
		}
		after = last
	}
}

// page reads the first messages from a moment on, the oldest first, and the time of the last.
func (m *migration) page(path, after string) (rows []fields, last string, err error) {
	var page struct{ Data []fields }
	// With after and without before, servers answer with the oldest of the time (CONTRACT 1.7).
	query := url.Values{"after": {after}, "limit": {strconv.Itoa(historyRows)}, "with_content": {"true"}}
	if err := m.source.Call(m.ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page); err != nil {
		return nil, "", fmt.Errorf("%s: %w", m.source.Server(), err)
	}
	slices.Reverse(page.Data)
	for _, msg := range page.Data {
		at, err := time.Parse(time.RFC3339, msg.text("timestamp"))
		if err != nil {
			return nil, "", fmt.Errorf("%s: message %s has no time", m.source.Server(), msg.text("id"))
		}
		if at.After(m.until) {
			return rows, "", nil // came in since the run began
		}
		rows, last = append(rows, msg), msg.text("timestamp")
	}
	return rows, last, nil
}

func (f fields) strings(name string) (out []string) {
	_ = json.Unmarshal(f[name], &out) // what is no list of strings has none
	return out
}

// keep stores one message here.
func (m *migration) keep(app fields, appID string, msg fields) error {
	what := "message " + msg.text("id") + " of application " + app.label()
	var content struct {
		Expired bool `json:"expired"`
	}
	if string(msg["payload"]) == `{"expired": true}` || json.Unmarshal(msg["payload"], &content) == nil && content.Expired && len(msg["payload"]) < 24 {
		m.gone++
		return nil
	}
	tags := append(msg.strings("tags"), originTag+msg.text("id"))
	if len(tags) > maxTags {
		m.lacks(what, "it has %d tags already, and no room for the one with its old id", maxTags)
		return nil
	}
	if !m.dryRun {
		in := fields{"eventType": msg["eventType"], "payload": msg["payload"], "tags": mustJSON(tags)}
		for _, name := range []string{"eventId", "channels"} {
			if !isNull(msg[name]) {
				in[name] = msg[name]
			}
		}
		if err := m.call(http.MethodPost, client.Path("/x/v1/app/{}/msg/import", appID), in.encode(), nil); err != nil {
			return m.refused(what, err)
		}
	}
	m.copied++
	return nil
}
