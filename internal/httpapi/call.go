package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// call is one request on its way through a handler.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	route *route
	reqID string
	token *hook.Token // nil for open operations
	// session and user are those of who has signed in; nil for tokens.
	session *hook.Session
	user    *hook.User
	jwt     bool   // token was made from a JWT and is not in the store
	body    []byte // of POST, PUT and PATCH; owned by the call, so parts of it may be kept
	q       query
	// receipt is to be saved with the change that answers this request; nil without
	// an Idempotency-Key. See prepare.
	receipt *store.Receipt
	status  int // of the answer, once written
	// span measures the call; nil when tracing is off.
	span *telemetry.Span
	// switched: the connection went on as a WebSocket, so that the time until now is not
	// that of an answer.
	switched bool
}

func (c *call) ctx() context.Context { return c.r.Context() }

// env is the environment of the caller.
func (c *call) env() hook.EnvironmentID { return c.token.Environment }

// param returns a path parameter, decoded once.
func (c *call) param(name string) string {
	v := chi.URLParam(c.r, name)
	if c.r.URL.RawPath == "" {
		return v
	}
	plain, err := url.PathUnescape(v)
	if err != nil {
		return v // names nothing
	}
	return plain
}

// The headers that are set by name on every answer, in their canonical spelling.
const (
	requestIDHeader = "Svix-Req-Id"
	ignoredHeader   = "Hookloft-Ignored-Fields"
)

// ServeHTTP is the outermost layer: what holds for every request, whatever its route.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setCORS(w.Header())
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		preflight(w, r)
		return
	}
	// Clients call paths with and without a trailing slash; neither is redirected.
	if p := r.URL.Path; len(p) > 1 && p[len(p)-1] == '/' {
		u := *r.URL
		u.Path, u.RawPath = strings.TrimRight(p, "/"), strings.TrimRight(u.RawPath, "/")
		r2 := *r
		r2.URL = &u
		r = &r2
	}
	s.mux.ServeHTTP(w, r)
}

// serve returns the handler of one route.
func (s *server) serve(rt *route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		c := &call{w: w, r: r, route: rt, reqID: requestID(r)}
		if s.Tracer != nil {
			c.r, c.span = s.Tracer.Request(r, rt.path)
			defer s.endSpan(c)
		}
		w.Header()[requestIDHeader] = []string{c.reqID}
		err := s.runSafely(c)
		if err != nil {
			s.writeError(c, err)
		}
		took := time.Since(start)
		if s.Metrics != nil && !c.switched {
			s.Metrics.Request(rt.path, r.Method, c.status, took)
		}
		s.logCall(c, err, took)
	}
}

// endSpan ends the span of a call that has been answered.
func (s *server) endSpan(c *call) {
	c.span.Text("hookloft.req_id", c.reqID)
	if c.span.IsRecording() && c.token != nil {
		c.span.Text("org_id", s.Catalog.Codec().Environment(c.token.Environment))
	}
	c.span.Answered(c.status)
}

// runSafely turns a panic, which is a mistake of ours, into an error of this request alone.
func (s *server) runSafely(c *call) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return s.run(c)
}

func (s *server) run(c *call) error {
	if !c.route.access.open {
		if err := s.authenticate(c); err != nil {
			return err
		}
		if err := s.limits.take(c); err != nil {
			return err
		}
		if err := c.route.allows(c.token); err != nil {
			return err
		}
		if err := s.refuseReadOnly(c); err != nil {
			return err
		}
	}
	// A publish changes the catalogue only where it creates its application, see postMessage.
	if c.route.method != http.MethodGet && !c.route.publishes {
		s.act(c)
	}
	q, err := parseQuery(c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	c.q = q
	if takesBody(c.route.method) {
		if err := s.readBody(c); err != nil {
			return err
		}
	}
	if c.route.method == http.MethodPost && c.route.receipts {
		return s.once(c)
	}
	return c.route.handler(s, c)
}

func takesBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// readBody reads the body once, into memory of its own, because parts of it live on:
// a payload is sent from there.
func (s *server) readBody(c *call) error {
	r := c.r
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	limit := max(int64(s.o.MaxBodyBytes), c.route.bodyBytes)
	if c.route.publishes {
		limit = int64(s.o.MaxPayloadBytes) + envelopeBytes
	}
	if r.ContentLength > limit {
		// Refused from the header: nothing of the body is read.
		c.w.Header().Set("Connection", "close")
		return tooLarge()
	}
	if r.Header["Content-Encoding"] != nil {
		c.w.Header().Set("Connection", "close")
		return &statusError{http.StatusUnsupportedMediaType, "unsupported_media_type", "Send the body without Content-Encoding."}
	}
	var err error
	if r.ContentLength > 0 {
		c.body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, c.body)
	} else {
		c.body, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
	}
	if err != nil {
		c.w.Header().Set("Connection", "close")
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return &statusError{http.StatusRequestTimeout, "request_timeout", "The request body did not arrive in time."}
		}
		return badRequest("The request body could not be read.")
	}
	if int64(len(c.body)) > limit {
		c.w.Header().Set("Connection", "close")
		return tooLarge()
	}
	if len(c.body) > 0 && !isJSON(r.Header.Get("Content-Type")) {
		return &statusError{http.StatusUnsupportedMediaType, "unsupported_media_type", "Send the body as application/json."}
	}
	return nil
}

// isJSON reports whether a Content-Type is that of JSON, with or without parameters.
func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/json")
}

// requestID takes the client's id of the request when it is harmless, or draws one.
func requestID(r *http.Request) string {
	if v := r.Header[requestIDHeader]; len(v) == 1 && len(v[0]) > 0 && len(v[0]) <= 64 && isPlain(v[0]) {
		return v[0]
	}
	var b [12]byte
	rand.Read(b[:]) // never fails: the process ends instead
	return hex.EncodeToString(b[:])
}

// isPlain reports whether s is visible ASCII without quotes, so that it may stand in a header and a log line.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// logCall writes one wide line. Calls that went well are at Debug, because at
// thousands a second they would cost more than the calls.
func (s *server) logCall(c *call, err error, took time.Duration) {
	level := slog.LevelDebug
	switch {
	case c.status >= 500 && c.status != http.StatusNotImplemented && c.status != http.StatusServiceUnavailable:
		level = slog.LevelError
	case c.status == http.StatusServiceUnavailable:
		level = slog.LevelWarn
	}
	if !s.Log.Enabled(c.ctx(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String(telemetry.KeyMethod, c.r.Method),
		slog.String(telemetry.KeyRoute, c.route.path),
		slog.Int(telemetry.KeyStatus, c.status),
		slog.Duration(telemetry.KeyTook, took),
		slog.String(telemetry.KeyRequest, c.reqID),
		slog.String(telemetry.KeyAddress, s.clientAddr(c.r).String()),
	}
	if c.token != nil {
		attrs = append(attrs, slog.String(telemetry.KeyEnvironment, s.Catalog.Codec().Environment(c.token.Environment)))
	}
	if err != nil && c.status >= 500 {
		attrs = append(attrs, slog.String(telemetry.KeyError, err.Error()))
	}
	s.Log.LogAttrs(c.ctx(), level, "api call", attrs...)
}

func (s *server) notImplemented(c *call) error { return notServed() }

func notServed() error {
	return &statusError{http.StatusNotImplemented, "not_implemented", "This operation of the contract is not served here."}
}

func (s *server) unknownRoute(c *call) error {
	return &statusError{http.StatusNotFound, "not_found", "No operation has this path."}
}

func (s *server) wrongMethod(c *call) error {
	path := c.r.URL.RawPath
	if path == "" {
		path = c.r.URL.Path
	}
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if s.mux.Match(chi.NewRouteContext(), m, path) {
			allowed = append(allowed, m)
		}
	}
	c.w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &statusError{http.StatusMethodNotAllowed, "method_not_allowed", "This path does not have the method " + strconv.Quote(cut(c.r.Method, 32)) + "."}
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// anyOf reports whether v is one of list.
func anyOf[T comparable](v T, list ...T) bool { return slices.Contains(list, v) }
