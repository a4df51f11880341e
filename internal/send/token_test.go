package send

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	clientSecret = "s3cret:client secret+1"
	refreshToken = "refresh-canary-1"
)

// tokenServer gives tokens token-1, token-2, ... that are valid for an hour, unless answer says otherwise.
type tokenServer struct {
	*httptest.Server
	asked  atomic.Int64
	mu     sync.Mutex
	forms  []url.Values
	header []http.Header
	answer func(n int64, w http.ResponseWriter, r *http.Request)
}

func newTokenServer(t *testing.T) *tokenServer {
	t.Helper()
	s := &tokenServer{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		s.mu.Lock()
		s.forms, s.header = append(s.forms, form), append(s.header, r.Header)
		answer := s.answer
		s.mu.Unlock()
		if answer != nil {
			answer(n, w, r)
			return
		}
		giveToken(w, fmt.Sprintf("token-%d", n), 3600)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func giveToken(w http.ResponseWriter, token string, seconds any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": seconds})
}

func (s *tokenServer) settings() hook.OAuth2 {
	return hook.OAuth2{
		Grant: hook.GrantClientCredentials, AuthMethod: hook.AuthClientSecretBasic, ClientID: "client:1", ClientSecret: clientSecret,
		TokenURL: s.URL + "/token",
	}
}

func TestAccessTokenIsFetchedOnceAndUsed(t *testing.T) {
	tokens, r := newTokenServer(t), newKeeper(t, nil)
	sender, _ := newSender(t, Options{})
	o := tokens.settings()
	o.Scopes, o.ExtraParams, o.ExtraHeaders = []string{"a", "b"}, map[string]string{"audience": "x"}, map[string]string{"X-Extra": "1"}
	job := jobWith(r.url("/"), hook.Credentials{OAuth2: &o})
	// Many attempts at once wait for one request.
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if a := sender.Send(context.Background(), job); a.Outcome != hook.Success {
				t.Errorf("%v: %s", a.Reason, a.Error)
			}
		})
	}
	all.Wait()
	// A snapshot that differs in something else uses the token, too.
	changed := *job.Endpoint
	changed.Description = "other"
	job.Endpoint = &changed
	mustSend(t, sender, job)
	if n := tokens.asked.Load(); n != 1 {
		t.Errorf("%d token requests for 21 attempts", n)
	}
	if got, _ := r.last(t); fmt.Sprint(got.Header["Authorization"]) != "[Bearer token-1]" {
		t.Errorf("sent %v", got.Header["Authorization"])
	}
	id, secret, _ := strings.Cut(decodeBasic(t, tokens.header[0].Get("Authorization")), ":")
	if id != "client%3A1" || secret != url.QueryEscape(clientSecret) { // RFC 6749 section 2.3.1
		t.Errorf("client %q, secret %q", id, secret)
	}
	want := url.Values{"grant_type": {"client_credentials"}, "scope": {"a b"}, "audience": {"x"}}
	if got := tokens.forms[0]; got.Encode() != want.Encode() || tokens.header[0].Get("X-Extra") != "1" {
		t.Errorf("asked with %v", got)
	}
	// Other settings are another token.
	o2 := o
	o2.Scopes = []string{"c"}
	mustSend(t, sender, jobWith(r.url("/"), hook.Credentials{OAuth2: &o2}))
	if n := tokens.asked.Load(); n != 2 {
		t.Errorf("%d token requests after a change of scopes, want 2", n)
	}
}

func decodeBasic(t *testing.T, header string) string {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(header, "Basic "))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestClientProvesItself(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	for _, c := range []struct {
		name   string
		change func(*hook.OAuth2)
		check  func(url.Values, http.Header) error
	}{
		{"in the body", func(o *hook.OAuth2) { o.AuthMethod = hook.AuthClientSecretPost }, func(f url.Values, h http.Header) error {
			if f.Get("client_id") != "client:1" || f.Get("client_secret") != clientSecret || h.Get("Authorization") != "" {
				return fmt.Errorf("asked with %v", f)
			}
			return nil
		}},
		{"by an assertion", func(o *hook.OAuth2) {
			o.AuthMethod, o.ClientSecret = hook.AuthClientSecretJWT, ""
			o.JWT = &hook.ClientJWT{Key: hook.HiddenText(text), KeyID: "k1", Life: time.Minute}
		}, func(f url.Values, _ http.Header) error {
			claims := jwt.RegisteredClaims{}
			token, err := jwt.ParseWithClaims(f.Get("client_assertion"), &claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil }, jwt.WithValidMethods([]string{"RS256"}))
			if err != nil {
				return err
			}
			if claims.Issuer != "client:1" || claims.Subject != "client:1" || len(claims.Audience) != 1 || !strings.HasSuffix(claims.Audience[0], "/token") || claims.ID == "" ||
				token.Header["kid"] != "k1" || claims.ExpiresAt.Sub(claims.IssuedAt.Time) != time.Minute || f.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
				return fmt.Errorf("claims %+v, header %v, form %v", claims, token.Header, f)
			}
			return nil
		}},
		{"with a refresh token", func(o *hook.OAuth2) { o.Grant, o.RefreshToken = hook.GrantRefreshToken, refreshToken }, func(f url.Values, _ http.Header) error {
			if f.Get("grant_type") != "refresh_token" || f.Get("refresh_token") != refreshToken {
				return fmt.Errorf("asked with %v", f)
			}
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokens, r := newTokenServer(t), newKeeper(t, nil)
			sender, _ := newSender(t, Options{})
			o := tokens.settings()
			c.change(&o)
			if err := o.Validate(); err != nil {
				t.Fatal(err)
			}
			mustSend(t, sender, jobWith(r.url("/"), hook.Credentials{OAuth2: &o}))
			if err := c.check(tokens.forms[0], tokens.header[0]); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRefusedTokenIsReplacedForTheNextAttempt: a 401 is one attempt and one request; the
// token goes, and a receiver that refuses every token does not have them all fetched.
func TestRefusedTokenIsReplacedForTheNextAttempt(t *testing.T) {
	tokens, r := newTokenServer(t), newKeeper(t, nil)
	r.answer = func(_ int, req *http.Request) int {
		if req.Header.Get("Authorization") == "Bearer token-1" {
			return 401
		}
		return 200
	}
	sender, _ := newSender(t, Options{})
	o := tokens.settings()
	job := jobWith(r.url("/"), hook.Credentials{OAuth2: &o})
	if a := sender.Send(t.Context(), job); a.Status != 401 || a.Reason != hook.ReasonAuth || r.count() != 1 || tokens.asked.Load() != 1 {
		t.Fatalf("first: %d %v, %d requests, %d tokens", a.Status, a.Reason, r.count(), tokens.asked.Load())
	}
	mustSend(t, sender, job)
	if r.count() != 2 || tokens.asked.Load() != 2 {
		t.Errorf("second: %d requests, %d tokens", r.count(), tokens.asked.Load())
	}
	r.mu.Lock()
	r.answer = func(int, *http.Request) int { return 401 }
	r.mu.Unlock()
	for range 10 {
		sender.Send(t.Context(), job)
	}
	if n := tokens.asked.Load(); n != 3 {
		t.Errorf("%d token requests while every token is refused, want 3", n)
	}
}

// TestTokenIsReplacedBeforeItsEnd works on the token's account alone, where time is an argument.
func TestTokenIsReplacedBeforeItsEnd(t *testing.T) {
	now := time.Now()
	s := &tokenSource{text: "old", from: now, due: now.Add(time.Minute), until: now.Add(2 * time.Minute)}
	flights := 0
	begin := func(*tokenFlight, hook.HiddenText) { flights++ }
	if text, f, err := s.current(now.Add(59*time.Second), begin); text != "old" || f != nil || err != nil || flights != 0 {
		t.Errorf("fresh: %q, %v, %v, %d flights", text, f, err, flights)
	}
	for range 2 { // the old one goes on being used while one request is under way
		if text, f, _ := s.current(now.Add(time.Minute), begin); text != "old" || f != nil || flights != 1 {
			t.Errorf("due: %q, %v, %d flights", text, f, flights)
		}
	}
	if text, f, _ := s.current(now.Add(2*time.Minute), begin); text != "" || f == nil || flights != 1 {
		t.Errorf("ended: %q, %v, %d flights", text, f, flights)
	}
	// A replacement that failed is tried again a little later, and the old token serves.
	s.flight, s.failed, s.retryAt = nil, io.ErrUnexpectedEOF, now.Add(61*time.Second)
	if text, f, err := s.current(now.Add(60500*time.Millisecond), begin); text != "old" || f != nil || err != nil || flights != 1 {
		t.Errorf("after a failure: %q, %v, %v, %d flights", text, f, err, flights)
	}
	if _, _, err := (&tokenSource{failed: io.EOF, retryAt: now.Add(time.Second)}).current(now, begin); err != io.EOF || flights != 1 {
		t.Errorf("a failure does not stand for others: %v, %d flights", err, flights)
	}
	for text, want := range map[string]time.Duration{`60`: time.Minute, `"90"`: 90 * time.Second, ``: defaultTokenLife, `null`: defaultTokenLife, `-5`: 0, `1e300`: maxRetryAfter} {
		if got := (&tokenAnswer{ExpiresIn: json.RawMessage(text)}).life(); got != want {
			t.Errorf("expires_in %s: %v, want %v", text, got, want)
		}
	}
}

func TestShortLivedTokensAreFetchedAgain(t *testing.T) {
	tokens, r := newTokenServer(t), newKeeper(t, nil)
	tokens.answer = func(n int64, w http.ResponseWriter, _ *http.Request) { giveToken(w, fmt.Sprintf("t%d", n), 0) }
	sender, _ := newSender(t, Options{})
	o := tokens.settings()
	for i := range 3 {
		mustSend(t, sender, jobWith(r.url("/"), hook.Credentials{OAuth2: &o}))
		if got, _ := r.last(t); got.Header.Get("Authorization") != fmt.Sprintf("Bearer t%d", i+1) {
			t.Errorf("attempt %d sent %s", i, got.Header.Get("Authorization"))
		}
	}
}

// TestTokenServerInTrouble: nothing is sent to the receiver, the words say what is wrong, and
// no secret stands in them.
func TestTokenServerInTrouble(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(n int64, w http.ResponseWriter, r *http.Request)
		words  string
	}{
		{"client refused", func(_ int64, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			io.WriteString(w, `{"error":"invalid_client","error_description":"secret `+clientSecret+` is wrong"}`)
		}, "answered 401, invalid_client"},
		{"a code of its own", func(_ int64, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(400)
			io.WriteString(w, `{"error":"`+clientSecret+`"}`)
		}, "answered 400 with an error that is not in RFC 6749"},
		{"broken", func(_ int64, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "answered 500"},
		{"redirect", func(_ int64, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(307)
		}, "answered 307"},
		{"a page", func(_ int64, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, "<html>log in</html>")
		}, "not the JSON of RFC 6749 (text/html)"},
		{"a list", func(_ int64, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `[]`) }, "not the JSON of RFC 6749"},
		{"no token", func(_ int64, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"token_type":"bearer"}`) }, "without an access_token"},
		{"another type", func(_ int64, w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"access_token":"a","token_type":"mac"}`)
		}, "another type than Bearer"},
		{"a token that breaks out", func(_ int64, w http.ResponseWriter, _ *http.Request) { giveToken(w, "a\r\nX-Evil: 1", 60) }, "cannot stand in a header"},
		{"huge", func(_ int64, w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"access_token":"`)
			for range 100 {
				w.Write(make([]byte, 64<<10))
			}
		}, "more than 64 KiB"},
		{"slow", func(_ int64, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "did not answer in time"},
		{"slow body", func(_ int64, w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"access`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "in time"},
		{"cut", func(_ int64, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"access_token":"a"}`)
		}, "broke off its answer"},
		{"hung up", func(int64, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "closed before an answer came"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokens, r := newTokenServer(t), newKeeper(t, nil)
			tokens.answer = c.answer
			timeout := time.Minute // is not what ends them
			if strings.HasSuffix(c.words, "in time") {
				timeout = time.Second
			}
			sender, _ := newSender(t, Options{Timeout: timeout})
			o := tokens.settings()
			begun := time.Now()
			a := sender.Send(t.Context(), jobWith(r.url("/"), hook.Credentials{OAuth2: &o}))
			if a.Outcome != hook.Failed || a.Reason != hook.ReasonOAuthToken || !strings.Contains(a.Error, c.words) {
				t.Errorf("%v %v: %s", a.Outcome, a.Reason, a.Error)
			}
			if strings.Contains(a.Error, "s3cret") || r.count() != 0 {
				t.Errorf("%d requests, error %s", r.count(), a.Error)
			}
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
			tokens.CloseClientConnections()
		})
	}
	t.Run("forbidden address", func(t *testing.T) {
		r := newKeeper(t, nil)
		guard, err := egress.NewGuard(egress.Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
		if err != nil {
			t.Fatal(err)
		}
		n := &testNet{}
		sender := New(egress.NewDialer(guard, egress.Options{Resolver: n}), Options{})
		t.Cleanup(sender.Close)
		o := (&tokenServer{Server: &httptest.Server{URL: "http://169.254.169.254"}}).settings()
		a := sender.Send(t.Context(), jobWith(r.url("/"), hook.Credentials{OAuth2: &o}))
		if a.Reason != hook.ReasonOAuthToken || !strings.Contains(a.Error, "blocked: address 169.254.169.254 is link-local") {
			t.Errorf("%v: %s", a.Reason, a.Error)
		}
	})
}

// TestSlowTokenServerSlowsItsEndpointOnly sends to another endpoint while a token is waited for.
func TestSlowTokenServerSlowsItsEndpointOnly(t *testing.T) {
	tokens, r := newTokenServer(t), newKeeper(t, nil)
	release := make(chan struct{})
	tokens.answer = func(_ int64, w http.ResponseWriter, _ *http.Request) { <-release; giveToken(w, "late", 60) }
	sender, _ := newSender(t, Options{})
	o := tokens.settings()
	slow, quick := jobWith(r.url("/slow"), hook.Credentials{OAuth2: &o}), newJob(r.url("/quick"))
	quick.Endpoint.ID = 77
	waiting := make(chan hook.Attempt, 1)
	go func() { waiting <- sender.Send(context.Background(), slow) }()
	mustSend(t, sender, quick)
	select {
	case a := <-waiting:
		t.Fatalf("did not wait: %v %s", a.Reason, a.Error)
	default:
	}
	// One that is stopped while it waits ends at once, and as what it is.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := sender.Send(ctx, slow); a.Reason != hook.ReasonCanceled {
		t.Errorf("stopped: %v %s", a.Reason, a.Error)
	}
	close(release)
	if a := <-waiting; a.Outcome != hook.Success {
		t.Errorf("%v: %s", a.Reason, a.Error)
	}
}

// TestCloseEndsTokenRequests: goleak in TestMain sees what goes on after it.
func TestCloseEndsTokenRequests(t *testing.T) {
	tokens := newTokenServer(t)
	asked := make(chan struct{}, 1)
	tokens.answer = func(_ int64, _ http.ResponseWriter, r *http.Request) { asked <- struct{}{}; <-r.Context().Done() }
	sender := New(egress.NewDialer(loopbackGuard(t), egress.Options{}), Options{})
	o := tokens.settings()
	ended := make(chan hook.Attempt, 1)
	go func() {
		ended <- sender.Send(context.Background(), jobWith("http://127.0.0.1:1/", hook.Credentials{OAuth2: &o}))
	}()
	<-asked
	sender.Close()
	if a := <-ended; a.Outcome != hook.Failed {
		t.Errorf("%v: %s", a.Outcome, a.Error)
	}
}

// TestRefreshTokenIsReplaced: a server that gives a new refresh token with each access token
// gets the newest one back, it is saved, and the snapshot that comes of that is no new start.
func TestRefreshTokenIsReplaced(t *testing.T) {
	tokens, r := newTokenServer(t), newKeeper(t, nil)
	tokens.answer = func(n int64, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"access_token":"t%d","expires_in":%d,"refresh_token":"refresh-%d"}`, n, 0, n+1)
	}
	var saved []string
	sender, _ := newSender(t, Options{RefreshTokenRotated: func(_ context.Context, app hook.ApplicationID, id hook.EndpointID, was, is hook.HiddenText) error {
		saved = append(saved, fmt.Sprintf("%d %d %s > %s", app, id, string(was), string(is)))
		return nil
	}})
	o := tokens.settings()
	o.Grant, o.RefreshToken = hook.GrantRefreshToken, "refresh-1"
	first := jobWith(r.url("/"), hook.Credentials{OAuth2: &o})
	mustSend(t, sender, first)
	next := o
	next.RefreshToken = "refresh-2"
	second := jobWith(r.url("/"), hook.Credentials{OAuth2: &next})
	mustSend(t, sender, second) // as after the save
	mustSend(t, sender, second)
	var sent []string
	for _, f := range tokens.forms {
		sent = append(sent, f.Get("refresh_token"))
	}
	if want := []string{"refresh-1", "refresh-2", "refresh-3"}; !slices.Equal(sent, want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
	if want := []string{"2 3 refresh-1 > refresh-2", "2 3 refresh-2 > refresh-3", "2 3 refresh-3 > refresh-4"}; !slices.Equal(saved, want) {
		t.Errorf("saved %q, want %q", saved, want)
	}
}

func TestTokensAreBounded(t *testing.T) {
	ts := newTokens(nil, Options{})
	o := &hook.OAuth2{ClientID: "a"}
	for i := range maxTokens + 10 {
		s := ts.source(&hook.Endpoint{ID: hook.EndpointID(i)}, o)
		s.text, s.until = "t", time.Now().Add(time.Hour)
	}
	if n := len(ts.byID); n > maxTokens {
		t.Errorf("%d tokens are remembered, at most %d may be", n, maxTokens)
	}
}
