// Package cli is the command line: it reads arguments, calls one thing, and prints.
//
// Data goes to standard output, messages to standard error, so that
// TOKEN=$(hookloft token create) holds a token and nothing else. Exit codes are an
// interface for scripts: 0 done, 1 error, 2 misuse, 3 not found, 4 token refused, 5
// timeout, 6 done in part. A wrong name is answered with the one that was probably meant.
//
// Two kinds of command: those that open a store or ask the server that has it (admin.go),
// and those that call a server's API from anywhere (remote.go). What comes from a server
// is data: controls in it are made visible before a terminal sees them (text.go).
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookloft/hookloft/client"
	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/server"
	"github.com/hookloft/hookloft/internal/transform"
)

// Streams are the three files of a process.
type Streams struct {
	In  io.Reader
	Out io.Writer // data
	Err io.Writer // messages and logs
}

// The exit codes.
const (
	exitOK       = 0
	exitError    = 1
	exitUsage    = 2
	exitNotFound = 3
	exitAuth     = 4
	exitTimeout  = 5
	exitPartial  = 6
)

// usageError is misuse of the command line or of a setting.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// program is one run of the command line.
type program struct {
	Streams
	environ []string
	paint   palette // off until a command that has --color sets it
}

// Main runs one command and returns the exit code. SIGINT, SIGTERM and the end of the
// terminal end a command cleanly; a second signal ends the process at once.
func Main(args, environ []string, std Streams) int {
	if transform.IsChild(args) {
		return transform.Child(std.In, std.Out)
	}
	ends := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	// From the first signal on, the default action is back: a second one kills.
	context.AfterFunc(ctx, stop)

	p := &program{Streams: std, environ: environ}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(std.In)
	root.SetOut(std.Out)
	root.SetErr(std.Err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(std.Err, "hookloft: %s\n", explain(err))
	code := exitCode(err)
	if code == exitUsage {
		fmt.Fprintf(std.Err, "Run '%s --help' for usage.\n", cmd.CommandPath())
	}
	return code
}

func exitCode(err error) int {
	var usage *usageError
	var coded *codedError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &coded):
		return coded.code
	case client.StatusOf(err) != 0:
		return answerCode(client.StatusOf(err))
	case server.IsNotFound(err):
		return exitNotFound
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	}
	return exitError
}

func (p *program) root() *cobra.Command {
	root := p.group(&cobra.Command{
		Use:   "hookloft",
		Short: "Send and receive webhooks",
		Long:  "Hookloft sends your events to your customers' endpoints: signed, retried, and never lost once acknowledged.",
		Example: `  hookloft dev                                        # try it: server, inbox and a first message
  hookloft serve --data /var/lib/hookloft             # run it
  hookloft token create --data /var/lib/hookloft      # a token for the API
  hookloft login --server https://hooks.example.com   # use it from here
  hookloft send acme invoice.paid '{"amount": 5}'     # a message`,
	},
		p.dev(), p.serve(),
		p.send(), p.trigger(), p.listen(), p.poll(), p.tail(), p.why(), p.replay(), p.task(), p.pause(), p.resume(), p.showHold(),
		p.app(), p.endpoint(), p.destination(), p.filter(), p.transform(), p.credentials(), p.eventTypes(), p.apply(), p.exportEnvironment(), p.importEnvironment(), p.api(),
		p.login(), p.logout(), p.whoami(), p.switchProfile(), p.profiles(), p.doctor(), p.diagnostics(),
		p.token(), p.user(), p.environment(), p.source(), p.connector(), p.backup(), p.restore(), p.release(), p.prune(), p.config(),
		p.migrate(), p.providers(), p.verify(), p.sign(), p.healthcheck(), p.completion(), p.openAPI(), p.version(),
	)
	root.PersistentFlags().String("config", "", "TOML file with settings ("+config.ConfigEnv+")")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true // completion.go has one with examples
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(p.help)
	return root
}

// group makes cmd a command that only has commands below it. Alone it prints its
// help; with a name that it does not have it says which one was probably meant.
func (p *program) group(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(below...)
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		var names []string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		if near := config.Suggest(args[0], names); near != "" {
			return usagef("unknown command %q; did you mean %q?", args[0], near)
		}
		return usagef("unknown command %q; there are %s", args[0], strings.Join(names, ", "))
	}
	return cmd
}

// arguments checks that a command got exactly the named arguments.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usagef("%s is missing", names[len(args)])
		case len(args) > len(names):
			return usagef("unexpected argument %q", args[len(names)])
		}
		return nil
	}
}

// flagError adds the flag that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	if missing, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := config.Suggest(missing.GetSpecifiedName(), names); near != "" {
			return usagef("unknown flag --%s; did you mean --%s?", missing.GetSpecifiedName(), near)
		}
	}
	return &usageError{err}
}
