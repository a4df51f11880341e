package sqlite

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"strconv"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// Content is what a message and the answers to its attempts say, not what they are about:
// payload, raw body, parameters and the provider's request; an answer's header and body and
// the words of a failure, in which a receiver may have had a hand. Where an environment
// wants it (hook.Settings.SealContent), content is sealed from its way into a row to its
// way out of it, so no file, log or backup ever holds it in the clear.
//
// It is sealed by the writer, because the context of a sealed value names its row, whose key
// is drawn there. The context does not name the file: compactions, backups and restores
// carry rows as they are. A row says itself whether it is sealed, so the setting may change
// at any time.

// messageContent is the content of a message as its columns hold it; nil is NULL.
type messageContent struct {
	params, raw, payload, inbound []byte
	sealed                        bool
}

// contentOf returns the content of a message as it is stored in the clear. inbound is the
// stored form of m.Inbound. A message with content has a payload or a raw body that is not
// NULL, if need be an empty one, because one without either was expunged.
func contentOf(m *hook.Message, inbound []byte) messageContent {
	c := messageContent{params: m.TransformationsParams, raw: m.RawBody, payload: m.Payload, inbound: inbound}
	switch {
	case m.Payload != nil || m.RawBody != nil:
	case m.Inbound != nil: // the body of a request that had none
		c.raw = []byte{}
	default:
		c.payload = []byte{}
	}
	return c
}

// answerContent is the content of an attempt as its columns hold it; nil and "" are NULL.
type answerContent struct {
	header, body, notes []byte // notes: JSON
	err                 string // base64 when sealed, because the column holds text
	sealed              bool
}

func answerOf(a *hook.Attempt) answerContent {
	return answerContent{header: a.Header, body: a.Body, notes: encodeNotes(a.Notes), err: a.Error}
}

// contentContext begins the context of a row's columns, for example "message/17/".
func contentContext(table string, keys ...int64) string {
	b := append(make([]byte, 0, 64), table...)
	for _, k := range keys {
		b = strconv.AppendInt(append(b, '/'), k, 10)
	}
	return string(append(b, '/'))
}

func messageContext(id hook.MessageID) string { return contentContext("message", int64(id)) }

func attemptContext(ep hook.EndpointID, id hook.AttemptID) string {
	return contentContext("attempt", int64(ep), int64(id))
}

// contentSealer seals and opens content.
type contentSealer struct {
	sealer Sealer
	codec  *hook.Codec
	log    *slog.Logger
}

// seal seals one column; NULL stays NULL.
func (s *contentSealer) seal(plain []byte, row, column string) []byte {
	if plain == nil {
		return nil
	}
	return s.sealer.Seal(plain, row+column)
}

// open is the reverse of seal.
func (s *contentSealer) open(sealed []byte, row, column string) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	plain, err := s.sealer.Open(sealed, row+column)
	if err == nil && plain == nil {
		plain = []byte{} // empty, which is not NULL
	}
	return plain, err
}

func (s *contentSealer) sealMessage(id hook.MessageID, c messageContent) messageContent {
	row := messageContext(id)
	return messageContent{
		params: s.seal(c.params, row, "params"), raw: s.seal(c.raw, row, "raw"),
		payload: s.seal(c.payload, row, "payload"), inbound: s.seal(c.inbound, row, "inbound"),
		sealed: true,
	}
}

// openMessage opens what sealMessage made. What does not open was damaged, or moved from
// another row: it is logged, and then nothing of the content is used.
func (s *contentSealer) openMessage(m *hook.Message, c messageContent) (_ messageContent, ok bool) {
	row := messageContext(m.ID)
	for _, column := range []struct {
		name  string
		value *[]byte
	}{{"params", &c.params}, {"raw", &c.raw}, {"payload", &c.payload}, {"inbound", &c.inbound}} {
		plain, err := s.open(*column.value, row, column.name)
		if err != nil {
			s.log.Error("the stored content of a message cannot be read", telemetry.KeyMessage, s.codec.Message(m.Application, m.ID),
				"column", column.name, telemetry.KeyError, err)
			return messageContent{}, false
		}
		*column.value = plain
	}
	return c, true
}

func (s *contentSealer) sealAnswer(a *hook.Attempt) answerContent {
	row := attemptContext(a.Endpoint, a.ID)
	c := answerContent{header: s.seal(a.Header, row, "header"), body: s.seal(a.Body, row, "body"), notes: s.seal(encodeNotes(a.Notes), row, "notes"), sealed: true}
	if a.Error != "" {
		c.err = base64.RawStdEncoding.EncodeToString(s.seal([]byte(a.Error), row, "error"))
	}
	return c
}

// openAnswer opens what sealAnswer made and puts it into the attempt, whose ids are there. What does not open is logged, and the attempt then marked as unreadable.
func (s *contentSealer) openAnswer(a *hook.Attempt, c answerContent) {
	row := attemptContext(a.Endpoint, a.ID)
	text, err := base64.RawStdEncoding.DecodeString(c.err)
	var words []byte
	if err == nil && len(text) > 0 {
		words, err = s.open(text, row, "error")
	}
	for _, column := range []struct {
		name  string
		value *[]byte
	}{{"header", &c.header}, {"body", &c.body}, {"notes", &c.notes}} {
		if err == nil {
			*column.value, err = s.open(*column.value, row, column.name)
		}
	}
	if err != nil {
		s.log.Error("the stored answer of an attempt cannot be read", telemetry.KeyMessage, s.codec.Message(a.Application, a.Message),
			telemetry.KeyAttempt, s.codec.Attempt(a.Application, a.ID), telemetry.KeyError, err)
		a.Unreadable = true
		return
	}
	c.err = string(words)
	s.fill(a, c)
}

// fill puts content in the clear into the attempt.
func (s *contentSealer) fill(a *hook.Attempt, c answerContent) {
	a.Header, a.Body, a.Error = c.header, c.body, c.err
	if c.notes == nil {
		return
	}
	a.Notes = &hook.AttemptNotes{}
	if err := json.Unmarshal(c.notes, a.Notes); err != nil {
		s.log.Error("the stored notes of an attempt cannot be read", telemetry.KeyAttempt, s.codec.Attempt(a.Application, a.ID), telemetry.KeyError, err)
		a.Notes = nil
	}
}

// encodeNotes returns the stored form of notes, nil for none.
func encodeNotes(n *hook.AttemptNotes) []byte {
	if n == nil {
		return nil
	}
	b, err := json.Marshal(n)
	if err != nil { // strings and numbers only
		return nil
	}
	return b
}

// sealsSQL finds the settings of an application's environment. Indexes: primary keys.
const sealsSQL = `SELECT e.settings FROM application a JOIN environment e ON e.key = a.environment WHERE a.key = ?1`

// seals reports whether content of an application is sealed. The writer asks for each message
// and attempt, and while no environment seals that is one load. What cannot be told, as
// for an application that is gone with attempts under way, is sealed: it opens all the same.
func (c *catalog) seals(app hook.ApplicationID) bool {
	if !c.sealing.Load() {
		return false
	}
	if p := c.plans.of(app); p != nil {
		return p.Environment.Settings.SealContent
	}
	c.versionMu.Lock()
	defer c.versionMu.Unlock()
	if c.versions == nil {
		return true
	}
	seals := true
	err := sqlitex.Execute(c.versions, sealsSQL, &sqlitex.ExecOptions{
		Args: []any{int64(app)},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			settings, err := decodeSettings(stmt.ColumnText(0))
			seals = settings.SealContent
			return err
		},
	})
	return err != nil || seals
}

// learnSealing finds out at the start whether an environment seals its content.
func (c *catalog) learnSealing() error {
	return catalogQuery(c.writer, "SELECT settings FROM environment", func(stmt *sqlite.Stmt) error {
		settings, err := decodeSettings(stmt.ColumnText(0))
		c.willSeal(&settings)
		return err
	})
}

// willSeal notes settings that are about to hold. The note stays when sealing is switched
// off again, or when the change fails: it only makes seals look closer.
func (c *catalog) willSeal(s *hook.Settings) {
	if s.SealContent {
		c.sealing.Store(true)
	}
}
