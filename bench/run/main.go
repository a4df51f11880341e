//go:build linux

// Command run measures hookloft against the bare relay and writes the tables of
// bench/RESULTS.md. From the top of the checkout:
//
//	go run ./bench/run                       # everything, about 15 minutes
//	go run ./bench/run -scenarios rate1 -rounds 1 -n 20000
//
// It builds the programs, starts them on loopback with fresh data below -dir, and
// measures relay and hookloft in turns, so that a machine that gets slower or
// faster meanwhile does so for both; medians of the rounds are reported. Every
// wait is bounded, and everything it starts and writes is gone at the end.
//
// All programs share one machine, so the load generator and the receiver take
// their part of the processors too: compare the ratios, not the absolute figures,
// with other machines.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sizes are the knobs of the scenarios.
type sizes struct {
	Rounds     int `json:"rounds"`
	Messages   int `json:"messages"`    // of a rate measurement with one endpoint
	Publishers int `json:"publishers"`  // connections that publish
	Rate       int `json:"rate"`        // messages per second of the latency measurement
	Seconds    int `json:"seconds"`     // of the latency measurement
	SlowCount  int `json:"slow_count"`  // messages to the endpoint that takes 100 ms
	Pending    int `json:"pending"`     // deliveries that wait, over 10 endpoints
	IdleSecond int `json:"idle_second"` // how long an idle server is watched
	CapMiB     int `json:"cap_mib"`     // bound of the store in the retention measurement
	CapTimes   int `json:"cap_times"`   // how many times the bound is written in it

	Reads readSizes `json:"reads"` // of a full store while it is written
}

func main() {
	var z sizes
	flag.IntVar(&z.Rounds, "rounds", 3, "rounds; the median is reported")
	flag.IntVar(&z.Messages, "n", 100_000, "messages of a rate measurement (a tenth of it with 10 endpoints)")
	flag.IntVar(&z.Publishers, "c", 64, "publishers")
	flag.IntVar(&z.Rate, "rate", 1000, "messages per second of the latency measurement")
	flag.IntVar(&z.Seconds, "seconds", 15, "length of the latency measurement")
	flag.IntVar(&z.SlowCount, "slow-n", 20_000, "messages to the endpoint that takes 100 ms to answer")
	flag.IntVar(&z.Pending, "pending", 1_000_000, "deliveries waiting for endpoints that are down")
	flag.IntVar(&z.IdleSecond, "idle-seconds", 10, "how long an idle server is watched")
	flag.IntVar(&z.CapMiB, "cap-mib", 256, "bound of the store in the retention measurement, MiB")
	flag.IntVar(&z.CapTimes, "cap-times", 4, "how many times its bound is written into that store, and then as often as the rounds take")
	flag.IntVar(&z.Reads.Deliveries, "reads-deliveries", 10_000_000, "deliveries in the store of the scenario reads, which takes half an hour and is not measured unless it is named")
	flag.IntVar(&z.Reads.Applications, "reads-applications", 1000, "applications in that store, of 10 endpoints each")
	flag.DurationVar(&z.Reads.Limit, "reads-limit", 40*time.Minute, "how long that store is filled at most")
	flag.IntVar(&z.Reads.Rounds, "reads-rounds", 100, "how often each question is asked of it")
	flag.IntVar(&z.Reads.Rate, "reads-rate", 500, "messages per second that are written meanwhile")
	flag.StringVar(&z.Reads.Store, "reads-store", "", "folder to keep that store in and to use it again; default a temporary one")
	names := flag.String("scenarios", "rate1,rate10,latency,inbound,slow,idle,pending,retention,transform,filter,fifo,hostile-scripts,hold", "what to measure")
	subjects := flag.String("subjects", "relay,hookloft", "what to compare in the rate and latency measurements")
	dir := flag.String("dir", os.TempDir(), "folder for data; on the disk that is to be measured")
	out := flag.String("out", "", "write the Markdown tables here; default standard output")
	from := flag.String("from", "", "measure nothing; write the tables of raw figures that -json wrote")
	jsonOut := flag.String("json", "", "write all raw figures here")
	notes := flag.String("notes", "", "Markdown to put below the tables: what they mean, and figures of other tests")
	serveArgs := flag.String("serve-args", "", "more arguments for hookloft serve, separated by spaces")
	flag.Parse()

	if *from != "" {
		if err := rewrite(*from, *out, *notes); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, z, strings.Split(*names, ","), strings.Split(*subjects, ","), *dir, output{*out, *jsonOut, *notes}, strings.Fields(*serveArgs)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// output names the files that a run writes and reads beside its measurements; "" for none.
type output struct{ markdown, json, notes string }

func run(ctx context.Context, z sizes, names, subjects []string, dir string, out output, serveArgs []string) error {
	work, err := os.MkdirTemp(dir, "hookloft-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &bench{sizes: z, dir: work, subjects: subjects, serveArgs: serveArgs}
	if err := b.build(ctx); err != nil {
		return err
	}
	rep := report{Commit: commit(ctx), Machine: describeMachine(work), Busy: loadAverage(), Sizes: z,
		Command: strings.TrimSpace("go run ./bench/run " + strings.Join(os.Args[1:], " "))}
	for _, s := range scenarios {
		if !slices.Contains(names, s.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "== %s\n", s.name)
		if err := s.measure(ctx, b, &rep); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	rep.Date = time.Now().UTC().Format("2006-01-02 15:04 UTC")
	if out.json != "" {
		text, err := json.MarshalIndent(rep, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(out.json, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return write(&rep, out.markdown, out.notes)
}

// rewrite makes the tables of an earlier run.
func rewrite(from, out, notes string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var rep report
	if err := json.Unmarshal(text, &rep); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return write(&rep, out, notes)
}

func write(rep *report, out, notes string) error {
	text := rep.markdown()
	if notes != "" {
		more, err := os.ReadFile(notes)
		if err != nil {
			return fmt.Errorf("read notes: %w", err)
		}
		text += "\n" + string(more)
	}
	if out == "" {
		fmt.Print(text)
		return nil
	}
	return os.WriteFile(out, []byte(text), 0o644)
}
