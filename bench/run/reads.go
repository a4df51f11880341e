//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookloft/hookloft/bench/measure"
)

// readSizes are the knobs of the scenario reads.
type readSizes struct {
	Deliveries   int           `json:"deliveries"`
	Applications int           `json:"applications"`
	Limit        time.Duration `json:"fill_limit"` // of filling; the report says what was reached
	Rounds       int           `json:"rounds"`     // how often each question is asked
	Rate         int           `json:"rate"`       // messages published a second meanwhile
	Store        string        `json:"-"`          // folder to keep the filled store in, and to use it again
}

// readsEndpoints is how many endpoints an application of the scenario has.
const readsEndpoints = 10

// readRun is one question, asked again and again of a full store while messages come in.
type readRun struct {
	Name  string  `json:"name"`
	Where string  `json:"where"` // the screens that ask it
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	Max   float64 `json:"max_ms"`
	KiB   float64 `json:"kib"` // the longest answer
}

// readsRun is one measurement.
type readsRun struct {
	Messages   int     `json:"messages"`   // accepted by the API
	Deliveries int64   `json:"deliveries"` // attempts that the receiver answered while the store was filled
	FillSecond float64 `json:"fill_seconds"`
	DiskMiB    float64 `json:"disk_mib"`
	SumRows    int     `json:"sum_rows"` // of charts before the first delivery
	// What was written meanwhile.
	Written  float64   `json:"written_per_second"`
	AckP50   float64   `json:"ack_p50_ms"` // medians of the writer's turns
	AckP99   float64   `json:"ack_p99_ms"`
	PeakMiB  float64   `json:"peak_mib"`
	Seconds  float64   `json:"seconds"`
	Busy     string    `json:"busy"` // load average before reading
	Reads    []readRun `json:"reads"`
	WorstP95 float64   `json:"worst_p95_ms"`
}

// readsBound is what each question must stay below.
const readsBound = 200

// reads fills a store with real deliveries and then asks everything that the pages ask, one
// question at a time, while messages go on being published and delivered.
func reads(ctx context.Context, b *bench, r *report) error {
	usual := b.serveArgs
	defer func() { b.serveArgs = usual }()
	b.serveArgs = append(slices.Clone(usual), "--log-level", "warn") // a line for each delivery would be gigabytes
	run, st := readsRun{}, &readsStore{}
	s, sv, err := b.openReads(ctx, st)
	if err != nil {
		return err
	}
	defer s.kill()
	defer func() {
		// A store that is kept is closed, so that the next start is quick.
		if b.sizes.Reads.Store == "" || sv.stop(time.Minute) != nil {
			sv.kill()
		}
	}()
	run.Messages, run.Deliveries, run.FillSecond, run.SumRows = st.Messages, st.Deliveries, st.FillSecond, st.SumRows
	run.DiskMiB = folderMiB(sv.data)
	questions, err := st.questions(sv)
	if err != nil {
		return err
	}
	run.Busy = loadAverage()
	w := b.startWriter(ctx, sv, st)
	began := time.Now()
	answers, askErr := ask(ctx, sv, questions, b.sizes.Reads.Rounds)
	run.Seconds = time.Since(began).Seconds()
	acks, writeErr := w.stop()
	if err := errors.Join(askErr, writeErr); err != nil {
		return err
	}
	run.Written = median(acks, func(a sent) float64 { return a.AckedRate })
	run.AckP50, run.AckP99 = median(acks, func(a sent) float64 { return a.Ack.P50 }), median(acks, func(a sent) float64 { return a.Ack.P99 })
	_, run.PeakMiB = sv.memory()
	run.Reads = answers
	for _, a := range answers {
		run.WorstP95 = max(run.WorstP95, a.P95)
	}
	r.Reads = append(r.Reads, run)
	for _, a := range answers[:min(12, len(answers))] {
		fmt.Fprintf(os.Stderr, "%-64s p50 %7.1f  p95 %7.1f  max %7.1f ms\n", a.Name, a.P50, a.P95, a.Max)
	}
	fmt.Fprintf(os.Stderr, "%d deliveries stored, %.0f messages/s written: worst p95 of %d questions %.1f ms\n", run.Deliveries, run.Written, len(answers), run.WorstP95)
	return nil
}

// readsStore is what is remembered of a filled store, so that it can be used again.
type readsStore struct {
	Token      string
	Receiver   string // address that its endpoints post to
	Writer     string // application that is published to meanwhile
	Apps       []readsApp
	Source     string
	SourcePath string // where its webhooks are sent
	Messages   int
	Deliveries int64
	FillSecond float64
	SumRows    int
	Next       int64 // number of the next message
}

// readsApp is an application with its endpoints, the busiest first.
type readsApp struct {
	ID, UID   string
	Endpoints []string
}

const readsNote = "reads.json"

// openReads starts a receiver and the product on a filled store: one that was kept, filled
// further where it holds too little, or a new one.
func (b *bench) openReads(ctx context.Context, st *readsStore) (*sink, *server, error) {
	dir := b.sizes.Reads.Store
	if dir == "" {
		dir = filepath.Join(b.dir, "reads")
	}
	data, note := filepath.Join(dir, "data"), filepath.Join(dir, readsNote)
	text, err := os.ReadFile(note)
	isMade := err == nil
	if isMade {
		if err := json.Unmarshal(text, st); err != nil {
			return nil, nil, err
		}
	} else {
		if err := os.MkdirAll(data, 0o700); err != nil {
			return nil, nil, err
		}
		if st.Receiver, err = freeAddr(); err != nil {
			return nil, nil, err
		}
	}
	s, err := b.readsReceiver(ctx, st.Receiver)
	if err != nil {
		return nil, nil, err
	}
	sv := &server{data: data, token: st.Token}
	err = func() (err error) {
		if sv.addr, err = freeAddr(); err != nil {
			return err
		}
		if !isMade {
			if err := b.makeReads(ctx, sv, st); err != nil {
				return err
			}
			if err := st.save(note); err != nil {
				return err
			}
		}
		if _, err := b.serve(ctx, sv); err != nil {
			return err
		}
		if st.Deliveries >= int64(b.sizes.Reads.Deliveries) {
			return nil
		}
		if err := b.fillMessages(ctx, s, sv, st); err != nil {
			return err
		}
		return st.save(note)
	}()
	if err != nil {
		s.kill()
		sv.kill()
		return nil, nil, err
	}
	return s, sv, nil
}

func (st *readsStore) save(note string) error {
	text, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return os.WriteFile(note, text, 0o600)
}

// Of the receiver's endpoints one is always down, after those of an application.
const readsDown = readsEndpoints

// readsMore is how many messages may be published while reading.
const readsMore = 4 << 20

func (b *bench) readsReceiver(ctx context.Context, addr string) (*sink, error) {
	control, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p, err := b.start(ctx, "receiver", "-listen", addr, "-control", control, "-endpoints", strconv.Itoa(readsEndpoints+1),
		"-messages", strconv.Itoa(b.sizes.Reads.Deliveries/readsEndpoints+readsMore), "-latency=false",
		// One in a hundred deliveries is refused at first, one in twenty for good at the first endpoint.
		"-fail-first", "100", "-fail-always", "20", "-down", strconv.Itoa(readsDown))
	if err != nil {
		return nil, err
	}
	if _, err := p.ready("http://"+control+"/stats", 10*time.Second); err != nil {
		p.kill()
		return nil, err
	}
	return &sink{p, addr, control}, nil
}

// readsWriter publishes at the held rate until it is stopped.
type readsWriter struct {
	end    chan struct{} // closed by stop
	result chan readsWritten
}

type readsWritten struct {
	turns []sent
	err   error
}

func (b *bench) startWriter(ctx context.Context, sv *server, st *readsStore) *readsWriter {
	w := &readsWriter{end: make(chan struct{}), result: make(chan readsWritten, 1)}
	const turn = 10 // seconds
	n := b.sizes.Reads.Rate * turn
	args := []string{"-path", "/api/v1/app/" + st.Writer + "/msg", "-event-type", "order.paid", "-rate", strconv.Itoa(b.sizes.Reads.Rate),
		"-n", strconv.Itoa(n), "-c", strconv.Itoa(b.sizes.Publishers)}
	go func() {
		var out readsWritten
		for {
			select {
			case <-w.end:
				w.result <- out
				return
			default:
			}
			// The numbers may repeat in a store that is used again: only the receiver looks at them.
			got, err := b.load(ctx, sv.addr, sv.token, append(slices.Clone(args), "-first", strconv.FormatInt(st.Next, 10))...)
			if err != nil {
				out.err = err
				w.result <- out
				return
			}
			st.Next += int64(n)
			out.turns = append(out.turns, got)
		}
	}()
	return w
}

// stop waits for the end of the last turn.
func (w *readsWriter) stop() ([]sent, error) {
	close(w.end)
	out := <-w.result
	return out.turns, out.err
}

// ask asks the questions in turns, so that what else the machine does meanwhile weighs on all
// of them, and sums up the times until the last byte of each answer was read.
func ask(ctx context.Context, sv *server, questions []question, rounds int) ([]readRun, error) {
	asker := newAsker(sv)
	took := make([][]time.Duration, len(questions))
	most := make([]int, len(questions))
	for round := range rounds + 1 {
		for i, q := range questions {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			path := q.path(round)
			began := time.Now()
			n, err := asker.get(ctx, path, q.token)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", q.name, err)
			}
			if round > 0 { // the first round opens files and fills caches
				took[i] = append(took[i], time.Since(began))
			}
			most[i] = max(most[i], n)
		}
	}
	return sumUpReads(questions, took, most), nil
}

// sumUpReads makes a row of each question, the slowest first.
func sumUpReads(questions []question, took [][]time.Duration, most []int) []readRun {
	out := make([]readRun, len(questions))
	for i, q := range questions {
		l := measure.Summarize(took[i])
		// Summarize sorts.
		out[i] = readRun{Name: q.name, Where: q.where, Count: l.Count, P50: l.P50, P95: percentile(took[i], 95), Max: l.Max, KiB: float64(most[i]) / 1024}
	}
	slices.SortStableFunc(out, func(a, b readRun) int {
		switch {
		case a.P95 > b.P95:
			return -1
		case a.P95 < b.P95:
			return 1
		}
		return 0
	})
	return out
}

// percentile is by nearest rank, of sorted durations, in milliseconds.
func percentile(sorted []time.Duration, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1].Seconds() * 1000
}

func (r *report) readsTable(b *strings.Builder) {
	for _, run := range r.Reads {
		fmt.Fprintf(b, "\n## Reading %d deliveries while %d messages/s are written\n\n", run.Deliveries, r.Sizes.Reads.Rate)
		fmt.Fprintf(b, "%d messages of %d applications were published through the API and delivered to a loopback receiver in %.0f s (%.0f MiB on disk); the charts also hold\n"+
			"%d sums of the seven days before. Then %.0f messages/s were written (ack p50 / p99 %.2f / %.2f ms) while one reader asked each question %d times in\n"+
			"turns, %.0f s in all; the server's memory was at most %.0f MiB. Load average before: %s. Milliseconds until the last byte of the answer was read:\n\n",
			run.Messages, r.Sizes.Reads.Applications, run.FillSecond, run.DiskMiB, run.SumRows, run.Written, run.AckP50, run.AckP99, r.Sizes.Reads.Rounds, run.Seconds, run.PeakMiB, strings.TrimPrefix(run.Busy, "load average "))
		b.WriteString("| question | asked by | p50 | p95 | max | longest answer KiB |\n|---|---|---|---|---|---|\n")
		for _, a := range run.Reads {
			fmt.Fprintf(b, "| %s | %s | %.1f | %.1f | %.1f | %.0f |\n", a.Name, a.Where, a.P50, a.P95, a.Max, a.KiB)
		}
		verdict := "below"
		if run.WorstP95 >= readsBound {
			verdict = "**not** below"
		}
		fmt.Fprintf(b, "\nThe worst p95 of %d questions is %.1f ms: %s %d ms.\n", len(run.Reads), run.WorstP95, verdict, readsBound)
	}
}

// query spells parameters; those with the value "" are left out.
func queryOf(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Add(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}
