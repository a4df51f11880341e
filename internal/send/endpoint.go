package send

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// target is where a connection leads: equal targets may share one.
type target struct {
	tls  bool
	host string // a name or an address without brackets
	port uint16
	// way is a print of the endpoint's credentials, "" for none: no connection is shared across them.
	way string
}

// prepared is what all attempts to one snapshot of an endpoint have in common.
type prepared struct {
	endpoint *hook.Endpoint
	whitelabel,
	svix bool
	target target
	url    *url.URL
	agent  string
	// head is the request line and the fields that never change, with line ends; path is
	// the target in it, and fields those that a forwarded webhook has too: a part of head.
	head   []byte
	path   string
	fields []byte
	// rest is all of head behind the request line. shaped: requests are built by newShaped.
	// timeout is the one deadline of an attempt.
	rest    []byte
	shaped  bool
	timeout time.Duration
	// credentials is nil for none.
	credentials *credentials
	// custom is the endpoint's own fields, with line ends; own holds their plain names.
	custom []byte
	own    map[string]bool
	signer *webhook.Signer
	// until is when a secret expires and the signer is no longer right; zero for never.
	until time.Time
	// mail is set for an SMTP server, which login is for; the rest is then of no use.
	mail  *egress.MailURL
	login mailLogin
}

// preparedCache remembers prepared endpoints, so that an attempt parses neither URLs
// nor secrets. It holds at most 2 × maxPrepared, in two generations: what is used
// moves to the young one, and when that is full, the old one is forgotten.
type preparedCache struct {
	version string
	timeout time.Duration // of endpoints without one of their own

	mu         sync.RWMutex
	young, old map[hook.EndpointID]*prepared
}

const maxPrepared = 4096

func newPreparedCache(version string, timeout time.Duration) *preparedCache {
	return &preparedCache{version: version, timeout: timeout, young: map[hook.EndpointID]*prepared{}}
}

// get returns the prepared form of e at now. An error means that e cannot be called
// as it is stored; it holds no secret.
func (c *preparedCache) get(e *hook.Endpoint, s *hook.Settings, now time.Time) (*prepared, error) {
	c.mu.RLock()
	p, isYoung := c.young[e.ID]
	if !isYoung {
		p = c.old[e.ID]
	}
	c.mu.RUnlock()
	if p != nil && isYoung && p.fits(e, s, now) {
		return p, nil
	}
	if p == nil || !p.fits(e, s, now) {
		var err error
		if p, err = prepare(e, s, c.version, now); err != nil {
			return nil, err
		}
		p.timeout = or(e.Shape.Deadline(), c.timeout)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= maxPrepared {
		c.young, c.old = make(map[hook.EndpointID]*prepared, maxPrepared), c.young
	}
	c.young[e.ID] = p
	return p, nil
}

// fits compares snapshots by identity: the pointer is kept here, so no other snapshot
// can have come to lie at the same address.
func (p *prepared) fits(e *hook.Endpoint, s *hook.Settings, now time.Time) bool {
	return p.endpoint == e && p.whitelabel == s.WhitelabelHeaders && p.svix == sendsSvix(s) &&
		(p.until.IsZero() || now.Before(p.until))
}

func sendsSvix(s *hook.Settings) bool { return s.SendSvixHeaders && !s.WhitelabelHeaders }

func prepare(e *hook.Endpoint, s *hook.Settings, version string, now time.Time) (*prepared, error) {
	u, err := url.Parse(e.URL)
	if err != nil {
		return nil, errors.New("the endpoint's URL cannot be read")
	}
	p := &prepared{endpoint: e, whitelabel: s.WhitelabelHeaders, svix: sendsSvix(s), url: u}
	if e.IsMail() {
		return p, p.prepareMail(e)
	}
	if p.target, err = targetOf(u); err != nil {
		return nil, err
	}
	if p.signer, p.until, err = newSigner(e, now); err != nil {
		return nil, err
	}
	p.agent = "Hookloft-Webhooks/" + version
	if p.whitelabel {
		p.agent = "Webhooks/" + version
	}
	if p.path, err = requestTarget(e.URL); err != nil {
		return nil, err
	}
	if !e.Credentials.IsEmpty() {
		if p.credentials, err = newCredentials(e.Credentials); err != nil {
			return nil, err
		}
		p.target.way = p.credentials.print(e.Application)
		if k := e.Credentials.APIKey; k != nil && k.In == hook.InQuery {
			p.path = withQuery(p.path, appendPair(nil, k.Name, string(k.Value)))
		}
	}
	p.head = fmt.Appendf(nil, "POST %s HTTP/1.1\r\n", p.path)
	line := len(p.head)
	p.head = fmt.Appendf(p.head, "Host: %s\r\nUser-Agent: %s\r\n", u.Host, p.agent)
	end := len(p.head)
	headers := e.Headers
	if p.shaped = !e.Shape.IsPlain(); p.shaped {
		headers = withToken(headers, e.Shape.Token)
	}
	if p.credentials != nil {
		headers = withCredentials(headers, e.Credentials)
	}
	if len(headers) > 0 || p.credentials != nil {
		p.own = make(map[string]bool, len(headers))
	}
	for _, name := range e.Credentials.HeaderNames() {
		p.own[plainName(name)] = true
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		if !isFieldName([]byte(name)) || !isFieldValue(value) {
			return nil, fmt.Errorf("the endpoint's header %q cannot be sent", name)
		}
		p.own[plainName(name)] = true
		p.custom = fmt.Appendf(p.custom, "%s: %s\r\n", name, value)
	}
	if !p.own["accept"] {
		p.head = append(p.head, "Accept: */*\r\n"...)
	}
	p.fields, p.rest = p.head[line:end], p.head[line:]
	return p, nil
}

// withToken returns an endpoint's own headers with the token of its shape, where that goes
// into one. The token stands above a header of its name.
func withToken(headers map[string]string, t *hook.ShapeToken) map[string]string {
	if t == nil || t.In != hook.InHeader {
		return headers
	}
	all := make(map[string]string, len(headers)+1)
	for name, value := range headers {
		if plainName(name) != plainName(t.Name) {
			all[name] = value
		}
	}
	all[t.Name] = t.Value
	return all
}

func or(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func targetOf(u *url.URL) (target, error) {
	t := target{tls: u.Scheme == "https", host: u.Hostname(), port: 80}
	if t.tls {
		t.port = 443
	}
	if u.Port() != "" {
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return t, errors.New("the endpoint's URL has a port that cannot be read")
		}
		t.port = uint16(port)
	}
	if t.host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return t, errors.New("the endpoint's URL is neither http nor https")
	}
	return t, nil
}

// requestTarget returns path and query byte for byte as the URL has them. Anything but
// visible ASCII would break the request line; egress.ParseURL lets none pass.
func requestTarget(raw string) (string, error) {
	for i := range len(raw) {
		if raw[i] <= ' ' || raw[i] >= 0x7f {
			return "", errors.New("the endpoint's URL holds characters that must be percent-encoded")
		}
	}
	_, rest, _ := strings.Cut(raw, "://")
	rest, _, _ = strings.Cut(rest, "#")
	at := strings.IndexAny(rest, "/?")
	switch {
	case at < 0:
		return "/", nil
	case rest[at] == '?':
		return "/" + rest[at:], nil
	}
	return rest[at:], nil
}

// newSigner returns a signer with all secrets that are valid at now, and when the
// first of them expires.
func newSigner(e *hook.Endpoint, now time.Time) (*webhook.Signer, time.Time, error) {
	var until time.Time
	var keys []webhook.Secret
	for _, s := range e.LiveSecrets(now) {
		key, err := webhook.ParseSecret(s.Text)
		if err != nil {
			return nil, until, fmt.Errorf("a secret of the endpoint cannot be used: %w", err)
		}
		keys = append(keys, key)
		if !s.ExpiresAt.IsZero() && (until.IsZero() || s.ExpiresAt.Before(until)) {
			until = s.ExpiresAt
		}
	}
	signer, err := webhook.NewSigner(keys...)
	if err != nil {
		return nil, until, errors.New("the endpoint has no secret to sign with")
	}
	return signer, until, nil
}
