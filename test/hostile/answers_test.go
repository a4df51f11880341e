//go:build unix

package hostile

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// isErrorBody reports whether an error's body has the shape of the contract
// (CONTRACT.md 1.9): code and detail, or for 422 a list of what is wrong.
func isErrorBody(status int, body []byte) bool {
	var failed struct{ Code string }
	if status == http.StatusUnprocessableEntity && (json.Unmarshal(body, &failed) != nil || failed.Code != "transformation_failed") { // CONTRACT section 0
		var e struct {
			Detail []struct {
				Loc       []string
				Msg, Type string
			}
		}
		if json.Unmarshal(body, &e) != nil || len(e.Detail) == 0 {
			return false
		}
		for _, d := range e.Detail {
			if len(d.Loc) == 0 || d.Msg == "" || d.Type == "" {
				return false
			}
		}
		return true
	}
	var e struct{ Code, Detail string }
	return json.Unmarshal(body, &e) == nil && e.Code != "" && e.Detail != ""
}

// standardSecret is a key of Standard Webhooks. Texts that say "whsec_..." are not one.
var standardSecret = regexp.MustCompile(`whsec_[A-Za-z0-9+/]`)

// checkLeaks fails the test when an answer shows what only the operator should know.
func checkLeaks(t *testing.T, body []byte, secrets ...string) {
	t.Helper()
	text := string(body)
	if shown := standardSecret.FindString(text); shown != "" {
		t.Errorf("the answer shows %q: %.300s", shown, text)
	}
	for _, s := range append(secrets, "goroutine ", ".go:", "panic", "SELECT ", "INSERT ", "sqlite", "SQLITE", "/tmp/") {
		if s != "" && strings.Contains(text, s) {
			t.Errorf("the answer shows %q: %.300s", s, text)
		}
	}
}
