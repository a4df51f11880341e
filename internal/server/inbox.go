package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// inboxPath is where the demo endpoint of dev points to.
const inboxPath = "/inbox/"

// inbox is a receiver inside the server, for dev: it verifies each delivery as a
// customer's service would, and prints it. It lists a delivery again that comes again,
// because that is what there is to see.
type inbox struct {
	secrets func() ([]hook.Secret, error) // of the demo endpoints, as they are now
	now     func() time.Time

	mu  sync.Mutex // keeps the lines of one delivery together
	out io.Writer
}

// maxShown bounds how much of a body is printed.
const maxShown = 2 << 10

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		answerText(w, http.StatusMethodNotAllowed, "the inbox takes POST requests with a webhook\n")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 17<<20))
	if err != nil {
		answerText(w, http.StatusRequestEntityTooLarge, "too large, or cut off\n")
		return
	}
	id, err := b.verify(r, body)
	if err != nil {
		b.printf("refused  %v  %s  %d bytes\n", err, r.URL.Path, len(body))
		answerText(w, http.StatusUnauthorized, "refused: "+err.Error()+"\n")
		return
	}
	b.printf("received %s  %s  signature verified  %d bytes\n%s\n", id, r.URL.Path, len(body), shown(body))
	w.WriteHeader(http.StatusNoContent)
}

// verify returns the id of a genuine message.
func (b *inbox) verify(r *http.Request, body []byte) (string, error) {
	secrets, err := b.secrets()
	if err != nil {
		return "", err
	}
	var keys []webhook.Key
	for _, s := range secrets {
		key, err := webhook.ParseSecret(s.Text)
		if err != nil {
			return "", err
		}
		keys = append(keys, key)
	}
	v, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		return "", err
	}
	got, err := v.Verify(webhook.Request{Method: r.Method, URL: r.URL.String(), Header: r.Header, Body: body}, b.now())
	return got.ID, err
}

func (b *inbox) printf(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	// A terminal that is gone must not fail a delivery.
	_, _ = fmt.Fprintf(b.out, b.now().Format("15:04:05")+"  "+format, args...)
}

// shown returns a body for the terminal: JSON indented, the rest quoted, because
// control characters of a stranger would otherwise reach the terminal.
func shown(body []byte) string {
	var pretty bytes.Buffer
	cut := ""
	if json.Indent(&pretty, body, "          ", "  ") == nil {
		body = pretty.Bytes()
	} else {
		body = fmt.Appendf(nil, "%q", body)
	}
	if len(body) > maxShown {
		body, cut = body[:maxShown], " ..."
	}
	// JSON may hold control characters above 0x1f.
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return unicode.ReplacementChar
		}
		return r
	}, string(body))
	return "          " + text + cut
}
