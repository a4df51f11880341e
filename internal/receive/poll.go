package receive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
)

const (
	// minPollInterval bounds what is asked of somebody else's server.
	minPollInterval = 10 * time.Second
	maxPollInterval = 30 * 24 * time.Hour
	maxPollURL      = 2048
	maxPollHeaders  = 32
	// maxPollBody is how much a document may have that is polled, where Options.MaxPollBytes
	// says no less.
	maxPollBody = 1 << 20
	// pollTimeout bounds one fetch, from the look-up to the end of the body.
	pollTimeout = 20 * time.Second
	// maxPolls is how many fetches are under way at once, of all sources, and how many of one
	// environment and of one server for it: a server that hangs delays those who ask it.
	maxPolls         = 64
	maxPollsOfTenant = 32
	maxPollsOfServer = 4
	// pollSpread is how far fetches of one schedule are spread, so that many sources do not
	// ask in the same moment. Intervals vary by a tenth for the same reason.
	pollSpread = 2 * time.Second
	// maxPollPause is how rarely a server is asked that fails, where its interval is shorter.
	maxPollPause = 10 * time.Minute
)

// PollRequest is one fetch. ETag and LastModified are of the document that was seen last, "" for none.
type PollRequest struct {
	URL                string
	Header             map[string]string
	ETag, LastModified string
	// MaxBytes bounds the answer's body.
	MaxBytes int
}

// PollAnswer is what a server said. Its Body has PollRequest.MaxBytes at most; IsCut says
// that there was more.
type PollAnswer struct {
	Status                          int
	Body                            []byte
	IsCut                           bool
	ContentType, ETag, LastModified string
}

// Polls keeps what poll sources saw.
type Polls interface {
	// PollState returns what a source saw last; the zero state where it saw nothing.
	PollState(ctx context.Context, s hook.SourceID) (*hook.PollState, error)
	// SavePollState saves it durably; hook.NotFound once the source is deleted.
	SavePollState(ctx context.Context, s hook.SourceID, state *hook.PollState) error
}

// poller is a poll source with when it fetches next.
type poller struct {
	source   *hook.Source
	every    time.Duration // 0 where there is a schedule
	schedule cron.Schedule
	next     time.Time
	failures int
	isBusy   bool
}

// fetched is the end of one fetch.
type fetched struct {
	source  hook.SourceID
	isGood  bool
	isAgain bool // the store failed: what was seen is to be fetched again, no sooner than any server is asked
}

// runPolls fetches documents until ctx ends. Without any poll source it sleeps until Wake.
func (r *Receiver) runPolls(ctx context.Context) {
	if r.Polls == nil || r.Fetch == nil {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	known, busy, reload := map[hook.SourceID]*poller{}, 0, true
	// Each fetch sends once, and at most maxPolls are under way, so that none waits here.
	done := make(chan fetched, maxPolls)
	defer func() {
		for ; busy > 0; busy-- {
			<-done
		}
	}()
	for {
		wait := time.Duration(-1) // for Wake or a fetch alone
		if reload {
			list, err := r.Sources.SourcesOfType(ctx, hook.PollSource)
			if err != nil && ctx.Err() == nil {
				r.log.Error("load poll sources", telemetry.KeyError, err)
				wait = cronRetry
			} else if err == nil {
				known, reload = r.pollers(list, known), false
			}
		}
		begin, next := duePolls(known, r.now(), maxPolls-busy)
		if next >= 0 && (wait < 0 || next < wait) {
			wait = next
		}
		for _, p := range begin { // the others begin when one of these ends
			p.isBusy = true
			busy++
			go func(s *hook.Source) { done <- r.pollSafely(ctx, s, s.ID) }(p.source)
		}
		var tick <-chan time.Time
		if wait >= 0 {
			timer.Reset(min(wait, maxCronSleep))
			tick = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-r.wakePolls:
			reload = true
		case <-tick:
		case f := <-done:
			busy--
			if p := known[f.source]; p != nil {
				p.ended(f, r.now())
			}
		}
	}
}

// duePolls returns up to room pollers that are to fetch at now, the longest overdue first,
// and how long until another one is due, negative for none.
func duePolls(known map[hook.SourceID]*poller, now time.Time, room int) (begin []*poller, wait time.Duration) {
	wait = -1
	ofTenant, ofServer := map[hook.EnvironmentID]int{}, map[string]int{}
	count := func(p *poller) {
		ofTenant[p.source.Environment]++
		ofServer[p.server()]++
	}
	var overdue []*poller
	for _, p := range known {
		switch due := p.next.Sub(now); {
		case p.isBusy:
			count(p)
		case p.next.IsZero():
		case due > 0:
			if wait < 0 || due < wait {
				wait = due
			}
		default:
			overdue = append(overdue, p)
		}
	}
	slices.SortFunc(overdue, func(a, b *poller) int { return a.next.Compare(b.next) })
	for _, p := range overdue {
		if len(begin) < room && ofTenant[p.source.Environment] < maxPollsOfTenant && ofServer[p.server()] < maxPollsOfServer {
			count(p)
			begin = append(begin, p)
		}
	}
	return begin, wait
}

// server names the server that a source asks, for its environment.
func (p *poller) server() string {
	host := ""
	if u, err := url.Parse(p.source.Config.Values[pollURL]); err == nil {
		host = strings.ToLower(u.Host)
	}
	return strconv.FormatInt(int64(p.source.Environment), 10) + " " + host
}

// pollers makes what fetches sources. One that has not changed keeps its time.
func (r *Receiver) pollers(list []*hook.Source, known map[hook.SourceID]*poller) map[hook.SourceID]*poller {
	now := r.now()
	out := make(map[hook.SourceID]*poller, len(list))
	for _, s := range list {
		p := &poller{source: s, next: now.Add(rand.N(pollSpread / 2))}
		if err := p.setTimes(s.Config.Values); err != nil {
			// Check refuses this; an older version may have stored it.
			r.log.Warn("source cannot poll", "source", r.Sources.Codec().Source(s.Environment, s.ID), telemetry.KeyError, err)
			continue
		}
		if old := known[s.ID]; old != nil {
			// One fetch of a source at a time, whatever is changed meanwhile.
			p.isBusy = old.isBusy
			if old.source.UpdatedAt.Equal(s.UpdatedAt) {
				p.next, p.failures = old.next, old.failures
			}
		}
		out[s.ID] = p
	}
	return out
}

// ended sets when the source fetches next.
func (p *poller) ended(f fetched, now time.Time) {
	p.isBusy = false
	switch {
	case f.isAgain:
		p.next = now.Add(minPollInterval)
		return
	case f.isGood:
		p.failures = 0
	default:
		p.failures++
	}
	if p.schedule != nil {
		if p.next = p.schedule.Next(now.UTC()); !p.next.IsZero() {
			p.next = p.next.Add(rand.N(pollSpread))
		}
		return
	}
	wait := p.every
	for i := 1; i < p.failures && wait < maxPollPause; i++ {
		wait = min(2*wait, max(maxPollPause, p.every))
	}
	p.next = now.Add(wait - wait/20 + rand.N(wait/10))
}

// pollSafely keeps a mistake of ours from ending the process with all that it delivers.
func (r *Receiver) pollSafely(ctx context.Context, s *hook.Source, id hook.SourceID) (f fetched) {
	f.source = id
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("poll panicked", "source", r.Sources.Codec().Source(s.Environment, s.ID), telemetry.KeyError, fmt.Sprint(p))
		}
	}()
	f.isGood, f.isAgain = r.poll(ctx, s)
	return f
}

// poll fetches once and publishes a change.
func (r *Receiver) poll(ctx context.Context, s *hook.Source) (isGood, isAgain bool) {
	state, err := r.Polls.PollState(ctx, s.ID)
	if err != nil {
		r.pollFault(ctx, s, "read what was seen last", err)
		return false, true
	}
	if of := watched(s); state.Of != of {
		state = &hook.PollState{Of: of, Number: state.Number}
	}
	// A crash left a change of which nobody knows whether it is stored. Publishing it again
	// finds out; what came of the document since is seen after that.
	if state.Pending != nil && !r.publishChange(ctx, s, state) {
		return false, true
	}
	fetching, cancel := context.WithTimeout(ctx, pollTimeout)
	answer, err := r.Fetch(fetching, PollRequest{
		URL: s.Config.Values[pollURL], Header: pollHeader(s), ETag: state.ETag, LastModified: state.LastModified,
		MaxBytes: r.o.MaxPollBytes,
	})
	cancel()
	if ctx.Err() != nil {
		return false, false
	}
	fault, value := seen(s, answer, r.o.MaxPollBytes, err)
	switch {
	case fault != "":
		r.rejectPoll(s, answer, fault)
		return false, false
	case answer.Status == 304 && state.Hash != "":
		r.countPoll(s, hook.Duplicate)
		return true, false
	case answer.Status == 304:
		r.rejectPoll(s, answer, "the server answered 304 although it was not asked for changes alone")
		return false, false
	}
	sum := sha256.Sum256(value)
	change := &hook.PollChange{
		Hash: hex.EncodeToString(sum[:]), ETag: answer.ETag, LastModified: answer.LastModified, ContentType: answer.ContentType, Body: answer.Body,
	}
	isFirst := state.Hash == ""
	switch {
	case change.Hash == state.Hash:
		r.countPoll(s, hook.Duplicate)
		if state.ETag == change.ETag && state.LastModified == change.LastModified {
			return true, false
		}
		state.ETag, state.LastModified = change.ETag, change.LastModified
	case isFirst && s.Config.Values[pollFirst] != firstDeliver:
		r.countPoll(s, hook.Duplicate)
		state.Hash, state.ETag, state.LastModified = change.Hash, change.ETag, change.LastModified
	default:
		state.Pending = change
	}
	if err := r.Polls.SavePollState(ctx, s.ID, state); err != nil {
		r.pollFault(ctx, s, "save what was seen", err)
		return false, true
	}
	if state.Pending == nil {
		return true, false
	}
	// At this point the change is durable: a crash from here on publishes it once.
	return true, !r.publishChange(ctx, s, state)
}

// publishChange publishes what is pending and settles it; false for to be tried again.
func (r *Receiver) publishChange(ctx context.Context, s *hook.Source, state *hook.PollState) bool {
	c := state.Pending
	id := strconv.FormatInt(state.Number+1, 10) + "-" + c.Hash[:16]
	eventType := s.Config.Values[pollEventType]
	if eventType == "" {
		eventType = hook.PollSource
	}
	var room keyRoom
	e := event{
		message: hook.Message{
			Environment: s.Environment, EventType: eventType, ContentType: c.ContentType, RawBody: c.Body,
			Inbound: &hook.Inbound{Provider: hook.PollSource, DeliveryID: id},
		},
		// Nobody knows how long the server was down between the two.
		key: newSourceKey(room[:0], s.ID).text("poll", id).text("of", state.Of).sum(hook.MaxDedupeWindow),
	}
	stored, err := r.store(ctx, s, []event{e}, nil)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		return true // deleted; Wake is on its way
	}
	if err != nil {
		r.pollFault(ctx, s, "publish a change", err)
		return false
	}
	if stored.fresh > 0 {
		r.countPoll(s, hook.Accepted)
	}
	state.Number, state.Hash, state.ETag, state.LastModified, state.Pending = state.Number+1, c.Hash, c.ETag, c.LastModified, nil
	if err := r.Polls.SavePollState(ctx, s.ID, state); err != nil {
		r.pollFault(ctx, s, "save what was seen", err)
		return false
	}
	return true
}

func (r *Receiver) pollFault(ctx context.Context, s *hook.Source, doing string, err error) {
	if ctx.Err() == nil && hook.KindOf(err) != hook.NotFound {
		r.log.Error("poll", "source", r.Sources.Codec().Source(s.Environment, s.ID), "doing", doing, telemetry.KeyError, err)
	}
}

func (r *Receiver) countPoll(s *hook.Source, v hook.Verdict) {
	r.Metrics.IngestRequests.WithLabelValues(hook.PollSource, v.String()).Inc()
	r.visits.count(hook.SourceCount{Source: s.ID, Hour: r.now(), Verdict: v, N: 1})
}

// rejectPoll puts a failed fetch into the source's log.
func (r *Receiver) rejectPoll(s *hook.Source, a PollAnswer, fault string) {
	now := r.now()
	r.Metrics.IngestRequests.WithLabelValues(hook.PollSource, hook.Rejected.String()).Inc()
	r.visits.count(hook.SourceCount{Source: s.ID, Hour: now, Verdict: hook.Rejected, Reason: "fetch failed", N: 1})
	body := a.Body[:min(len(a.Body), hook.MaxRejectedBody)]
	r.visits.keep(&hook.Rejection{
		Source: s.ID, Status: a.Status, Reason: fault, Method: "GET", Body: bytes.Clone(body), BodyTruncated: a.IsCut || len(body) < len(a.Body), At: now,
	})
}

// ErrSlow is what a fetch fails with that took too long.
var ErrSlow = errors.New("the server did not answer in time")
