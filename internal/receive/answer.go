package receive

import (
	"net/http"
	"strconv"
)

func (v *visit) answerStatus() int {
	switch {
	case v.source.Settings.Answer.Status != 0:
		return v.source.Settings.Answer.Status
	case v.source.Settings.Answer.Body != "":
		return http.StatusOK // the provider's own may be 204, which has no body
	case v.gate.preset.Success.Status != 0:
		return v.gate.preset.Success.Status
	}
	return http.StatusOK
}

// writeSetAnswer answers a webhook that is stored: as the owner has chosen, else as the
// provider wants it, else 200 without a body.
func (v *visit) writeSetAnswer(w http.ResponseWriter) {
	a, success := &v.source.Settings.Answer, &v.gate.preset.Success
	h := w.Header()
	body, contentType := a.Body, "text/plain; charset=utf-8"
	if body == "" && a.Status == 0 {
		body = success.Body
		if success.ContentType != "" {
			contentType = success.ContentType
		}
	}
	status := v.answerStatus()
	if body != "" {
		h.Set("Content-Type", contentType)
		guard(h)
	}
	for name, value := range a.Header {
		h.Set(name, value)
	}
	if status == http.StatusNoContent || status == http.StatusNotModified || status == http.StatusResetContent {
		h.Del("Content-Type")
		w.WriteHeader(status)
		return
	}
	if body == "" {
		w.WriteHeader(status)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the provider has hung up when this fails
}

// guard keeps a browser from running, in our origin's name, what others wrote.
func guard(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox")
}
