package config

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Value is a knob's place in a Config, as text. Its methods are those that a
// command-line library asks for.
type Value interface {
	// String returns the value as it would be typed; a secret is hidden.
	String() string
	// Set parses and checks the text; on error nothing was changed.
	Set(text string) error
	// Type names the kind of value for help texts.
	Type() string
}

type value[T any] struct {
	at     *T
	kind   string
	parse  func(string) (T, error)
	format func(T) string
}

func (v value[T]) Set(s string) error {
	parsed, err := v.parse(s)
	if err != nil {
		return err
	}
	*v.at = parsed
	return nil
}

func (v value[T]) Type() string { return v.kind }

func (v value[T]) String() string {
	if v.at == nil { // the zero value, which command-line libraries make to compare with
		return ""
	}
	return v.format(*v.at)
}

// text is a string that check accepts; nil accepts every text.
func text(at *string, check func(string) error) Value {
	return value[string]{at, "string", func(s string) (string, error) {
		if check == nil {
			return s, nil
		}
		return s, check(s)
	}, func(s string) string { return s }}
}

func checkNotEmpty(s string) error {
	if s == "" {
		return fmt.Errorf("must not be empty")
	}
	return nil
}

func checkOptionalListen(s string) error {
	if s == "" {
		return nil
	}
	return checkListen(s)
}

func checkListen(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("must be host:port, like 127.0.0.1:8071 or [::1]:8071")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("port %q must be a number from 0 (any free one) to 65535", port)
	}
	return nil
}

// publicURL is an http or https URL; trailing slashes are dropped, because paths are appended to it.
func publicURL(at *string) Value {
	return value[string]{at, "url", func(s string) (string, error) {
		if s == "" {
			return "", nil
		}
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return "", fmt.Errorf("must be an http or https URL without query, like https://hooks.example.com")
		}
		return strings.TrimRight(s, "/"), nil
	}, func(s string) string { return s }}
}

// origins is a list of web origins. A host may begin with "*.", for every name below it, as in a
// frame-ancestors directive (CSP Level 3, section 2.3.1); "*" alone would be everybody and is refused.
func origins(at *[]string) Value {
	return value[[]string]{at, "origin,...", func(s string) ([]string, error) {
		var list []string
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.ToLower(strings.TrimSpace(part)); part == "" {
				continue
			}
			scheme, rest, _ := strings.Cut(part, "://")
			// What is shown to browsers in a header holds no character that could end it or begin another directive.
			strange := strings.ContainsFunc(strings.TrimPrefix(rest, "*."), func(r rune) bool {
				return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(".-:[]", r))
			})
			u, err := url.Parse(scheme + "://" + strings.TrimPrefix(rest, "*."))
			if strange || err != nil || scheme != "http" && scheme != "https" || u.Hostname() == "" || u.Path != "" || strings.HasSuffix(u.Host, ":") {
				return nil, fmt.Errorf("%q must be an origin like https://app.example.com, without a path", part)
			}
			if !slices.Contains(list, part) {
				list = append(list, part)
			}
		}
		return list, nil
	}, func(list []string) string { return strings.Join(list, ",") }}
}

func boolean(at *bool) Value {
	return value[bool]{at, "bool", func(s string) (bool, error) {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return false, fmt.Errorf("must be true or false")
		}
		return b, nil
	}, strconv.FormatBool}
}

func secret(at *Secret) Value { return secretOf(at, 32) }

func secretOf(at *Secret, least int) Value {
	return value[Secret]{at, "string", func(s string) (Secret, error) {
		if s != "" && len(s) < least {
			return "", fmt.Errorf("must have at least %d characters; `openssl rand -base64 32` makes a good one", least)
		}
		return Secret(s), nil
	}, Secret.String}
}

func oneOf(at *string, names ...string) Value {
	return value[string]{at, strings.Join(names, "|"), func(s string) (string, error) {
		if !slices.Contains(names, s) {
			return "", fmt.Errorf("must be one of %s", strings.Join(names, ", "))
		}
		return s, nil
	}, func(s string) string { return s }}
}

func number(at *int, least, most int) Value {
	return value[int]{at, "int", func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		return n, nil
	}, strconv.Itoa}
}

// byteUnits are the units of sizes, the longest suffix first.
var byteUnits = []struct {
	suffix string
	bytes  int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

func size(at *int64, least, most int64) Value {
	return value[int64]{at, "bytes", func(s string) (int64, error) {
		n, err := parseSize(s)
		if err != nil {
			return 0, err
		}
		if n < least || n > most {
			return 0, fmt.Errorf("must lie between %s and %s", formatSize(least), formatSize(most))
		}
		return n, nil
	}, formatSize}
}

// sizeOrNone is size, or 0 for none.
func sizeOrNone(at *int64, least, most int64) Value {
	bounded := size(at, least, most).(value[int64])
	parse := bounded.parse
	bounded.parse = func(s string) (int64, error) {
		if n, err := parseSize(s); err == nil && n == 0 {
			return 0, nil
		}
		n, err := parse(s)
		if err != nil {
			return 0, fmt.Errorf("%w, or be 0 for none", err)
		}
		return n, nil
	}
	return bounded
}

func parseSize(s string) (int64, error) {
	for _, u := range byteUnits {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.bytes {
			break
		}
		return n * u.bytes, nil
	}
	return 0, fmt.Errorf("must be a number of bytes, like 65536, 512KiB or 1MiB")
}

func formatSize(n int64) string {
	for _, u := range byteUnits {
		if u.bytes > 1 && n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

func duration(at *time.Duration, least, most time.Duration) Value {
	return value[time.Duration]{at, "duration", func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("must be a duration with a unit, like 500ms, 8s or 2m")
		}
		if d < least || d > most {
			return 0, fmt.Errorf("must lie between %v and %v", least, most)
		}
		return d, nil
	}, time.Duration.String}
}

// prefixes is a list of CIDR ranges; a plain address means that address alone.
func prefixes(at *[]netip.Prefix) Value {
	return value[[]netip.Prefix]{at, "cidr,...", func(s string) ([]netip.Prefix, error) {
		var list []netip.Prefix
		for part := range strings.SplitSeq(s, ",") {
			part = strings.TrimSpace(part)
			if part == "" {
				continue
			}
			p, err := parsePrefix(part)
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
		return list, nil
	}, func(list []netip.Prefix) string {
		texts := make([]string, len(list))
		for i, p := range list {
			texts[i] = p.String()
		}
		return strings.Join(texts, ",")
	}}
}

// addresses is a list of IP addresses, none of them twice.
func addresses(at *[]netip.Addr) Value {
	return value[[]netip.Addr]{at, "address,...", func(s string) ([]netip.Addr, error) {
		var list []netip.Addr
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			a, err := netip.ParseAddr(part)
			if err != nil || a.Zone() != "" || a.IsUnspecified() {
				return nil, fmt.Errorf("%q must be an IP address of this machine, like 203.0.113.7", part)
			}
			if a = a.Unmap(); !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
		return list, nil
	}, func(list []netip.Addr) string {
		texts := make([]string, len(list))
		for i, a := range list {
			texts[i] = a.String()
		}
		return strings.Join(texts, ",")
	}}
}

func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q must be a range like 10.0.0.0/8 or fd00::/8", s)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("%q has bits beyond its length; did you mean %s?", s, p.Masked())
	}
	return p, nil
}
