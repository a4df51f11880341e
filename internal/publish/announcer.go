package publish

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// Announcer publishes announcements into the operational applications of their
// environments, from where they go the road of every message.
//
// A row is removed after its message is durable. A crash in between finds the row again,
// and the message by its key, so that nothing is told twice.
type Announcer struct {
	publisher *Publisher
	rows      store.Announcements
	encode    func(*hook.Announcement) ([]byte, error)
	log       *slog.Logger
	// woken has room for one signal: more would say the same. The store's writers send
	// without waiting, Run receives, nobody closes it.
	woken chan struct{}
}

// NewAnnouncer returns an Announcer that publishes what rows holds through p. encode gives
// the payload, a JSON object. It asks rows to wake it, so call it before the first change.
func NewAnnouncer(p *Publisher, rows store.Announcements, encode func(*hook.Announcement) ([]byte, error), log *slog.Logger) *Announcer {
	a := &Announcer{publisher: p, rows: rows, encode: encode, log: log, woken: make(chan struct{}, 1)}
	if a.log == nil {
		a.log = telemetry.Discard()
	}
	rows.OnAnnounce(func() {
		select {
		case a.woken <- struct{}{}:
		default:
		}
	})
	return a
}

const (
	// announceBatch is how many rows are read, and removed, at a time.
	announceBatch = 256
	// announceWidth is how many are published at once, to share commits.
	announceWidth = 32
	// announceLife is how long a row that was published and not removed, because the
	// process died, is known again.
	announceLife = 7 * 24 * time.Hour
	// After an error the next try waits: first briefly, then ever longer.
	firstAnnouncePause = time.Second
	lastAnnouncePause  = time.Minute
)

// Run publishes what there is and what comes, until ctx ends.
func (a *Announcer) Run(ctx context.Context) error {
	pause := firstAnnouncePause
	for ctx.Err() == nil {
		n, err := a.drain(ctx)
		var again <-chan time.Time // nil, which waits for ever, when all is told
		switch {
		case ctx.Err() != nil || hook.KindOf(err) == hook.Closed:
			return nil
		case err != nil:
			a.log.Error("publish operational webhooks", telemetry.KeyError, err, "again_in", pause)
			again = time.After(pause)
			pause = min(2*pause, lastAnnouncePause)
		case n > 0: // there may be more
			pause = firstAnnouncePause
			continue
		}
		if again != nil { // what else is announced meanwhile meets the same trouble
			select {
			case <-ctx.Done():
			case <-again:
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-a.woken:
		}
	}
	return nil
}

// drain publishes the oldest rows, removes them, and returns how many it removed.
func (a *Announcer) drain(ctx context.Context) (int, error) {
	rows, err := a.rows.Announcements(ctx, announceBatch)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	told, failed := a.publishAll(ctx, rows)
	if len(told) > 0 {
		if err := a.rows.Announced(ctx, told); err != nil {
			return 0, err
		}
		a.publisher.metrics.Announcements.Add(float64(len(told)))
	}
	return len(told), failed
}

// subject is what an announcement is about. What is about the same is published in order.
type subject struct {
	endpoint hook.EndpointID
	message  hook.MessageID
	task     hook.TaskID
}

// publishAll publishes rows, those of one subject one after the other, and returns those
// that are done with.
func (a *Announcer) publishAll(ctx context.Context, rows []*hook.Announcement) (told []*hook.Announcement, failed error) {
	var order []subject // of their oldest rows
	bySubject := map[subject][]*hook.Announcement{}
	for _, r := range rows {
		s := subject{r.Endpoint, r.Message, r.TaskID}
		if bySubject[s] == nil {
			order = append(order, s)
		}
		bySubject[s] = append(bySubject[s], r)
	}
	var (
		mu      sync.Mutex // guards told and failed
		running sync.WaitGroup
		places  = make(chan struct{}, announceWidth) // one value for each goroutine
	)
	for _, s := range order {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			for _, r := range bySubject[s] {
				err := a.publish(ctx, r)
				mu.Lock()
				if err == nil {
					told = append(told, r)
				} else {
					failed = err
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	running.Wait()
	return told, failed
}

// publish makes the message of one row. A nil error says that the row is done with.
func (a *Announcer) publish(ctx context.Context, r *hook.Announcement) error {
	if r.TaskID != 0 && r.Task == nil {
		return nil // the task is gone: nobody could look at it any more
	}
	payload, err := a.encode(r)
	if err != nil {
		return a.giveUp(r, err)
	}
	plan, err := a.publisher.catalog.PlanOf(ctx, r.Environment.Operational())
	if err == nil {
		_, err = a.publisher.Publish(ctx, Request{
			Environment: plan.Environment, Application: plan.Application.ID,
			Message: hook.Message{EventType: r.Type, Payload: payload},
			Key:     announcementKey(r, payload),
		})
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	switch hook.KindOf(err) {
	case hook.NotFound:
		return nil // the environment was deleted
	case hook.Internal, hook.Overloaded, hook.StorageFull, hook.Closed:
		return err
	}
	return a.giveUp(r, err)
}

// giveUp ends a row that can never be published, so that it does not stand in the way of
// all others. That is a mistake of ours, or a limit on payloads of less than some hundred
// bytes: encode leaves out what does not fit.
func (a *Announcer) giveUp(r *hook.Announcement, err error) error {
	a.log.Error("an operational webhook cannot be published and is dropped", telemetry.KeyEventType, r.Type, telemetry.KeyError, err)
	return nil
}

// announcementKey names the message of a row, so that it is made once.
func announcementKey(r *hook.Announcement, payload []byte) *store.IdempotencyKey {
	k := &store.IdempotencyKey{Life: announceLife}
	name := binary.BigEndian.AppendUint64([]byte("hookloft announcement "), uint64(r.ID))
	name = binary.BigEndian.AppendUint64(name, uint64(r.Environment))
	hash, body := sha256.Sum256(name), sha256.Sum256(payload)
	copy(k.Hash[:], hash[:])
	copy(k.Body[:], body[:])
	return k
}
