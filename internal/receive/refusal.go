package receive

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// refusal is an answer that is not a success, and what the account keeps of it.
type refusal struct {
	status int
	// code and detail are sent. They hold nothing of the request that was not verified.
	code, detail string
	// kind counts: one of a few constants. reason is kept in words; "" means detail.
	kind, reason string
	retryAfter   time.Duration // 0 for no Retry-After
	allow        string        // the header Allow; "" for none
	// closes ends the connection, because the rest of the body is not worth reading.
	closes bool
	// answer is sent instead of code and detail; nil for those.
	answer func(http.ResponseWriter)
}

func (r *refusal) words() string {
	if r.reason != "" {
		return r.reason
	}
	return r.detail
}

// retryLater is what a provider is asked to wait for what will pass by itself. Most have
// schedules of their own and do not look at it.
const retryLater = 5 * time.Second

// unavailable is a 503: the provider shall come again.
func unavailable(reason, kind string) *refusal {
	return &refusal{
		status: http.StatusServiceUnavailable, code: "unavailable", detail: "The webhook was not stored; send it again.",
		kind: kind, reason: reason, retryAfter: retryLater,
	}
}

// maxLeftOver is how much of an unread body net/http may read and drop to keep the
// connection. A small body has come with the header most of the time.
const maxLeftOver = 16 << 10

// closeUnread gives the connection up when the request has a body that nobody will read.
// HTTP/2 has streams for that.
func closeUnread(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 && (r.ContentLength < 0 || r.ContentLength > maxLeftOver) {
		w.Header().Set("Connection", "close")
	}
}

func writeRefusal(w http.ResponseWriter, r *refusal) {
	h := w.Header()
	if r.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(r.retryAfter.Seconds())))))
	}
	if r.allow != "" {
		h.Set("Allow", r.allow)
	}
	if r.answer != nil {
		r.answer(w)
		return
	}
	body, err := json.Marshal(struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{r.code, r.detail})
	if err != nil {
		panic(err) // two strings always marshal
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.status)
	_, _ = w.Write(body) // the provider has hung up when this fails
}
