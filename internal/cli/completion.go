package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

// completionWait is how long a shell waits for a server's names: a person has pressed
// a key and looks at the line.
const completionWait = time.Second

// completionRows is how many names are offered at most.
const completionRows = 100

type completer = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

func (p *program) completion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes commands, flags and ids in your shell",
		Long: `Print a script for bash, zsh, fish or powershell that completes commands, flags, and
the names of applications, endpoints and event types, which the server is asked for.`,
		Example: `  hookloft completion bash > /etc/bash_completion.d/hookloft
  hookloft completion zsh > "${fpath[1]}/_hookloft"
  hookloft completion fish > ~/.config/fish/completions/hookloft.fish
  hookloft completion powershell >> $PROFILE`,
		Args:              arguments("SHELL"),
		ValidArgsFunction: cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(p.Out, true)
			case "zsh":
				return root.GenZshCompletion(p.Out)
			case "fish":
				return root.GenFishCompletion(p.Out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(p.Out)
			}
			return usagef("shell %q is unknown; there are %s", args[0], strings.Join(shells, ", "))
		},
	}
}

func (p *program) completeProfiles(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	all, err := p.loadProfiles()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(all.byName)), cobra.ShellCompDirectiveNoFileComp
}

// completeWith completes argument by argument; an argument without a completer is not
// completed. A server that does not answer completes nothing, and says nothing.
func completeWith(byPosition ...completer) completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(byPosition) || byPosition[len(args)] == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return byPosition[len(args)](cmd, args, begun)
	}
}

// completeNames asks the server for names.
func (p *program) completeNames(cmd *cobra.Command, names func(context.Context, *client.Client) []string) ([]string, cobra.ShellCompDirective) {
	var f remoteFlags
	for name, text := range map[string]*string{"server": &f.server, "token": &f.token, "profile": &f.profile} {
		if flag := cmd.Flags().Lookup(name); flag != nil {
			*text = flag.Value.String()
		}
	}
	if f.token == "-" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	t, err := p.target(&f)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := client.New(t.server, t.token, client.Options{Retries: -1})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionWait)
	defer cancel()
	return names(ctx, c), cobra.ShellCompDirectiveNoFileComp
}

// offer adds a name with what it is; a tab stands between them (cobra).
func offer(list []string, begun, name, what string) []string {
	if !strings.HasPrefix(name, begun) {
		return list
	}
	return append(list, name+"\t"+cell(short(what, 60)))
}

// completeApps offers applications by uid where they have one, else by id.
func (p *program) completeApps(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	return p.completeNames(cmd, func(ctx context.Context, c *client.Client) []string { return appNames(ctx, c, begun) })
}

func appNames(ctx context.Context, c *client.Client, begun string) (list []string) {
	for app, err := range client.Pages[api.ApplicationOut](ctx, c, "/api/v1/app") {
		if err != nil || len(list) == completionRows {
			break
		}
		list = offer(list, begun, appName(app), app.Name)
	}
	return list
}

// appName is how a person calls an application: by its uid, else its id.
func appName(app api.ApplicationOut) string {
	if app.UID != nil && *app.UID != "" {
		return *app.UID
	}
	return app.ID
}

// completeEndpoints offers APP/ first, then APP/ENDPOINT.
func (p *program) completeEndpoints(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	app, _, inApp := strings.Cut(begun, "/")
	if !inApp {
		list, directive := p.completeNames(cmd, func(ctx context.Context, c *client.Client) []string {
			list := appNames(ctx, c, begun)
			for i, entry := range list {
				name, what, _ := strings.Cut(entry, "\t")
				list[i] = name + "/\t" + what
			}
			return list
		})
		return list, directive | cobra.ShellCompDirectiveNoSpace
	}
	return p.completeNames(cmd, func(ctx context.Context, c *client.Client) (list []string) {
		for e, err := range client.Pages[api.EndpointOut](ctx, c, client.Path("/api/v1/app/{}/endpoint", app)) {
			if err != nil || len(list) == completionRows {
				break
			}
			list = offer(list, begun, app+"/"+endpointName(e), e.URL)
		}
		return list
	})
}

// endpointName is how a person calls an endpoint: by its uid, else its id.
func endpointName(e api.EndpointOut) string {
	if e.UID != nil && *e.UID != "" {
		return *e.UID
	}
	return e.ID
}

// completeTypes offers event types.
func (p *program) completeTypes(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	return p.completeNames(cmd, func(ctx context.Context, c *client.Client) (list []string) {
		for t, err := range client.Pages[api.EventTypeOut](ctx, c, "/api/v1/event-type") {
			if err != nil || len(list) == completionRows {
				break
			}
			list = offer(list, begun, t.Name, t.Description)
		}
		return list
	})
}
