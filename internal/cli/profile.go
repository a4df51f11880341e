package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"

	"github.com/hookloft/hookloft/internal/config"
)

// defaultServer is where `hookloft serve` and `hookloft dev` listen when nobody says otherwise.
const defaultServer = "http://127.0.0.1:8071"

// defaultProfile is the profile of those who need only one.
const defaultProfile = "default"

// profileName is what a profile may be called: a key of a TOML table without quotes.
var profileName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// profile is a server and the token for it.
type profile struct {
	server, token string
}

// profiles are what `login` has saved. They are of one person, in a file that only this
// person may read, and have nothing to do with the settings of a server.
type profiles struct {
	path    string
	current string // "" for none
	byName  map[string]profile
	// open: others may read the file.
	open bool
}

var errNoHome = errors.New("there is no home directory to keep profiles in; set XDG_CONFIG_HOME, or use HOOKLOFT_SERVER and HOOKLOFT_TOKEN")

// profilesPath is the file of the profiles (XDG Base Directory Specification 0.8).
func (p *program) profilesPath() (string, error) {
	if dir := p.env("XDG_CONFIG_HOME"); filepath.IsAbs(dir) { // a relative one is to be ignored, says the specification
		return filepath.Join(dir, "hookloft", "config.toml"), nil
	}
	home := p.env("HOME")
	if runtime.GOOS == "windows" {
		if dir := p.env("APPDATA"); dir != "" {
			return filepath.Join(dir, "hookloft", "config.toml"), nil
		}
		home = p.env("USERPROFILE")
	}
	if home == "" {
		return "", errNoHome
	}
	return filepath.Join(home, ".config", "hookloft", "config.toml"), nil
}

// env returns a variable of the environment, "" for none.
func (p *program) env(name string) string {
	for _, entry := range p.environ {
		if text, ok := strings.CutPrefix(entry, name+"="); ok {
			return text
		}
	}
	return ""
}

// loadProfiles reads the file; one that is not there holds no profile.
func (p *program) loadProfiles() (*profiles, error) {
	path, err := p.profilesPath()
	if err != nil {
		return nil, err
	}
	all := &profiles{path: path, byName: map[string]profile{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the profiles: %w", err)
	}
	if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" {
		all.open = info.Mode().Perm()&0o077 != 0
	}
	tree, err := toml.Parser().Unmarshal(text)
	if err != nil {
		// The library's words show the line, and in it the token.
		return nil, fmt.Errorf("%s is not TOML; mend or remove it, then 'hookloft login'", path)
	}
	return all, all.read(tree)
}

func (all *profiles) read(tree map[string]any) error {
	for key, value := range tree {
		table, isTable := value.(map[string]any)
		name, isText := value.(string)
		switch {
		case key == "current" && isText:
			all.current = name
		case key == "profiles" && isTable:
			for name, entry := range table {
				fields, ok := entry.(map[string]any)
				if !ok || !profileName.MatchString(name) {
					return fmt.Errorf("%s: profiles.%s is not a profile", all.path, printable(name))
				}
				server, hasServer := fields["server"].(string)
				token, hasToken := fields["token"].(string)
				if !hasServer || !hasToken || len(fields) != 2 {
					return fmt.Errorf("%s: profiles.%s must have server and token, and nothing else", all.path, name)
				}
				all.byName[name] = profile{server: server, token: token}
			}
		default:
			return fmt.Errorf("%s: unknown key %q; there are current and profiles", all.path, key)
		}
	}
	return nil
}

// save writes the file whole, for its owner alone.
func (all *profiles) save() error {
	tree := map[string]any{}
	if all.current != "" {
		tree["current"] = all.current
	}
	table := map[string]any{}
	for name, one := range all.byName {
		table[name] = map[string]any{"server": one.server, "token": one.token}
	}
	if len(table) > 0 {
		tree["profiles"] = table
	}
	text, err := toml.Parser().Marshal(tree)
	if err != nil {
		return fmt.Errorf("write the profiles: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(all.path), 0o700); err != nil {
		return fmt.Errorf("write the profiles: %w", err)
	}
	_, err = writeWhole(all.path, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "# Written by 'hookloft login'. It holds tokens: keep it to yourself.\n%s", text)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the profiles: %w", err)
	}
	return nil
}

// get returns a profile by name.
func (all *profiles) get(name string) (profile, error) {
	if one, ok := all.byName[name]; ok {
		return one, nil
	}
	names := slices.Sorted(maps.Keys(all.byName))
	if near := config.Suggest(name, names); near != "" {
		return profile{}, notFoundf("there is no profile %q; did you mean %q?", name, near)
	}
	if len(names) == 0 {
		return profile{}, notFoundf("there is no profile %q; 'hookloft login --profile %s' makes it", name, name)
	}
	return profile{}, notFoundf("there is no profile %q; there are %s", name, strings.Join(names, ", "))
}
