package send

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // for receivers that know nothing else, by their owner's choice
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/netip"
	"strconv"
	"time"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
)

// An endpoint may have credentials (hook.Credentials, docs/credentials.md). What never
// changes of them is a part of the prepared endpoint: headers, a parameter of the query, how
// connections are opened. Tokens and further signatures are made for each attempt.
// Nothing here is reached for an endpoint without credentials.

// credentials are what a prepared endpoint has of them.
type credentials struct {
	*hook.Credentials
	hmac *hmacLayout // nil for none
	way  *way        // nil for the usual one
}

// way is how connections to an endpoint are opened where that is not the usual one.
type way struct {
	route    egress.Route
	identity *hook.Identity // nil for none
	// authorities are the endpoint's own, roots a pool of them; nil for the sender's.
	authorities []*x509.Certificate
	roots       *x509.CertPool
}

// way returns how connections to the endpoint are opened; nil for the usual way.
func (p *prepared) way() *way {
	if p.credentials == nil {
		return nil
	}
	return p.credentials.way
}

// routeOf returns the route of a way, which may be nil.
func (w *way) routeOf() egress.Route {
	if w == nil {
		return egress.Route{}
	}
	return w.route
}

// hasIdentity reports whether a way, which may be nil, has a client certificate.
func (w *way) hasIdentity() bool { return w != nil && w.identity != nil }

// A credentialsError says why an endpoint's credentials cannot be used. It holds no secret.
type credentialsError struct{ text string }

func (e *credentialsError) Error() string { return e.text }

// newCredentials prepares an endpoint's credentials.
func newCredentials(c *hook.Credentials) (*credentials, error) {
	out := &credentials{Credentials: c}
	var err error
	if c.HMAC != nil {
		if out.hmac, err = newHMAC(c.HMAC); err != nil {
			return nil, &credentialsError{"the endpoint's HMAC signature cannot be made: " + err.Error()}
		}
	}
	if c.Identity == "" && c.CA == "" && c.Proxy == nil && c.SourceAddress == "" {
		return out, nil
	}
	out.way = &way{}
	if c.Identity != "" {
		if out.way.identity, err = hook.ParseIdentity(c.Identity); err != nil {
			return nil, &credentialsError{"the endpoint's client certificate cannot be read: " + err.Error()}
		}
	}
	if c.CA != "" {
		// Their time is judged where they are used.
		list, err := hook.ParseCA(c.CA, time.Time{})
		if err != nil {
			return nil, &credentialsError{"the endpoint's CA certificates cannot be read: " + err.Error()}
		}
		out.way.authorities, out.way.roots = list, x509.NewCertPool()
		for _, certificate := range list {
			out.way.roots.AddCert(certificate)
		}
	}
	if p := c.Proxy; p != nil {
		if out.way.route.Proxy, err = egress.NewProxy(p.URL, p.Username, string(p.Password)); err != nil {
			return nil, &credentialsError{err.Error()}
		}
	}
	if c.SourceAddress != "" {
		if out.way.route.Source, err = netip.ParseAddr(c.SourceAddress); err != nil {
			return nil, &credentialsError{"the endpoint's source address cannot be read"}
		}
	}
	return out, nil
}

// print tells connections apart: those of one print were opened, and are used, with the
// same credentials of the same application.
func (c *credentials) print(app hook.ApplicationID) string {
	text, err := json.Marshal(c.Credentials)
	if err != nil {
		return "" // none of the types can fail
	}
	sum := sha256.Sum256(append(strconv.AppendInt(nil, int64(app), 10), text...))
	return string(sum[:])
}

// withCredentials returns an endpoint's own headers with those of its credentials that
// never change. Credentials stand above headers of their names.
func withCredentials(headers map[string]string, c *hook.Credentials) map[string]string {
	filled := map[string]bool{}
	for _, name := range c.HeaderNames() {
		filled[plainName(name)] = true
	}
	all := make(map[string]string, len(headers)+2)
	for name, value := range headers {
		if !filled[plainName(name)] {
			all[name] = value
		}
	}
	switch {
	case c.Basic != nil:
		all["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Basic.Username+":"+string(c.Basic.Password)))
	case c.Bearer != "":
		all["Authorization"] = "Bearer " + string(c.Bearer)
	}
	if k := c.APIKey; k != nil && k.In == hook.InHeader {
		all[k.Name] = string(k.Value)
	}
	return all
}

// usable reports why the credentials cannot be used now, nil when they can.
func (c *credentials) usable(now time.Time) error {
	if c.way != nil && c.way.identity != nil && !now.Before(c.way.identity.NotAfter) {
		return &credentialsError{"the endpoint's client certificate expired on " + c.way.identity.NotAfter.UTC().Format(time.RFC3339)}
	}
	return nil
}

// authorize gets what a job needs of its credentials before the request can be made. It
// is false when the attempt has ended with that, and a then says why.
func (s *Sender) authorize(ctx context.Context, p *prepared, job *Job, a *hook.Attempt) bool {
	err := p.credentials.usable(a.StartedAt)
	if err == nil && p.credentials.OAuth2 != nil {
		job.token, err = s.tokens.get(ctx, job.Endpoint, p, a.StartedAt.Add(p.timeout))
	}
	if err == nil {
		return true
	}
	a.Outcome, a.Took = hook.Failed, time.Since(a.StartedAt)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		a.Reason, a.Error = failure(context.Canceled)
	case errors.As(err, new(*credentialsError)):
		a.Reason, a.Error = hook.ReasonCredentials, printable(err.Error())
	default:
		a.Reason, a.Error = hook.ReasonOAuthToken, printable(err.Error())
	}
	return false
}

// appendCredentials appends the fields that differ from attempt to attempt. content is
// what the standard signature is over.
func (p *prepared) appendCredentials(b []byte, r *request, job *Job, content []byte) []byte {
	if p.credentials.OAuth2 != nil {
		b = append(b, "Authorization: Bearer "...)
		b = append(append(b, job.token...), '\r', '\n')
	}
	if p.credentials.hmac != nil {
		b = p.credentials.hmac.append(b, r.id, r.at, content)
	}
	return b
}

// hmacLayout is a hook.HMAC, read.
type hmacLayout struct {
	hash                    func() hash.Hash
	key                     []byte
	isHex                   bool
	content, value          []string
	header, timestampHeader string
}

func newHMAC(h *hook.HMAC) (*hmacLayout, error) {
	l := &hmacLayout{isHex: h.Encoding == "hex", header: h.Header, timestampHeader: h.TimestampHeader}
	switch h.Algorithm {
	case "sha1":
		l.hash = sha1.New
	case "sha256":
		l.hash = sha256.New
	case "sha512":
		l.hash = sha512.New
	default:
		return nil, fmt.Errorf("the algorithm %q is not known", h.Algorithm)
	}
	var err error
	if l.key, err = h.Key(); err != nil {
		return nil, errors.New("the secret is not " + h.KeyEncoding)
	}
	if l.content, err = hook.ParseHMACText(h.Content); err != nil {
		return nil, err
	}
	l.value, err = hook.ParseHMACText(h.Value)
	return l, err
}

// append appends the field with the signature, and that with its time.
func (l *hmacLayout) append(b []byte, id string, at time.Time, body []byte) []byte {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(l.hash, l.key)
	for _, part := range l.content {
		switch part {
		case "{body}":
			mac.Write(body)
		case "{timestamp}":
			mac.Write([]byte(timestamp))
		case "{id}":
			mac.Write([]byte(id))
		default:
			mac.Write([]byte(part))
		}
	}
	sum := mac.Sum(nil)
	if l.timestampHeader != "" {
		b = appendField(b, l.timestampHeader+": ", timestamp)
	}
	b = append(append(b, l.header...), ": "...)
	for _, part := range l.value {
		switch part {
		case "{signature}":
			if l.isHex {
				b = hex.AppendEncode(b, sum)
			} else {
				b = base64.StdEncoding.AppendEncode(b, sum)
			}
		case "{timestamp}":
			b = append(b, timestamp...)
		case "{id}":
			b = append(b, id...)
		default:
			b = append(b, part...)
		}
	}
	return append(b, '\r', '\n')
}

// tlsOf adds to a TLS configuration what the way asks for. A session is resumed on the
// usual way only: elsewhere it would carry one endpoint's identity, or the trust in its
// authorities, to another of the same host.
func (w *way) tlsOf(config *tls.Config, asked *bool) {
	config.ClientSessionCache = nil
	if w.roots != nil {
		config.RootCAs = w.roots
	}
	if w.identity != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			*asked = true
			return &w.identity.TLS, nil
		}
	}
}
