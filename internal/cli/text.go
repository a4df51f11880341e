package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/pflag"
)

// palette colours words, or leaves them as they are. Colour never says a thing alone.
type palette struct{ on bool }

func (c palette) paint(code, text string) string {
	if !c.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (c palette) green(text string) string  { return c.paint("32", text) }
func (c palette) yellow(text string) string { return c.paint("33", text) }
func (c palette) red(text string) string    { return c.paint("31", text) }
func (c palette) bold(text string) string   { return c.paint("1", text) }
func (c palette) faint(text string) string  { return c.paint("2", text) }

// palette says whether to colour (no-color.org; --color stands over it).
func (p *program) palette(when string) (palette, error) {
	switch when {
	case "always":
		return palette{on: true}, nil
	case "never":
		return palette{}, nil
	case "auto", "":
		return palette{on: isTerminal(p.Out) && isTerminal(p.Err) && p.env("NO_COLOR") == "" && p.env("TERM") != "dumb"}, nil
	}
	return palette{}, usagef("--color must be auto, always or never, not %q", when)
}

// visible is text for a terminal in which everything is seen that a terminal would act
// on, or that would change the order of what is read: controls, and marks of writing
// direction. Line ends stay.
func visible(text string) string {
	clean := func(c rune) bool { return c == '\n' || c != unicode.ReplacementChar && unicode.IsPrint(c) }
	if !strings.ContainsFunc(text, func(c rune) bool { return !clean(c) }) {
		return text
	}
	var b strings.Builder
	for _, c := range text {
		if clean(c) {
			b.WriteRune(c)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(c)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// cell is text in a row of a table: on one line, "-" for none.
func cell(text string) string {
	if text == "" {
		return "-"
	}
	return strings.ReplaceAll(visible(text), "\n", `\n`)
}

// short is at most n characters of text for a cell.
func short(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// moment is a time as it stands in tables.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// plural is a number with its noun.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}

// thousands writes a number in groups of three: 10,000.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// bytesText writes a number of bytes with a unit of 1024.
func bytesText(n int64) string {
	if n < 1<<10 {
		return plural(n, "byte")
	}
	value, unit := float64(n)/(1<<10), 0
	for value >= 1024 && unit < 4 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %s", value, [...]string{"KiB", "MiB", "GiB", "TiB", "PiB"}[unit])
}

func flagNames(flags *pflag.FlagSet) []string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// cutPair splits KEY=VALUE; a key is not empty.
func cutPair(text string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(text, "=")
	return name, value, ok && name != ""
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
