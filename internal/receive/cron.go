package receive

import (
	"context"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

const (
	// A slot may be published late, after a restart or while the store failed: up to half
	// the time between two slots, within these bounds. A daily job survives an upgrade, and
	// one of every minute is not made up for hours.
	minLate = time.Minute
	maxLate = time.Hour
	// maxCronSleep bounds a sleep while there are schedules, because the monotonic clock of
	// timers does not see that the wall clock was set or the machine slept.
	maxCronSleep = 30 * time.Second
	// cronRetry is how long to wait after something failed.
	cronRetry = time.Second
)

// slots is a cron source with the times at which it fires.
type slots struct {
	source   *hook.Source
	schedule cron.Schedule
	// after is the last slot that is settled: published, or too old.
	after time.Time
	// isWatched: after was settled by this process, so a slot that is too late was missed.
	isWatched bool
}

// parseSchedule reads five fields, or @hourly and the like, or "@every 90m". All times are
// UTC. Words say what is wrong, "" for nothing.
func parseSchedule(text string) (_ cron.Schedule, fault string) {
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		return nil, "must not name a time zone; times are UTC"
	}
	if len(text) > maxScheduleBytes {
		return nil, "is too long"
	}
	s, err := cron.ParseStandard(text)
	if err != nil {
		return nil, "must be five cron fields (minute, hour, day of month, month, day of week), @hourly, @daily, @weekly, @monthly, @yearly or @every with a duration"
	}
	if every, ok := s.(cron.ConstantDelaySchedule); ok && every.Delay < time.Minute {
		return nil, "must not fire more often than once a minute"
	}
	return s, ""
}

const maxScheduleBytes = 256

// next returns the first slot after t, zero when there is none. Those of @every are
// counted from when the source was made, so that a restart does not move them.
func (s *slots) next(t time.Time) time.Time {
	t = t.UTC()
	every, ok := s.schedule.(cron.ConstantDelaySchedule)
	if !ok {
		return s.schedule.Next(t)
	}
	from := s.source.CreatedAt.UTC().Truncate(time.Second)
	if t.Before(from) {
		return from.Add(every.Delay)
	}
	passed := int64(t.Sub(from) / every.Delay)
	return from.Add(time.Duration((passed + 1) * int64(every.Delay)))
}

// late is how late a slot may be published at now.
func (s *slots) late(now time.Time) time.Duration {
	first := s.next(now)
	second := s.next(first)
	if first.IsZero() || second.IsZero() {
		return maxLate
	}
	return min(max(second.Sub(first)/2, minLate), maxLate)
}

// runCron fires schedules until ctx ends. Without any it sleeps until Wake.
func (r *Receiver) runCron(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	known := map[hook.SourceID]*slots{}
	reload := true
	for {
		wait := time.Duration(-1) // for Wake alone
		if reload {
			list, err := r.Sources.SourcesOfType(ctx, hook.CronSource)
			if err != nil && ctx.Err() == nil {
				r.log.Error("load schedules", telemetry.KeyError, err)
				wait = cronRetry
			} else if err == nil {
				known = r.schedules(list, known)
				reload = false
			}
		}
		if due := r.fire(ctx, known); due >= 0 && (wait < 0 || due < wait) {
			wait = due
		}
		var tick <-chan time.Time
		if wait >= 0 {
			timer.Reset(min(wait, maxCronSleep))
			tick = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
			reload = true
		case <-tick:
		}
	}
}

// schedules makes the slots of sources. One that has not changed keeps what is settled.
func (r *Receiver) schedules(list []*hook.Source, known map[hook.SourceID]*slots) map[hook.SourceID]*slots {
	out := make(map[hook.SourceID]*slots, len(list))
	for _, s := range list {
		schedule, fault := parseSchedule(s.Config.Values[cronSchedule])
		if fault != "" {
			// Check refuses this; an older version may have stored it.
			r.log.Warn("source cannot fire", "source", r.Sources.Codec().Source(s.Environment, s.ID), telemetry.KeyError, "the schedule "+fault)
			continue
		}
		next := &slots{source: s, schedule: schedule, after: s.UpdatedAt}
		if s.CreatedAt.After(next.after) {
			next.after = s.CreatedAt // no slot from before it was there, or had this schedule
		}
		// Another name or setting leaves the schedule alone: a slot that has come meanwhile is still to be fired.
		if old := known[s.ID]; old != nil && old.source.Config.Values[cronSchedule] == s.Config.Values[cronSchedule] {
			next.after, next.isWatched = old.after, old.isWatched
		}
		out[s.ID] = next
	}
	return out
}

// fire publishes the slots that are due and returns how long until the next one; negative for none.
func (r *Receiver) fire(ctx context.Context, known map[hook.SourceID]*slots) time.Duration {
	wait := time.Duration(-1)
	sooner := func(d time.Duration) {
		if wait < 0 || d < wait {
			wait = max(d, 0)
		}
	}
	for _, s := range known {
		now := r.now()
		if oldest := now.Add(-s.late(now)); s.after.Before(oldest) {
			if missed := s.next(s.after); s.isWatched && !missed.IsZero() && !missed.After(oldest) {
				r.log.Warn("schedule was not fired in time", "source", r.Sources.Codec().Source(s.source.Environment, s.source.ID), "slot", missed)
			}
			s.after = oldest
		}
		s.isWatched = true
		slot := s.next(s.after)
		for ; !slot.IsZero() && !slot.After(now); slot = s.next(s.after) {
			if !r.fireSlot(ctx, s.source, slot) {
				break
			}
			s.after = slot
		}
		switch {
		case slot.IsZero():
		case slot.After(now):
			sooner(slot.Sub(now))
		default:
			sooner(cronRetry) // it failed, and is tried until it is too late
		}
	}
	return wait
}

// The settings of a cron source, by the names of SourceConfig.Values.
const (
	cronSchedule    = "schedule"
	cronPayload     = "payload"
	cronContentType = "content_type"
)

// fireSlot publishes one slot and reports whether it is settled. Its dedupe key holds the
// slot, so that a slot which was published just before a crash is not published again.
func (r *Receiver) fireSlot(ctx context.Context, s *hook.Source, slot time.Time) bool {
	contentType := s.Config.Values[cronContentType]
	if contentType == "" {
		contentType = "application/json"
	}
	now := r.now()
	id := slot.Format(time.RFC3339)
	e := event{
		message: hook.Message{
			Environment: s.Environment, EventType: hook.CronSource, ContentType: contentType, RawBody: []byte(s.Config.Values[cronPayload]),
			Inbound: &hook.Inbound{Provider: hook.CronSource, DeliveryID: id},
		},
		key: cronKey(s.ID, id),
	}
	stored, err := r.store(ctx, s, []event{e}, nil)
	switch {
	case ctx.Err() != nil:
		return false
	case hook.KindOf(err) == hook.NotFound:
		return true // deleted; Wake is on its way
	case err != nil:
		r.log.Error("publish on schedule", "source", r.Sources.Codec().Source(s.Environment, s.ID), telemetry.KeyError, err)
		return false
	}
	verdict := hook.Accepted
	if stored.fresh == 0 {
		verdict = hook.Duplicate
	}
	r.Metrics.IngestRequests.WithLabelValues(hook.CronSource, verdict.String()).Inc()
	r.visits.count(hook.SourceCount{Source: s.ID, Hour: now, Verdict: verdict, N: 1})
	return true
}

func cronKey(s hook.SourceID, slot string) *store.IdempotencyKey {
	var room keyRoom
	return newSourceKey(room[:0], s).text("cron", slot).sum(hook.EventIDLife)
}
