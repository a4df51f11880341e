package send

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// tokenTimeout bounds one token request, inside the deadline of the attempt that waits for it.
	tokenTimeout = 10 * time.Second
	// maxTokenAnswer bounds a token server's answer.
	maxTokenAnswer = 64 << 10
	// defaultTokenLife is for servers that do not say how long a token is valid. A 401
	// ends it earlier.
	defaultTokenLife = time.Hour
	// tokenMargin is how long before its end a token is replaced; a short one after 4/5 of its life.
	tokenMargin = time.Minute
	// tokenPause is how long a failure of the token server stands for all attempts, so that a
	// lane does not ask for every one of them.
	tokenPause = time.Second
	// tokenPatience: a token that a receiver refuses at once is replaced at most that often.
	tokenPatience = 30 * time.Second
	// maxTokens bounds the endpoints whose tokens are remembered.
	maxTokens = 8192
)

// tokens gets and remembers the access tokens of endpoints (RFC 6749). They are kept in
// memory only: a start begins without any.
type tokens struct {
	dialer  *egress.Dialer
	roots   *x509.CertPool
	rotated func(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, was, is hook.HiddenText) error

	// running ends with the Sender, and with it the requests under way.
	running context.Context
	stop    context.CancelFunc
	flights sync.WaitGroup

	mu   sync.Mutex
	byID map[hook.EndpointID]*tokenSource
}

func newTokens(d *egress.Dialer, o Options) *tokens {
	t := &tokens{dialer: d, roots: o.RootCAs, rotated: o.RefreshTokenRotated, byID: map[hook.EndpointID]*tokenSource{}}
	t.running, t.stop = context.WithCancel(context.Background())
	return t
}

func (t *tokens) close() {
	t.stop()
	t.flights.Wait()
}

// tokenSource is the token of one endpoint under one set of settings.
type tokenSource struct {
	mu sync.Mutex
	// prints are of the settings that lead to this token: those that it was made with, and
	// those that differ by the newest refresh token only.
	prints [2][sha256.Size]byte
	// refresh is the newest refresh token, stored the one that is known to be stored; "" for
	// the one of the settings.
	refresh, stored hook.HiddenText

	text             string
	from, due, until time.Time // got, to be replaced, ended
	flight           *tokenFlight
	// failed stands until retryAt.
	failed  error
	retryAt time.Time
	// refused: the newest token has been answered with 401, and none before it accepted since.
	refused bool
}

// tokenFlight is a token request under way. done is closed when text or err are set.
type tokenFlight struct {
	done chan struct{}
	text string
	err  error
}

// get returns an access token for an endpoint. It waits for the token server until
// deadline or ctx end. An error's text holds no secret.
func (t *tokens) get(ctx context.Context, e *hook.Endpoint, p *prepared, deadline time.Time) (string, error) {
	s := t.source(e, p.credentials.OAuth2)
	text, f, err := s.current(time.Now(), func(f *tokenFlight, refresh hook.HiddenText) {
		t.flights.Go(func() { t.fly(s, f, e, p, refresh) })
	})
	if f == nil {
		return text, err
	}
	patience := time.NewTimer(time.Until(deadline))
	defer patience.Stop()
	select {
	case <-f.done:
		return f.text, f.err
	case <-patience.C:
		return "", errors.New("the token server did not answer in time")
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// source returns the endpoint's token source, a new one when the settings are others.
func (t *tokens) source(e *hook.Endpoint, o *hook.OAuth2) *tokenSource {
	mark := printOf(o)
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.byID[e.ID]; s != nil && s.isOf(mark) {
		return s
	}
	if len(t.byID) >= maxTokens {
		t.forget(time.Now())
	}
	s := &tokenSource{prints: [2][sha256.Size]byte{mark, mark}}
	t.byID[e.ID] = s
	return s
}

// forget makes room: first what has ended, else any. The mutex is held.
func (t *tokens) forget(now time.Time) {
	maps.DeleteFunc(t.byID, func(_ hook.EndpointID, s *tokenSource) bool { return s.hasEnded(now) })
	for id := range t.byID {
		if len(t.byID) < maxTokens {
			return
		}
		delete(t.byID, id)
	}
}

func printOf(o *hook.OAuth2) [sha256.Size]byte {
	text, err := json.Marshal(o)
	if err != nil {
		return [sha256.Size]byte{} // none of the types can fail
	}
	return sha256.Sum256(text)
}

func (s *tokenSource) isOf(mark [sha256.Size]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.prints[:], mark)
}

func (s *tokenSource) hasEnded(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flight == nil && !now.Before(s.until)
}

// current returns a token, or an error that still stands, or else the flight to wait for,
// which begin is told of when it is a new one. A token that is due to be replaced goes on
// being used meanwhile.
func (s *tokenSource) current(now time.Time, begin func(*tokenFlight, hook.HiddenText)) (string, *tokenFlight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	isValid := s.text != "" && now.Before(s.until)
	if isValid && now.Before(s.due) {
		return s.text, nil, nil
	}
	if s.flight == nil && now.Before(s.retryAt) {
		if isValid {
			return s.text, nil, nil
		}
		return "", nil, s.failed
	}
	if s.flight == nil {
		s.flight = &tokenFlight{done: make(chan struct{})}
		begin(s.flight, s.refresh)
	}
	if isValid {
		return s.text, nil, nil
	}
	return "", s.flight, nil
}

// judged is told how a receiver answered a token. One that it refuses is replaced before
// the next attempt; this one is not sent again.
func (t *tokens) judged(e *hook.Endpoint, o *hook.OAuth2, token string, refused bool) {
	s := t.source(e, o)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch now := time.Now(); {
	case s.text != token: // replaced already
	case !refused:
		s.refused = false
	case !s.refused || now.Sub(s.from) >= tokenPatience:
		s.refused, s.text = true, ""
	}
}

// fly asks for a token and tells those who wait.
func (t *tokens) fly(s *tokenSource, f *tokenFlight, e *hook.Endpoint, p *prepared, refresh hook.HiddenText) {
	o := *p.credentials.OAuth2
	if refresh != "" {
		o.RefreshToken = refresh
	}
	ctx, cancel := context.WithTimeout(t.running, min(tokenTimeout, p.timeout))
	defer cancel()
	got, err := t.fetch(ctx, &o, p.credentials.way, p.agent)
	if err == nil && o.Grant == hook.GrantRefreshToken && got.RefreshToken != "" && got.RefreshToken != o.RefreshToken {
		// The old one may be void from now on (RFC 6749 section 6), so the new one is saved
		// before anything is sent. Where that fails it serves until the next start.
		o.RefreshToken = got.RefreshToken
		t.rotate(context.WithoutCancel(ctx), s, e, p.credentials.OAuth2.RefreshToken, &o)
	}
	now := time.Now()
	s.mu.Lock()
	f.err = err
	s.flight = nil
	if err != nil {
		s.failed, s.retryAt = err, now.Add(tokenPause)
	} else {
		life := got.life()
		f.text, s.text, s.from, s.until = got.AccessToken, got.AccessToken, now, now.Add(life)
		s.due, s.failed, s.retryAt = s.until.Add(-min(tokenMargin, life/5)), nil, time.Time{}
	}
	s.mu.Unlock()
	close(f.done)
}

// rotate remembers and saves the refresh token that o has now. configured is the one of the
// snapshot that was used.
func (t *tokens) rotate(ctx context.Context, s *tokenSource, e *hook.Endpoint, configured hook.HiddenText, o *hook.OAuth2) {
	s.mu.Lock()
	was := s.stored
	s.refresh, s.prints = o.RefreshToken, [2][sha256.Size]byte{s.prints[1], printOf(o)}
	s.mu.Unlock()
	if was == "" {
		was = configured
	}
	if t.rotated == nil || t.rotated(ctx, e.Application, e.ID, was, o.RefreshToken) != nil {
		return // whoever saves logs that; the next one is saved in place of the same
	}
	s.mu.Lock()
	s.stored = o.RefreshToken
	s.mu.Unlock()
}

// tokenAnswer is what a token server answers (RFC 6749 section 5.1).
type tokenAnswer struct {
	AccessToken  string          `json:"access_token"`
	TokenType    string          `json:"token_type"`
	ExpiresIn    json.RawMessage `json:"expires_in"` // a number; some write it as text
	RefreshToken hook.HiddenText `json:"refresh_token"`
}

func (a *tokenAnswer) life() time.Duration {
	seconds, err := strconv.ParseFloat(strings.Trim(string(a.ExpiresIn), `"`), 64)
	if err != nil {
		return defaultTokenLife
	}
	return time.Duration(min(max(seconds, 0), maxRetryAfter.Seconds()) * float64(time.Second))
}

// fetch makes one token request.
func (t *tokens) fetch(ctx context.Context, o *hook.OAuth2, w *way, agent string) (*tokenAnswer, error) {
	req, err := tokenRequest(ctx, o, agent, time.Now())
	if err != nil {
		return nil, err
	}
	transport := t.transport(w)
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req) // follows nothing
	if err != nil {
		return nil, errors.New("the token server: " + tokenFailure(ctx, err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, errors.New("the token server did not end its answer in time")
	case err != nil:
		return nil, errors.New("the token server broke off its answer")
	case len(body) > maxTokenAnswer:
		return nil, fmt.Errorf("the token server's answer has more than %d KiB", maxTokenAnswer>>10)
	case resp.StatusCode != http.StatusOK:
		return nil, refusedToken(resp.StatusCode, body)
	}
	var got tokenAnswer
	if err := json.Unmarshal(body, &got); err != nil {
		return nil, errors.New("the token server's answer is not the JSON of RFC 6749" + contentOf(resp.Header))
	}
	switch {
	case got.AccessToken == "":
		return nil, errors.New("the token server answered without an access_token")
	case got.TokenType != "" && !strings.EqualFold(got.TokenType, "bearer"):
		return nil, errors.New("the token server gave a token of another type than Bearer")
	case hook.CheckBearer(got.AccessToken) != nil:
		return nil, errors.New("the token server gave a token that cannot stand in a header")
	}
	return &got, nil
}

// contentOf returns " (text/html)", where an answer says what it is.
func contentOf(h http.Header) string {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || len(media) > 64 || media == "application/json" {
		return ""
	}
	return " (" + media + ")"
}

// tokenErrors are the codes of RFC 6749 section 5.2, and some that servers add. Others
// are not repeated: a server may write anything there, secrets included.
const tokenErrors = " invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope" +
	" access_denied server_error temporarily_unavailable invalid_target slow_down invalid_token invalid_resource "

// refusedToken says in words what a token server answered.
func refusedToken(status int, body []byte) error {
	var refusal struct {
		Error string `json:"error"`
	}
	text := fmt.Sprintf("the token server answered %d", status)
	if json.Unmarshal(body, &refusal) == nil && refusal.Error != "" {
		if strings.Contains(tokenErrors, " "+refusal.Error+" ") {
			text += ", " + refusal.Error
		} else {
			text += " with an error that is not in RFC 6749"
		}
	}
	return errors.New(text)
}

// transport is for one request: a token lives for long, and a connection of its own
// means that nothing is shared.
func (t *tokens) transport(w *way) *http.Transport {
	route, roots := w.routeOf(), t.roots
	if w != nil && w.roots != nil {
		roots = withSystem(roots, w)
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				return nil, err
			}
			conn, _, err := t.dialer.DialBy(ctx, host, uint16(n), route)
			return conn, err
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 32 << 10,
	}
}

// withSystem returns the authorities that a token server may be of: the usual ones, or the
// endpoint's own. A token server is often not the receiver's, but may be as private.
func withSystem(usual *x509.CertPool, w *way) *x509.CertPool {
	pool := usual
	if pool == nil {
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			return w.roots // this machine has none
		}
	}
	pool = pool.Clone()
	for _, c := range w.authorities {
		pool.AddCert(c)
	}
	return pool
}

// tokenFailure says in words why there is no answer.
func tokenFailure(ctx context.Context, err error) string {
	var blocked *egress.BlockedError
	var lookup *egress.LookupError
	var proxy *egress.ProxyError
	var source *egress.SourceError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var op *net.OpError
	var words string
	switch {
	case errors.As(err, &proxy), errors.As(err, &source), errors.As(err, &blocked), errors.As(err, &lookup):
		_, words = dialFailure(err)
	case errors.As(err, &certificate), errors.As(err, &record):
		_, words = tlsFailure(err)
	case ctx.Err() != nil, isTimeout(err):
		words = "no answer in time"
	case errors.As(err, &op) && op.Op == "dial":
		_, words = dialFailure(err)
	default:
		words = "the connection was closed before an answer came, or the answer is not HTTP"
	}
	return words
}

// tokenRequest builds a token request (RFC 6749 sections 2.3.1, 4.4.2 and 6; RFC 7523 section 2.2).
func tokenRequest(ctx context.Context, o *hook.OAuth2, agent string, now time.Time) (*http.Request, error) {
	form := url.Values{}
	for name, value := range o.ExtraParams {
		form.Set(name, value)
	}
	form.Set("grant_type", "client_credentials")
	if o.Grant == hook.GrantRefreshToken {
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", string(o.RefreshToken))
	}
	if len(o.Scopes) > 0 {
		form.Set("scope", strings.Join(o.Scopes, " "))
	}
	authorization := ""
	switch o.AuthMethod {
	case hook.AuthClientSecretBasic:
		// Both are form-encoded before they are joined, so that a colon in them stays theirs.
		pair := url.QueryEscape(o.ClientID) + ":" + url.QueryEscape(string(o.ClientSecret))
		authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
	case hook.AuthClientSecretPost:
		form.Set("client_id", o.ClientID)
		form.Set("client_secret", string(o.ClientSecret))
	case hook.AuthClientSecretJWT:
		assertion, err := assertionOf(o, now)
		if err != nil {
			return nil, err
		}
		form.Set("client_id", o.ClientID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	default:
		return nil, &credentialsError{"the endpoint's OAuth method is not known"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.TokenURL, bytes.NewReader([]byte(form.Encode())))
	if err != nil {
		return nil, &credentialsError{"the endpoint's token URL cannot be read"}
	}
	req.GetBody = nil // nothing is sent twice
	req.Header.Set("Accept", "application/json")
	for name, value := range o.ExtraHeaders {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", agent)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return req, nil
}

// assertionOf signs a client's assertion (RFC 7523 section 3).
func assertionOf(o *hook.OAuth2, now time.Time) (string, error) {
	if o.JWT == nil {
		return "", &credentialsError{"the endpoint's OAuth key is missing"}
	}
	key, err := o.JWT.PrivateKey()
	if err != nil {
		return "", &credentialsError{"the endpoint's OAuth key cannot be read"}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": o.ClientID, "sub": o.ClientID, "aud": o.TokenURL, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(or(o.JWT.Life, hook.DefaultAssertionLife)).Unix(),
	})
	if o.JWT.KeyID != "" {
		token.Header["kid"] = o.JWT.KeyID
	}
	signed, err := token.SignedString(key)
	if err != nil {
		return "", &credentialsError{"the endpoint's OAuth assertion cannot be signed"}
	}
	return signed, nil
}
