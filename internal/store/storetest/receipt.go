package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// catalogKey returns an idempotency key with these hashes.
func catalogKey(key, body byte) store.IdempotencyKey {
	return store.IdempotencyKey{Hash: [16]byte{key, 7}, Body: [16]byte{body, 9}, Life: time.Hour}
}

func testReceipts(r *catalogRoom) {
	env := r.environment()
	n := byte(0)
	receipt := func() *store.Receipt {
		n++
		return &store.Receipt{Key: catalogKey(n, n), Status: 200 + int(n), Body: fmt.Appendf(nil, `{"n":%d}`, n)}
	}
	var kept []*store.Receipt
	keep := func(err error, r2 *store.Receipt) {
		r.Helper()
		r.must(err)
		kept = append(kept, r2)
	}
	app := &hook.Application{Environment: env.ID, Name: "n"}
	x := receipt()
	keep(r.CreateApplication(r.ctx, app, x), x)
	ep := &hook.Endpoint{Application: app.ID, URL: "https://example.com/"}
	x = receipt()
	keep(r.CreateEndpoint(r.ctx, ep, x), x)
	x = receipt()
	keep(second(r.UpdateEndpoint(r.ctx, app.ID, ep.ID, x, func(*hook.Endpoint) error { x.Status, x.Body = 299, []byte("filled in late"); return nil })), x)
	x = receipt()
	keep(r.CreateEventType(r.ctx, &hook.EventType{Environment: env.ID, Name: "a"}, x), x)
	x = receipt()
	keep(second(r.UpdateEventType(r.ctx, env.ID, "a", x, func(*hook.EventType) error { return nil })), x)
	x = receipt()
	keep(r.CreateToken(r.ctx, &hook.Token{Environment: env.ID, Hash: [32]byte{1}}, x), x)
	x = receipt()
	keep(r.CreateTask(r.ctx, &hook.Task{Environment: env.ID, Status: hook.TaskRunning}, x), x)
	for range 2 {
		for _, want := range kept {
			got, err := r.Receipt(r.ctx, want.Key)
			r.must(err)
			if got == nil {
				r.Fatalf("receipt %d is not found", want.Status)
			}
			r.same("status", got.Status, want.Status)
			r.same("body", got.Body, want.Body)
			other := want.Key
			other.Body[0]++
			r.wants(hook.KeyReused, second(r.Receipt(r.ctx, other)))
		}
		got, err := r.Receipt(r.ctx, catalogKey(200, 1))
		r.must(err)
		if got != nil {
			r.Error("found a receipt that nobody left")
		}
		r.reopen()
	}
}

func testReceiptExpires(r *catalogRoom) {
	env := r.environment()
	receipt := &store.Receipt{Key: catalogKey(1, 1), Status: 201, Body: []byte("first")}
	receipt.Key.Life = 200 * time.Millisecond
	r.must(r.CreateApplication(r.ctx, &hook.Application{Environment: env.ID, Name: "n"}, receipt))
	r.eventually("the receipt expires", func() bool {
		got, err := r.Receipt(r.ctx, receipt.Key)
		r.must(err)
		return got == nil
	})
	again := &store.Receipt{Key: catalogKey(1, 2), Status: 202, Body: []byte("second")} // another body is fine by then
	r.must(r.CreateApplication(r.ctx, &hook.Application{Environment: env.ID, Name: "n"}, again))
	got, err := r.Receipt(r.ctx, again.Key)
	r.must(err)
	r.same("receipt", got.Body, again.Body)
}

func testReceiptRace(r *catalogRoom) {
	env := r.environment()
	const racers = 8
	var made atomic.Int32
	var wg sync.WaitGroup
	for range racers {
		wg.Go(func() {
			err := r.CreateApplication(r.ctx, &hook.Application{Environment: env.ID, Name: "n"}, &store.Receipt{Key: catalogKey(1, 1), Status: 201})
			if err == nil {
				made.Add(1)
			} else if k := hook.KindOf(err); k != hook.Conflict {
				r.Errorf("a repeat got %v", err)
			}
		})
	}
	wg.Wait()
	page, err := r.ListApplications(r.ctx, env.ID, store.AppFilter{}, store.Page[hook.ApplicationID]{Limit: racers})
	r.must(err)
	if made.Load() != 1 || len(page.Rows) != 1 {
		r.Errorf("%d requests with one key made %d applications", racers, len(page.Rows))
	}
	err = r.CreateApplication(r.ctx, &hook.Application{Environment: env.ID, Name: "n"}, &store.Receipt{Key: catalogKey(1, 2), Status: 201})
	r.wants(hook.KeyReused, err)
}
