// Package config holds each knob of Hookloft: its name, unit, default and reason.
// It is the only room that reads flags' texts, the environment and the
// configuration file.
//
// A knob has one name everywhere: --egress-allow on the command line,
// HOOKLOFT_EGRESS_ALLOW in the environment, egress-allow in the TOML file. Later
// sources win: defaults, file, environment, flags. A key that nobody knows is an
// error with a suggestion, because a setting that is silently ignored is worse
// than a start that fails.
//
// Config ends at the door: server turns it into the small Options of each worker.
package config

import (
	"net/netip"
	"time"
)

// Config is every knob, parsed and checked. See Knobs for meanings and defaults.
type Config struct {
	Listen    string
	Data      string
	PublicURL string // without a trailing slash
	// PortalOrigins are the origins whose pages may show the customer portal in a frame.
	PortalOrigins []string
	TLSCert       string
	TLSKey        string
	AllowHTTP     bool
	EgressAllow   []netip.Prefix
	EgressNAT64   []netip.Prefix
	// EgressSources are the local addresses from which endpoints may choose one to be called from.
	EgressSources []netip.Addr
	// AllowInternalNames and AllowHTTP loosen the rules for endpoint URLs.
	AllowInternalNames bool
	TrustedProxies     []netip.Prefix
	// MainSecret holds the text of main-secret, or of the file that main-secret-file names.
	MainSecret     Secret
	MainSecretFile string
	// JWTSecret holds the text of jwt-secret, or of the file that jwt-secret-file names. JWTs
	// are accepted where it or JWTPublicKey is given.
	JWTSecret     Secret
	JWTSecretFile string
	JWTAlgorithm  string
	JWTPublicKey  string // file
	LogFormat     string // "json" or "text"
	LogLevel      string // "debug", "info", "warn" or "error"
	APIRate       int    // requests a second for each token; 0 for no limit
	MaxPayload    int64  // bytes
	MaxInFlight   int    // attempts at once; 0 for what the file limit allows
	TransformTime time.Duration
	MaxClients    int // connections of clients at once
	Drain         time.Duration
	DrainDelay    time.Duration
	MetricsListen string
	// RetentionBytes is the most that the data directory may take; 0 for no bound.
	RetentionBytes int64
	// OTel is set by the environment alone, see OTel.
	OTel OTel
	// Origin says where each knob that is not at its default was set: "command",
	// "file", "environment" or "flag".
	Origin map[string]string
}

// Secret is a text that never prints itself.
type Secret string

// String hides the text from logs and error texts.
func (s Secret) String() string { return s.hidden() }

// GoString hides the text from %#v.
func (s Secret) GoString() string { return s.hidden() }

func (s Secret) hidden() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// Knob is one setting.
type Knob struct {
	Name string
	// Unit of a number, and what other values look like: "bytes", "host:port".
	Unit string
	// Default as it would be typed; "" for nothing.
	Default string
	// Why says what the knob is for and what goes wrong at its ends, in one or two sentences.
	Why string
	// Value is the knob's place in a Config.
	Value Value
}

// Env returns the knob's name in the environment.
func (k *Knob) Env() string { return EnvOf(k.Name) }

// Usage returns the text for the command line's help.
func (k *Knob) Usage() string { return k.Why }

// MaxDrain is how long a drain may take at most: a stop ends within it, and a
// little later the process manager would kill.
const MaxDrain = 10 * time.Second

// MinRetentionBytes is the least bound of a data directory: 32 MiB of it are a reserve, and
// logs and the segment that is being written take their share.
const MinRetentionBytes = 256 << 20

// Knobs returns the knobs of c in the order in which they are documented. Setting
// a Knob's Value changes c.
func (c *Config) Knobs() []Knob {
	return []Knob{
		{
			Name: "listen", Unit: "host:port", Default: "127.0.0.1:8071", Value: text(&c.Listen, checkListen),
			Why: "Address of the API. Loopback by default: whoever opens it to a network decides so, and adds TLS or a proxy.",
		},
		{
			Name: "data", Unit: "directory", Default: "hookloft-data", Value: text(&c.Data, checkNotEmpty),
			Why: "Where messages, settings and the sealing key are kept. One server at a time may use it.",
		},
		{
			Name: "public-url", Unit: "URL", Value: publicURL(&c.PublicURL),
			Why: "How clients reach this server, for links in answers. Empty: made from the listening address.",
		},
		{
			Name: "portal-origins", Unit: "origin,...", Value: origins(&c.PortalOrigins),
			Why: "Origins whose pages may show the customer portal in a frame, like https://app.example.com or https://*.example.com. Empty: none, and a browser refuses to show it there. The dashboard is never shown in a frame.",
		},
		{
			Name: "tls-cert", Unit: "file", Value: text(&c.TLSCert, nil),
			Why: "Certificate chain in PEM. A changed file is picked up without a restart. Needs tls-key.",
		},
		{
			Name: "tls-key", Unit: "file", Value: text(&c.TLSKey, nil),
			Why: "Private key of tls-cert in PEM.",
		},
		{
			Name: "egress-allow", Unit: "CIDR,...", Value: prefixes(&c.EgressAllow),
			Why: "Ranges that deliveries may reach although they are private, loopback or otherwise special. Empty: none, so nothing inside your network is reachable through a webhook.",
		},
		{
			Name: "allow-http", Unit: "true|false", Default: "false", Value: boolean(&c.AllowHTTP),
			Why: "Accept endpoint URLs with http:. Signatures protect from forgery, not from readers on the way.",
		},
		{
			Name: "allow-internal-names", Unit: "true|false", Default: "false", Value: boolean(&c.AllowInternalNames),
			Why: "Accept endpoint URLs whose host is a single label or a name for internal use, like billing or db.internal. Their addresses are still judged at every delivery.",
		},
		{
			Name: "egress-nat64", Unit: "CIDR,...", Value: prefixes(&c.EgressNAT64),
			Why: "NAT64 prefixes of your network, so that the IPv4 address inside such an address is judged too. Empty: they are refused.",
		},
		{
			Name: "egress-sources", Unit: "address,...", Value: addresses(&c.EgressSources),
			Why: "Addresses of this machine from which an endpoint may choose the one that its requests leave from, for receivers that let only known addresses in. Empty: endpoints cannot choose, and the system does.",
		},
		{
			Name: "trusted-proxies", Unit: "CIDR,...", Value: prefixes(&c.TrustedProxies),
			Why: "Peers whose X-Forwarded-For is believed. Empty: nobody, for anyone can write that header.",
		},
		{
			Name: "main-secret", Unit: "text", Value: secret(&c.MainSecret),
			Why: "Seals endpoint secrets at rest. At least 32 characters. Empty: a random key in main.key in the data directory. It must not change for a store. Prefer the environment or main-secret-file; a command line can be read by others.",
		},
		{
			Name: "main-secret-file", Unit: "file", Value: text(&c.MainSecretFile, nil),
			Why: "File that holds main-secret.",
		},
		{
			Name: "jwt-secret", Unit: "text", Value: secretOf(&c.JWTSecret, 16),
			Why: "Accept JWTs of the open-source Svix server that are signed with this text, so that its users keep their tokens. At least 16 characters. Empty: none. Prefer the environment or jwt-secret-file; a command line can be read by others.",
		},
		{
			Name: "jwt-secret-file", Unit: "file", Value: text(&c.JWTSecretFile, nil),
			Why: "File that holds jwt-secret.",
		},
		{
			Name: "jwt-algorithm", Unit: "algorithm", Default: "HS256", Value: oneOf(&c.JWTAlgorithm, "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "EdDSA"),
			Why: "The one algorithm of accepted JWTs: HS256, HS384, HS512 (with jwt-secret), RS256, RS384, RS512, EdDSA (with jwt-public-key). What a token says about itself is not followed.",
		},
		{
			Name: "jwt-public-key", Unit: "file", Value: text(&c.JWTPublicKey, nil),
			Why: "Public key in PEM that accepted JWTs are verified with, for the RS algorithms and EdDSA.",
		},
		{
			Name: "log-format", Unit: "json|text", Default: "text", Value: oneOf(&c.LogFormat, "json", "text"),
			Why: "How log lines on standard error are written.",
		},
		{
			Name: "log-level", Unit: "debug|info|warn|error", Default: "info", Value: oneOf(&c.LogLevel, "debug", "info", "warn", "error"),
			Why: "The least level that is logged. info has a line for each attempt and change of state; debug one for each API request, too.",
		},
		{
			Name: "api-rate", Unit: "requests/s", Default: "0", Value: number(&c.APIRate, 0, 1_000_000),
			Why: "API requests a second for each token, with a burst of as many; more are answered 429. 0: no limit.",
		},
		{
			Name: "max-payload", Unit: "bytes", Default: "1MiB", Value: size(&c.MaxPayload, 1<<10, 16<<20),
			Why: "Largest payload of a message; a larger one is refused with 413, never cut. 1 KiB to 16 MiB. Many receivers refuse more than 1 MiB.",
		},
		{
			Name: "max-in-flight", Unit: "attempts", Default: "0", Value: number(&c.MaxInFlight, 0, 65_536),
			Why: "Delivery attempts at once. 0: half of the limit on open files, at most 4096.",
		},
		{
			Name: "transform-time", Unit: "duration", Default: "50ms", Value: duration(&c.TransformTime, time.Millisecond, time.Second),
			Why: "How much processor time one run of an endpoint's script may take. 1 ms to 1 s. All scripts share one child process for each processor.",
		},
		{
			Name: "max-clients", Unit: "connections", Default: "2048", Value: number(&c.MaxClients, 32, 262_144),
			Why: "Connections of clients at once. Where more come, those that have been idle the longest are closed, so that idle ones keep nobody out. Each may hold 20 KiB of memory, under TLS 60. At most a quarter of the limit on open files.",
		},
		{
			Name: "drain", Unit: "duration", Default: "8s", Value: duration(&c.Drain, 0, MaxDrain),
			Why: "How long a stop waits for requests and attempts in flight. What is left is kept and tried again after the next start. At most 10 s.",
		},
		{
			Name: "drain-delay", Unit: "duration", Default: "0s", Value: duration(&c.DrainDelay, 0, 5*time.Second),
			Why: "How long a stop still accepts requests while /readyz answers 503 already, so that load balancers notice. At most 5 s, and 10 s together with drain.",
		},
		{
			Name: "metrics-listen", Unit: "host:port", Value: text(&c.MetricsListen, checkOptionalListen),
			Why: "A listener of its own for /metrics, without a token. Empty: /metrics is on the main listener only, for loopback clients and API tokens.",
		},
		{
			Name: "retention-bytes", Unit: "bytes", Default: "0", Value: sizeOrNone(&c.RetentionBytes, MinRetentionBytes, 1<<50),
			Why: "The most that the data directory may take. Above 13/16 of it what is finished goes, the oldest first, whatever its retention; where unfinished work alone takes 15/16, messages are answered 503 storage_full. 0: no bound. Else at least 256MiB.",
		},
	}
}

// Default returns the configuration of a server that nobody has configured.
func Default() *Config {
	c := &Config{}
	for _, k := range c.Knobs() {
		if k.Default == "" {
			continue
		}
		if err := k.Value.Set(k.Default); err != nil {
			// A constant of this file that its own rule refuses; TestDefaultsAreValid sees it.
			panic(err)
		}
	}
	return c
}
