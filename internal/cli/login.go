package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

const whoamiPath = "/api/v1/auth/whoami"

func (p *program) login() *cobra.Command {
	var f remoteFlags
	cmd := &cobra.Command{
		Use:   "login [flags]",
		Short: "Save a server and a token as a profile",
		Long: `Ask the server whose token it is, and save both as a profile that becomes the current
one. Without --token the token is asked for and not shown.

Profiles are kept in ~/.config/hookloft/config.toml (or below XDG_CONFIG_HOME), readable
by you alone. Commands take server and token from, the strongest first: --server and
--token; --profile; HOOKLOFT_SERVER and HOOKLOFT_TOKEN (or SVIX_SERVER_URL and
SVIX_AUTH_TOKEN); the profile that HOOKLOFT_PROFILE names; the current profile. The
token of a profile is sent to that profile's server only.`,
		Example: `  hookloft login --server https://hooks.example.com
  hookloft token create --data /var/lib/hookloft | hookloft login --token -
  hookloft login --profile staging --server https://staging.example.com --token @staging.token`,
		Args: arguments(),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.server, "server", "", "`URL` of the server (default \""+defaultServer+"\").")
	flags.StringVar(&f.token, "token", "", "`TOKEN`, @FILE that holds it, or - for standard input.")
	flags.StringVar(&f.profile, "profile", defaultProfile, "`NAME` to save it under.")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !profileName.MatchString(f.profile) {
			return usagef("--profile %q: a name has letters, digits, - and _, at most 64", f.profile)
		}
		all, err := p.loadProfiles()
		if err != nil {
			return err
		}
		one, err := p.newProfile(&f, all)
		if err != nil {
			return err
		}
		c, err := client.New(one.server, one.token, client.Options{})
		if err != nil {
			return &usageError{err}
		}
		var who api.WhoamiOut
		if err := c.Call(cmd.Context(), http.MethodGet, whoamiPath, nil, &who); err != nil {
			return err
		}
		one.server = c.Server()
		all.byName[f.profile], all.current = one, f.profile
		if err := all.save(); err != nil {
			return err
		}
		if readable(one.server) {
			p.warnf("%s is not encrypted: whoever is on the way reads the token", one.server)
		}
		fmt.Fprintln(p.Err, visible(fmt.Sprintf("logged in to %s (%s) as profile %s", one.server, whose(who), f.profile)))
		return nil
	}
	return cmd
}

// newProfile is what login is asked to save; what is not given is asked for.
func (p *program) newProfile(f *remoteFlags, all *profiles) (profile, error) {
	one := profile{server: f.server}
	if one.server == "" {
		one.server, _ = p.firstNamed(serverVariables)
	}
	if one.server == "" {
		one.server = all.byName[f.profile].server
	}
	if one.server == "" {
		one.server = defaultServer
	}
	var err error
	switch {
	case f.token != "":
		one.token, err = p.secretText("--token", f.token)
	default:
		if one.token, _ = p.firstNamed(tokenVariables); one.token == "" {
			one.token, err = p.askToken(one.server)
		}
	}
	return one, err
}

// askToken reads a token from the terminal without showing it.
func (p *program) askToken(server string) (string, error) {
	file, ok := p.In.(*os.File)
	if !ok || !isTerminal(p.In) {
		return "", usagef("--token is missing: @FILE, or - for standard input")
	}
	fmt.Fprintf(p.Err, "Token for %s: ", visible(server))
	text, err := term.ReadPassword(file.Fd())
	fmt.Fprintln(p.Err)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", usagef("no token was given")
	}
	return token, nil
}

// readable says that what is sent to the server can be read on the way.
func readable(server string) bool {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !address.IsLoopback())
}

// whose says in words what a token is.
func whose(who api.WhoamiOut) string {
	environment := "an environment"
	if who.EnvID != nil {
		environment = "environment " + *who.EnvID
	}
	if who.AppID != nil {
		return "application " + *who.AppID + " of " + environment
	}
	return environment
}

func (p *program) logout() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "logout [flags]",
		Short: "Forget a profile and its token",
		Long: `Forget a profile and its token. The token itself goes on being valid: end it at the
server, if it may have been seen.`,
		Example: "  hookloft logout\n  hookloft logout --profile staging",
		Args:    arguments(),
		RunE: func(*cobra.Command, []string) error {
			all, err := p.loadProfiles()
			if err != nil {
				return err
			}
			if name == "" {
				name = all.current
			}
			if name == "" {
				fmt.Fprintln(p.Err, "nobody is logged in; nothing to do")
				return nil
			}
			if _, err := all.get(name); err != nil {
				return err
			}
			delete(all.byName, name)
			if all.current == name {
				all.current = ""
			}
			if err := all.save(); err != nil {
				return err
			}
			fmt.Fprintf(p.Err, "forgot profile %s\n", name)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "profile", "", "`NAME` of the profile; the current one by default.")
	_ = cmd.RegisterFlagCompletionFunc("profile", p.completeProfiles)
	return cmd
}

// identity is what whoami prints: the server's answer and how it was asked.
type identity struct {
	Server  string `json:"server"`
	Profile string `json:"profile,omitempty"`
	// ServerFrom and TokenFrom say where each was found.
	ServerFrom string `json:"serverFrom"`
	TokenFrom  string `json:"tokenFrom"`
	api.WhoamiOut
}

func identityView() view[identity] {
	return view[identity]{
		id: func(i identity) string { return orEmpty(i.EnvID) },
		columns: []column[identity]{
			{"server", func(i identity) string { return i.Server + " (" + i.ServerFrom + ")" }},
			{"token", func(i identity) string { return "accepted (" + i.TokenFrom + ")" }},
			{"environment", func(i identity) string { return orEmpty(i.EnvID) }},
			{"application", func(i identity) string {
				if i.AppID == nil {
					return "all of the environment's"
				}
				return *i.AppID
			}},
			{"session", func(i identity) string { return orEmpty(i.SessionID) }},
		},
	}
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func (p *program) whoami() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:     "whoami [flags]",
		Short:   "Show which server is called, and whose token is used",
		Example: "  hookloft whoami\n  hookloft whoami --profile staging --output json",
		Args:    arguments(),
	}, func(r *remote, _ []string) error {
		i := identity{Server: r.Server(), Profile: r.target.profile, ServerFrom: r.target.serverFrom, TokenFrom: r.target.tokenFrom}
		if i.TokenFrom == "" {
			return &codedError{exitAuth, fmt.Errorf("there is no token: 'hookloft login', or set HOOKLOFT_TOKEN")}
		}
		if err := r.call(http.MethodGet, whoamiPath, nil, &i.WhoamiOut); err != nil {
			return err
		}
		raw, err := json.Marshal(i)
		if err != nil {
			return err
		}
		return printOne(r, identityView(), raw)
	})
}

func (p *program) switchProfile() *cobra.Command {
	return &cobra.Command{
		Use:               "switch PROFILE",
		Short:             "Make another profile the current one",
		Example:           "  hookloft switch staging",
		Args:              arguments("PROFILE"),
		ValidArgsFunction: p.completeProfiles,
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := p.loadProfiles()
			if err != nil {
				return err
			}
			one, err := all.get(args[0])
			if err != nil {
				return err
			}
			all.current = args[0]
			if err := all.save(); err != nil {
				return err
			}
			fmt.Fprintln(p.Err, visible(fmt.Sprintf("profile %s: %s", args[0], one.server)))
			return nil
		},
	}
}

func (p *program) profiles() *cobra.Command {
	list := &cobra.Command{
		Use:     "list",
		Short:   "List profiles; the current one is marked",
		Example: "  hookloft profile list",
		Args:    arguments(),
		RunE: func(*cobra.Command, []string) error {
			all, err := p.loadProfiles()
			if err != nil {
				return err
			}
			t := output{w: p.Out}.table()
			t.row("NAME", "SERVER", "CURRENT")
			for _, name := range slices.Sorted(maps.Keys(all.byName)) {
				mark := ""
				if name == all.current {
					mark = "yes"
				}
				t.row(name, all.byName[name].server, mark)
			}
			return t.flush()
		},
	}
	path := &cobra.Command{
		Use:     "path",
		Short:   "Print the file in which profiles are kept",
		Example: "  hookloft profile path",
		Args:    arguments(),
		RunE: func(*cobra.Command, []string) error {
			path, err := p.profilesPath()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.Out, path)
			return err
		},
	}
	return p.group(&cobra.Command{Use: "profile", Short: "Profiles: servers with the tokens for them",
		Long:    "Profiles are servers with the tokens for them. 'hookloft login' makes one, 'hookloft logout' forgets it, 'hookloft switch' makes it the current one.",
		Example: "  hookloft profile list"}, list, path)
}
