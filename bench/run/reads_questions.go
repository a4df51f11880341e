//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// question is one request of the pages, asked about something else in each round.
type question struct {
	name, where string
	path        func(round int) string
	token       string // of a portal; "" for the operator's
}

// asker keeps one connection.
type asker struct {
	client http.Client
	sv     *server
}

func newAsker(sv *server) *asker {
	return &asker{http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}, sv}
}

// get asks and reads the answer to its end; its length.
func (a *asker) get(ctx context.Context, path, token string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.sv.addr+path, nil)
	if err != nil {
		return 0, err
	}
	if token == "" {
		token = a.sv.token
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := a.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return 0, fmt.Errorf("GET %s: status %d: %s", path, resp.StatusCode, text)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	return int(n), err
}

// sight is what questions are asked about: found once, before anything is measured.
type sight struct {
	st     *readsStore
	get    func(path string, into any) error
	first  time.Time // a moment within the first deliveries
	middle time.Time
	// messages are of the busiest, of a middling and of a quiet application, old and new.
	messages []readsMessage
	err      error
}

type readsMessage struct{ app, id, eventID, endpoint, attempt string }

// questions are all that dashboard and portal ask of lists, filters and charts.
func (st *readsStore) questions(sv *server) ([]question, error) {
	s := &sight{st: st, get: func(path string, into any) error { return get("http://"+sv.addr+path, sv.token, into) }}
	if err := s.look(); err != nil {
		return nil, err
	}
	var list []question
	add := func(name, where string, path func(int) string) {
		list = append(list, question{name: name, where: where, path: path})
	}
	s.messageQuestions(add)
	s.attemptQuestions(add)
	s.chartQuestions(add)
	s.restQuestions(add)
	// The portal of a customer: the busiest, whose lists are the longest.
	var portal struct{ Token string }
	if err := post("http://"+sv.addr+"/api/v1/auth/app-portal-access/"+st.Apps[0].ID, sv.token, map[string]any{}, &portal); err != nil {
		return nil, err
	}
	before := len(list)
	s.portalQuestions(add)
	for i := before; i < len(list); i++ {
		list[i].token = portal.Token
	}
	return list, s.err
}

type asks = func(name, where string, path func(round int) string)

// app is one of the applications: the busiest every other round.
func (s *sight) app(round int) readsApp {
	if round%2 == 0 {
		return s.st.Apps[0]
	}
	return s.st.Apps[round*37%len(s.st.Apps)]
}

// endpoint is the path of an endpoint, another one in each round.
func (s *sight) endpoint(round int) (app readsApp, path string) {
	app = s.app(round)
	return app, "/app/" + app.ID + "/endpoint/" + app.Endpoints[round/2%len(app.Endpoints)]
}

func (s *sight) message(round int) readsMessage { return s.messages[round%len(s.messages)] }

// look finds what is asked about.
func (s *sight) look() error {
	now := time.Now()
	for _, n := range []int{0, len(s.st.Apps) / 20, len(s.st.Apps) - 1} {
		app := s.st.Apps[n]
		for _, how := range []string{"", "&after=2026-01-01T00:00:00Z"} {
			var page struct {
				Data []struct{ ID, EventID, Timestamp string }
			}
			after := ""
			if how != "" { // the oldest ones
				after = "&after=" + url.QueryEscape(now.Add(-89*24*time.Hour).UTC().Format(time.RFC3339))
			}
			if err := s.get("/api/v1/app/"+app.ID+"/msg?limit=50&with_content=false"+after, &page); err != nil {
				return err
			}
			for _, m := range page.Data[:min(10, len(page.Data))] {
				at, err := time.Parse(time.RFC3339, m.Timestamp)
				if err != nil {
					return err
				}
				if s.first.IsZero() || at.Before(s.first) {
					s.first = at
				}
				var tries struct {
					Data []struct{ ID, EndpointID string }
				}
				if err := s.get("/api/v1/app/"+app.ID+"/attempt/msg/"+m.ID+"?with_content=false", &tries); err != nil {
					return err
				}
				if len(tries.Data) > 0 {
					s.messages = append(s.messages, readsMessage{app.ID, m.ID, m.EventID, tries.Data[0].EndpointID, tries.Data[0].ID})
				}
			}
		}
	}
	if len(s.messages) < 10 {
		return errors.New("the store has too few messages")
	}
	s.middle = s.first.Add(time.Duration(s.st.FillSecond * float64(time.Second) / 2))
	return nil
}

// ago spells a time so long before now.
func ago(d time.Duration) string { return moment(time.Now().Add(-d)) }

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

const readsDay = 24 * time.Hour

// readsSpans are the ranges that the pages offer.
var readsSpans = []struct {
	name string
	d    time.Duration
}{{"1 h", time.Hour}, {"24 h", readsDay}, {"7 d", 7 * readsDay}}

// page follows a list until so many pages are behind, and returns what asks for the next.
func (s *sight) page(path string, pages int, back bool) string {
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	iterator := ""
	for range pages {
		var list struct {
			Iterator, PrevIterator string
			Done                   bool
		}
		at := path
		if iterator != "" {
			at += join + "iterator=" + url.QueryEscape(iterator)
		}
		if s.err = errors.Join(s.err, s.get(at, &list)); s.err != nil {
			return path
		}
		if list.Iterator == "" || list.Iterator == iterator {
			break
		}
		iterator = list.Iterator
		if back && list.PrevIterator != "" {
			return path + join + "iterator=" + url.QueryEscape(list.PrevIterator)
		}
	}
	if iterator == "" {
		return path
	}
	return path + join + "iterator=" + url.QueryEscape(iterator)
}

func always(path string) func(int) string { return func(int) string { return path } }

// messageQuestions are those of the message log.
func (s *sight) messageQuestions(add asks) {
	const log, own = "message log", "/x/v1/message"
	of := func(round int) string { return "/x/v1/app/" + s.app(round).ID + "/message" }
	// The log asks for 100 rows without content.
	ask := func(name string, pairs ...string) {
		q := queryOf(append([]string{"limit", "100", "with_content", "false"}, pairs...)...)
		add("messages of all: "+name, log, always(own+q))
		add("messages of one: "+name, log, func(round int) string { return of(round) + q })
	}
	ask("newest")
	for _, span := range readsSpans {
		q := func() string {
			return queryOf("limit", "100", "with_content", "false", "after", ago(span.d))
		}
		add("messages of all: last "+span.name, log, func(int) string { return own + q() })
		add("messages of one: last "+span.name, log, func(round int) string { return of(round) + q() })
	}
	ask("before a moment", "before", moment(s.middle))
	ask("by event type", "event_types", "invoice.paid")
	ask("by event type that none has", "event_types", "nobody.asked")
	ask("by tag", "tag", "vip")
	ask("by tag of the first messages", "tag", "batch-101")
	ask("by tag that none has", "tag", "nobody")
	ask("by channel", "channel", "region-2")
	for status, name := range []string{"delivered", "waiting", "failed", "being retried", "cancelled"} {
		ask(name, "status", strconv.Itoa(status))
	}
	ask("failed, by event type", "status", "2", "event_types", "order.paid,invoice.paid")
	ask("failed, last 24 h", "status", "2", "after", ago(readsDay))
	ask("payload value, found", "path", "customer.id", "value", "cus_77")
	ask("payload value, not found", "path", "order.id", "value", "-5")
	ask("payload value in a list, not found", "path", "order.lines[*].sku", "value", "none")
	ask("payload value and failed", "path", "customer.id", "value", "cus_77", "status", "2")
	add("messages of all: tenth page", log, always(s.page(own+"?limit=100&with_content=false", 10, false)))
	add("messages of one: tenth page", log, always(s.page("/x/v1/app/"+s.st.Apps[0].ID+"/message?limit=100&with_content=false", 10, false)))
	add("messages of all: with content, for the download", log, always(own+"?limit=250&with_content=true"))

	// The contract's list, which the start and the source screens ask.
	const theirs = "start, sources, SDKs"
	list := func(round int) string { return "/api/v1/app/" + s.app(round).ID + "/msg" }
	for _, q := range []struct{ name, query string }{
		{"newest", "?limit=50"}, {"newest 250", "?limit=250"}, {"newest, without content", "?limit=50&with_content=false"},
		{"by event type", "?event_types=invoice.paid"}, {"by event type that none has", "?event_types=nobody.asked"},
		{"by tag of the first messages", "?tag=batch-101"}, {"by tag that none has", "?tag=nobody"}, {"by channel", "?channel=region-1"}, {"by channel that none has", "?channel=nowhere"},
	} {
		add("contract's messages: "+q.name, theirs, func(round int) string { return list(round) + q.query })
	}
	add("contract's messages: after a moment", theirs, func(round int) string { return list(round) + queryOf("after", moment(s.middle)) })
	add("contract's messages: before a moment", theirs, func(round int) string { return list(round) + queryOf("before", moment(s.middle)) })
	big := "/api/v1/app/" + s.st.Apps[0].ID + "/msg?limit=250&with_content=false"
	add("contract's messages: fortieth page", theirs, always(s.page(big, 40, false)))
	add("contract's messages: page before", theirs, always(s.page(big, 1, true)))
	add("webhooks of a source, newest", "sources", func(int) string { return s.sourcePath() })
}

// sourcePath lists what the busy source received.
func (s *sight) sourcePath() string {
	var settings struct{ ApplicationID string }
	if s.err = errors.Join(s.err, s.get("/x/v1/source/"+s.st.Source+"/settings", &settings)); s.err != nil {
		return "/"
	}
	return "/api/v1/app/" + settings.ApplicationID + "/msg?limit=50&with_content=true"
}

// attemptQuestions are those about one message, one attempt and one endpoint's deliveries.
func (s *sight) attemptQuestions(add asks) {
	of := func(m readsMessage) string { return "/api/v1/app/" + m.app + "/msg/" + m.id }
	const page = "message"
	add("a message", page, func(r int) string { return of(s.message(r)) })
	add("a message's endpoints", page, func(r int) string { return of(s.message(r)) + "/endpoint?limit=250" })
	add("a message's attempts", page, func(r int) string {
		return "/api/v1/app/" + s.message(r).app + "/attempt/msg/" + s.message(r).id + "?limit=250&with_content=false&expanded_statuses=true"
	})
	add("a message's attempts that failed", page, func(r int) string {
		return "/api/v1/app/" + s.message(r).app + "/attempt/msg/" + s.message(r).id + "?status=2&status_code_class=500"
	})
	add("an attempt", page, func(r int) string { return of(s.message(r)) + "/attempt/" + s.message(r).attempt })
	add("an attempt's headers", page, func(r int) string {
		return of(s.message(r)) + "/attempt/" + s.message(r).attempt + "/headers"
	})
	add("why, of a message", page, func(r int) string { return "/x/v1/why/" + s.message(r).id })
	add("why, of an attempt", page, func(r int) string { return "/x/v1/why/" + s.message(r).attempt })
	add("last success before an attempt", "compare", func(r int) string {
		return "/api/v1/app/" + s.message(r).app + "/attempt/endpoint/" + s.message(r).endpoint + queryOf("limit", "1", "status", "0", "before", moment(s.middle))
	})
	attempts := func(r int) string {
		app := s.app(r)
		return "/api/v1/app/" + app.ID + "/attempt/endpoint/" + app.Endpoints[r/2%len(app.Endpoints)]
	}
	const screen = "endpoint"
	for _, q := range []struct{ name, query string }{
		{"newest", "?limit=20&with_content=false&with_msg=true"}, {"with content", "?limit=50"}, {"delivered", "?status=0"}, {"failed for good", "?status=2"}, {"being retried", "?status=3&expanded_statuses=true"},
		{"answers of 500 to 599", "?status_code_class=500"}, {"answers of 400 to 499, of which there are none", "?status_code_class=400"}, {"no answer, of which there are none", "?status_code_class=0"},
		{"by event type", "?event_types=order.paid"}, {"by event type that none has", "?event_types=nobody.asked"}, {"by tag that none has", "?tag=nobody"}, {"failed, by tag that none has", "?status=2&tag=nobody"},
		{"by channel", "?channel=region-1"},
	} {
		add("an endpoint's attempts: "+q.name, screen, func(r int) string { return attempts(r) + q.query })
	}
	add("an endpoint's attempts: of a moment", screen, func(r int) string {
		return attempts(r) + queryOf("limit", "20", "with_content", "false", "with_msg", "true", "after", moment(s.middle.Add(-time.Minute)), "before", moment(s.middle))
	})
	busiest := "/api/v1/app/" + s.st.Apps[0].ID + "/attempt/endpoint/" + s.st.Apps[0].Endpoints[1] + "?limit=250&with_content=false"
	add("an endpoint's attempts: fortieth page", screen, always(s.page(busiest, 40, false)))
	add("an endpoint's attempts: page before", screen, always(s.page(busiest, 1, true)))
	messages := func(r int) string {
		_, path := s.endpoint(r)
		return "/api/v1" + path + "/msg"
	}
	for _, q := range []struct{ name, query string }{
		{"newest", "?limit=50"}, {"delivered", "?status=0"}, {"waiting", "?status=1"}, {"failed", "?status=2"}, {"being retried", "?status=3"}, {"cancelled, of which there are none", "?status=4"},
		{"by event type that none has", "?event_types=nobody.asked"}, {"by tag that none has", "?tag=nobody"}, {"by channel", "?channel=region-1"},
	} {
		add("an endpoint's messages: "+q.name, screen, func(r int) string { return messages(r) + q.query })
	}
	add("an endpoint's counts of a day", "SDKs", func(r int) string {
		_, path := s.endpoint(r)
		return "/api/v1" + path + "/stats"
	})
	add("an endpoint's hold and backlog", screen, func(r int) string {
		_, path := s.endpoint(r)
		return "/x/v1" + path + "/hold"
	})
	add("a held endpoint's backlog", screen, always("/x/v1/app/"+s.st.Apps[1].ID+"/endpoint/"+s.st.Apps[1].Endpoints[8]+"/hold"))
	add("why, of an endpoint", screen, func(r int) string {
		app := s.app(r)
		return "/x/v1/why/" + app.Endpoints[r/2%len(app.Endpoints)]
	})
}

// periodOf is the period that a chart asks for.
func periodOf(d time.Duration) string {
	switch {
	case d <= 2*time.Hour:
		return "minute"
	case d <= 26*time.Hour:
		return "5min"
	}
	return "hour"
}

// chartQuestions are those of charts.
func (s *sight) chartQuestions(add asks) {
	series := func(d, end time.Duration) string {
		return "/stats/series" + queryOf("period", periodOf(d), "since", ago(d+end), "until", ago(end), "with_buckets", "true")
	}
	for _, span := range readsSpans {
		add("chart of all: "+span.name, "overview", func(int) string { return "/x/v1" + series(span.d, 0) })
		add("chart of all: the "+span.name+" before", "overview", func(int) string {
			if span.d > readsDay {
				return "/x/v1" + queryOfSeries("hour", span.d)
			}
			return "/x/v1" + series(span.d, span.d)
		})
		add("chart of an application: "+span.name, "application", func(r int) string { return "/x/v1/app/" + s.app(r).ID + series(span.d, 0) })
		add("chart and heat-map of an endpoint: "+span.name, "endpoint", func(r int) string {
			_, path := s.endpoint(r)
			return "/x/v1" + path + series(span.d, 0)
		})
		failures := func() string { return "/stats/failures" + queryOf("since", ago(span.d), "until", ago(0)) }
		add("reasons and failing endpoints of all: "+span.name, "overview", func(int) string { return "/x/v1" + failures() })
		add("reasons and failing endpoints of an application: "+span.name, "application", func(r int) string { return "/x/v1/app/" + s.app(r).ID + failures() })
	}
	add("reasons and failing endpoints of all: hour before the last day", "overview", func(int) string {
		return "/x/v1/stats/failures" + queryOf("since", ago(26*time.Hour), "until", ago(25*time.Hour))
	})
	add("chart of an event type: 24 h", "event type", func(int) string { return "/x/v1" + series(readsDay, 0) + "&event_types=order.paid" })
	for _, period := range []string{"minute", "5min", "hour"} {
		add("sparklines of the 50 busiest applications, by "+period, "applications", func(int) string { return "/x/v1/stats/sparklines?period=" + period + "&app_ids=" + s.apps(0, 50) })
		add("sparklines of an application's endpoints, by "+period, "endpoints, overview", func(r int) string {
			app := s.app(r)
			return "/x/v1/app/" + app.ID + "/stats/sparklines?period=" + period + "&endpoint_ids=" + strings.Join(app.Endpoints, ",")
		})
	}
	add("sparklines of 50 more applications", "applications", func(r int) string {
		return "/x/v1/stats/sparklines?period=hour&app_ids=" + s.apps(r*50%max(1, len(s.st.Apps)-50), 50)
	})
	add("queue by due time", "overview", always("/x/v1/queue"))
	add("counts of a source's requests", "sources", always("/x/v1/source/"+s.st.Source+"/stats"))
}

// queryOfSeries is the chart of the seven days before the last seven.
func queryOfSeries(period string, d time.Duration) string {
	return "/stats/series" + queryOf("period", period, "since", ago(2*d), "until", ago(d))
}

func (s *sight) apps(from, n int) string {
	var ids []string
	for _, app := range s.st.Apps[from:min(from+n, len(s.st.Apps))] {
		ids = append(ids, app.ID)
	}
	return strings.Join(ids, ",")
}

// restQuestions are those of the other lists.
func (s *sight) restQuestions(add asks) {
	for _, state := range []string{"", "open", "muted", "resolved"} {
		name := state
		if state == "" {
			name = "all"
		}
		add("issues: "+name, "issues", always("/x/v1/issue"+queryOf("limit", "50", "state", state)))
	}
	add("issues: tenth page", "issues", always(s.page("/x/v1/issue?limit=50", 10, false)))
	add("issues: of an application", "application", func(r int) string { return "/x/v1/issue?limit=50&app_id=" + s.app(r).ID })
	add("applications: newest", "applications", always("/api/v1/app?limit=50&order=descending"))
	add("applications: names", "message log", always("/api/v1/app?limit=250&order=descending"))
	add("applications: tenth page", "applications", always(s.page("/api/v1/app?limit=50&order=descending", 10, false)))
	add("an application's endpoints", "application", func(r int) string { return "/api/v1/app/" + s.app(r).ID + "/endpoint?limit=50&order=descending" })
	add("event types", "event types", always("/api/v1/event-type?limit=250"))
	add("sources", "sources", always("/ingest/api/v1/source?limit=50&order=descending"))
	add("rejected requests of a source", "sources", always("/ingest/api/v1/source/"+s.st.Source+"/log?limit=50"))
	add("tasks", "tasks", always("/api/v1/background-task?limit=25&order=descending"))
	for _, n := range []int{1, 40} {
		path := "/x/v1/audit?limit=50&order=descending"
		if n > 1 {
			path = s.page(path, n, false)
		}
		add("audit: page "+strconv.Itoa(n), "audit", always(path))
	}
	add("audit: of an application", "application", func(r int) string { return "/x/v1/audit?limit=50&order=descending&app_id=" + s.app(r).ID })
	find := func(name string, q func(int) string) {
		add("search: "+name, "command palette", func(r int) string { return "/x/v1/search?q=" + url.QueryEscape(q(r)) })
	}
	find("a message's id", func(r int) string { return s.message(r).id })
	find("an attempt's id", func(r int) string { return s.message(r).attempt })
	find("an endpoint's id", func(r int) string { return s.message(r).endpoint })
	find("an application's uid", func(r int) string { return s.app(r).UID })
	find("an endpoint's uid", func(r int) string { return s.app(r).UID + "-3" })
	find("an eventId", func(r int) string {
		for i := range s.messages {
			if m := s.messages[(r+i)%len(s.messages)]; m.eventID != "" {
				return m.eventID
			}
		}
		return "evt-100000"
	})
	find("an event type", func(int) string { return "order.paid" })
	find("what nobody has", func(r int) string { return "nobody-" + strconv.Itoa(r) })
}

// portalQuestions are those of a customer's portal, asked with its token.
func (s *sight) portalQuestions(add asks) {
	app := s.st.Apps[0]
	own, contract := "/x/v1/app/"+app.ID, "/api/v1/app/"+app.ID
	for _, q := range []struct{ name, path string }{
		{"endpoints", contract + "/endpoint?limit=50"},
		{"sparklines", own + "/stats/sparklines?period=hour&endpoint_ids=" + strings.Join(app.Endpoints, ",")},
		{"messages, newest", own + "/message?limit=100&with_content=false"},
		{"messages, failed", own + "/message?limit=100&with_content=false&status=2"},
		{"messages, payload value not found", own + "/message?limit=100&with_content=false&path=order.id&value=-5"},
		{"activity", own + "/activity?limit=50"},
		{"event types", "/api/v1/event-type?limit=250"},
	} {
		add("portal: "+q.name, "portal", always(q.path))
	}
	for _, span := range readsSpans {
		add("portal: chart of an endpoint, "+span.name, "portal", func(r int) string {
			return own + "/endpoint/" + app.Endpoints[r%len(app.Endpoints)] + "/stats/series" + queryOf("period", periodOf(span.d), "since", ago(span.d), "until", ago(0), "with_buckets", "true")
		})
	}
}
