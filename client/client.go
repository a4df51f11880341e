// Package client calls Hookloft's HTTP API. It is for what the published client
// libraries of the contract lack: the operations below /x/v1, every page of a list as
// one sequence, live streams, and errors that name the fields that are wrong.
//
//	c, err := client.New("https://hooks.example.com", token, client.Options{})
//	var app api.ApplicationOut
//	err = c.Call(ctx, "POST", "/api/v1/app", api.ApplicationIn{Name: "Acme"}, &app)
//
// Requests and answers are the types of package api. A request that got no answer, or
// one of 429 and 5xx, is made again a few times; a POST carries an Idempotency-Key, so
// that the repeat has no second effect.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAnswerBytes bounds what is read of one answer: more than a page of 250 messages
// of a mebibyte each would have is no answer of this API.
const maxAnswerBytes = 384 << 20

// longestWait is how long a Retry-After may ask a Call to wait before it tries again.
const longestWait = 10 * time.Second

// Options are the knobs of a Client. The zero value is a good start.
type Options struct {
	// Transport makes the requests; nil means a transport of its own, which takes a proxy
	// from the environment.
	Transport http.RoundTripper
	// Timeout of one request with its answer, streams excepted. Zero means 60 s.
	Timeout time.Duration
	// Retries is how often a request is repeated that got no answer, or 429, 502, 503 or
	// 504. Zero means 2, negative none.
	Retries int
	// UserAgent names the program; empty means hookloft-go.
	UserAgent string
	// Trace, if set, is told about each request once its answer has begun or failed. The
	// token is no part of it.
	Trace func(Exchange)
}

// Exchange is one request and what came of it.
type Exchange struct {
	Method, URL string
	// Status is 0 when there was no answer, and Err says why.
	Status int
	// RequestID is what the server's log calls the request; "" where it does not say.
	RequestID string
	Took      time.Duration
	Err       error
}

// Client calls one server with one token. It may be used by several goroutines.
type Client struct {
	server string // without a slash at its end
	token  string
	http   *http.Client
	o      Options
}

// New returns a Client for the server at a URL like https://hooks.example.com, whose
// path, if any, is kept. It makes no request.
func New(server, token string, o Options) (*Client, error) {
	u, err := url.Parse(server)
	switch {
	case err != nil:
		return nil, fmt.Errorf("server %q is no URL", server)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("server %q must be a URL like https://hooks.example.com", u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("server %q must have no user, query or fragment", u.Redacted())
	}
	// A header with a line end would be refused later, with the token in the error.
	if strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return nil, errors.New("the token holds a space or a character that no token has")
	}
	if o.Timeout == 0 {
		o.Timeout = 60 * time.Second
	}
	if o.Retries == 0 {
		o.Retries = 2
	}
	if o.UserAgent == "" {
		o.UserAgent = "hookloft-go"
	}
	if o.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout = o.Timeout
		o.Transport = t
	}
	return &Client{
		server: strings.TrimRight(u.String(), "/"), token: token, o: o,
		http: &http.Client{
			Transport: o.Transport,
			// The API redirects nowhere; a redirect is somebody else's page, and the token stays here.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Server returns the URL of the server, without a slash at its end.
func (c *Client) Server() string { return c.server }

// Path puts ids into a path: each "{}" of the template takes the next one, escaped.
//
//	client.Path("/api/v1/app/{}/endpoint/{}", "acme", "ep_1")
func Path(template string, ids ...string) string {
	for _, id := range ids {
		escaped := url.PathEscape(id)
		if id == "." || id == ".." { // a uid may be one; as a step of a path it would vanish
			escaped = strings.ReplaceAll(id, ".", "%2E")
		}
		template = strings.Replace(template, "{}", escaped, 1)
	}
	return template
}

// Call makes one request and decodes its answer into out. The path begins with a
// slash and may end in a query; see Path. What in is becomes the body: nil for none, a
// json.RawMessage as it is, anything else as JSON. out is a pointer, or nil where the
// answer does not matter; a *json.RawMessage gets the answer's bytes as they came.
//
// An answer that is no success is an *Error. After another error the request may have
// had its effect.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	body, err := encode(in)
	if err != nil {
		return err
	}
	answer, err := c.Do(ctx, method, path, nil, body)
	if err != nil {
		return err
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *json.RawMessage:
		*out = answer.Body
		return nil
	}
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what was expected: %w", method, path, err)
	}
	return nil
}

// Answer is a success.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do is Call with headers of the caller's and a body as it is, nil for none.
func (c *Client) Do(ctx context.Context, method, path string, header http.Header, body []byte) (*Answer, error) {
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if body != nil && header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	if method == http.MethodPost && header.Get("Idempotency-Key") == "" {
		header.Set("Idempotency-Key", "auto_"+rand.Text())
	}
	for try := 0; ; try++ {
		answer, err := c.once(ctx, method, path, header, body)
		wait, again := c.again(try, method, err)
		if !again || ctx.Err() != nil {
			return answer, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}

// again says whether a request that ended in err is made once more, and when.
func (c *Client) again(try int, method string, err error) (time.Duration, bool) {
	if err == nil || try >= c.o.Retries {
		return 0, false
	}
	wait := 50 * time.Millisecond << try
	refused, answered := errors.AsType[*Error](err)
	switch {
	case answered:
		switch refused.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return max(wait, refused.RetryAfter), refused.RetryAfter <= longestWait
		}
		return 0, false
	case errors.Is(err, errAnswerTooLong):
		return 0, false
	case method == http.MethodDelete:
		// Its repeat would answer 404 where the first one had its effect.
		_, notSent := errors.AsType[*net.OpError](err)
		return wait, notSent && strings.Contains(err.Error(), "dial")
	}
	return wait, true
}

// errAnswerTooLong ends a Call without another try.
var errAnswerTooLong = errors.New("the answer is too long")

// once makes one request.
func (c *Client) once(ctx context.Context, method, path string, header http.Header, body []byte) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	res, err := c.send(ctx, method, path, header, body)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: the answer broke off: %w", method, c.server+path, err)
	case len(text) > maxAnswerBytes:
		return nil, fmt.Errorf("%s %s: %w: more than %d bytes", method, c.server+path, errAnswerTooLong, maxAnswerBytes)
	case res.StatusCode/100 != 2:
		return nil, readError(method, path, res, text)
	}
	return &Answer{Status: res.StatusCode, Header: res.Header, Body: text}, nil
}

// send makes a request and returns the answer with its body still to be read.
func (c *Client) send(ctx context.Context, method, path string, header http.Header, body []byte) (*http.Response, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("path %q must begin with a slash", path)
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.server+path, reader)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	req.Header.Set("User-Agent", c.o.UserAgent)
	began := time.Now()
	res, err := c.http.Do(req)
	if c.o.Trace != nil {
		e := Exchange{Method: method, URL: c.server + path, Took: time.Since(began), Err: err}
		if res != nil {
			e.Status, e.RequestID = res.StatusCode, requestID(res.Header)
		}
		c.o.Trace(e)
	}
	return res, err
}

// encode turns what a caller gave into a body.
func encode(in any) ([]byte, error) {
	switch in := in.(type) {
	case nil:
		return nil, nil
	case json.RawMessage:
		return in, nil
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // a URL's & stays one
	if err := e.Encode(in); err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// retryAfter reads the header in either of its forms; 0 for none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 && seconds < 1e6 {
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
