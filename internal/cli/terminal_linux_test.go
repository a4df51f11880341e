package cli_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal with what a program wrote to it.
type terminal struct {
	t      *testing.T
	master *os.File
	screen *syncBuffer
	cmd    *exec.Cmd
	done   chan struct{}
}

// onTerminal runs the program with a terminal as all three of its files.
func onTerminal(t *testing.T, environ []string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	x := &terminal{t: t, master: master, screen: &syncBuffer{}, cmd: hookloft(ctx, args...), done: make(chan struct{})}
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = slave, slave, slave
	x.cmd.Env = append(append(x.cmd.Env, "TERM=xterm", "NO_COLOR="), environ...)
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	go func() { // ends when the last one that has the terminal is gone
		b := make([]byte, 4096)
		for {
			n, err := master.Read(b)
			_, _ = x.screen.Write(b[:n])
			if err != nil {
				return
			}
		}
	}()
	go func() {
		_ = x.cmd.Wait()
		cancel()
		close(x.done)
	}()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		<-x.done
		if t.Failed() {
			t.Logf("screen:\n%q", x.screen)
		}
	})
	return x
}

// isSilent waits until what is typed is not shown, which a question asks for a moment after it
// stands there.
func (x *terminal) isSilent() {
	x.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		mode, err := unix.IoctlGetTermios(int(x.master.Fd()), unix.TCGETS)
		if err != nil || time.Now().After(deadline) {
			x.t.Fatalf("the echo is still on: %v", err)
		}
		if mode.Lflag&unix.ECHO == 0 {
			return
		}
	}
}

// shows waits until the screen has had a text.
func (x *terminal) shows(text string) {
	x.t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(x.screen.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			x.t.Fatalf("the screen never showed %q", text)
		}
	}
}

func (x *terminal) types(text string) {
	x.t.Helper()
	if _, err := x.master.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// exits waits for the end and compares the exit code.
func (x *terminal) exits(want int) {
	x.t.Helper()
	select {
	case <-x.done:
	case <-time.After(time.Minute):
		x.t.Fatal("the program goes on")
	}
	if got := x.cmd.ProcessState.ExitCode(); got != want {
		x.t.Errorf("exit code %d, want %d", got, want)
	}
}

// TestPersonsAreAsked: on a terminal a deletion asks; only a yes is one, and Ctrl-C is a no.
func TestPersonsAreAsked(t *testing.T) {
	p := start(t, "serve", "--data", t.TempDir())
	// The first token of the environment that the server has.
	token := run(t, "token", "create", "--data", dataOf(p))
	environ := []string{"XDG_CONFIG_HOME=" + t.TempDir(), "HOOKLOFT_SERVER=" + p.url, "HOOKLOFT_TOKEN=" + token}
	p.must("POST", "/api/v1/app", token, map[string]string{"name": "Acme\x1b[2J", "uid": "acme"})
	for _, c := range []struct {
		name, answer string
		code, left   int
	}{
		{"an empty line", "\n", 1, 200},
		{"a no", "n\n", 1, 200},
		{"Ctrl-C", "\x03", 1, 200},
		{"a yes", "y\n", 0, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := onTerminal(t, environ, "app", "delete", "acme")
			x.shows("[y/N]")
			if strings.Contains(x.screen.String(), "\x1b[2J") {
				t.Errorf("the name got to the terminal: %q", x.screen)
			}
			x.types(c.answer)
			x.exits(c.code)
			if got, _ := p.call("GET", "/api/v1/app/acme", token, nil); got != c.left {
				t.Errorf("GET afterwards: %d, want %d", got, c.left)
			}
		})
	}
}

// TestLoginHidesTheToken: what is typed is not shown.
func TestLoginHidesTheToken(t *testing.T) {
	p := start(t, "serve", "--data", t.TempDir())
	token := run(t, "token", "create", "--data", dataOf(p))
	environ := []string{"XDG_CONFIG_HOME=" + t.TempDir()}
	x := onTerminal(t, environ, "login", "--server", p.url)
	x.shows("Token for " + p.url + ": ")
	x.isSilent()
	x.types(token + "\n")
	x.exits(0)
	x.shows("logged in to " + p.url)
	if strings.Contains(x.screen.String(), token) {
		t.Error("the token stands on the screen")
	}
	x = onTerminal(t, environ, "whoami")
	x.exits(0)
	x.shows("profile default")
}

// TestReplayShowsProgress: a bar on a terminal; Ctrl-C ends the watching and the task goes on.
func TestReplayShowsProgress(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	data := t.TempDir()
	p := start(t, append([]string{"serve", "--data", data}, loopback...)...)
	token := run(t, "token", "create", "--data", data)
	environ := []string{"XDG_CONFIG_HOME=" + t.TempDir(), "HOOKLOFT_SERVER=" + p.url, "HOOKLOFT_TOKEN=" + token}
	publish := p.shop(token, receiver.URL)
	list := p.must("GET", "/api/v1/app/shop/endpoint", token, nil)
	endpoint := list["data"].([]any)[0].(map[string]any)["id"].(string)
	for n := range 100 {
		p.must("POST", publish, token, event{"a.b", map[string]int{"n": n}})
	}
	p.eventually("100 deliveries", func() bool {
		attempts := p.must("GET", "/api/v1/app/shop/attempt/endpoint/"+endpoint+"?limit=250", token, nil)
		return len(attempts["data"].([]any)) == 100
	})
	x := onTerminal(t, environ, "replay", "shop/"+endpoint, "--since", "1h", "--status", "all", "--rate", "10/s")
	x.shows("Send to shop/" + endpoint + " again? [y/N]")
	x.types("y\n")
	x.shows("/100") // of the bar
	x.shows("ETA ")
	x.types("\x03")
	x.exits(6)
	x.shows("the task goes on")
	tasks := p.must("GET", "/api/v1/background-task?status=running", token, nil)["data"].([]any)
	if len(tasks) != 1 {
		t.Fatalf("running tasks: %v", tasks)
	}
	id := tasks[0].(map[string]any)["id"].(string)
	x = onTerminal(t, environ, "replay", "--task", id)
	x.shows("ETA ")
	p.must("POST", "/x/v1/task/"+id+"/cancel", token, nil)
	x.exits(6)
	x.shows("the task was cancelled")
}
