//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// readsTypes are the event types; an application has three of them.
var readsTypes = [...]string{
	"order.created", "order.paid", "order.shipped", "order.cancelled", "invoice.created", "invoice.paid",
	"invoice.overdue", "customer.created", "customer.updated", "customer.deleted", "payout.started", "payout.ended",
}

// makeReads makes a store from nothing, with the catalogue and the sums of the days before.
func (b *bench) makeReads(ctx context.Context, sv *server, st *readsStore) error {
	text, err := exec.CommandContext(ctx, filepath.Join(b.dir, "hookloft"), "token", "create", "--data", sv.data).Output()
	if err != nil {
		return fmt.Errorf("token create: %w", err)
	}
	sv.token = strings.TrimSpace(string(text))
	st.Token = sv.token
	if _, err := b.serve(ctx, sv); err != nil {
		return err
	}
	if err := st.catalogue(sv, b.sizes.Reads.Applications); err != nil {
		return err
	}
	if err := sv.stop(time.Minute); err != nil {
		return err
	}
	began := time.Now()
	if st.SumRows, err = pastSums(ctx, sv.data, st); err != nil {
		return fmt.Errorf("sums of the days before: %w", err)
	}
	fmt.Fprintf(os.Stderr, "%d sums of the days before, in %.0f s\n", st.SumRows, time.Since(began).Seconds())
	return nil
}

// stop ends the server as an operator does and waits for it.
func (p *process) stop(limit time.Duration) error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case <-p.exited:
		p.log.Close()
		return nil
	case <-time.After(limit):
		return fmt.Errorf("%s did not stop: %s", p.name, p.tail())
	}
}

// catalogue makes applications, endpoints, event types and sources.
func (st *readsStore) catalogue(sv *server, apps int) error {
	base := "http://" + sv.addr
	for _, name := range readsTypes {
		if err := post(base+"/api/v1/event-type", sv.token, map[string]any{"name": name, "description": "Of the benchmark"}, nil); err != nil {
			return err
		}
	}
	add := func(uid string, endpoints int) error {
		var app struct{ ID string }
		if err := post(base+"/api/v1/app", sv.token, map[string]any{"name": "Customer " + uid, "uid": uid, "metadata": map[string]string{"plan": "gold"}}, &app); err != nil {
			return err
		}
		out := readsApp{ID: app.ID, UID: uid}
		for i := range endpoints {
			at := i
			// A few small customers have a service that is down.
			if n := len(st.Apps); i == 1 && n%50 == 49 {
				at = readsDown
			}
			var ep struct{ ID string }
			in := map[string]any{"url": "http://" + st.Receiver + "/" + strconv.Itoa(at), "uid": fmt.Sprintf("%s-%d", uid, i), "description": "Service " + strconv.Itoa(i)}
			if err := post(base+"/api/v1/app/"+uid+"/endpoint", sv.token, in, &ep); err != nil {
				return err
			}
			out.Endpoints = append(out.Endpoints, ep.ID)
			if i == 0 { // what it refuses it refuses for good, soon
				in := map[string]any{"retrySchedule": []int{1, 1}}
				if err := send(http.MethodPut, base+"/x/v1/app/"+uid+"/endpoint/"+ep.ID+"/request", sv.token, in, nil); err != nil {
					return err
				}
			}
		}
		st.Apps = append(st.Apps, out)
		return nil
	}
	for i := range apps {
		if err := add(fmt.Sprintf("customer-%04d", i), readsEndpoints); err != nil {
			return err
		}
	}
	if err := add("reads-writer", 2); err != nil {
		return err
	}
	// The writer is not among the customers.
	st.Writer, st.Apps = "reads-writer", st.Apps[:apps]
	// What waits for the end of a hold makes the queue long.
	for _, app := range []int{1, 2} {
		if err := post(fmt.Sprintf("%s/x/v1/app/%s/endpoint/%s/pause", base, st.Apps[app].ID, st.Apps[app].Endpoints[8]), sv.token, map[string]any{"note": "maintenance"}, nil); err != nil {
			return err
		}
	}
	for i := range 20 {
		var source struct{ ID, IngestURL string }
		in := map[string]any{"name": "source " + strconv.Itoa(i), "type": "github", "config": map[string]string{"secret": webhookSecret}}
		if err := post(base+"/ingest/api/v1/source", sv.token, in, &source); err != nil {
			return err
		}
		if i == 0 {
			st.Source, st.SourcePath = source.ID, source.IngestURL[strings.Index(source.IngestURL, "/in/"):]
		}
	}
	return nil
}

// shares are the parts that applications have of the messages: the n-th busiest has 1/n of what
// the busiest has. Rising, the last is 1.
func shares(apps int) []float64 {
	out := make([]float64, apps)
	var sum float64
	for i := range out {
		sum += 1 / float64(i+1)
		out[i] = sum
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// aheadMost is how many deliveries may be under way while the store is filled.
const aheadMost = 30_000

// firstFilled is the number of the first message.
const firstFilled = 100_000

// fillMessages publishes until enough deliveries were answered or the time is over.
func (b *bench) fillMessages(ctx context.Context, s *sink, sv *server, st *readsStore) error {
	z := b.sizes.Reads
	want := int64(z.Deliveries) - st.Deliveries
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, z.Limit)
	defer cancel()
	if st.Next == 0 {
		sv.path = st.SourcePath
		if _, err := b.load(ctx, sv.addr, sv.token, sv.args(true, "-n", strconv.Itoa(min(20_000, z.Deliveries)), "-c", "16")...); err != nil {
			return fmt.Errorf("webhooks: %w", err)
		}
		st.Next = firstFilled
	}
	f := &filler{st: st, shares: shares(len(st.Apps)), url: "http://" + sv.addr + "/api/v1/app/", token: sv.token,
		client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	f.next.Store(st.Next)
	var wg sync.WaitGroup
	errs := make([]error, b.sizes.Publishers)
	for i := range b.sizes.Publishers {
		wg.Go(func() { errs[i] = f.publish(ctx, uint64(i)) })
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	told := time.Now()
	var got received
	for f.isGoing.Store(true); f.isGoing.Load(); {
		select {
		case <-ctx.Done():
			f.isGoing.Store(false)
		case <-tick.C:
		}
		var err error
		if got, err = s.stats(); err != nil {
			cancel()
			wg.Wait()
			return err
		}
		f.arrived.Store(got.Requests)
		if got.Requests >= want || f.failed.Load() {
			f.isGoing.Store(false)
		}
		if time.Since(told) > 30*time.Second {
			told = time.Now()
			fmt.Fprintf(os.Stderr, "%d deliveries, %.0f/s\n", got.Requests, float64(got.Requests)/time.Since(began).Seconds())
		}
	}
	cancel()
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	st.Messages, st.Deliveries, st.FillSecond = st.Messages+int(f.accepted.Load()), st.Deliveries+got.Requests, st.FillSecond+time.Since(began).Seconds()
	st.Next = f.next.Load()
	fmt.Fprintf(os.Stderr, "%d messages, %d deliveries in %.0f s\n", st.Messages, st.Deliveries, st.FillSecond)
	return nil
}

// filler publishes messages of many applications.
type filler struct {
	st      *readsStore
	shares  []float64
	url     string
	token   string
	client  *http.Client
	next    atomic.Int64 // number of the next message
	arrived atomic.Int64 // requests that the receiver saw
	// accepted is how many messages were acknowledged.
	accepted        atomic.Int64
	isGoing, failed atomic.Bool
}

func (f *filler) publish(ctx context.Context, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 7))
	var body bytes.Buffer
	for !f.isGoing.Load() && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	for f.isGoing.Load() {
		if f.accepted.Load()*readsEndpoints-f.arrived.Load() > aheadMost+f.accepted.Load()/2 {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		seq := f.next.Add(1) - 1
		app := f.pick(random.Float64())
		body.Reset()
		writeMessage(&body, app, seq)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+f.st.Apps[app].ID+"/msg?with_content=false", &body)
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+f.token)
		resp, err := f.client.Do(req)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			f.failed.Store(true)
			return err
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusAccepted:
			f.accepted.Add(1)
		case http.StatusServiceUnavailable: // overloaded
			time.Sleep(20 * time.Millisecond)
		default:
			f.failed.Store(true)
			return fmt.Errorf("publish: status %d: %.300s", resp.StatusCode, text)
		}
	}
	return nil
}

func (f *filler) pick(at float64) int {
	low, high := 0, len(f.shares)-1
	for low < high {
		if mid := (low + high) / 2; f.shares[mid] <= at {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// writeMessage writes the n-th message. Payloads begin as those of package measure, which the
// receiver reads; the values at order.id and customer.id can be searched for.
func writeMessage(w *bytes.Buffer, app int, seq int64) {
	eventType := readsTypes[(app*5+int(seq%3))%len(readsTypes)]
	fmt.Fprintf(w, `{"eventType":%q,"channels":["region-%d"],"tags":["batch-%d"`, eventType, seq%4, seq/1000)
	if seq%97 == 0 {
		w.WriteString(`,"vip"`)
	}
	w.WriteString(`]`)
	if seq%5 == 0 {
		fmt.Fprintf(w, `,"eventId":"evt-%d"`, seq)
	}
	fmt.Fprintf(w, `,"payload":{"seq":%d,"at":%d,"pad":"","order":{"id":%d,"currency":"EUR","total":%d.%02d,"lines":[{"sku":"A-%d","count":%d},{"sku":"B-%d","count":1}]},`+
		`"customer":{"id":"cus_%d","name":"Jo Example","email":"jo%d@example.com"},"note":"Delivered by the benchmark to see how long it takes to find it again."}}`,
		1_000_000_000_000_000_000+seq, time.Now().UnixNano(), seq, seq%900, seq%100, seq%500, seq%9, seq%70, seq%5000, seq%5000)
}

// poisson draws how many of something happen that happen so often on average.
func poisson(random *rand.Rand, mean float64) int64 {
	if mean > 30 {
		return max(0, int64(math.Round(mean+math.Sqrt(mean)*random.NormFloat64())))
	}
	limit, p := math.Exp(-mean), random.Float64()
	n := int64(0)
	for p > limit {
		n++
		p *= random.Float64()
	}
	return n
}
