package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hookloft/hookloft/internal/cli"
	"github.com/hookloft/hookloft/internal/transform"
)

// asMain makes this test binary behave as hookloft.
const asMain = "HOOKLOFT_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	main := func() {
		os.Exit(cli.Main(os.Args[1:], os.Environ(), cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	if transform.IsChild(os.Args[1:]) { // of a server in this process
		os.Exit(transform.Child(os.Stdin, os.Stdout))
	}
	if os.Getenv(asMain) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"hookloft": main})
}

// TestScripts runs the program as users do; each file of testdata/script is a scene.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "eventually": eventually, "server": server, "receiver": receiver,
		},
		// Profiles are kept in the scene's own directory; NO_COLOR is tested where it is set.
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_CONFIG_HOME", e.WorkDir+"/xdg")
			return nil
		},
	})
}

// eventually runs a command until its standard output matches, for at most a minute:
// eventually REGEXP COMMAND ARGS...
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually REGEXP COMMAND ARGS...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("within a minute it never printed %q: %v", args[0], err)
		}
	}
}

// exits runs a command and checks its exit code: exits CODE COMMAND ARGS...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
