package webhook

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Provider returns the verifier of a provider's webhooks. [Presets] lists the names and
// what each provider needs; "generic" is for everybody else, see its settings.
//
// Errors wrap ErrUnknownProvider, ErrInvalidKey (a secret is missing or not usable; an
// empty one never verifies anything) or ErrInvalidSetting.
func Provider(name string, c Config) (*ProviderVerifier, error) {
	p := providerNamed(name)
	if p == nil {
		return nil, fmt.Errorf("%w: %s", ErrUnknownProvider, strconv.Quote(clip(name)))
	}
	s := &settings{Config: c, preset: &p.Preset}
	if err := s.check(); err != nil {
		return nil, err
	}
	scheme, err := p.open(s)
	if err != nil {
		return nil, err
	}
	v := &ProviderVerifier{provider: p, settings: s, scheme: scheme, facts: p.facts}
	if p.factsBy != nil {
		v.facts = p.factsBy(s)
	}
	return v, nil
}

// Config is what a receiver knows about one provider's webhooks. It never prints itself.
type Config struct {
	// Secrets are the keys, public keys, tokens or passwords of the provider, any of
	// which may match: put the old one beside the new one while a secret is rotated.
	// Preset.Secret says what the provider calls it.
	Secrets []string
	// Settings are what else the scheme needs, by name (Preset.Settings).
	Settings map[string]string
	// Tolerance is how far a signed time may lie from now. Zero means the provider's
	// own rule. Negative accepts any time, which is meant only for looking at stored
	// requests. The setting "tolerance_s" says the same in seconds.
	Tolerance time.Duration
	// Keys gets certificates and key sets of providers that publish them. Nil means
	// that only those in Settings are known.
	Keys KeySource
}

// Format keeps the secrets out of logs, with every verb.
func (Config) Format(f fmt.State, verb rune) { _, _ = io.WriteString(f, redacted) }

// LogValue keeps the secrets out of slog.
func (Config) LogValue() slog.Value { return slog.StringValue(redacted) }

// A KeySource gets the documents in which providers publish their keys. [KeyCache] is
// one. It may be called by many goroutines at once, and bounds its own time.
type KeySource interface {
	// Fetch returns the document that q asks for. The verifier has checked that its host
	// is the provider's.
	Fetch(q KeyQuery) ([]byte, error)
}

// KeyQuery asks for a document with keys.
type KeyQuery struct {
	Method string // GET or POST
	URL    string // always https
	Header http.Header
	Body   []byte
	// Fresh asks for a document newer than the one remembered, because a key was not in it.
	Fresh bool
}

// ProviderVerifier verifies the webhooks of one provider and answers the requests with
// which it checks a URL. It may be used by any number of goroutines.
type ProviderVerifier struct {
	provider *provider
	settings *settings
	scheme   scheme
	facts    facts
}

var (
	_ Verifier   = (*ProviderVerifier)(nil)
	_ Handshaker = (*ProviderVerifier)(nil)
)

// Preset returns what is known about the provider, with these settings: Withhold includes
// the header or query parameter that they name, and an id that they name is not IDShared.
func (v *ProviderVerifier) Preset() Preset {
	p := v.provider.Preset
	if v.settings.Settings["id_header"] != "" || v.settings.Settings["id_path"] != "" {
		p.IDShared = false
	}
	if s, ok := v.scheme.(interface{ withhold() string }); ok && s.withhold() != "" {
		p.Withhold = append(slices.Clone(p.Withhold), s.withhold())
	}
	return p
}

// Verify says whether the provider made the request, and what it reports. The errors are
// those of [Verifier]; ErrNoKey says that a key which the provider publishes could not be had.
func (v *ProviderVerifier) Verify(r Request, now time.Time) (Verified, error) {
	signed, err := v.scheme.verify(&r, now)
	if err != nil {
		return Verified{}, err
	}
	out := Verified{Timestamp: signed}
	if s, ok := v.scheme.(interface{ nonce(r *Request) string }); ok {
		out.Nonce = s.nonce(&r)
	}
	v.facts.read(&r, &out)
	return out, nil
}

// Handshake answers a request with which the provider checks the URL or hands over a
// secret. It returns nil for every other request, which Verify judges then.
func (v *ProviderVerifier) Handshake(r Request, now time.Time) (*Answer, error) {
	if v.provider.handshake == nil {
		return nil, nil
	}
	return v.provider.handshake(v, &r, now)
}

// A Handshaker is a Verifier whose provider checks the URL before, or beside, sending
// webhooks to it.
type Handshaker interface {
	// Handshake returns the answer of a request that is a handshake, nil for any other.
	// An error says that it is one, but not genuine.
	Handshake(r Request, now time.Time) (*Answer, error)
}

// Answer is what a handshake is answered with.
type Answer struct {
	Status int
	Header http.Header // Content-Type included; nil for none
	Body   []byte
	// Refused says why the handshake failed, without anything of the request; "" when it did not.
	Refused string
	// Secret is what the provider has just handed over to sign with from now on. It must be
	// kept before the answer is sent, and must not replace one that is in use. When the
	// handshake is Refused it is not to be kept: it is there so that whoever shows the
	// request can leave it out.
	Secret string
	// Visit is a URL of the provider that must be fetched with GET to finish the handshake;
	// "" for none. The verifier has checked that its host is the provider's.
	Visit string
}

// Preset is what is known about a provider's webhooks, for people and for receivers.
type Preset struct {
	Name  string // "stripe"
	Title string // "Stripe"
	// Family is the kind of scheme: hmac, standard-webhooks, ecdsa, ed25519, rsa-cert,
	// jwt, token, basic, bearer or none.
	Family string
	// Summary says in a sentence what is checked.
	Summary string
	// Secret says what the provider calls the secret and where it is found; "" when there is none.
	Secret string
	// SecretOptional: the URL itself is the secret, or handshakes come before it is known. As
	// long as a scheme that needs one has none, Verify returns ErrNoSecret.
	SecretOptional bool
	Settings       []Setting
	// Methods are those of webhooks; nil means POST.
	Methods []string
	// Tolerance is how far the signed time may lie from now; 0 when none is signed.
	Tolerance time.Duration
	// ID says where the id of a delivery is; "" when there is none, and the hash of the
	// body must do.
	ID string
	// IDShared: two deliveries may carry the same id; only together with the hash of the
	// body does it tell them apart (WooCommerce).
	IDShared bool
	// BodyRepeats: equal bodies are different news, so that without an id none is a
	// duplicate of another (Dropbox).
	BodyRepeats bool
	// Quiet: a request that is refused is answered like one that is stored, so that the
	// answer tells a forger nothing (WebSub section 8).
	Quiet bool
	// Bare: a request that is refused is answered without a body, or the provider takes the
	// URL for unfit (Xero).
	Bare bool
	// Deadline is how long the provider waits for an answer; 0 when it does not say.
	Deadline time.Duration
	// Retry is the provider's schedule in words, RetryFor how long it goes on; 0 for
	// unknown or none.
	Retry    string
	RetryFor time.Duration
	// Batch: one request may hold several events.
	Batch bool
	// Handshake says how the provider checks the URL; "" when it does not.
	Handshake string
	// Success is what a stored webhook should be answered with; the zero value is 200 without a body.
	Success Success
	// Withhold names headers and query parameters that carry a secret.
	Withhold []string
	// Confidence says how sure the facts are.
	Confidence Confidence
	// Docs is where the provider describes its webhooks.
	Docs string
}

// Setting is one value that a scheme needs beside secrets.
type Setting struct {
	Name     string
	Summary  string
	Required bool
	Words    []string // the only values, where there are few; the first is the default
}

// Success is an answer that a provider wants to see.
type Success struct {
	Status      int
	ContentType string
	Body        string
}

// Mark says how a fact is known.
type Mark string

// The marks.
const (
	Vector    Mark = "V" // confirmed by recomputing a published vector
	Docs      Mark = "D" // official documents or the provider's own source were read
	Secondary Mark = "S" // a secondary source was read
	Memory    Mark = "M" // not confirmed
)

// Confidence marks the facts of a preset.
type Confidence struct{ Signature, ID, Deadline, Retry Mark }

// Presets returns all providers by name.
func Presets() []Preset {
	out := make([]Preset, 0, len(providers))
	for _, p := range providers {
		out = append(out, p.Preset)
	}
	slices.SortFunc(out, func(a, b Preset) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// FindPreset returns the preset of a name; false when there is none.
func FindPreset(name string) (Preset, bool) {
	if p := providerNamed(name); p != nil {
		return p.Preset, true
	}
	return Preset{}, false
}

// Sign makes r what the named provider would send at now: it sets headers, and for some
// providers the URL or the body. It is meant for tests and demonstrations. c holds
// what the provider signs with, which for asymmetric schemes is a private key (PEM, PKCS #8).
//
// Errors are those of Provider; ErrInvalidKey when a secret cannot sign.
func Sign(name string, c Config, r *Request, now time.Time) error {
	p := providerNamed(name)
	if p == nil {
		return fmt.Errorf("%w: %s", ErrUnknownProvider, strconv.Quote(clip(name)))
	}
	s := &settings{Config: c, preset: &p.Preset}
	if err := s.check(); err != nil {
		return err
	}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	if p.sign == nil {
		scheme, err := p.open(s)
		if err != nil {
			return err
		}
		signer, ok := scheme.(signingScheme)
		if !ok {
			return fmt.Errorf("%w: how %s signs is not known", ErrInvalidKey, p.Title)
		}
		return signer.sign(r, now)
	}
	return p.sign(s, r, now)
}

// provider is a preset with what makes it work. Each stands in a file of its own,
// provider_NAME.go, and in the list of providers.go.
type provider struct {
	Preset
	// open reads the configuration. Secrets and required settings are checked by it;
	// helpers of settings do the usual checks.
	open func(s *settings) (scheme, error)
	// facts says where a genuine request holds its ids, types and times.
	facts facts
	// factsBy is instead of facts for a provider whose settings say where they are.
	factsBy func(s *settings) facts
	// handshake is nil for none. It returns nil, nil for a request that is none.
	handshake func(v *ProviderVerifier, r *Request, now time.Time) (*Answer, error)
	// sign makes a genuine request; nil when scheme is a signingScheme or nothing can sign.
	sign func(s *settings, r *Request, now time.Time) error
}

// scheme proves that a request is genuine.
type scheme interface {
	// verify returns the time that is signed, zero for none. r must not be changed.
	verify(r *Request, now time.Time) (signed time.Time, err error)
}

// signingScheme can also make what it verifies, because it holds the same secret.
type signingScheme interface {
	sign(r *Request, now time.Time) error
}

// settings is a Config on its way to a scheme.
type settings struct {
	Config
	preset *Preset
}

// maxSecrets bounds the work of one request.
const maxSecrets = 10

// check does what holds for all providers: known names, allowed words, required settings.
func (s *settings) check() error {
	if len(s.Secrets) > maxSecrets {
		return invalidKey("there are more than %d", maxSecrets)
	}
	for name, value := range s.Settings {
		i := slices.IndexFunc(s.preset.Settings, func(known Setting) bool { return known.Name == name })
		switch {
		case name == "tolerance_s":
			seconds, err := strconv.ParseInt(value, 10, 32)
			if err != nil {
				return invalidSetting("tolerance_s is a whole number of seconds")
			}
			if s.Tolerance == 0 {
				s.Tolerance = time.Duration(seconds) * time.Second
			}
		case i < 0:
			return invalidSetting("%s has no setting %s", s.preset.Name, strconv.Quote(clip(name)))
		case s.preset.Settings[i].Words != nil && !slices.Contains(s.preset.Settings[i].Words, value):
			return invalidSetting("%s is one of %s", name, strings.Join(s.preset.Settings[i].Words, ", "))
		}
	}
	for _, known := range s.preset.Settings {
		if known.Required && s.Settings[known.Name] == "" {
			return invalidSetting("%s is needed: %s", known.Name, known.Summary)
		}
	}
	return nil
}

// get returns a setting, or its default: the first of its words.
func (s *settings) get(name string) string {
	if v, ok := s.Settings[name]; ok {
		return v
	}
	for _, known := range s.preset.Settings {
		if known.Name == name && len(known.Words) > 0 {
			return known.Words[0]
		}
	}
	return ""
}

// texts returns the secrets as the keys that they are in most schemes: their bytes. None,
// or an empty one, is ErrInvalidKey.
func (s *settings) texts() ([][]byte, error) {
	if len(s.Secrets) == 0 {
		return nil, invalidKey("%s needs its secret: %s", s.preset.Title, s.preset.Secret)
	}
	keys := make([][]byte, len(s.Secrets))
	for i, text := range s.Secrets {
		if text == "" {
			return nil, invalidKey("secret %d is empty", i+1)
		}
		keys[i] = []byte(text)
	}
	return keys, nil
}

// tolerance is how far a signed time may lie from now; negative for any distance, zero
// when the provider has no rule and none is set.
func (s *settings) tolerance() time.Duration {
	if s.Tolerance != 0 {
		return s.Tolerance
	}
	return s.preset.Tolerance
}

func invalidSetting(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalidSetting, fmt.Sprintf(format, args...))
}

// clip bounds text of a caller in an error.
func clip(s string) string { return s[:min(len(s), 64)] }
