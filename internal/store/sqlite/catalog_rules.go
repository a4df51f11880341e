package sqlite

import (
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// rulesSQL lists the types of an environment whose payloads are checked or redacted, the
// archived ones, too, because their messages are still shown. Index: event_type_checked.
const rulesSQL = "SELECT name, validate, redact FROM event_type WHERE environment = ?1 AND (validate <> 0 OR redact IS NOT NULL)"

// eventTypeRules gives a plan what its event types say about payloads.
func eventTypeRules(conn *sqlite.Conn, p *store.Plan) error {
	return catalogQuery(conn, rulesSQL, func(stmt *sqlite.Stmt) error {
		name := stmt.ColumnText(0)
		if revision := stmt.ColumnInt64(1); revision != 0 {
			if p.Checked == nil {
				p.Checked = map[string]int64{}
			}
			p.Checked[name] = revision
		}
		var paths []string
		if err := columnJSON(stmt, 2, &paths); err != nil || paths == nil {
			return err
		}
		r, err := hook.ParseRedaction("redact", paths)
		if err != nil {
			return fmt.Errorf("read the redaction of event type %s: %w", name, err)
		}
		if p.Redactions == nil {
			p.Redactions = map[string]*hook.Redaction{}
		}
		p.Redactions[name] = r
		return nil
	}, p.Application.Environment)
}

// rulesChanged makes memory forget the plans of an environment when a type says other things
// about payloads than before. As with policyChanged versions stay: a publish that began
// before the change may use what held then.
func rulesChanged(tx *catalogTx, t *hook.EventType) error {
	var old hook.EventType
	err := tx.query(rulesSQL+" AND name = ?2", func(stmt *sqlite.Stmt) error {
		old.Revision = stmt.ColumnInt64(1)
		return columnJSON(stmt, 2, &old.Redact)
	}, t.Environment, t.Name)
	if err == nil && (old.Revision != t.Revision || !slices.Equal(old.Redact, t.Redact)) {
		tx.environments = append(tx.environments, t.Environment)
	}
	return err
}
