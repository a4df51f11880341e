// Command live is a blog whose readers see comments as they are written: it publishes each
// through Hookloft's API, and the page follows Hookloft's stream.
//
//	go run ./examples/live
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8090", "address")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *listen, Hookloft{URL: os.Getenv("HOOKLOFT_SERVER"), Token: os.Getenv("HOOKLOFT_TOKEN")}); err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, listen string, h Hookloft) error {
	if h.URL == "" || h.Token == "" {
		return errors.New("HOOKLOFT_SERVER or HOOKLOFT_TOKEN is empty")
	}
	if err := h.createApplication(ctx); err != nil {
		return err
	}
	blog, err := NewBlog(h)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Printf("the blog is at http://%s\n", l.Addr())
	srv := &http.Server{Handler: blog, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
