package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// DefaultMaxBodyBytes is the largest body that a Handler reads: 1 MiB, the
// largest payload that Hookloft and Svix-compatible senders accept.
const DefaultMaxBodyBytes = 1 << 20

// maxDrainBytes is how much of a body over the limit is read and thrown away. A
// sender that is still writing when the server hangs up sees a broken connection
// instead of the 413.
const maxDrainBytes = 4 << 20

// retryAfterSeconds is what a sender is told whose message is being handled by
// another request just now, or whose key could not be had.
const retryAfterSeconds = "10"

// A Message is a request that was verified.
type Message struct {
	// Verified has the id, the type and the times, and the events of a batch.
	Verified
	// Body is the body as it was signed, byte for byte.
	Body []byte
	// Header is the request's. What in it is signed is the sender's choice: by Standard
	// Webhooks only the id and the timestamp.
	Header http.Header
}

// A HandleFunc does what a message asks for. nil means that it is done and must
// not be done again; an error means that the sender shall send it again. The
// error is logged, not sent.
//
// ctx is the request's: it ends when the sender hangs up, which most do after 15
// to 30 seconds. Work that takes longer belongs in a queue of the receiver's own.
//
// Senders deliver at least once: if this process ends between the work and the
// answer, the message comes again.
type HandleFunc func(ctx context.Context, m Message) error

// A Handler is the http.Handler that receives webhooks. It reads the body once
// and bounded, verifies it, passes over messages that were handled before, and
// calls a HandleFunc. It answers:
//
//	204  handled, now or before
//	400  no webhook: a header is missing, doubled or malformed, or the body broke off
//	401  not genuine, or too old or too new
//	405  not a method of the sender's: POST, or those of Preset.Methods
//	413  the body is larger than MaxBodyBytes
//	500  the HandleFunc, the Seen or OnHandshake failed; the message may come again
//	501  a handshake that needs OnHandshake, which is not there
//	503  another request is handling this very message, or the sender's key could not
//	     be had; come again
//
// With a [ProviderVerifier], what was handled is answered as its provider wants it
// (Preset.Success; 200 for most) instead of 204, and a provider that must not be told
// of refusals (Preset.Quiet), or not in words (Preset.Bare), is not. With a [Handshaker], the requests with which the
// provider checks the URL are answered as well, and do not reach the HandleFunc.
//
// Each answer from 400 up has a JSON body {"code": ..., "detail": ...} without
// anything from the request or the keys in it.
//
// The server that a Handler runs in sets the time limits for reading a request
// (http.Server.ReadTimeout).
type Handler struct {
	verifier   Verifier
	handshaker Handshaker // nil when verifier is none
	preset     Preset     // of a ProviderVerifier; else only Methods and Success are set
	handle     HandleFunc
	o          HandlerOptions
}

// HandlerOptions are the knobs of a Handler. The zero value is a good start.
type HandlerOptions struct {
	// Seen remembers the messages that were handled. Nil means a MemorySeen with
	// its defaults, for this Handler alone: it is empty after a restart and unknown
	// to other processes. It remembers for Preset.RetryFor where that is longer.
	Seen Seen
	// MaxBodyBytes is the largest body accepted; it bounds the memory of a request.
	// Smaller than the sender's payloads means that these never arrive. Zero or less
	// means DefaultMaxBodyBytes.
	MaxBodyBytes int64
	// BaseURL is scheme and host as the sender knows them, such as
	// "https://hooks.example.com", for verifiers that need the URL. Empty means
	// https and the request's own Host, which is right unless a proxy changes it.
	BaseURL string
	// OnHandshake is called with the answer of a handshake that asks for more than an
	// answer: a.Secret is to be kept (the provider signs with it from now on; the verifier
	// has to be made anew with it), a.Visit is to be fetched with GET. It must have done
	// so when it returns; on an error the handshake is answered with 500. Nil means that
	// such handshakes are refused with 501: those of Asana and Notion, which hand over a
	// secret, and of SNS and Event Grid, which want a visit. Other handshakes need nothing.
	OnHandshake func(ctx context.Context, a Answer) error
	// Log gets one line for each request that was refused (Info) or failed (Error).
	// Nil means slog.Default().
	Log *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// NewHandler returns a Handler that calls handle for each message that v accepts.
func NewHandler(v Verifier, handle HandleFunc, o HandlerOptions) *Handler {
	if o.MaxBodyBytes <= 0 {
		o.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Handler{verifier: v, handle: handle, o: o}
	h.handshaker, _ = v.(Handshaker)
	h.preset.Success.Status = http.StatusNoContent
	if known, ok := v.(interface{ Preset() Preset }); ok {
		h.preset = known.Preset()
		if h.preset.Success.Status == 0 {
			h.preset.Success.Status = http.StatusOK
		}
	}
	if h.o.Seen == nil {
		h.o.Seen = NewMemorySeen(MemorySeenOptions{Remember: max(DefaultRemember, h.preset.RetryFor)})
	}
	if h.preset.Methods == nil {
		h.preset.Methods = []string{http.MethodPost}
	}
	return h
}

// ServeHTTP receives one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isWebhook := slices.Contains(h.preset.Methods, r.Method)
	if !isWebhook && !h.mayShakeHands(r.Method) {
		h.refuseMethod(w)
		return
	}
	body, err := h.readBody(w, r)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			_, _ = io.CopyN(io.Discard, r.Body, maxDrainBytes) // an error here changes nothing
			h.o.Log.Info("webhook refused", "reason", "body too large", "limit_bytes", h.o.MaxBodyBytes)
			refuse(w, http.StatusRequestEntityTooLarge, "payload_too_large", "the body is too large")
			return
		}
		refuse(w, http.StatusBadRequest, "bad_request", "the body could not be read")
		return
	}
	request, now := h.request(r, body), h.o.Now()
	if h.handshaker != nil {
		answer, err := h.handshaker.Handshake(request, now)
		if err != nil {
			h.refuse(w, err)
			return
		}
		if answer != nil {
			h.shakeHands(r.Context(), w, answer)
			return
		}
	}
	if !isWebhook {
		h.refuseMethod(w)
		return
	}
	verified, err := h.verifier.Verify(request, now)
	if err != nil {
		h.refuse(w, err)
		return
	}
	h.answer(r.Context(), w, Message{verified, body, r.Header})
}

// mayShakeHands reports whether providers use a method for handshakes.
func (h *Handler) mayShakeHands(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
		return h.handshaker != nil
	}
	return false
}

func (h *Handler) refuseMethod(w http.ResponseWriter) {
	w.Header().Set("Allow", strings.Join(h.preset.Methods, ", "))
	refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "a webhook is a "+strings.Join(h.preset.Methods, " or "))
}

// shakeHands gives the answer of a handshake, once what it asks for is done.
func (h *Handler) shakeHands(ctx context.Context, w http.ResponseWriter, a *Answer) {
	if a.Refused != "" {
		h.o.Log.Info("webhook handshake refused", "reason", a.Refused)
	} else if a.Secret != "" || a.Visit != "" {
		if h.o.OnHandshake == nil {
			h.o.Log.Error("webhook handshake", "err", "it hands over a secret or asks for a visit, and HandlerOptions.OnHandshake is not set")
			refuse(w, http.StatusNotImplemented, "not_implemented", "this receiver cannot finish the handshake")
			return
		}
		if err := h.o.OnHandshake(ctx, *a); err != nil {
			h.o.Log.Error("webhook handshake", "err", err)
			refuse(w, http.StatusInternalServerError, "internal_error", "the handshake was not finished")
			return
		}
	}
	maps.Copy(w.Header(), a.Header)
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the provider has hung up when this fails
}

// refuse answers a request that the verifier does not take.
func (h *Handler) refuse(w http.ResponseWriter, err error) {
	h.o.Log.Info("webhook refused", "reason", err)
	status, code, detail := refusal(err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfterSeconds)
	} else if h.preset.Quiet {
		h.succeed(w)
		return
	}
	if h.preset.Bare {
		w.WriteHeader(status)
		return
	}
	refuse(w, status, code, detail)
}

// succeed tells the sender not to send the message again.
func (h *Handler) succeed(w http.ResponseWriter) {
	if h.preset.Success.ContentType != "" {
		w.Header().Set("Content-Type", h.preset.Success.ContentType)
	}
	w.WriteHeader(h.preset.Success.Status)
	_, _ = io.WriteString(w, h.preset.Success.Body) // the sender has hung up when this fails
}

func (h *Handler) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > h.o.MaxBodyBytes { // not worth keeping
		return nil, &http.MaxBytesError{Limit: h.o.MaxBodyBytes}
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, h.o.MaxBodyBytes))
}

func (h *Handler) request(r *http.Request, body []byte) Request {
	base := h.o.BaseURL
	if base == "" {
		base = "https://" + r.Host
	}
	return Request{Method: r.Method, URL: base + r.RequestURI, Header: r.Header, Body: body}
}

// seenID is what Seen knows a message by; "" when it cannot be told from others.
func (h *Handler) seenID(m Message) string {
	switch {
	case m.Key != "":
		return m.Key
	case m.ID == "" || !h.preset.IDShared:
		return m.ID
	}
	sum := sha256.Sum256(m.Body)
	return m.ID + "." + hex.EncodeToString(sum[:])
}

// claims are what Seen has to know of a message before it is handled: the message, and the
// nonce that stands for its body in the signature.
func (h *Handler) claims(m Message) (ids []string) {
	if id := h.seenID(m); id != "" {
		ids = append(ids, id)
	}
	if m.Nonce != "" {
		ids = append(ids, "nonce."+m.Nonce)
	}
	return ids
}

func (h *Handler) answer(ctx context.Context, w http.ResponseWriter, m Message) {
	ids := h.claims(m)
	for i, id := range ids {
		state, err := h.o.Seen.Begin(ctx, id)
		if err == nil && state == Fresh {
			continue
		}
		h.end(ctx, m, h.o.Seen.Forget, ids[:i])
		switch {
		case err != nil:
			h.o.Log.Error("webhook seen", "message", m.ID, "err", err)
			refuse(w, http.StatusInternalServerError, "internal_error", "the message was not handled")
		case state == InProgress:
			// Not 2xx: the other request may yet fail.
			w.Header().Set("Retry-After", retryAfterSeconds)
			refuse(w, http.StatusServiceUnavailable, "in_progress", "the message is being handled by another request")
		case i > 0: // the message is new, its nonce is not
			h.refuse(w, fmt.Errorf("%w: the signature came before, with another message", ErrNoMatch))
		default:
			h.succeed(w)
		}
		return
	}
	if err := h.run(ctx, m, ids); err != nil {
		h.o.Log.Error("webhook handler", "message", m.ID, "err", err)
		refuse(w, http.StatusInternalServerError, "internal_error", "the message was not handled")
		return
	}
	h.succeed(w)
}

// run calls the HandleFunc and tells Seen how it ended, also when it panics and
// when the sender has hung up meanwhile.
func (h *Handler) run(ctx context.Context, m Message, ids []string) (err error) {
	done := false
	defer func() {
		end := h.o.Seen.Forget
		if done {
			end = h.o.Seen.Done
		}
		h.end(ctx, m, end, ids)
	}()
	err = h.handle(ctx, m)
	done = err == nil
	return err
}

// end ends claims with Done or Forget.
func (h *Handler) end(ctx context.Context, m Message, end func(context.Context, string) error, ids []string) {
	for _, id := range ids {
		if err := end(context.WithoutCancel(ctx), id); err != nil {
			// What was done stays done; the worst that follows is a second call.
			h.o.Log.Error("webhook seen", "message", m.ID, "err", err)
		}
	}
}

// refusal turns a verifier's error into an answer. Only the constant text of an
// Error is sent: a Verifier written elsewhere may say more in its errors.
func refusal(err error) (status int, code, detail string) {
	var reason Error
	if !errors.As(err, &reason) {
		reason = "the request is not verified"
	}
	switch reason {
	case ErrMissingHeader, ErrDuplicateHeader, ErrMalformedHeader:
		return http.StatusBadRequest, "bad_request", string(reason)
	case ErrNoKey:
		return http.StatusServiceUnavailable, "unavailable", string(reason)
	}
	return http.StatusUnauthorized, "unauthorized", string(reason)
}

func refuse(w http.ResponseWriter, status int, code, detail string) {
	body, err := json.Marshal(struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{code, detail})
	if err != nil {
		panic(err) // two strings always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the sender has hung up when this fails
}
