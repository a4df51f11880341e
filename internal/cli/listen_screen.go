package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// screenView is the list on a terminal. It is a listenView whose events become messages
// of the program that draws.
type screenView struct{ program *tea.Program }

func newScreenView(ctx context.Context, p *program, d *deliverer, target, name, welcome string) *screenView {
	m := &screenModel{
		title: fmt.Sprintf("%s → %s", name, target), status: welcome,
		again: func(id string) tea.Cmd {
			return func() tea.Msg {
				if err := d.resend(ctx, id); err != nil {
					return screenNote("not sent again: " + err.Error())
				}
				return nil // the result comes by itself
			}
		},
	}
	return &screenView{tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(p.In), tea.WithOutput(p.Out), tea.WithEnvironment(p.environ), tea.WithoutSignalHandler())}
}

// run draws until the person leaves or the context ends. An error says that nothing can be
// drawn any more.
func (v *screenView) run() error {
	_, err := v.program.Run()
	if err == nil || errors.Is(err, context.Canceled) {
		return nil // an end by the context is one on request, too
	}
	return fmt.Errorf("draw the screen: %w", err)
}

func (v *screenView) note(format string, args ...any) {
	v.program.Send(screenNote(fmt.Sprintf(format, args...)))
}
func (v *screenView) result(r listenResult) { v.program.Send(r) }

// screenNote is a message to the person.
type screenNote string

const (
	// maxScreenRows is how many messages the list holds; the oldest go first.
	maxScreenRows = 1000
	// maxShownLines bounds what is shown of one body.
	maxShownLines = 400
)

// screenModel is what is on the screen. It is changed by Update alone.
type screenModel struct {
	title, status string
	rows          []listenResult // oldest first; the last try of each message
	// selected is the id of the chosen row; "" follows the newest.
	selected string
	filter   string
	typing   bool // the filter is being typed
	details  bool
	scroll   int // first line of the details
	width    int
	height   int
	// again is what sends a message once more.
	again func(id string) tea.Cmd
}

// Init implements tea.Model.
func (m *screenModel) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m *screenModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case screenNote:
		m.status = string(msg)
	case listenResult:
		m.add(msg)
	case tea.KeyPressMsg:
		if m.typing {
			m.typeFilter(msg)
			return m, nil
		}
		return m, m.key(msg.String())
	}
	return m, nil
}

// add puts a result in the row of its message, or in a new one.
func (m *screenModel) add(r listenResult) {
	// The body that was sent is shown from its begin, as the answer's is.
	if len(r.frame.Body) > maxShownBody {
		r.frame.Body = slices.Clone(r.frame.Body[:maxShownBody])
	}
	for i := len(m.rows) - 1; i >= 0; i-- {
		if m.rows[i].frame.ID == r.frame.ID {
			m.rows[i] = r
			return
		}
	}
	m.rows = append(m.rows, r)
	if len(m.rows) > maxScreenRows {
		m.rows = slices.Delete(m.rows, 0, len(m.rows)-maxScreenRows)
	}
}

// shown are the rows that pass the filter.
func (m *screenModel) shown() []*listenResult {
	var list []*listenResult
	for i := range m.rows {
		if m.filter == "" || strings.Contains(strings.ToLower(lineOf(&m.rows[i])), strings.ToLower(m.filter)) {
			list = append(list, &m.rows[i])
		}
	}
	return list
}

// cursor is the place of the chosen row in list; the newest when it is not there. -1 for none.
func (m *screenModel) cursor(list []*listenResult) int {
	for i, r := range list {
		if r.frame.ID == m.selected {
			return i
		}
	}
	return len(list) - 1
}

func (m *screenModel) key(key string) tea.Cmd {
	list := m.shown()
	at := m.cursor(list)
	page := max(m.listHeight()-1, 1)
	switch key {
	case "q", "ctrl+c":
		return tea.Quit
	case "esc":
		if !m.details {
			m.filter = ""
		}
		m.details = false
	case "d", "enter":
		m.details, m.scroll = !m.details && at >= 0, 0
	case "/":
		m.typing, m.details = true, false
	case "r":
		if at < 0 {
			break
		}
		if list[at].skipped != "" {
			m.status = "its content is gone: it cannot be sent again"
			break
		}
		m.status = "sending " + cell(list[at].frame.ID) + " again"
		return m.again(list[at].frame.ID)
	case "up", "k":
		m.move(list, at, -1)
	case "down", "j":
		m.move(list, at, 1)
	case "pgup":
		m.move(list, at, -page)
	case "pgdown":
		m.move(list, at, page)
	case "home", "g":
		m.move(list, at, -len(m.rows)-maxShownLines)
	case "end", "G":
		m.move(list, at, len(m.rows)+maxShownLines)
	}
	return nil
}

// move goes through the list, or through the details while they are open.
func (m *screenModel) move(list []*listenResult, at, by int) {
	if m.details {
		m.scroll = max(m.scroll+by, 0)
		return
	}
	if at < 0 {
		return
	}
	at = min(max(at+by, 0), len(list)-1)
	m.selected = list[at].frame.ID
	if at == len(list)-1 {
		m.selected = "" // at the end the list follows what comes
	}
}

func (m *screenModel) typeFilter(k tea.KeyPressMsg) {
	switch k.String() {
	case "enter":
		m.typing = false
	case "esc", "ctrl+c":
		m.typing, m.filter = false, ""
	case "backspace":
		_, n := utf8.DecodeLastRuneInString(m.filter)
		m.filter = m.filter[:len(m.filter)-n]
	default:
		m.filter += k.Text
	}
}

func (m *screenModel) listHeight() int { return max(m.height-3, 1) }

// View implements tea.Model.
func (m *screenModel) View() tea.View {
	list := m.shown()
	body := m.listLines(list)
	if at := m.cursor(list); m.details && at >= 0 {
		body = m.detailLines(list[at])
	}
	for len(body) < m.listHeight() {
		body = append(body, "")
	}
	bold, faint := lipgloss.NewStyle().Bold(true), lipgloss.NewStyle().Faint(true)
	lines := append([]string{bold.Render(m.cut(cell(m.title)))}, body...)
	lines = append(lines, m.cut(strings.ReplaceAll(visible(m.status), "\n", " ")), faint.Render(m.cut(m.hints())))
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	return v
}

func (m *screenModel) hints() string {
	switch {
	case m.typing:
		return "filter: " + visible(m.filter) + "▏  enter keep · esc clear"
	case m.details:
		return "↑↓ scroll · r send again · d back · q quit"
	case m.filter != "":
		return fmt.Sprintf("filter %q · esc clear · ↑↓ choose · r send again · d details · q quit", m.filter)
	}
	return "↑↓ choose · r send again · d details · / filter · q quit"
}

// cut makes a line fit the screen.
func (m *screenModel) cut(line string) string {
	if m.width <= 0 {
		return line
	}
	return lipgloss.NewStyle().Inline(true).MaxWidth(m.width).Render(line)
}

// listLines are the rows around the chosen one.
func (m *screenModel) listLines(list []*listenResult) []string {
	if len(list) == 0 {
		if m.filter != "" {
			return []string{"nothing passes the filter"}
		}
		return []string{"waiting for messages"}
	}
	at, height := m.cursor(list), m.listHeight()
	first := min(max(at-height/2, 0), max(len(list)-height, 0))
	var lines []string
	for i := first; i < min(first+height, len(list)); i++ {
		// The sign says what the colour does.
		line := m.cut(mark(list[i]) + " " + lineOf(list[i]))
		style := lipgloss.NewStyle().Foreground(markColour(list[i]))
		if i == at {
			style = style.Reverse(true)
		}
		lines = append(lines, style.Render(line))
	}
	return lines
}

func mark(r *listenResult) string {
	switch {
	case r.skipped != "":
		return "-"
	case !r.final:
		return "…"
	case r.ok():
		return "✓"
	}
	return "✗"
}

func markColour(r *listenResult) lipgloss.ANSIColor {
	switch mark(r) {
	case "✓":
		return 2
	case "✗":
		return 1
	}
	return 3
}

// detailLines are everything about one message, from the line to which it is scrolled.
func (m *screenModel) detailLines(r *listenResult) []string {
	lines := detailsOf(r)
	m.scroll = min(m.scroll, max(len(lines)-m.listHeight(), 0))
	lines = lines[m.scroll:min(m.scroll+m.listHeight(), len(lines))]
	for i := range lines {
		lines[i] = m.cut(lines[i])
	}
	return lines
}

func detailsOf(r *listenResult) []string {
	lines := []string{lineOf(r)}
	if r.frame.Timestamp != nil {
		lines = append(lines, "accepted "+r.frame.Timestamp.Local().Format(time.DateTime)) //nolint:gosmopolitan // shown to whoever sits at this terminal
	}
	for _, more := range []struct{ name, text string }{
		{"eventId", r.frame.EventID}, {"channels", strings.Join(r.frame.Channels, ", ")}, {"tags", strings.Join(r.frame.Tags, ", ")},
	} {
		if more.text != "" {
			lines = append(lines, more.name+" "+cell(more.text))
		}
	}
	if r.skipped != "" {
		return lines
	}
	if !r.final || r.n > 1 {
		lines = append(lines, fmt.Sprintf("try %d", r.n))
	}
	lines = append(lines, "", cell(r.method+" "+r.url))
	for _, h := range r.frame.Headers {
		lines = append(lines, cell(h[0]+": "+h[1]))
	}
	lines = append(append(lines, ""), bodyLines(r.frame.Body)...)
	lines = append(lines, "", "answer: "+outcomeText(r))
	for _, name := range sortedKeys(map[string][]string(r.header)) {
		lines = append(lines, cell(name+": "+strings.Join(r.header[http.CanonicalHeaderKey(name)], ", ")))
	}
	return append(append(lines, ""), bodyLines(r.body)...)
}

// bodyLines is a body as text; bytes that are none are counted.
func bodyLines(body []byte) []string {
	if len(body) == 0 {
		return []string{"(no body)"}
	}
	whole := bytes.TrimRightFunc(body, func(c rune) bool { return c == utf8.RuneError }) // cut in a character
	if !utf8.Valid(whole) {
		return []string{fmt.Sprintf("(%s that are no text)", bytesText(int64(len(body))))}
	}
	lines := strings.Split(visible(string(whole)), "\n")
	if len(lines) > maxShownLines {
		lines = append(lines[:maxShownLines], "…")
	}
	return lines
}
