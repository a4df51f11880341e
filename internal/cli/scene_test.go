package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var readyLine = regexp.MustCompile(`(?m)^hookloft ready on (https?://\S+)$`)

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// server starts a server on a free port and names it and a token of its environment
// "default" in HOOKLOFT_SERVER and HOOKLOFT_TOKEN: server [FLAG...]
func server(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: server [FLAG...]")
	}
	data := ts.MkAbs("data")
	environ := []string{asMain + "=1", "HOME=" + ts.Getenv("HOME"), "PATH=" + os.Getenv("PATH")}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	create := exec.CommandContext(ctx, os.Args[0], "token", "create", "--data", data)
	create.Env = environ
	token, err := create.Output()
	ts.Check(err)

	serve := exec.Command(os.Args[0], append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "warn", "--allow-http", "--egress-allow", "127.0.0.0/8"}, args...)...)
	serve.Env = environ
	out := &syncBuffer{}
	serve.Stdout, serve.Stderr = out, out
	ts.Check(serve.Start())
	done := make(chan struct{})
	go func() {
		_ = serve.Wait()
		close(done)
	}()
	ts.Defer(func() {
		_ = serve.Process.Kill()
		<-done
	})
	for {
		if m := readyLine.FindStringSubmatch(out.String()); m != nil {
			ts.Setenv("HOOKLOFT_SERVER", m[1])
			break
		}
		select {
		case <-done:
			ts.Fatalf("the server ended: %s", out)
		case <-ctx.Done():
			ts.Fatalf("the server is not ready: %s", out)
		case <-time.After(5 * time.Millisecond):
		}
	}
	ts.Setenv("HOOKLOFT_TOKEN", string(bytes.TrimSpace(token)))
	ts.Setenv("TOKEN", string(bytes.TrimSpace(token)))
}

// receiver starts an HTTP server that answers its first requests with the given
// statuses, in order, and all later ones with the last; its URL is put into the variable
// NAME: receiver NAME STATUS...
func receiver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: receiver NAME STATUS...")
	}
	var statuses []int
	for _, text := range args[1:] {
		status, err := strconv.Atoi(text)
		ts.Check(err)
		statuses = append(statuses, status)
	}
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i := min(int(n.Add(1)), len(statuses)) - 1
		w.WriteHeader(statuses[i])
		fmt.Fprint(w, strings.ToLower(http.StatusText(statuses[i])))
	}))
	ts.Defer(s.Close)
	ts.Setenv(args[0], s.URL)
}
