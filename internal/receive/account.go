package receive

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// account gathers what became of requests until it is saved.
type account struct {
	// dirty has room for one token, which says that there is something to save. Whoever
	// adds sends without waiting; save receives.
	dirty chan struct{}

	mu         sync.Mutex
	counts     map[countKey]int64
	lost       int64 // counts that found no room
	rejections []*hook.Rejection
	bytes      int // of rejections
	overall    sampler
}

type countKey struct {
	source  hook.SourceID
	hour    int64 // Unix hours
	verdict hook.Verdict
	reason  string
}

// The bounds of what is gathered, which also hold while saving fails.
const (
	maxCounts         = 100_000
	maxKeptRejections = 1024
	maxKeptBytes      = 8 << 20
)

// The sample of rejected requests: so many a second of one source, and of all.
const (
	samplesPerSource = 3
	samplesOverall   = 200
)

func newAccount() *account {
	return &account{dirty: make(chan struct{}, 1), counts: map[countKey]int64{}}
}

// count adds c.N requests to the hour in which c.Hour lies.
func (a *account) count(c hook.SourceCount) {
	key := countKey{c.Source, c.Hour.Unix() / 3600, c.Verdict, c.Reason}
	a.mu.Lock()
	if _, known := a.counts[key]; known || len(a.counts) < maxCounts {
		a.counts[key] += c.N
	} else {
		a.lost += c.N
	}
	a.mu.Unlock()
	a.wake()
}

func (a *account) wake() {
	select {
	case a.dirty <- struct{}{}:
	default:
	}
}

// keep adds a rejection to the sample, where there is room.
func (a *account) keep(r *hook.Rejection) {
	size := sizeOf(r)
	a.mu.Lock()
	if len(a.rejections) < maxKeptRejections && a.bytes+size <= maxKeptBytes {
		a.rejections = append(a.rejections, r)
		a.bytes += size
	}
	a.mu.Unlock()
	a.wake()
}

func sizeOf(r *hook.Rejection) int {
	n := len(r.Body) + len(r.Reason) + 256
	for name, value := range r.Header {
		n += len(name) + len(value) + 32
	}
	return n
}

// save saves what was gathered, at most every SaveEvery, until ctx ends. While nothing
// comes in it sleeps.
func (r *Receiver) save(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	wait := r.o.SaveEvery
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.visits.dirty:
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			r.visits.wake()
			return nil
		case <-timer.C:
		}
		if err := r.saveOnce(ctx); err != nil {
			r.log.Error("save visits", telemetry.KeyError, err)
			wait = min(2*wait, 30*r.o.SaveEvery)
		} else {
			wait = r.o.SaveEvery
		}
	}
}

// saveLast saves what is left when Run ends.
func (r *Receiver) saveLast(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := r.saveOnce(ctx); err != nil && hook.KindOf(err) != hook.Closed {
		return fmt.Errorf("save visits: %w", err)
	}
	return nil
}

// saveOnce saves what was gathered so far. What could not be saved is kept for the next
// time, as far as there is room beside what came meanwhile.
func (r *Receiver) saveOnce(ctx context.Context) error {
	a := r.visits
	a.mu.Lock()
	counts, rejections := a.counts, a.rejections
	if len(counts) == 0 && len(rejections) == 0 {
		a.mu.Unlock()
		return nil
	}
	a.counts, a.rejections, a.bytes = map[countKey]int64{}, nil, 0
	lost := a.lost
	a.lost = 0
	a.mu.Unlock()
	if lost > 0 {
		r.log.Warn("requests were not counted: too many sources at once", telemetry.KeyCount, lost)
	}
	err := r.Visits.SaveVisits(ctx, listed(counts), rejections)
	if err == nil {
		return nil
	}
	for key, n := range counts {
		a.count(hook.SourceCount{Source: key.source, Hour: time.Unix(key.hour*3600, 0).UTC(), Verdict: key.verdict, Reason: key.reason, N: n})
	}
	for _, one := range rejections {
		a.keep(one)
	}
	return err
}

func listed(counts map[countKey]int64) []hook.SourceCount {
	out := make([]hook.SourceCount, 0, len(counts))
	for key, n := range counts {
		out = append(out, hook.SourceCount{
			Source: key.source, Hour: time.Unix(key.hour*3600, 0).UTC(), Verdict: key.verdict, Reason: key.reason, N: n,
		})
	}
	slices.SortFunc(out, func(a, b hook.SourceCount) int { return int(a.Source - b.Source) })
	return out
}

// sampler lets so many through in a second. It is guarded by whoever holds it.
type sampler struct {
	second int64
	n      int
}

func (s *sampler) allow(limit int, at time.Time) bool {
	if second := at.Unix(); second != s.second {
		s.second, s.n = second, 0
	}
	s.n++
	return s.n <= limit
}

// sample keeps a rejected request, if not too many were kept just now.
func (v *visit) sample(r *refusal) {
	v.place.mu.Lock()
	wanted := v.place.samples.allow(samplesPerSource, v.at)
	v.place.mu.Unlock()
	if !wanted {
		return
	}
	v.visits.mu.Lock()
	wanted = v.visits.overall.allow(samplesOverall, v.at)
	v.visits.mu.Unlock()
	if !wanted {
		return
	}
	out := &hook.Rejection{
		Source: v.source.ID, Status: r.status, Reason: clip(r.words(), maxReason), Method: clip(v.req.Method, 32),
		Header: v.shownHeader(), At: v.at,
	}
	out.Body, out.BodyTruncated = v.shownBody()
	if addr := v.ClientAddr(v.req); addr.IsValid() {
		out.Remote = addr.String()
	}
	v.visits.keep(out)
}

// The bounds of what a sample shows.
const (
	maxReason       = 1024
	maxShownHeaders = 64
	maxShownValue   = 1024
	withheld        = "[withheld]"
)

// shownHeader is the request's headers with everything that may be a secret withheld.
func (v *visit) shownHeader() map[string]string {
	out := make(map[string]string, min(len(v.req.Header), maxShownHeaders))
	for name, values := range v.req.Header {
		if len(out) == maxShownHeaders {
			break
		}
		value := strings.Join(values, ", ")
		if v.hides(name, value) {
			value = withheld
		}
		out[clip(name, 256)] = clip(value, maxShownValue)
	}
	return out
}

func (v *visit) hides(name, value string) bool {
	switch name {
	case "Cookie", "Set-Cookie":
		return true
	}
	// Proxies repeat the URL in headers of their own, and its token is a secret.
	return hook.IsSensitiveHeader(name) || v.gate.isSecret(name, value) || strings.Contains(value, v.to.token) || v.handed != "" && strings.Contains(value, v.handed)
}

// shownBody is the begin of the body without secrets of the source in it.
func (v *visit) shownBody() (body []byte, truncated bool) {
	// A secret that lies across the cut must be found, too, so more is looked at.
	part := v.body[:min(len(v.body), 2*hook.MaxRejectedBody)]
	text := string(part)
	for _, s := range append(slices.Clone(v.source.Config.Secrets), v.handed) {
		if len(s) >= minSecret {
			text = strings.ReplaceAll(text, s, withheld)
		}
	}
	truncated = len(part) < len(v.body) || len(text) > hook.MaxRejectedBody
	return []byte(clip(text, hook.MaxRejectedBody)), truncated
}

// notices keeps the log from saying the same thing over and over.
type notices struct {
	mu sync.Mutex
	by map[hook.SourceID]*notice
}

type notice struct {
	said   time.Time
	missed int
}

func newNotices() *notices { return &notices{by: map[hook.SourceID]*notice{}} }

// note counts one, and returns how many since it was last said when it is time to say so.
func (l *notices) note(id hook.SourceID, now time.Time) (missed int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.by[id]
	if n == nil {
		if len(l.by) >= maxPlaces {
			clear(l.by)
		}
		n = &notice{said: now.Add(-noticeEvery)}
		l.by[id] = n
	}
	n.missed++
	if now.Sub(n.said) < noticeEvery {
		return 0, false
	}
	missed = n.missed
	n.said, n.missed = now, 0
	return missed, true
}
