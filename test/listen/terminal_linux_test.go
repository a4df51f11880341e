package listen

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a pseudo-terminal (pty(7)).
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return person, program
}

// TestListOnATerminal: the list is drawn, r sends again, q ends with a summary and code 0.
func TestListOnATerminal(t *testing.T) {
	w := newWorld(t)
	l := serveLocal(t, "0", w.secret("laptop"), nil)
	person, program := openTerminal(t)
	var screen text
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&screen, person) // ends when nobody has the other end
	}()
	run := func(end func(*exec.Cmd)) (*exec.Cmd, string) {
		var errs text
		cmd := w.command("listen", l.port, "--app", "acme", "--name", "laptop")
		cmd.Env = append(cmd.Env, "TERM=xterm-256color")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, &errs
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		exited := make(chan struct{})
		go func() { defer close(exited); _ = cmd.Wait() }()
		defer func() { _ = cmd.Process.Kill(); <-exited }()
		end(cmd)
		select {
		case <-exited:
		case <-time.After(15 * time.Second):
			t.Fatalf("the client does not end: %q", &screen)
		}
		return cmd, errs.String()
	}
	press := func(keys string) {
		if _, err := io.WriteString(person, keys); err != nil {
			t.Error(err)
		}
	}
	sees := func(what string) {
		t.Helper()
		await(t, what+" on the screen", func() bool { return strings.Contains(screen.String(), what) })
	}
	var id string
	cmd, errs := run(func(*exec.Cmd) {
		sees("waiting for messages")
		id = w.publish(1)[0]
		sees(id)
		press("r")
		l.awaitCount(2)
		sees("(again)")
		press("d")
		sees(`{"seq":0}`)
		press("q")
	})
	if code := cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(errs, "1 delivered") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if got := l.ids(); len(got) != 2 || got[0] != id || got[1] != id {
		t.Errorf("arrived %v", got)
	}
	// Ctrl-C as a key, and a termination from outside, end it in order, too.
	for name, end := range map[string]func(*exec.Cmd){
		"ctrl-c":  func(*exec.Cmd) { press("\x03") },
		"SIGTERM": func(cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGTERM) },
	} {
		begun := strings.Count(screen.String(), "waiting for messages")
		cmd, errs := run(func(cmd *exec.Cmd) {
			await(t, "the list", func() bool { return strings.Count(screen.String(), "waiting for messages") > begun })
			end(cmd)
		})
		if code := cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(errs, "0 delivered") {
			t.Errorf("%s: exit code %d: %s", name, code, errs)
		}
	}
	program.Close()
	<-read
}
