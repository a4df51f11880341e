package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// served is a Handler behind a real HTTP server.
type served struct {
	t      *testing.T
	server *httptest.Server
	log    *bytes.Buffer // read only between requests
	counter
}

func serve(t *testing.T, v Verifier, o HandlerOptions) *served {
	t.Helper()
	s := &served{t: t, log: new(bytes.Buffer)}
	o.Log = slog.New(slog.NewTextHandler(s.log, nil))
	s.server = httptest.NewServer(NewHandler(v, s.handle, o))
	t.Cleanup(s.server.Close)
	return s
}

func mustProvider(t *testing.T, name string, c Config) *ProviderVerifier {
	t.Helper()
	v, err := Provider(name, c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// send makes a request and checks the answer's status and, where want is not "", its body.
func (s *served) send(method, target string, h http.Header, body string, status int, want string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+target, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, values := range h {
		r.Header[name] = values
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if answer.StatusCode != status || want != "" && string(got) != want {
		s.t.Errorf("%s %s: %s %q, want %d %q", method, target, answer.Status, got, status, want)
	}
	return answer
}

// TestHandlerAnswersHandshakes: they are answered on the webhook's URL and do not reach the HandleFunc.
func TestHandlerAnswersHandshakes(t *testing.T) {
	t.Run("slack", func(t *testing.T) {
		c := Config{Secrets: []string{"secret"}}
		s := serve(t, mustProvider(t, "slack", c), HandlerOptions{})
		r := Request{Body: []byte(`{"type":"url_verification","challenge":"<b>3eZ"}`)}
		if err := Sign("slack", c, &r, time.Now()); err != nil {
			t.Fatal(err)
		}
		answer := s.send("POST", "/in", r.Header, string(r.Body), 200, "<b>3eZ")
		if got := answer.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
			t.Errorf("content type %q", got)
		}
		s.send("POST", "/in", nil, string(r.Body), 400, "") // not signed
		r.Header.Set("X-Slack-Signature", "v0="+strings.Repeat("0", 64))
		s.send("POST", "/in", r.Header, string(r.Body), 401, "")
		if len(s.got) != 0 {
			t.Errorf("%d messages", len(s.got))
		}
	})
	t.Run("okta", func(t *testing.T) {
		s := serve(t, mustProvider(t, "okta", Config{Secrets: []string{"s"}}), HandlerOptions{})
		s.send("GET", "/in", http.Header{oktaChallenge: {"c"}}, "", 200, `{"verification":"c"}`)
		answer := s.send("GET", "/in", nil, "", 405, "")
		if answer.Header.Get("Allow") != "POST" {
			t.Errorf("Allow %q", answer.Header.Get("Allow"))
		}
		s.send("DELETE", "/in", nil, "", 405, "")
		s.send("POST", "/in", http.Header{"Authorization": {"s"}}, `{"eventId":"1"}`, 200, "")
		if len(s.got) != 1 || s.got[0].ID != "1" {
			t.Errorf("messages %v", s.got)
		}
	})
	t.Run("mailchimp", func(t *testing.T) {
		s := serve(t, mustProvider(t, "mailchimp", Config{Secrets: []string{"mc"}}), HandlerOptions{})
		s.send("GET", "/in?token=mc", nil, "", 200, "")
		s.send("HEAD", "/in?token=mc", nil, "", 200, "")
		s.send("GET", "/in?token=x", nil, "", 401, "")
		s.send("POST", "/in?token=mc", nil, "type=cleaned", 200, "")
		if len(s.got) != 1 || s.got[0].Type != "cleaned" {
			t.Errorf("messages %v", s.got)
		}
	})
}

// handing is a sender that begins with a handshake of the kind given.
type handing struct{ answer Answer }

func (h handing) Verify(Request, time.Time) (Verified, error) { return Verified{ID: "1"}, nil }
func (h handing) Handshake(r Request, _ time.Time) (*Answer, error) {
	switch string(r.Body) {
	case "hello":
		return &h.answer, nil
	case "forged":
		return nil, fmt.Errorf("%w: secret text", ErrNoMatch)
	}
	return nil, nil
}

// TestHandlerFinishesHandshakes: one that hands over a secret or asks for a visit is
// answered only after OnHandshake has done what it asks for.
func TestHandlerFinishesHandshakes(t *testing.T) {
	for name, answer := range map[string]Answer{
		"secret": {Status: 200, Header: http.Header{"X-Hook-Secret": {"handed"}}, Secret: "handed"},
		"visit":  {Status: 202, Visit: "https://provider.test/confirm"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, handing{answer}, HandlerOptions{})
			s.send("POST", "/", nil, "hello", 501, "")
			if !strings.Contains(s.log.String(), "OnHandshake is not set") || strings.Contains(s.log.String(), "handed") {
				t.Errorf("log: %s", s.log)
			}

			var kept []Answer
			var failure error
			s = serve(t, handing{answer}, HandlerOptions{OnHandshake: func(_ context.Context, a Answer) error {
				kept = append(kept, a)
				return failure
			}})
			got := s.send("POST", "/", nil, "hello", answer.Status, "")
			if got.Header.Get("X-Hook-Secret") != answer.Secret {
				t.Errorf("headers %v", got.Header)
			}
			if len(kept) != 1 || kept[0].Secret != answer.Secret || kept[0].Visit != answer.Visit {
				t.Errorf("kept %v", kept)
			}
			failure = errors.New("the disk is full")
			got = s.send("POST", "/", nil, "hello", 500, "")
			if got.Header.Get("X-Hook-Secret") != "" || !strings.Contains(s.log.String(), "the disk is full") {
				t.Errorf("headers %v, log %s", got.Header, s.log)
			}
			s.send("POST", "/", nil, "forged", 401, `{"code":"unauthorized","detail":"no signature matches"}`)
			s.send("POST", "/", nil, "a webhook", 204, "")
			if len(s.got) != 1 {
				t.Errorf("%d messages", len(s.got))
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		s := serve(t, handing{Answer{Status: 403, Refused: "the token is wrong", Secret: "never"}}, HandlerOptions{
			OnHandshake: func(context.Context, Answer) error { t.Error("a refused handshake was finished"); return nil },
		})
		s.send("POST", "/", nil, "hello", 403, "")
		if !strings.Contains(s.log.String(), "the token is wrong") {
			t.Errorf("log: %s", s.log)
		}
	})
}

// TestHandlerWithoutTheSendersKeyAsksToComeAgain: it is no fault of the request.
func TestHandlerWithoutTheSendersKeyAsksToComeAgain(t *testing.T) {
	s := serve(t, verifierFunc(func(Request) (Verified, error) {
		return Verified{}, fmt.Errorf("%w: dial 10.0.0.1", ErrNoKey)
	}), HandlerOptions{})
	answer := s.send("POST", "/", nil, "", 503, `{"code":"unavailable","detail":"the sender's key could not be had"}`)
	if answer.Header.Get("Retry-After") != retryAfterSeconds {
		t.Errorf("Retry-After %q", answer.Header.Get("Retry-After"))
	}
}

// TestHandlerRefusesXeroWithoutABody: its intent to receive wants a 401, and nothing with it.
func TestHandlerRefusesXeroWithoutABody(t *testing.T) {
	s := serve(t, mustProvider(t, "xero", Config{Secrets: []string{"key"}}), HandlerOptions{})
	answer := s.send("POST", "/", http.Header{"X-Xero-Signature": {"wrong"}}, "{}", 401, "")
	if answer.ContentLength != 0 || len(s.got) != 0 {
		t.Errorf("%d bytes, %d messages", answer.ContentLength, len(s.got))
	}
}

// TestHandlerRemembersForAsLongAsThereAreRetries: Adyen tries again for 30 days.
func TestHandlerRemembersForAsLongAsThereAreRetries(t *testing.T) {
	for _, p := range []Preset{{}, {RetryFor: time.Hour}, {RetryFor: 30 * 24 * time.Hour}} {
		h := NewHandler(withPreset{nil, p}, nil, HandlerOptions{})
		if got, want := h.o.Seen.(*MemorySeen).remember, max(DefaultRemember, p.RetryFor); got != want {
			t.Errorf("retries for %s: remembers for %s, want %s", p.RetryFor, got, want)
		}
	}
}

// withPreset is a verifier with a preset of its own.
type withPreset struct {
	verifierFunc
	preset Preset
}

func (v withPreset) Preset() Preset { return v.preset }

// TestHandlerAnswersAsThePresetSays: methods, the answer of success, silence, shared ids.
func TestHandlerAnswersAsThePresetSays(t *testing.T) {
	var refusal error
	v := withPreset{func(Request) (Verified, error) { return Verified{ID: "same"}, refusal }, Preset{
		Methods: []string{"POST", "PUT"}, Quiet: true, IDShared: true,
		Success: Success{Status: 202, ContentType: "text/plain", Body: "[accepted]"},
	}}
	s := serve(t, v, HandlerOptions{})
	answer := s.send("PUT", "/", nil, "a", 202, "[accepted]")
	if answer.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("content type %q", answer.Header.Get("Content-Type"))
	}
	s.send("POST", "/", nil, "a", 202, "[accepted]") // a duplicate
	s.send("POST", "/", nil, "b", 202, "[accepted]") // not one: the id is shared
	if len(s.got) != 2 {
		t.Errorf("%d messages, want 2", len(s.got))
	}
	if answer = s.send("GET", "/", nil, "", 405, ""); answer.Header.Get("Allow") != "POST, PUT" {
		t.Errorf("Allow %q", answer.Header.Get("Allow"))
	}
	refusal = ErrNoMatch
	s.send("POST", "/", nil, "c", 202, "[accepted]") // quiet
	refusal = ErrNoKey
	s.send("POST", "/", nil, "c", 503, "")
	if len(s.got) != 2 || strings.Count(s.log.String(), "webhook refused") != 2 {
		t.Errorf("%d messages, log %s", len(s.got), s.log)
	}
}

// TestHandlerTakesAllMethodsOfGeneric, with a token in the query of a GET.
func TestHandlerTakesAllMethodsOfGeneric(t *testing.T) {
	s := serve(t, mustProvider(t, "generic", Config{Secrets: []string{"s"}, Settings: map[string]string{"mode": "query", "id_header": "X-Id"}}), HandlerOptions{})
	for i, method := range []string{"POST", "PUT", "PATCH", "DELETE", "GET"} {
		s.send(method, "/?token=s", http.Header{"X-Id": {method}}, "", 200, "")
		if len(s.got) != i+1 || s.got[i].ID != method {
			t.Errorf("%s: %v", method, s.got)
		}
	}
	s.send("OPTIONS", "/?token=s", nil, "", 405, "")
}
