package receive

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// address is what a request's URL says beside the host.
type address struct {
	token string
	// suffix is what follows the token, with its slash, percent-encoded as it came; "" for nothing.
	suffix string
	// query is the raw query without its question mark; hasQuery tells "?" from nothing.
	query    string
	hasQuery bool
}

// maxTargetBytes bounds suffix and query together. Servers behind refuse request lines of
// more than 8 to 16 KiB, and the endpoint's own URL needs room, too.
const maxTargetBytes = 12 << 10

// parseAddress takes the URL of a request apart, from the bytes that the provider sent
// and signed, where they are known. false: it is not below Path.
func parseAddress(r *http.Request) (address, bool) {
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") { // absolute form (RFC 9112 section 3.2.2), or a request made by a test
		target = r.URL.EscapedPath()
		if r.URL.RawQuery != "" || r.URL.ForceQuery {
			target += "?" + r.URL.RawQuery
		}
	}
	return splitTarget(target)
}

func splitTarget(target string) (a address, ok bool) {
	path, query, hasQuery := strings.Cut(target, "?")
	rest, ok := strings.CutPrefix(path, Path)
	if !ok {
		return address{}, false
	}
	a = address{token: rest, query: query, hasQuery: hasQuery}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		a.token, a.suffix = rest[:i], rest[i:]
	}
	return a, a.token != ""
}

// check refuses what could not be joined to another URL without leading out of it or
// breaking the request line. It is at least as strict as send, which joins it.
func (a *address) check() *refusal {
	bad := func(detail string) *refusal {
		return &refusal{status: http.StatusBadRequest, code: "bad_request", detail: detail, kind: "bad path"}
	}
	if len(a.suffix)+len(a.query) > maxTargetBytes {
		return &refusal{status: http.StatusRequestURITooLong, code: "uri_too_long", detail: "The path and query are too long.", kind: "path too long"}
	}
	if hasControl(a.query) || strings.IndexByte(a.query, '#') >= 0 {
		return bad("The query holds control characters, spaces or a number sign that is not encoded.")
	}
	if a.suffix == "" {
		return nil
	}
	if hasControl(a.suffix) || strings.ContainsAny(a.suffix, `#\`) {
		return bad("The path holds control characters, spaces, backslashes or a number sign that is not encoded.")
	}
	decoded, err := url.PathUnescape(a.suffix)
	if err != nil {
		return bad("The path has an escape that is none.")
	}
	if strings.IndexByte(decoded, 0) >= 0 {
		return bad("The path holds a NUL.")
	}
	for segment := range strings.FieldsFuncSeq(decoded, func(c rune) bool { return c == '/' || c == '\\' }) {
		// Some servers take "..;x=y" for "..".
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			return bad("The path holds dot segments.")
		}
	}
	return nil
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// url returns the URL as the provider knows it, for schemes that sign it.
func (v *visit) url() string {
	base := v.source.Settings.PublicURL
	if base == "" {
		if v.PublicURL != nil {
			base = v.PublicURL()
		} else {
			base = "http://" + v.req.Host
		}
		base = strings.TrimRight(base, "/") + Path + v.to.token
	} else if v.to.suffix != "" {
		base = strings.TrimRight(base, "/")
	}
	if v.to.hasQuery {
		return base + v.to.suffix + "?" + v.to.query
	}
	return base + v.to.suffix
}

// isLive compares a token with those of its source. All are compared, so that the time
// does not tell which one it was.
func isLive(s *hook.Source, token string, now time.Time) bool {
	found := 0
	for i := range s.Tokens {
		t := &s.Tokens[i]
		same := subtle.ConstantTimeCompare([]byte(t.Text), []byte(token))
		if t.ExpiresAt.IsZero() || t.ExpiresAt.After(now) {
			found |= same
		}
	}
	return found == 1
}
