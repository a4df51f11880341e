//go:build unix

package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Options say how a server is run. The zero value builds the binary and uses a
// fresh data directory.
type Options struct {
	// Bin is the binary. Empty: Build(tb).
	Bin string
	// Data is the data directory. Empty: one below tb.TempDir().
	Data string
	// Args are added after serve's own flags, e.g. "--drain=1s".
	Args []string
	// Env is added to this process's environment, e.g. "GOMAXPROCS=1". HOOKLOFT_*
	// variables reach the server only from here.
	Env []string
	// Wrap is a command put in front of the server's, e.g. strace with its flags.
	// Kill and Stop still reach the server itself, not the wrapper.
	Wrap []string
	// ReadyTimeout bounds the wait for /readyz. Zero: 60 s.
	ReadyTimeout time.Duration
}

// Server is one data directory and address, with a process running on it most of
// the time. Its methods are for one goroutine; API may be used from many.
type Server struct {
	URL   string // http://127.0.0.1:port, the same after Restart
	Token string // an API token of environment "default"
	Data  string // the data directory

	tb      testing.TB
	o       Options
	addr    string
	logPath string
	cmd     *exec.Cmd
	exited  chan struct{} // closed once the process has been waited for
	exit    error         // what Wait said; read after exited
}

// Start builds the binary if need be, creates a token, starts `hookloft serve` on
// a free loopback port and waits until /readyz answers 200. The process is killed
// when the test ends, and the tail of its log is shown if the test failed.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	s := New(tb, o)
	if _, err := s.Restart(); err != nil {
		tb.Fatal(err)
	}
	return s
}

// New prepares a server as Start does, with its token, but starts no process.
func New(tb testing.TB, o Options) *Server {
	tb.Helper()
	if o.Bin == "" {
		o.Bin = Build(tb)
	}
	if o.Data == "" {
		o.Data = filepath.Join(tb.TempDir(), "data")
	}
	if o.ReadyTimeout == 0 {
		o.ReadyTimeout = 60 * time.Second
	}
	addr, err := freeAddr()
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{URL: "http://" + addr, Data: o.Data, tb: tb, o: o, addr: addr,
		logPath: filepath.Join(tb.TempDir(), "server.log")}
	s.Token, err = s.command("token", "create", "--data", o.Data)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.Kill()
		if tb.Failed() {
			tb.Logf("server log, last lines:\n%s", s.LogTail(1500))
		}
	})
	return s
}

// Restart starts a process on the same data and address and waits until /readyz
// answers 200. It returns the time from exec to that answer. On error no process
// is left running; the error carries the end of the server's log.
func (s *Server) Restart() (time.Duration, error) {
	s.tb.Helper()
	if s.running() {
		s.tb.Fatal("rig: Restart while the server runs; Kill or Stop it first")
	}
	args := append([]string{"serve", "--listen", s.addr, "--data", s.o.Data,
		"--egress-allow", "127.0.0.0/8", "--allow-http"}, s.o.Args...)
	argv := append(append([]string{}, s.o.Wrap...), s.o.Bin)
	argv = append(argv, args...)
	log, err := os.OpenFile(s.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("open server log: %w", err)
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = s.environ()
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own, so that Kill also takes a wrapper and what it started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", argv[0], err)
	}
	s.cmd, s.exited = cmd, make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		s.exit = cmd.Wait()
		close(exited)
	}(cmd, s.exited)

	if err := s.awaitReady(began.Add(s.o.ReadyTimeout)); err != nil {
		s.Kill()
		return 0, fmt.Errorf("%w; log:\n%s", err, s.LogTail(2000))
	}
	return time.Since(began), nil
}

// awaitReady asks /readyz every 2 ms: finer than the figures that are reported.
func (s *Server) awaitReady(deadline time.Time) error {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		resp, err := client.Get(s.URL + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.exited:
			return fmt.Errorf("server ended before it was ready: %v", s.exit)
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("server not ready within %v (last: %v)", s.o.ReadyTimeout, err)
		}
	}
}

// Kill ends the server with SIGKILL and waits until the kernel has reaped it. It
// returns the instant just before the signal went out. It does nothing to a
// server that is not running.
func (s *Server) Kill() time.Time {
	at := time.Now()
	if !s.running() {
		return at
	}
	pid := s.PID()
	at = time.Now()
	_ = syscall.Kill(pid, syscall.SIGKILL)
	// The wrapper (strace) ends when its tracee does; the group signal is the net.
	if pid != s.cmd.Process.Pid {
		select {
		case <-s.exited:
		case <-time.After(2 * time.Second):
		}
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.exited
	return at
}

// Stop asks the server to drain and end (SIGTERM), and returns the error of its
// exit, nil for status 0. After timeout it is killed and an error says so.
func (s *Server) Stop(timeout time.Duration) error {
	if !s.running() {
		return errors.New("stop: the server is not running")
	}
	_ = syscall.Kill(s.PID(), syscall.SIGTERM)
	select {
	case <-s.exited:
		return s.exit
	case <-time.After(timeout):
		s.Kill()
		return fmt.Errorf("stop: server still running after %v, killed", timeout)
	}
}

// Wait waits until the process has ended by itself and returns its exit status, or
// an error after timeout. A process that ended by a signal has status -1.
func (s *Server) Wait(timeout time.Duration) (int, error) {
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode(), nil
	case <-time.After(timeout):
		return 0, fmt.Errorf("server still running after %v", timeout)
	}
}

func (s *Server) running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// PID is the process id of the server itself, also below a wrapper.
func (s *Server) PID() int {
	pid := s.cmd.Process.Pid
	if len(s.o.Wrap) == 0 {
		return pid
	}
	// With a wrapper, ours is its child (proc(5), /proc/PID/task/TID/children).
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return pid
	}
	for _, field := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			return child
		}
	}
	return pid
}

// RSS is the resident memory of the server in bytes, 0 where it cannot be read.
func (s *Server) RSS() int64 { return procRSS(s.PID()) }

// CPU is the processor time that the server has taken, 0 where it cannot be read.
func (s *Server) CPU() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
	if err != nil {
		return 0
	}
	// Fields 14 and 15 of proc(5), in hundredths of a second; the second one, a name in
	// parentheses, may hold anything.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// LogTail returns at most the last n bytes that the server and its wrapper printed.
func (s *Server) LogTail(n int) string {
	text, err := os.ReadFile(s.logPath)
	if err != nil {
		return ""
	}
	if len(text) > n {
		text = text[len(text)-n:]
	}
	return string(text)
}

// SetWrap changes the wrapper of the next Restart.
func (s *Server) SetWrap(argv ...string) { s.o.Wrap = argv }

// API returns a client with the server's token.
func (s *Server) API() *API { return NewAPI(s.URL, s.Token) }

// Command runs `hookloft ARGS...` to its end and returns what it printed on
// standard output, trimmed. It is bounded to a minute.
func (s *Server) Command(args ...string) (string, error) { return s.command(args...) }

func (s *Server) command(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.o.Bin, args...)
	cmd.Env = s.environ()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("hookloft %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// environ is what the server sees: our environment without HOOKLOFT_*, because
// those say how large a test is, or would change what is tested; and Options.Env.
func (s *Server) environ() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "HOOKLOFT_") {
			env = append(env, e)
		}
	}
	return append(env, s.o.Env...)
}

// freeAddr asks the kernel for a free loopback port. Another process could take
// it before the server does; tests on one machine live with that.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// procRSS reads VmRSS of /proc/PID/status (proc(5)), which is in KiB.
func procRSS(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}
