package cli

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write docs/commands.md anew from the command tree")

// referenceMark stands before what is made from the command tree.
const referenceMark = "<!-- What follows is made from the commands: go test ./internal/cli -run TestCommandsPage -update -->\n"

// TestCommandsPage: docs/commands.md describes the commands that there are, as they are.
func TestCommandsPage(t *testing.T) {
	const page = "../../docs/commands.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	byHand, reference, ok := strings.Cut(string(text), referenceMark)
	if !ok {
		t.Fatalf("%s lacks the line %s", page, referenceMark)
	}
	p := &program{Streams: Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}}
	root := p.root()
	want := referenceOf(root)
	if *update {
		if err := os.WriteFile(page, []byte(byHand+referenceMark+want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if reference != want {
		have, need := strings.Split(reference, "\n"), strings.Split(want, "\n")
		for i := range need {
			if i >= len(have) || have[i] != need[i] {
				t.Fatalf("%s differs from the commands at %q; go test ./internal/cli -run TestCommandsPage -update", page, need[i])
			}
		}
		t.Fatalf("%s has more than the commands; go test ./internal/cli -run TestCommandsPage -update", page)
	}
	// The overview, written by hand, leaves nothing out either.
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && !strings.Contains(byHand, "`"+c.Name()+"`") {
			t.Errorf("the overview of %s lacks `%s`", page, c.Name())
		}
	}
}

// TestEveryCommandIsExplained: help begins with what it does and an example that calls it.
func TestEveryCommandIsExplained(t *testing.T) {
	p := &program{Streams: Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}}
	n := 0
	walk(p.root(), func(c *cobra.Command) {
		n++
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || !strings.Contains(c.Example, "hookloft") {
			t.Errorf("%s: short %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
		if !c.HasAvailableSubCommands() && !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s: no example calls it: %q", c.CommandPath(), c.Example)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && (f.Usage == "" || strings.Contains(f.Usage, "TODO")) {
				t.Errorf("%s --%s is not explained", c.CommandPath(), f.Name)
			}
		})
	})
	if n < 50 {
		t.Errorf("only %d commands", n)
	}
}

func walk(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() {
			walk(below, f)
		}
	}
}

// referenceOf describes each command that does something.
func referenceOf(root *cobra.Command) string {
	var b strings.Builder
	walk(root, func(c *cobra.Command) {
		if c.HasAvailableSubCommands() {
			return
		}
		fmt.Fprintf(&b, "\n### %s\n\n", c.CommandPath())
		about := c.Long
		if about == "" {
			about = c.Short + "."
		}
		fmt.Fprintf(&b, "%s\n\n```sh\n%s\n```\n", strings.TrimSpace(about), outdent(c.Example))
		own, settings, common := pflag.NewFlagSet("", pflag.ContinueOnError), 0, false
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			_, isCommon := f.Annotations[groupCommon]
			_, isSetting := f.Value.(*flagText)
			switch {
			case f.Name == "help":
			case isCommon:
				common = true
			case isSetting:
				settings++
			default:
				own.AddFlag(f)
			}
		})
		if own.HasAvailableFlags() {
			fmt.Fprintf(&b, "\n```\n%s\n```\n", strings.TrimRight(own.FlagUsages(), "\n"))
		}
		switch {
		case common:
			b.WriteString("\nBesides: [flags of every command that calls a server](#commands-that-call-a-server).\n")
		case settings > 3:
			b.WriteString("\nBesides: [all settings](operating.md) as flags.\n")
		case settings > 0:
			b.WriteString("\nBesides: `--data`, and how its secrets are sealed; see [settings](operating.md).\n")
		}
	})
	return b.String()
}

// outdent takes away the two spaces before each line of an example.
func outdent(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll(text, "\n  ", "\n"), "  ")
}
