package consent

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
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

	"github.com/hookloft/hookloft/internal/hook"
)

// answer is what a receiver said.
type answer struct {
	refused   string // why not, in words; "" where it agreed
	perMinute int    // the rate that it allowed, 0 for any
}

func refused(format string, args ...any) answer { return answer{refused: fmt.Sprintf(format, args...)} }

// maxAnswer is how much of an answer is read.
const maxAnswer = 16 << 10

// The events that are sent to ask. They are no event types of the catalogue.
const (
	verificationType = "endpoint.verification"
	testType         = "endpoint.test"
)

// question asks a receiver once, by the method of the endpoint's consent.
func (k *Keeper) question(ctx context.Context, ep *hook.Endpoint, env *hook.Environment) answer {
	if ep.IsMail() {
		return refused("nobody can be asked for consent by e-mail; whoever runs this server may waive it (DELETE with an API token)")
	}
	challenge := newChallenge()
	switch ep.Consent.Method {
	case hook.ConsentChallenge:
		a := k.send(ctx, ep, env, verificationType, challenge)
		if why := unsuccessful(a); why != "" {
			return refused("%s", why)
		}
		return repeats(a.Body, challenge)
	case hook.ConsentTest:
		a := k.send(ctx, ep, env, testType, "")
		return answer{refused: unsuccessful(a)}
	case hook.ConsentChallengeGet:
		return k.get(ctx, ep, env, challenge)
	case hook.ConsentCloudEvents:
		return k.handshake(ctx, ep, env)
	}
	return refused("nobody knows how to ask by %q", ep.Consent.Method)
}

func newChallenge() string {
	var raw [24]byte
	rand.Read(raw[:]) // never fails: the process ends instead
	return hex.EncodeToString(raw[:])
}

// send posts a signed event as any other is. Of what the endpoint has made of its
// messages only how a request proves itself is left.
func (k *Keeper) send(ctx context.Context, ep *hook.Endpoint, env *hook.Environment, typ, challenge string) *hook.Attempt {
	now := time.Now().UTC()
	body := map[string]string{"type": typ, "timestamp": now.Format(time.RFC3339)}
	if challenge != "" {
		body["challenge"] = challenge
	}
	payload, err := json.Marshal(body)
	if err != nil {
		return &hook.Attempt{Error: err.Error()} // text has no such faults
	}
	e := *ep
	e.Shape, e.Features = nil, hook.Features{Credentials: ep.Credentials}
	m := &hook.Message{
		ID: hook.MessageID(k.Catalog.NewKey()), Environment: env.ID, Application: ep.Application,
		EventType: typ, Payload: payload, ContentExpiresAt: now.Add(time.Hour),
	}
	a := &hook.Attempt{ID: hook.AttemptID(k.Catalog.NewKey()), N: 1, Trigger: hook.Manual}
	k.Send(ctx, m, &e, env, a)
	return a
}

// unsuccessful says why an attempt is no success, "" when it is one.
func unsuccessful(a *hook.Attempt) string {
	switch {
	case a.Outcome == hook.Success:
		return ""
	case a.Status != 0:
		return fmt.Sprintf("the receiver answered %d", a.Status)
	}
	return strings.TrimSuffix(fmt.Sprintf("%s: %s", hook.Explain(a.Reason).Words, a.Error), ": ")
}

// repeats judges whether a body is the challenge, or a JSON object that holds it as
// "challenge".
func repeats(body []byte, challenge string) answer {
	text := string(bytes.TrimSpace(body))
	var object struct{ Challenge string }
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &object) == nil {
		text = object.Challenge
	} else if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	if subtle.ConstantTimeCompare([]byte(text), []byte(challenge)) != 1 {
		return refused("the answer does not repeat the challenge")
	}
	return answer{}
}

// get asks with the challenge in the query.
func (k *Keeper) get(ctx context.Context, ep *hook.Endpoint, env *hook.Environment, challenge string) answer {
	target, err := url.Parse(ep.URL)
	if err != nil {
		return refused("the URL cannot be read")
	}
	if target.RawQuery != "" {
		target.RawQuery += "&"
	}
	target.RawQuery += "challenge=" + challenge
	resp, body, err := k.fetch(ctx, ep, env, http.MethodGet, target.String(), nil) //nolint:bodyclose // fetch has read and closed it
	switch {
	case err != nil:
		return refused("%s", plain(err))
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return refused("the receiver answered %d", resp.StatusCode)
	}
	return repeats(body, challenge)
}

// handshake asks as CloudEvents' "HTTP 1.1 Web Hooks for Event Delivery", version 1.0,
// section 4 has it. Granting later through a callback is not offered.
func (k *Keeper) handshake(ctx context.Context, ep *hook.Endpoint, env *hook.Environment) answer {
	origin := k.Origin()
	header := http.Header{}
	header.Set("WebHook-Request-Origin", origin)
	if ep.ThrottleRate > 0 { // section 4.1.3: requests a minute
		header.Set("WebHook-Request-Rate", strconv.Itoa(60*ep.ThrottleRate))
	}
	resp, _, err := k.fetch(ctx, ep, env, http.MethodOptions, ep.URL, header) //nolint:bodyclose // fetch has read and closed it
	if err != nil {
		return refused("%s", plain(err))
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return refused("the receiver answered %d to OPTIONS", resp.StatusCode)
	}
	if !allows(resp.Header.Values("WebHook-Allowed-Origin"), origin) {
		return refused("the receiver does not allow the origin %s (WebHook-Allowed-Origin)", origin)
	}
	// Section 4.2.2: the rate is a number of requests a minute, or * for any.
	rate := strings.TrimSpace(resp.Header.Get("WebHook-Allowed-Rate"))
	switch {
	case rate == "*":
		return answer{}
	case rate == "" && ep.ThrottleRate > 0:
		return refused("the receiver allows no rate (WebHook-Allowed-Rate)")
	case rate == "":
		return answer{}
	}
	n, err := strconv.ParseUint(rate, 10, 31)
	if err != nil || n == 0 {
		return refused("the receiver allows a rate that is no number from 1 (WebHook-Allowed-Rate)")
	}
	return answer{perMinute: int(n)}
}

// allows reports whether an origin is among those that are allowed.
func allows(values []string, origin string) bool {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part == "*" || strings.EqualFold(part, origin) {
				return true
			}
		}
	}
	return false
}

// fetch makes one request with the endpoint's own headers and reads its answer, bounded.
func (k *Keeper) fetch(ctx context.Context, ep *hook.Endpoint, env *hook.Environment, method, target string, header http.Header) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, nil, errors.New("the URL cannot be read")
	}
	for name, value := range ep.Headers {
		req.Header.Set(name, value)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	agent := "Hookloft"
	if env.Settings.WhitelabelHeaders {
		agent = "Webhooks"
	}
	req.Header.Set("User-Agent", agent)
	resp, err := k.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp, body, err
}

// plain says what went wrong without the URL, which may hold a password.
func plain(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return "the receiver did not answer in time"
	case errors.As(err, &dns):
		return "the host's name could not be resolved"
	}
	return "the receiver could not be reached: " + strings.ToValidUTF8(err.Error(), "\uFFFD")
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
