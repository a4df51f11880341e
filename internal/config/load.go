package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// EnvPrefix begins every variable of ours.
const EnvPrefix = "HOOKLOFT_"

// ConfigEnv names the configuration file where --config is not given.
const ConfigEnv = EnvPrefix + "CONFIG"

// otherEnv are variables with our prefix that are not knobs: those of the
// project's own tests and benchmarks, and those that commands, example programs and
// scripts use to reach a server. The server ignores them.
var otherEnv = []string{
	ConfigEnv,
	EnvPrefix + "URL", EnvPrefix + "TOKEN", EnvPrefix + "SERVER", EnvPrefix + "PROFILE",
	EnvPrefix + "BIN", EnvPrefix + "KILLS", EnvPrefix + "CUTS", EnvPrefix + "POINTS", EnvPrefix + "QUIET_MESSAGES",
	EnvPrefix + "FAIRNESS_SECONDS", EnvPrefix + "HUNG_ENDPOINTS", EnvPrefix + "FLOOD_MESSAGES",
}

// testEnvPrefix begins variables of the project's tests that need no line in otherEnv.
const testEnvPrefix = EnvPrefix + "TEST_"

// EnvOf returns the environment variable of the knob name.
func EnvOf(name string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Sources are where settings come from, the weakest first.
type Sources struct {
	// Command holds defaults of one command that differ from the knobs' own, by name.
	Command map[string]string
	// File is the path of a TOML file; "" means the one that HOOKLOFT_CONFIG names, or none.
	File string
	// Environ is the environment as os.Environ returns it.
	Environ []string
	// Flags holds the flags that were given, by knob name.
	Flags map[string]string
}

// Loaded is a configuration with its history.
type Loaded struct {
	*Config
}

// Load merges the sources, parses and checks every value. An error names the key,
// where it stands and what would be right; it holds no secret.
func Load(s Sources) (*Loaded, error) {
	env, err := envKnobs(s.Environ)
	if err != nil {
		return nil, err
	}
	path := s.File
	if path == "" {
		path, _ = lookup(s.Environ, ConfigEnv)
	}
	merged := koanf.New(".")
	out := &Loaded{Config: Default()}
	out.Origin = map[string]string{}
	layer := func(origin string, k *koanf.Koanf) error {
		for _, key := range k.Keys() {
			out.Origin[key] = origin
		}
		return merged.Merge(k)
	}
	fromMap := func(origin string, m map[string]string) error {
		texts := make(map[string]any, len(m))
		for k, v := range m {
			texts[k] = v
		}
		k := koanf.New(".")
		if err := k.Load(confmap.Provider(texts, "."), nil); err != nil {
			return fmt.Errorf("read the settings of the %s: %w", origin, err)
		}
		return layer(origin, k)
	}
	if err := fromMap("command", s.Command); err != nil {
		return nil, err
	}
	if path != "" {
		k, err := readFile(path)
		if err != nil {
			return nil, err
		}
		if err := layer("file", k); err != nil {
			return nil, err
		}
	}
	if err := fromMap("environment", env); err != nil {
		return nil, err
	}
	if err := fromMap("flag", s.Flags); err != nil {
		return nil, err
	}
	for _, knob := range out.Knobs() {
		if !merged.Exists(knob.Name) {
			continue
		}
		text, err := textOf(merged.Get(knob.Name))
		if err == nil {
			err = knob.Value.Set(text)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", nameIn(out.Origin[knob.Name], path, knob.Name), err)
		}
	}
	out.OTel = ReadOTel(s.Environ)
	return out, out.finish()
}

// finish checks what concerns several knobs and reads the secret's file.
func (c *Config) finish() error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("tls-cert and tls-key belong together: give both or neither")
	}
	if c.DrainDelay+c.Drain > MaxDrain {
		return fmt.Errorf("drain-delay and drain take %v together, at most %v are allowed: a process manager would kill", c.DrainDelay+c.Drain, MaxDrain)
	}
	if err := secretFromFile("main-secret", c.MainSecretFile, &c.MainSecret, secret(&c.MainSecret)); err != nil {
		return err
	}
	if err := secretFromFile("jwt-secret", c.JWTSecretFile, &c.JWTSecret, secretOf(&c.JWTSecret, 16)); err != nil {
		return err
	}
	return c.checkJWT()
}

// checkJWT refuses settings of JWTs that do not go together, so that nobody believes
// tokens to be accepted that are not.
func (c *Config) checkJWT() error {
	symmetric := strings.HasPrefix(c.JWTAlgorithm, "HS")
	switch {
	case c.JWTSecret != "" && c.JWTPublicKey != "":
		return fmt.Errorf("jwt-secret and jwt-public-key exclude each other: give the one that goes with jwt-algorithm")
	case c.JWTSecret != "" && !symmetric:
		return fmt.Errorf("jwt-algorithm %s needs jwt-public-key, not jwt-secret", c.JWTAlgorithm)
	case c.JWTPublicKey != "" && symmetric:
		return fmt.Errorf("jwt-public-key needs jwt-algorithm RS256, RS384, RS512 or EdDSA")
	}
	return nil
}

// secretFromFile reads a secret from the file that name-file names, if it does.
func secretFromFile(name, path string, at *Secret, v Value) error {
	if path == "" {
		return nil
	}
	if *at != "" {
		return fmt.Errorf("%s and %s-file exclude each other: give one of them", name, name)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s-file: %w", name, err)
	}
	if err := v.Set(strings.TrimSpace(string(raw))); err != nil {
		return fmt.Errorf("%s-file %s: the text in it %w", name, path, err)
	}
	if *at == "" {
		return fmt.Errorf("%s-file %s is empty", name, path)
	}
	return nil
}

// nameIn spells a knob as the user wrote it.
func nameIn(origin, path, name string) string {
	switch origin {
	case "file":
		return path + ": " + name
	case "environment":
		return EnvOf(name)
	}
	return "--" + name
}

// envKnobs returns the knobs that the environment sets. An empty variable sets nothing,
// because that is how container files spell "not given".
func envKnobs(environ []string) (map[string]string, error) {
	byEnv := map[string]string{}
	for _, name := range Names() {
		byEnv[EnvOf(name)] = name
	}
	set := map[string]string{}
	for _, entry := range environ {
		variable, text, _ := strings.Cut(entry, "=")
		if text == "" || !strings.HasPrefix(variable, EnvPrefix) || strings.HasPrefix(variable, testEnvPrefix) || slices.Contains(otherEnv, variable) {
			continue
		}
		name, known := byEnv[variable]
		if !known {
			return nil, unknown("environment variable", variable, slices.Sorted(maps.Keys(byEnv)))
		}
		set[name] = text
	}
	return set, nil
}

func lookup(environ []string, variable string) (string, bool) {
	for _, entry := range environ {
		if text, ok := strings.CutPrefix(entry, variable+"="); ok {
			return text, true
		}
	}
	return "", false
}

func readFile(path string) (*koanf.Koanf, error) {
	k := koanf.New(".")
	if err := k.Load(file.Provider(path), toml.Parser()); err != nil {
		return nil, fmt.Errorf("configuration file %s: %w", path, err)
	}
	names := Names()
	for _, key := range k.Keys() {
		if !slices.Contains(names, key) {
			return nil, fmt.Errorf("configuration file %s: %w", path, unknown("key", key, names))
		}
	}
	return k, nil
}

// textOf turns a value of a TOML file into the text that a flag would have.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool, int64, int:
		return fmt.Sprint(v), nil
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			s, ok := item.(string)
			if !ok {
				return "", fmt.Errorf("a list must hold texts, like [\"10.0.0.0/8\"]")
			}
			parts[i] = s
		}
		return strings.Join(parts, ","), nil
	}
	return "", fmt.Errorf("must be a text, a whole number, true, false or a list of texts")
}

// Names returns the names of all knobs, in their order.
func Names() []string {
	knobs := (&Config{}).Knobs()
	names := make([]string, len(knobs))
	for i, k := range knobs {
		names[i] = k.Name
	}
	return names
}

func unknown(what, name string, known []string) error {
	if near := Suggest(name, known); near != "" {
		return fmt.Errorf("unknown %s %q; did you mean %q?", what, name, near)
	}
	return fmt.Errorf("unknown %s %q; `hookloft config print` lists all settings", what, name)
}
