package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// help prints what a command does. Examples stand before everything that has to be
// read, because they are what most readers came for; flags that many commands have stand last.
func (p *program) help(cmd *cobra.Command, _ []string) {
	var b strings.Builder
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	fmt.Fprintln(&b, strings.TrimSpace(about))
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	line := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		line = cmd.CommandPath() + " COMMAND"
	}
	fmt.Fprintf(&b, "\nUsage:\n  %s\n", line)
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAlso called: %s\n", strings.Join(cmd.Aliases, ", "))
	}
	p.helpCommands(&b, cmd)
	own, common := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, ok := f.Annotations[groupCommon]; ok {
			common.AddFlag(f)
		} else {
			own.AddFlag(f)
		}
	})
	for _, group := range []struct {
		title string
		flags *pflag.FlagSet
	}{
		{"Flags", own},
		{"Flags of every command that calls a server", common},
		{"Flags of every command", cmd.InheritedFlags()},
	} {
		if group.flags.HasAvailableFlags() {
			fmt.Fprintf(&b, "\n%s:\n%s\n", group.title, strings.TrimRight(group.flags.FlagUsages(), "\n"))
		}
	}
	fmt.Fprint(p.Out, b.String())
}

func (p *program) helpCommands(b *strings.Builder, cmd *cobra.Command) {
	list := slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool { return !c.IsAvailableCommand() })
	if len(list) == 0 {
		return
	}
	width := 0
	for _, c := range list {
		width = max(width, len(c.Name()))
	}
	fmt.Fprint(b, "\nCommands:\n")
	for _, c := range list {
		fmt.Fprintf(b, "  %-*s %s\n", width, c.Name(), c.Short)
	}
}
