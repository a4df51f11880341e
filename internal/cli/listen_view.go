package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// listenView shows what happens. Its methods are called from several goroutines.
type listenView interface {
	// note is a message to the person, on one line.
	note(format string, args ...any)
	result(r listenResult)
}

// lineView writes one line a message: data to out, messages to err.
type lineView struct {
	out, err    io.Writer
	json, quiet bool

	mu sync.Mutex
	// down is the message for which it was said that the local server does not answer.
	down string
}

func (v *lineView) note(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	fmt.Fprintf(v.err, format+"\n", args...)
}

func (v *lineView) result(r listenResult) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !r.final && v.down != r.frame.ID {
		v.down = r.frame.ID
		fmt.Fprintf(v.err, "%s does not take %s (%s); trying again until it does\n", r.url, r.frame.ID, outcomeText(&r))
	}
	switch {
	case v.json:
		line, err := json.Marshal(recordOf(&r))
		if err != nil { // its fields are text and numbers
			line = []byte(strconv.Quote(err.Error()))
		}
		fmt.Fprintf(v.out, "%s\n", line)
	case v.quiet:
	case r.final:
		fmt.Fprintln(v.out, lineOf(&r))
	}
}

// lineOf is a result on one line: time, type, outcome, time taken, id.
func lineOf(r *listenResult) string {
	took := "-"
	if r.skipped == "" {
		took = r.took.Round(time.Millisecond).String()
	}
	words := []string{r.at.Format(time.TimeOnly), cell(r.frame.EventType), outcomeText(r), took, cell(r.frame.ID)}
	if r.retry {
		words = append(words, "(again)")
	}
	return strings.Join(words, "  ")
}

// outcomeText is what became of it, in a word or two.
func outcomeText(r *listenResult) string {
	switch {
	case r.skipped != "":
		return "no content: " + cell(r.skipped)
	case r.err != nil:
		return cell(r.err.Error())
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)))
}

// listenRecord is a result as JSON, for programs.
type listenRecord struct {
	Time      time.Time `json:"time"`
	ID        string    `json:"id"`
	EventType string    `json:"eventType"`
	EventID   string    `json:"eventId,omitempty"`
	Try       int       `json:"try,omitempty"`
	Final     bool      `json:"final"`           // false: it is tried again
	Retry     bool      `json:"retry,omitempty"` // a person asked for it
	Skipped   string    `json:"skipped,omitempty"`
	Status    int       `json:"status,omitempty"`
	Error     string    `json:"error,omitempty"`
	TookMS    float64   `json:"tookMs"`
}

func recordOf(r *listenResult) listenRecord {
	out := listenRecord{
		Time: r.at.UTC(), ID: r.frame.ID, EventType: r.frame.EventType, EventID: r.frame.EventID, Try: r.n, Final: r.final, Retry: r.retry,
		Skipped: r.skipped, Status: r.status, TookMS: float64(r.took.Microseconds()) / 1000,
	}
	if r.err != nil {
		out.Error = r.err.Error()
	}
	return out
}

// recorder appends whole exchanges to a file, one JSON object a line.
type recorder struct {
	mu   sync.Mutex
	file *os.File // nil once closed
}

// openRecorder opens the file for whoever runs this alone: it will hold payloads.
func openRecorder(name string) (*recorder, error) {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, usagef("--record: %w", err)
	}
	return &recorder{file: f}, nil
}

// fullRecord is a line of the file. Bodies are base64.
type fullRecord struct {
	listenRecord
	Request struct {
		Method  string      `json:"method"`
		URL     string      `json:"url"`
		Headers [][2]string `json:"headers"`
		Body    []byte      `json:"body"`
	} `json:"request"`
	Response *recordedAnswer `json:"response,omitempty"`
}

// recordedAnswer is the answer's head with the begin of its body.
type recordedAnswer struct {
	Headers http.Header `json:"headers"`
	Body    []byte      `json:"body"`
}

func (c *recorder) write(r *listenResult) error {
	full := fullRecord{listenRecord: recordOf(r)}
	full.Request.Method, full.Request.URL, full.Request.Headers, full.Request.Body = r.method, r.url, r.frame.Headers, r.frame.Body
	if r.status != 0 {
		full.Response = &recordedAnswer{r.header, r.body}
	}
	line, err := json.Marshal(full)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return os.ErrClosed
	}
	_, err = c.file.Write(append(line, '\n'))
	return err
}

// close may be called more than once.
func (c *recorder) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}
