package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/hookloft/hookloft/api"
)

// stage drives the screen as a person does.
type stage struct {
	t     *testing.T
	m     *screenModel
	again []string // ids that were asked for once more
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t}
	s.m = &screenModel{title: "laptop", status: "listening", again: func(id string) tea.Cmd {
		s.again = append(s.again, id)
		return nil
	}}
	s.m.Update(tea.WindowSizeMsg{Width: 80, Height: 12})
	return s
}

// press types keys; a word of several letters is a special key.
func (s *stage) press(keys ...string) (last tea.Cmd) {
	special := map[string]rune{
		"up": tea.KeyUp, "down": tea.KeyDown, "enter": tea.KeyEnter, "esc": tea.KeyEscape, "backspace": tea.KeyBackspace,
		"home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown,
	}
	for _, k := range keys {
		msg := tea.KeyPressMsg{Code: special[k]}
		if special[k] == 0 {
			msg = tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
		}
		_, last = s.m.Update(msg)
	}
	return last
}

func (s *stage) result(i int, typ string, status int) {
	at := time.Unix(0, 0)
	s.m.Update(listenResult{
		at: at, n: 1, final: true, frame: api.ListenFrameOut{
			ID: fmt.Sprint("msg_", i), EventType: typ, Body: []byte(`{"a":1}`), Timestamp: &at, Headers: [][2]string{{"Webhook-Id", fmt.Sprint("msg_", i)}},
		},
		exchange: exchange{method: "POST", url: "http://localhost:3000/", status: status, body: []byte("answer of " + fmt.Sprint(i)), header: http.Header{"X-A": {"b"}}},
	})
}

// sees fails unless the screen holds each text; a leading "!" means that it must not.
func (s *stage) sees(texts ...string) {
	s.t.Helper()
	screen := s.m.View().Content
	if lines := strings.Count(screen, "\n") + 1; lines > 12 {
		s.t.Errorf("%d lines on a screen of 12", lines)
	}
	for _, text := range texts {
		text, not := strings.CutPrefix(text, "!")
		if strings.Contains(screen, text) == not {
			s.t.Errorf("want %q to be on the screen: %v\n%s", text, !not, screen)
		}
	}
}

func TestScreenListsAndFollows(t *testing.T) {
	s := newStage(t)
	s.sees("laptop", "waiting for messages", "listening", "q quit")
	for i := range 30 {
		s.result(i, "invoice.paid", 200)
	}
	s.sees("msg_29", "!msg_1 ", "200 OK", "✓")
	s.press("up", "up", "r")
	if len(s.again) != 1 || s.again[0] != "msg_27" {
		t.Errorf("sent again %v, want msg_27", s.again)
	}
	s.result(30, "invoice.paid", 500) // the choice stays where it is
	s.press("r", "home", "r", "pgdown", "r", "end", "r")
	want := []string{"msg_27", "msg_27", "msg_0", "msg_8", "msg_30"}
	if fmt.Sprint(s.again) != fmt.Sprint(want) {
		t.Errorf("sent again %v, want %v", s.again, want)
	}
	s.result(31, "invoice.paid", 200) // at the end the list follows
	s.press("r")
	if s.again[len(s.again)-1] != "msg_31" {
		t.Errorf("sent again %v", s.again)
	}
	s.sees("✗", "500 Internal Server Error")
	// A message's next try replaces its row.
	s.result(31, "invoice.paid", 404)
	s.sees("404 Not Found")
	if len(s.m.rows) != 32 {
		t.Errorf("%d rows", len(s.m.rows))
	}
}

func TestScreenShowsDetails(t *testing.T) {
	s := newStage(t)
	s.press("d", "r", "up", "enter") // nothing there: nothing happens
	s.sees("waiting")
	s.result(1, "invoice.paid", 200)
	s.result(2, "user.created", 200)
	s.press("up", "d")
	s.sees("msg_1", "POST http://localhost:3000/", "Webhook-Id: msg_1", "!msg_2")
	s.press("end")
	s.sees("answer of 1", "X-A: b", "d back")
	s.press("r", "d")
	s.sees("msg_2", "!answer of 1")
	if fmt.Sprint(s.again) != "[msg_1]" {
		t.Errorf("sent again %v", s.again)
	}
}

func TestScreenFilters(t *testing.T) {
	s := newStage(t)
	for i := range 6 {
		s.result(i, []string{"invoice.paid", "user.created"}[i%2], 200)
	}
	s.press("/", "U", "S", "x", "backspace", "E")
	s.sees("filter: USE", "user.created", "!invoice.paid")
	s.press("q", "backspace", "enter", "home", "r") // a letter of the filter is no command
	s.sees(`filter "USE"`)
	if fmt.Sprint(s.again) != "[msg_1]" {
		t.Errorf("sent again %v", s.again)
	}
	s.press("/", "z", "z", "enter")
	s.sees("nothing passes the filter")
	s.press("r", "d", "esc")
	s.sees("invoice.paid", "user.created")
}

func TestScreenBoundsAndQuotes(t *testing.T) {
	s := newStage(t)
	for i := range maxScreenRows + 50 {
		s.result(i, "a", 200)
	}
	if len(s.m.rows) != maxScreenRows || s.m.rows[0].frame.ID != "msg_50" {
		t.Errorf("%d rows from %s", len(s.m.rows), s.m.rows[0].frame.ID)
	}
	s.m.Update(screenNote("bad \x1b[31m note"))
	s.m.Update(listenResult{
		final: true, frame: api.ListenFrameOut{ID: "msg_x", EventType: "a\x1b]0;evil\x07", Body: []byte("\x1b[2J\n" + strings.Repeat("z", maxShownBody)), Headers: [][2]string{{"X", "\x1b[1m"}}},
		exchange: exchange{err: errors.New("no \x1b[5m answer"), body: []byte{0xff, 0xfe}},
	})
	for range 2 {
		if screen := s.m.View().Content; strings.Contains(screen, "\x1b]0;") || strings.Contains(screen, "\x1b[31m note") || strings.Contains(screen, "\x1b[2J") || strings.Contains(screen, "\x07") || strings.Contains(screen, "\x1b[5m") {
			t.Errorf("a stranger's controls reach the terminal: %q", screen)
		}
		s.press("d")
	}
	if last := s.m.rows[len(s.m.rows)-1]; len(last.frame.Body) != maxShownBody {
		t.Errorf("%d bytes of a body are kept", len(last.frame.Body))
	}
	s.press("esc")
	s.m.Update(listenResult{final: true, skipped: "expired", frame: api.ListenFrameOut{ID: "msg_y"}})
	s.press("r")
	s.sees("no content: expired", "cannot be sent again")
	if len(s.again) != 0 {
		t.Errorf("sent again %v", s.again)
	}
	s.m.Update(tea.WindowSizeMsg{Width: 3, Height: 1}) // drawn somehow, without a panic
	_ = s.m.View()
	if cmd := s.press("q"); cmd == nil {
		t.Error("q does not quit")
	} else if _, quits := cmd().(tea.QuitMsg); !quits {
		t.Error("q does not quit")
	}
}

// TestScreenThatCannotBeDrawnIsAnError: it is not a person who has left.
func TestScreenThatCannotBeDrawnIsAnError(t *testing.T) {
	broken := errors.New("the terminal is gone")
	run := func(ctx context.Context, in io.Reader) error {
		return newScreenView(ctx, &program{Streams: Streams{In: in, Out: io.Discard}}, nil, "", "", "").run()
	}
	if err := run(t.Context(), iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("with a terminal that is gone: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := run(ctx, strings.NewReader("")); err != nil {
		t.Errorf("at a stop: %v", err)
	}
}
