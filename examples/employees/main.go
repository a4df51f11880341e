// Command employees runs the employee management example that webhook tutorials use:
// an HR application and two banks that open an account for each new employee, with
// Hookloft in between.
//
//	go run ./examples/employees            # starts a Hookloft of its own and shows a run
//	go run ./examples/employees --stay     # the same, then keeps the page open
//	go run ./examples/employees --hookloft http://127.0.0.1:8071 --token hl_sk_...
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/hookloft/hookloft/examples/employees/bank"
	"github.com/hookloft/hookloft/examples/employees/hr"
)

func main() {
	server := flag.String("hookloft", "", "URL of a running Hookloft (empty: build and start one)")
	token := flag.String("token", "", "API token for it")
	stay := flag.Bool("stay", false, "keep running, to try the HR page by hand")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *server, *token, *stay); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "employees:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, server, token string, stay bool) error {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}}))
	if server == "" {
		var stop func()
		var err error
		if server, token, stop, err = startHookloft(ctx); err != nil {
			return err
		}
		defer stop()
	}
	log.Info("hookloft is up", "url", server)

	app, err := hr.New(ctx, hr.Hookloft{URL: server, Token: token}, log)
	if err != nil {
		return err
	}
	hrURL, err := serve(ctx, app)
	if err != nil {
		return err
	}
	log.Info("HR application is up", "page", hrURL)

	// Both banks want to know of new employees; one also of changes.
	north, south := bank.New("north", rand.Text(), log), bank.New("south", rand.Text(), log)
	for _, b := range []struct {
		*bank.Bank
		events []string
	}{{north, []string{hr.EmployeeCreated, hr.EmployeeUpdated}}, {south, []string{hr.EmployeeCreated}}} {
		url, err := serve(ctx, b.Bank)
		if err != nil {
			return err
		}
		if err := b.Subscribe(ctx, hrURL, url+b.CallbackPath(), b.events...); err != nil {
			return err
		}
	}

	var ada hr.Employee
	if err := send(ctx, http.MethodPost, hrURL+"/employees", "Ada Byron", &ada); err != nil {
		return err
	}
	log.Info("employee added", "name", ada.Name)
	if err := await(ctx, "an account at both banks", func() bool {
		return len(north.Accounts()) == 1 && len(south.Accounts()) == 1
	}); err != nil {
		return err
	}
	if err := send(ctx, http.MethodPut, hrURL+"/employees/"+ada.ID, "Ada Lovelace", nil); err != nil {
		return err
	}
	log.Info("employee renamed", "name", "Ada Lovelace")
	if err := await(ctx, "the new name at the bank that asked for updates", func() bool {
		return north.Accounts()[ada.ID].Holder == "Ada Lovelace"
	}); err != nil {
		return err
	}
	fmt.Printf("\n%-6s  %-11s  %s\n", "bank", "account", "holder")
	for name, b := range map[string]*bank.Bank{"north": north, "south": south} {
		for _, a := range b.Accounts() {
			fmt.Printf("%-6s  %-11s  %s\n", name, a.Number, a.Holder)
		}
	}
	if stay {
		fmt.Printf("\nAdd more employees on %s; Ctrl-C ends.\n", hrURL)
		<-ctx.Done()
	}
	return nil
}

// serve runs h on a free loopback port until ctx ends and returns its URL.
func serve(ctx context.Context, h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "serve:", err)
		}
	}()
	context.AfterFunc(ctx, func() { srv.Close() })
	return "http://" + l.Addr().String(), nil
}

func send(ctx context.Context, method, url, name string, out any) error {
	body, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

func await(ctx context.Context, what string, holds func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	give := time.NewTimer(15 * time.Second)
	defer give.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-give.C:
			return fmt.Errorf("gave up waiting for %s", what)
		case <-tick.C:
		}
	}
	return nil
}

// startHookloft builds the server of this checkout and runs it on a free port with a
// store in a temporary directory.
func startHookloft(ctx context.Context) (url, token string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "employees-")
	if err != nil {
		return "", "", nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	bin := filepath.Join(dir, "hookloft")
	build := exec.CommandContext(ctx, "go", "build", "-o", bin, "github.com/hookloft/hookloft/cmd/hookloft")
	if out, err := build.CombinedOutput(); err != nil {
		return "", "", nil, fmt.Errorf("build hookloft (run this inside the checkout): %w\n%s", err, out)
	}
	data := filepath.Join(dir, "data")
	out, err := exec.CommandContext(ctx, bin, "token", "create", "--data", data, "--name", "employees").Output()
	if err != nil {
		return "", "", nil, fmt.Errorf("create token: %w", err)
	}
	// The banks of this example are on this machine, which a public server would refuse.
	cmd := exec.Command(bin, "serve", "--listen", "127.0.0.1:0", "--data", data,
		"--egress-allow", "127.0.0.0/8", "--allow-http", "--log-format", "json")
	ready, err := cmd.StdoutPipe()
	if err != nil {
		return "", "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", "", nil, fmt.Errorf("start hookloft: %w", err)
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt) // it drains; Wait reports how it ended
		if err := cmd.Wait(); err != nil {
			fmt.Fprintln(os.Stderr, "hookloft:", err)
		}
		os.RemoveAll(dir)
	}
	scanner := bufio.NewScanner(ready)
	for scanner.Scan() {
		if i := strings.Index(scanner.Text(), "http://"); i >= 0 {
			url = strings.FieldsFunc(scanner.Text()[i:], func(r rune) bool { return r == ' ' || r == '"' || r == ',' })[0]
			go io.Copy(io.Discard, ready)
			return strings.TrimRight(url, "/"), strings.TrimSpace(string(out)), stop, nil
		}
	}
	stop()
	return "", "", nil, errors.New("hookloft ended before it was ready")
}
