package webhook

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
)

// textAnswer echoes text of the request. It is never HTML, or whoever knows the URL could
// make a browser run a script in its name.
func textAnswer(status int, text string) *Answer {
	return &Answer{
		Status: status, Body: []byte(text),
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}},
	}
}

// jsonAnswer answers with JSON.
func jsonAnswer(status int, v any) *Answer {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of text always marshal
	}
	return &Answer{Status: status, Body: text, Header: http.Header{"Content-Type": {"application/json"}}}
}

// queryFields are the fields of the query of r's URL, none when it is not a URL. What
// cannot be decoded is left out.
func queryFields(r *Request) url.Values {
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil
	}
	return u.Query()
}

// equalText compares in constant time; an empty text equals nothing.
func equalText(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// keepSecret answers a handshake that hands over a secret: it is kept when none is known
// yet. One that is in use is never replaced, or whoever knows the URL could lock the
// provider out and forge what it sends. The provider may repeat the handshake.
func keepSecret(v *ProviderVerifier, secret string, accepted *Answer) *Answer {
	if len(v.settings.Secrets) == 0 {
		accepted.Secret = secret
		return accepted
	}
	for _, known := range v.settings.Secrets {
		if equalText(known, secret) {
			return accepted
		}
	}
	refused := refusedAnswer(http.StatusConflict, "there is a secret already; a handshake does not replace it")
	refused.Secret = secret
	return refused
}

// isHandedSecret says whether text can be a secret in a header and a log-free settings page:
// printable ASCII of a sane length.
func isHandedSecret(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return text != "" && len(text) <= maxIDBytes
}

// refusedAnswer refuses a handshake.
func refusedAnswer(status int, reason string) *Answer {
	return &Answer{Status: status, Refused: reason}
}
