// Command orders brings the life of a shop's orders into an ERP, step by step and in order,
// though the ERP fails a lot. Hookloft stands in between, set up by hookloft.yaml.
//
//	go run ./examples/orders erp                # an ERP, which refuses, hangs up and restarts
//	go run ./examples/orders shop --orders 20   # a shop, which takes orders, packs and ships
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say which: shop or erp")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch args[0] {
	case "shop":
		orders := flags.Int("orders", 20, "how many orders are taken")
		prefix := flags.String("prefix", time.Now().Format("0102-150405"), "what the orders' numbers begin with")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		s := Shop{URL: os.Getenv("HOOKLOFT_SERVER"), Token: os.Getenv("HOOKLOFT_TOKEN"), Out: os.Stdout}
		return s.Sell(ctx, *prefix, *orders)
	case "erp":
		listen := flags.String("listen", "127.0.0.1:8090", "address")
		books := flags.String("books", "erp.jsonl", "file of the bookings")
		percent := flags.Int("flaky", 30, "how many of 100 requests go wrong")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		e := ERP{Listen: *listen, Books: *books, Secret: os.Getenv("ERP_SECRET"), Out: os.Stdout, Trouble: trouble(*percent)}
		return e.Run(ctx)
	}
	return fmt.Errorf("%q: there are shop and erp", args[0])
}

// trouble lets so many of 100 requests go wrong. Hanging is rare: after a time-out a message waits
// for a minute.
func trouble(percent int) func() Fault {
	return func() Fault {
		switch n := rand.IntN(100); {
		case n >= percent:
			return None
		case rand.IntN(20) == 0:
			return Hangs
		default:
			return []Fault{Refuses, HangsUp, LosesAnswer, Restarts}[rand.IntN(4)]
		}
	}
}

// say prints a line for people; that it cannot be printed is no reason to stop.
func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
