//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
)

// feature is what endpoints can have, measured beside endpoints that do not have it.
type feature struct {
	name      string
	endpoints int
	messages  int
	give      func(s *server, endpoint string) error // nil for endpoints as they are
	load      []string                               // more arguments of the load
}

// features are measured in turns, each round as they stand; the ones without anything come
// before those that are compared with them.
func features(scenario string, n int) []feature {
	switch scenario {
	case "transform":
		return []feature{
			{name: "plain", endpoints: 1, messages: n / 10},
			{name: "a script", endpoints: 1, messages: n / 10, give: giveScript},
			{name: "plain", endpoints: 10, messages: n / 100},
			{name: "a script", endpoints: 10, messages: n / 100, give: giveScript},
		}
	case "filter":
		return []feature{
			{name: "plain", endpoints: 10, messages: n / 20},
			{name: "a filter of 10 clauses that wants all", endpoints: 10, messages: n / 20, give: giveOwn("filter", filterText)},
		}
	case "fifo":
		keys := []string{"-keys", "1000"}
		return []feature{
			{name: "plain", endpoints: 1, messages: n / 5, load: keys},
			{name: "one line", endpoints: 1, messages: n / 50, give: giveOwn("order", `{}`), load: keys},
			{name: "1,000 keys", endpoints: 1, messages: n / 5, give: giveOwn("order", `{"key":"pad"}`), load: keys},
			{name: "one line, batches of 100", endpoints: 1, messages: n / 5, give: giveOwn("order", `{"batchSize":100}`), load: keys},
		}
	}
	return nil
}

// filterText asks ten things of the payloads of package measure, and all are so.
const filterText = `{"filter":{"eventType":{"$startsWith":"bench."},"payload":{
	"seq":{"$gte":1000000000000000000,"$lt":9000000000000000000,"$neq":7},
	"at":{"$gt":0,"$exist":true},
	"pad":{"$startsWith":"x","$endsWith":"x","$contains":"xxx"},
	"$or":[{"deleted":{"$exist":false}}]}}}`

// script is a small real one: it makes a text of the payload. What counts messages reads
// numbers of the payload that are beyond 2^53, so the text goes in a header and the payload
// is left as it was, which is compared to know it.
const script = `function handler(webhook) {
  const { payload, eventType } = webhook;
  payload.text = eventType + " number " + payload.seq + " of " + new Date().toISOString();
  webhook.headers = { "X-Text": payload.text };
  delete payload.text;
  return webhook;
}`

func giveScript(s *server, endpoint string) error {
	return s.giveCode(s.app, endpoint, script)
}

func (s *server) giveCode(app, endpoint, code string) error {
	return send(http.MethodPatch, "http://"+s.addr+"/api/v1/app/"+app+"/endpoint/"+endpoint+"/transformation", s.token,
		map[string]any{"code": code, "enabled": true}, nil)
}

// giveOwn sets what has an operation of its own.
func giveOwn(name, body string) func(*server, string) error {
	return func(s *server, endpoint string) error {
		return send(http.MethodPut, "http://"+s.addr+"/x/v1/app/"+s.app+"/endpoint/"+endpoint+"/"+name, s.token, json.RawMessage(body), nil)
	}
}

// featureRun is one measurement of a feature.
type featureRun struct {
	Scenario string  `json:"scenario"`
	Feature  string  `json:"feature"`
	Run      rateRun `json:"run"`
}

// measureFeatures measures what rates does with endpoints that have more to do.
func measureFeatures(scenario string) func(context.Context, *bench, *report) error {
	return func(ctx context.Context, b *bench, r *report) error {
		for round := range b.sizes.Rounds {
			for _, f := range features(scenario, b.sizes.Messages) {
				run, err := b.feature(ctx, f)
				if err != nil {
					return fmt.Errorf("%s, round %d: %w", f.name, round+1, err)
				}
				fmt.Fprintf(os.Stderr, "%-38s %2d endpoints  %6.0f accepted/s  %6.0f delivered/s  %.2f CPU s/10k  lost %d  duplicates %d\n",
					f.name, f.endpoints, run.Accepted, run.Delivered, run.CPUPer10k, run.Lost, run.Duplicates)
				r.Features = append(r.Features, featureRun{scenario, f.name, run})
			}
		}
		return nil
	}
}

func (b *bench) feature(ctx context.Context, f feature) (rateRun, error) {
	return b.rateOf(ctx, rateRun{Subject: "hookloft", Endpoints: f.endpoints, Messages: f.messages}, min(1000, f.messages/4), f.load, func(s *sink) (*server, error) {
		sv, err := b.hookloft(ctx, "http://"+s.addr, f.endpoints)
		if err != nil || f.give == nil {
			return sv, err
		}
		for _, id := range sv.endpoints {
			if err := f.give(sv, id); err != nil {
				sv.drop()
				return nil, err
			}
		}
		return sv, nil
	})
}

// hostileScripts are what neighbours do that mean no good, or know no better.
var hostileScripts = [...]string{
	`function handler(w) { for (;;); }`,
	`function handler(w) { const a = []; for (;;) a.push(new Array(1000).fill(7)); }`,
	`function handler(w) { return /(?=(a+)+b)c/.test("a".repeat(100)); }`,
	`function handler(w) { w.payload = "x".repeat(15e6); return w; }`,
}

// hostileRate is how many messages a second the neighbours get in all, of which each is one
// script that runs until it is stopped.
const hostileRate = 40

// hostileRun compares an endpoint at a held rate, alone and beside neighbours with hostile scripts.
type hostileRun struct {
	Rate      int     `json:"rate"`
	AloneP50  float64 `json:"alone_e2e_p50_ms"`
	AloneP99  float64 `json:"alone_e2e_p99_ms"`
	BesideP50 float64 `json:"beside_e2e_p50_ms"`
	BesideP99 float64 `json:"beside_e2e_p99_ms"`
	Lost      int64   `json:"lost"`
	// The server without its sandboxes: before, right after, and at most.
	BeforeMiB float64 `json:"before_mib"`
	AfterMiB  float64 `json:"after_mib"`
	PeakMiB   float64 `json:"peak_mib"`
}

// hostile measures what scripts that never end cost those who have none: the same server, at
// the same held rate, without the neighbours' messages and with them.
func hostile(ctx context.Context, b *bench, r *report) error {
	for range b.sizes.Rounds {
		run, err := b.hostile(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "at %d/s: receipt %.2f/%.2f ms alone, %.2f/%.2f ms beside hostile scripts (ratio of p99 %.2f), lost %d; %.0f MiB before, %.0f after, peak %.0f\n",
			run.Rate, run.AloneP50, run.AloneP99, run.BesideP50, run.BesideP99, run.BesideP99/run.AloneP99, run.Lost, run.BeforeMiB, run.AfterMiB, run.PeakMiB)
		r.Hostile = append(r.Hostile, run)
	}
	return nil
}

func (b *bench) hostile(ctx context.Context) (hostileRun, error) {
	rate, seconds := b.sizes.Rate/2, min(b.sizes.Seconds, 10) // half of the machine is for the scripts
	run := hostileRun{Rate: rate}
	n := rate * seconds
	s, err := b.receiver(ctx, 1, 3*n, 0)
	if err != nil {
		return run, err
	}
	defer s.kill()
	sv, err := b.hookloft(ctx, "http://"+s.addr, 1)
	if err != nil {
		return run, err
	}
	defer sv.drop()
	base := "http://" + sv.addr + "/api/v1/app"
	for i, code := range hostileScripts {
		app := "hostile" + strconv.Itoa(i)
		var ep struct{ ID string }
		if err := errors.Join(
			post(base, sv.token, map[string]string{"name": app, "uid": app}, &struct{}{}),
			post(base+"/"+app+"/endpoint", sv.token, map[string]string{"url": "http://" + s.addr + "/0"}, &ep),
		); err != nil {
			return run, err
		}
		if err := sv.giveCode(app, ep.ID, code); err != nil {
			return run, err
		}
	}
	held := func(first int) (received, error) {
		if err := s.reset(); err != nil {
			return received{}, err
		}
		if _, err := b.load(ctx, sv.addr, sv.token, "-rate", strconv.Itoa(rate), "-n", strconv.Itoa(n), "-first", strconv.Itoa(first), "-c", strconv.Itoa(b.sizes.Publishers)); err != nil {
			return received{}, err
		}
		got, err := s.await(int64(n), 10*time.Second)
		run.Lost += int64(n) - got.Distinct
		return got, err
	}
	if _, err := b.load(ctx, sv.addr, sv.token, "-rate", strconv.Itoa(rate), "-n", strconv.Itoa(rate), "-first", strconv.Itoa(2*n), "-c", strconv.Itoa(b.sizes.Publishers)); err != nil {
		return run, fmt.Errorf("warm up: %w", err)
	}
	run.BeforeMiB, _ = sv.memory()
	alone, err := held(0)
	if err != nil {
		return run, err
	}
	done := make(chan error, len(hostileScripts)) // each sends once
	for i := range hostileScripts {
		go func() {
			each := hostileRate / len(hostileScripts)
			_, err := b.load(ctx, sv.addr, sv.token, "-path", "/api/v1/app/hostile"+strconv.Itoa(i)+"/msg", "-rate", strconv.Itoa(each), "-n", strconv.Itoa(each*seconds), "-c", "2")
			done <- err
		}()
	}
	beside, err := held(n)
	for range hostileScripts {
		err = errors.Join(err, <-done)
	}
	if err != nil {
		return run, err
	}
	run.AloneP50, run.AloneP99 = alone.Latency.P50, alone.Latency.P99
	run.BesideP50, run.BesideP99 = beside.Latency.P50, beside.Latency.P99
	time.Sleep(2 * time.Second) // scripts end, and what they took is given back
	run.AfterMiB, run.PeakMiB = sv.memory()
	return run, nil
}

// holdRun is what waited during a pause, and how it left.
type holdRun struct {
	Waiting   int     `json:"waiting"`
	Accepted  float64 `json:"accepted_per_second"`
	PauseMs   float64 `json:"first_after_resume_ms"`
	Drained   float64 `json:"drained_per_second"`
	PeakMiB   float64 `json:"peak_mib"`
	Lost      int64   `json:"lost"`
	Duplicate int64   `json:"duplicates"`
	Early     int64   `json:"early"` // requests before the resume
}

// hold measures what a paused endpoint lets wait, and how fast it is sent once it goes on.
func hold(ctx context.Context, b *bench, r *report) error {
	for range b.sizes.Rounds {
		run, err := b.hold(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%d held (%.0f accepted/s): first %.1f ms after the resume, then %.0f delivered/s, peak %.0f MiB, early %d, lost %d, duplicates %d\n",
			run.Waiting, run.Accepted, run.PauseMs, run.Drained, run.PeakMiB, run.Early, run.Lost, run.Duplicate)
		r.Held = append(r.Held, run)
	}
	return nil
}

func (b *bench) hold(ctx context.Context) (holdRun, error) {
	n := b.sizes.Messages
	run := holdRun{Waiting: n}
	s, err := b.receiver(ctx, 1, n, 0)
	if err != nil {
		return run, err
	}
	defer s.kill()
	sv, err := b.hookloft(ctx, "http://"+s.addr, 1)
	if err != nil {
		return run, err
	}
	defer sv.drop()
	own := "http://" + sv.addr + "/x/v1/app/" + sv.app + "/endpoint/" + sv.endpoints[0]
	if err := post(own+"/pause", sv.token, map[string]string{}, &struct{}{}); err != nil {
		return run, err
	}
	load, err := b.load(ctx, sv.addr, sv.token, "-n", strconv.Itoa(n), "-c", strconv.Itoa(b.sizes.Publishers))
	if err != nil {
		return run, err
	}
	run.Accepted = load.AckedRate
	early, err := s.stats()
	if err != nil {
		return run, err
	}
	run.Early = early.Requests
	began := time.Now()
	if err := post(own+"/resume", sv.token, map[string]string{}, &struct{}{}); err != nil {
		return run, err
	}
	got, err := s.await(int64(n), time.Minute)
	if err != nil {
		return run, err
	}
	run.Lost, run.Duplicate = int64(n)-got.Distinct, got.Duplicates
	run.PauseMs = float64(got.FirstNanos-began.UnixNano()) / 1e6
	if span := float64(got.LastNanos-got.FirstNanos) / 1e9; span > 0 {
		run.Drained = float64(got.Distinct) / span
	}
	_, run.PeakMiB = sv.memory()
	return run, nil
}
