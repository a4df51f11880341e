package config

import (
	"fmt"
	"io"
	"strings"
)

// Print writes the configuration as a TOML file that Load accepts, each knob with
// its reason, variable and default. What is at its default is commented out.
// Secrets are left out, so that the output can be shown to others.
func (c *Config) Print(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Later sources win: this file, the environment, flags.\n")
	for _, k := range c.Shown() {
		b.WriteString("\n")
		for _, line := range wrap(k.Why, 96) {
			fmt.Fprintf(&b, "# %s\n", line)
		}
		fmt.Fprintf(&b, "# --%s, %s; %s; default %s", k.Name, k.Env(), k.Unit, quoteOrNone(k.Default))
		origin := k.Origin
		if origin != "" {
			fmt.Fprintf(&b, "; set by %s", origin)
		}
		b.WriteString("\n")
		switch {
		case k.IsSecret:
			fmt.Fprintf(&b, "# %s = \"...\"\n", k.Name)
		case origin == "":
			fmt.Fprintf(&b, "# %s = %q\n", k.Name, k.Text)
		default:
			fmt.Fprintf(&b, "%s = %q\n", k.Name, k.Text)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Shown is a knob as it may be shown to others.
type Shown struct {
	Knob
	// Text is the value as it would be typed; "" for a secret.
	Text string
	// Origin says where it was set, "" for nowhere: it is at its default.
	Origin   string
	IsSecret bool
	// IsSet: a secret has a value. The one of a file that is named counts.
	IsSet bool
}

// Shown returns the knobs in the order in which they are documented, without the texts of secrets.
func (c *Config) Shown() []Shown {
	var list []Shown
	for _, k := range c.Knobs() {
		one := Shown{Knob: k, Origin: c.Origin[k.Name], Text: k.Value.String()}
		if secret, is := k.Value.(value[Secret]); is {
			one.IsSecret, one.IsSet, one.Text = true, *secret.at != "", ""
		}
		list = append(list, one)
	}
	return list
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
