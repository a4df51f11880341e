package webhook

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// tokenScheme is for providers that sign nothing: they repeat a shared secret in every
// request. It proves who made the request, not what is in it, and nothing keeps a replay out.
type tokenScheme struct {
	carrier tokenCarrier
	secrets []string
	sums    [][sha256.Size]byte
}

// tokenCarrier says where the secret travels.
type tokenCarrier struct {
	read func(r *Request) (string, error)
	put  func(r *Request, secret string) error
	// check refuses a secret that cannot travel there.
	check func(secret string) error
	// name is the header or query parameter, for Preset.Withhold.
	name string
}

func newTokenScheme(s *settings, carrier tokenCarrier) (*tokenScheme, error) {
	if _, err := s.texts(); err != nil {
		return nil, err
	}
	t := &tokenScheme{carrier: carrier, secrets: s.Secrets}
	for i, secret := range s.Secrets {
		if carrier.check != nil {
			if err := carrier.check(secret); err != nil {
				return nil, fmt.Errorf("secret %d: %w", i+1, err)
			}
		}
		t.sums = append(t.sums, sha256.Sum256([]byte(secret)))
	}
	return t, nil
}

// verify compares sums, so that neither the length of a secret nor which one matched shows in time.
func (t *tokenScheme) verify(r *Request, _ time.Time) (time.Time, error) {
	text, err := t.carrier.read(r)
	if err != nil {
		return time.Time{}, err
	}
	got := sha256.Sum256([]byte(text))
	found := 0
	for i := range t.sums {
		found |= subtle.ConstantTimeCompare(t.sums[i][:], got[:])
	}
	if found != 1 {
		return time.Time{}, fmt.Errorf("%w: %s is not the secret", ErrNoMatch, t.carrier.name)
	}
	return time.Time{}, nil
}

func (t *tokenScheme) sign(r *Request, _ time.Time) error { return t.carrier.put(r, t.secrets[0]) }

func (t *tokenScheme) withhold() string { return t.carrier.name }

// headerToken is the secret as the value of a header.
func headerToken(name string) tokenCarrier {
	name = http.CanonicalHeaderKey(name)
	return tokenCarrier{
		name: name, check: headerText,
		read: func(r *Request) (string, error) { return single(r.Header, name) },
		put:  func(r *Request, secret string) error { r.Header.Set(name, secret); return nil },
	}
}

// bearerToken is "Authorization: Bearer SECRET" (RFC 6750 section 2.1).
func bearerToken() tokenCarrier {
	return tokenCarrier{
		name: "Authorization", check: headerText,
		read: func(r *Request) (string, error) { return credentials(r, "Bearer") },
		put:  func(r *Request, secret string) error { r.Header.Set("Authorization", "Bearer "+secret); return nil },
	}
}

// basicToken is "Authorization: Basic ...", the secret is "user:password" (RFC 7617). It
// is compared as a whole: a password may hold colons.
func basicToken() tokenCarrier {
	return tokenCarrier{
		name: "Authorization",
		check: func(secret string) error {
			if user, _, ok := strings.Cut(secret, ":"); !ok || user == "" {
				return invalidKey("it is written user:password")
			}
			return nil
		},
		read: func(r *Request) (string, error) {
			encoded, err := credentials(r, "Basic")
			if err != nil {
				return "", err
			}
			text, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil || !strings.Contains(string(text), ":") {
				return "", malformed("Authorization", "Basic is followed by base64 of user:password")
			}
			return string(text), nil
		},
		put: func(r *Request, secret string) error {
			r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(secret)))
			return nil
		},
	}
}

// credentials returns what follows the scheme's name in Authorization; the name is
// case-insensitive (RFC 9110 section 11.1).
func credentials(r *Request, scheme string) (string, error) {
	value, err := single(r.Header, "Authorization")
	if err != nil {
		return "", err
	}
	name, text, ok := strings.Cut(value, " ")
	if text = strings.TrimLeft(text, " "); !ok || text == "" || !strings.EqualFold(name, scheme) {
		return "", malformed("Authorization", "it begins with "+scheme)
	}
	return text, nil
}

// queryToken is the secret as a query parameter of the URL.
func queryToken(name string) tokenCarrier {
	return tokenCarrier{
		name: name,
		read: func(r *Request) (string, error) { return queryValue(r.URL, name) },
		put: func(r *Request, secret string) error {
			u, err := url.Parse(r.URL)
			if err != nil {
				return invalidSetting("the URL is not a URL")
			}
			// What else is in the query stays as it is.
			kept := make([]string, 0, 4)
			for part := range strings.SplitSeq(u.RawQuery, "&") {
				field, _, _ := strings.Cut(part, "=")
				if field, err := url.QueryUnescape(field); part != "" && (err != nil || field != name) {
					kept = append(kept, part)
				}
			}
			u.RawQuery = strings.Join(append(kept, url.QueryEscape(name)+"="+url.QueryEscape(secret)), "&")
			r.URL = u.String()
			return nil
		},
	}
}

// queryValue returns the one value of a query parameter. Two are refused, because a
// proxy and the receiver might each look at another one.
func queryValue(rawURL, name string) (string, error) {
	rawURL, _, _ = strings.Cut(rawURL, "#")
	_, query, _ := strings.Cut(rawURL, "?")
	found, value := false, ""
	for part := range strings.SplitSeq(query, "&") {
		field, text, _ := strings.Cut(part, "=")
		if field, err := url.QueryUnescape(field); err != nil || field != name {
			continue
		}
		if found {
			return "", fmt.Errorf("%w: the query parameter %s", ErrDuplicateHeader, name)
		}
		var err error
		if value, err = url.QueryUnescape(text); err != nil {
			return "", malformed("the query parameter "+name, "it is percent-encoded")
		}
		found = true
	}
	if value == "" {
		return "", fmt.Errorf("%w: the query parameter %s", ErrMissingHeader, name)
	}
	return value, nil
}

// headerText refuses a secret that no header can carry unchanged (RFC 9110 section 5.5).
func headerText(secret string) error {
	if strings.TrimSpace(secret) != secret {
		return invalidKey("it begins or ends with a space, which a header cannot carry")
	}
	for _, c := range []byte(secret) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return invalidKey("it holds a control character, which a header cannot carry")
		}
	}
	return nil
}

// headerName checks a setting that names a header (RFC 9110 section 5.1).
func headerName(setting, name string) error {
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return invalidSetting("%s is the name of a header", setting)
		}
	}
	if name == "" || len(name) > 256 {
		return invalidSetting("%s is the name of a header", setting)
	}
	return nil
}

// openURL is the scheme of a source where whoever knows the URL is trusted. It is chosen
// by a setting, never by leaving something out.
type openURL struct{}

func (openURL) verify(*Request, time.Time) (time.Time, error) { return time.Time{}, nil }
func (openURL) sign(*Request, time.Time) error                { return nil }

// shut is the scheme of a provider that only answers handshakes until it has a secret.
type shut struct{ preset *Preset }

func (s shut) verify(*Request, time.Time) (time.Time, error) { return time.Time{}, ErrNoSecret }

func (s shut) sign(*Request, time.Time) error {
	return invalidKey("%s needs its secret: %s", s.preset.Title, s.preset.Secret)
}

// SecretURL returns the settings with which Provider takes every request, because nobody
// but the provider knows the URL. It is nil for a provider whose requests can be told from others'.
func (p Preset) SecretURL() map[string]string {
	for _, setting := range p.Settings {
		if setting.Name == "mode" && slices.Contains(setting.Words, "none") {
			return map[string]string{"mode": "none"}
		}
	}
	return nil
}
