package config

import (
	"fmt"
	"io"
	"strings"
)

// Print writes the configuration as a TOML file that Load accepts, each knob with
// its reason, variable and default. What is at its default is commented out.
// Secrets are left out, so that the output can be shown to others.
func (l *Loaded) Print(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Later sources win: this file, the environment, flags.\n")
	for _, k := range l.Knobs() {
		b.WriteString("\n")
		for _, line := range wrap(k.Why, 96) {
			fmt.Fprintf(&b, "# %s\n", line)
		}
		fmt.Fprintf(&b, "# --%s, %s; %s; default %s", k.Name, k.Env(), k.Unit, quoteOrNone(k.Default))
		origin := l.Origin[k.Name]
		if origin != "" {
			fmt.Fprintf(&b, "; set by %s", origin)
		}
		b.WriteString("\n")
		switch _, isSecret := k.Value.(value[Secret]); {
		case isSecret:
			fmt.Fprintf(&b, "# %s = \"...\"\n", k.Name)
		case origin == "":
			fmt.Fprintf(&b, "# %s = %q\n", k.Name, k.Value.String())
		default:
			fmt.Fprintf(&b, "%s = %q\n", k.Name, k.Value.String())
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func quoteOrNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// wrap breaks text at spaces into lines of at most width bytes where words allow it.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
