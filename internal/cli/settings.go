package cli

import (
	"os"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/internal/config"
)

// flagText is a knob's flag: it keeps the text for config.Load, which knows whether
// the environment or a file says otherwise, and checks it at once.
type flagText struct {
	knob config.Knob
	text string
}

func (f *flagText) String() string { return f.text }
func (f *flagText) Type() string   { return f.knob.Value.Type() }
func (f *flagText) Set(s string) error {
	f.text = s
	return f.knob.Value.Set(s)
}

// addKnobs gives cmd a flag for each named knob; no names means all.
func addKnobs(cmd *cobra.Command, names ...string) {
	wanted := map[string]bool{}
	for _, n := range names {
		wanted[n] = true
	}
	for _, k := range (&config.Config{}).Knobs() {
		if len(names) > 0 && !wanted[k.Name] {
			continue
		}
		flag := cmd.Flags().VarPF(&flagText{knob: k, text: k.Default}, k.Name, "", k.Why+" ("+k.Env()+")")
		if k.Value.Type() == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
}

// settings merges defaults, file, environment and the flags of cmd. Defaults of the
// command itself are weaker than all of those.
func (p *program) settings(cmd *cobra.Command, commandDefaults map[string]string) (*config.Loaded, error) {
	given := map[string]string{}
	for _, name := range config.Names() {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			given[name] = f.Value.String()
		}
	}
	// A command may have a --config of its own (source create); the file is then the one
	// that HOOKLOFT_CONFIG names.
	path := ""
	if f := cmd.Flags().Lookup("config"); f != nil && f.Value.Type() == "string" {
		path = f.Value.String()
	}
	loaded, err := config.Load(config.Sources{Command: commandDefaults, File: path, Environ: p.environ, Flags: given})
	if err != nil {
		return nil, &usageError{err}
	}
	return loaded, nil
}

// isTerminal reports whether f is a terminal, so that a person can be asked.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && isatty.IsTerminal(file.Fd()) // /dev/null is a character device, too
}

// storeKnobs are the settings of commands that open a store or ask the server that has it.
func storeKnobs() []string {
	return []string{"data", "main-secret", "main-secret-file"}
}
