package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/client"
	"github.com/hookloft/hookloft/internal/server"
)

// Variables of the environment that say which server to call, with which token. Those
// of the contract's own command line are accepted, so that scripts go on working.
var (
	serverVariables = []string{"HOOKLOFT_SERVER", "SVIX_SERVER_URL"}
	tokenVariables  = []string{"HOOKLOFT_TOKEN", "SVIX_AUTH_TOKEN"}
)

const profileVariable = "HOOKLOFT_PROFILE"

// remote is one run of a command that calls a server. It keeps the context because it
// lives exactly as long: it is made when the command begins, and given to nobody.
type remote struct {
	*program
	*client.Client
	ctx context.Context
	out output
	// verbose: requests are shown; quiet: messages are not.
	verbose, quiet bool
	target         target
}

// target is the server to call and how it was found.
type target struct {
	server, token string
	// profile is the name of the profile that either came from, "" for none.
	profile string
	// serverFrom and tokenFrom say where each stood, for those who wonder.
	serverFrom, tokenFrom string
	// warning is something about it that should not be overlooked, "" for none.
	warning string
}

// remoteFlags are the flags of every command that calls a server.
type remoteFlags struct {
	server, token, profile string
	color                  string
	verbose, quiet         bool
	output                 outputFlags
}

// groupCommon marks flags that stand last in the help, because many commands have them.
const groupCommon = "hookloft_common"

// remote makes cmd a command that calls a server: it has the flags for that, and run
// gets what they say.
func (p *program) remote(cmd *cobra.Command, run func(r *remote, args []string) error) *cobra.Command {
	var f remoteFlags
	flags := cmd.Flags()
	before := map[string]bool{}
	for _, name := range flagNames(flags) {
		before[name] = true
	}
	flags.StringVar(&f.server, "server", "", "`URL` of the server, instead of the profile's (HOOKLOFT_SERVER).")
	flags.StringVar(&f.token, "token", "", "`TOKEN` for it, @FILE that holds it, or - for standard input (HOOKLOFT_TOKEN).")
	flags.StringVar(&f.profile, "profile", "", "`NAME` of the profile to use instead of the current one ("+profileVariable+").")
	flags.StringVarP(&f.output.format, "output", "o", formatTable, "`FORMAT` of the data: table, json, yaml, ndjson or id.")
	flags.StringVar(&f.output.jq, "jq", "", "`EXPRESSION` that the JSON goes through first, as with jq.")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "Print no messages, only data and errors.")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "Show each request with its status; never the token.")
	flags.StringVar(&f.color, "color", "auto", "`WHEN` to use colour: auto, always or never (NO_COLOR).")
	for _, name := range flagNames(flags) {
		if !before[name] {
			_ = flags.SetAnnotation(name, groupCommon, []string{"true"}) // fails only for an unknown flag
		}
	}
	// --config names a server's settings; here it would do nothing, without a word.
	refuse := flags.VarPF(refused("names the settings of a server; this command has profiles: see 'hookloft login --help'"), "config", "", "")
	refuse.Hidden = true
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("profile", p.completeProfiles)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := p.connect(cmd.Context(), &f)
		if err != nil {
			return err
		}
		return run(r, args)
	}
	return cmd
}

// refused is a flag that is an error to give; its text says why.
type refused string

func (refused) String() string       { return "" }
func (refused) Type() string         { return "string" }
func (f refused) Set(_ string) error { return errors.New(string(f)) }

// connect finds the server and the token, and makes a client of them.
func (p *program) connect(ctx context.Context, f *remoteFlags) (*remote, error) {
	r := &remote{program: p, ctx: ctx, verbose: f.verbose, quiet: f.quiet}
	var err error
	if r.paint, err = p.palette(f.color); err != nil {
		return nil, err
	}
	if r.out, err = p.newOutput(ctx, f.output); err != nil {
		return nil, err
	}
	if r.target, err = p.target(f); err != nil {
		return nil, err
	}
	if r.target.warning != "" {
		p.warnf("%s", r.target.warning)
	}
	if r.Client, err = client.New(r.target.server, r.target.token, client.Options{UserAgent: "hookloft-cli/" + server.ReadBuild().Version, Trace: r.trace}); err != nil {
		return nil, &usageError{err}
	}
	return r, nil
}

// target finds server and token: flags stand over --profile, that over the environment,
// and that over the current profile. A profile's token goes to the profile's server only.
func (p *program) target(f *remoteFlags) (target, error) {
	var t target
	var err error
	name := f.profile
	if name == "" {
		t.server, t.serverFrom = p.firstNamed(serverVariables)
		t.token, t.tokenFrom = p.firstNamed(tokenVariables)
		name = p.env(profileVariable)
	}
	if f.server != "" {
		t.server, t.serverFrom = f.server, "--server"
	}
	if f.token != "" {
		if t.token, err = p.secretText("--token", f.token); err != nil {
			return t, err
		}
		t.tokenFrom = "--token"
	}
	if t.server == "" || t.token == "" {
		err = p.complete(&t, name)
	}
	if t.server == "" {
		t.server, t.serverFrom = defaultServer, "the default"
	}
	return t, err
}

// complete takes what is not given from a profile; name is "" for the current one.
func (p *program) complete(t *target, name string) error {
	all, err := p.loadProfiles()
	if errors.Is(err, errNoHome) && name == "" {
		return nil
	}
	if err != nil {
		return err
	}
	if name == "" {
		name = all.current
	}
	if name == "" {
		return nil
	}
	one, err := all.get(name)
	if err != nil {
		return err
	}
	if all.open {
		t.warning = fmt.Sprintf("others may read %s, which holds tokens; chmod 600 it", all.path)
	}
	from := "profile " + name
	if t.server == "" {
		t.server, t.serverFrom, t.profile = one.server, from, name
	}
	if t.token != "" {
		return nil
	}
	if strings.TrimRight(t.server, "/") != strings.TrimRight(one.server, "/") {
		return usagef("%s names %s, but the token of profile %q is for %s; give --token or HOOKLOFT_TOKEN, too", t.serverFrom, t.server, name, one.server)
	}
	t.token, t.tokenFrom, t.profile = one.token, from, name
	return nil
}

// firstNamed returns the first of the variables that is set, and its name.
func (p *program) firstNamed(variables []string) (text, name string) {
	for _, name := range variables {
		if text := p.env(name); text != "" {
			return text, name
		}
	}
	return "", ""
}

// maxSecretBytes bounds a file that holds a token or a key.
const maxSecretBytes = 64 << 10

// secretText is a secret as it is given to a flag: the text, @FILE or - for standard
// input. Space at its ends is no part of it.
func (p *program) secretText(flag, text string) (string, error) {
	name, isFile := strings.CutPrefix(text, "@")
	if !isFile && text != "-" {
		return text, nil
	}
	in := p.In
	if isFile {
		file, err := os.Open(name)
		if err != nil {
			return "", usagef("%s: %w", flag, err)
		}
		defer file.Close() // opened for reading: nothing to lose
		in = file
	}
	content, err := io.ReadAll(io.LimitReader(in, maxSecretBytes+1))
	switch {
	case err != nil:
		return "", usagef("%s: %w", flag, err)
	case len(content) > maxSecretBytes:
		return "", usagef("%s: more than %d bytes are no secret", flag, maxSecretBytes)
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" {
		return "", usagef("%s: nothing stands there", flag)
	}
	return secret, nil
}

// trace shows a request where that was asked for.
func (r *remote) trace(e client.Exchange) {
	if !r.verbose {
		return
	}
	answer := fmt.Sprint(e.Status)
	if e.Status == 0 {
		answer = "no answer"
	}
	if e.RequestID != "" {
		answer += " request " + e.RequestID
	}
	fmt.Fprintln(r.Err, visible(fmt.Sprintf("%s %s: %s, %v", e.Method, e.URL, answer, e.Took.Round(time.Millisecond/10))))
}

// notef prints a message, which is no data.
func (r *remote) notef(format string, args ...any) {
	if !r.quiet {
		fmt.Fprintln(r.Err, visible(fmt.Sprintf(format, args...)))
	}
}

// warnf prints what should not be overlooked, also where messages are not wanted.
func (p *program) warnf(format string, args ...any) {
	fmt.Fprintln(p.Err, p.paint.yellow("warning:"), visible(fmt.Sprintf(format, args...)))
}

// call is Client.Call under the context of the command.
func (r *remote) call(method, path string, in, out any) error {
	return r.Call(r.ctx, method, path, in, out)
}
