-- Not 0 when payloads are checked against the newest schema as they are published: a number
-- that is drawn anew with each change of the type.
ALTER TABLE event_type ADD COLUMN validate INTEGER NOT NULL DEFAULT 0;
-- Paths whose values are left out of what is shown and logged, JSON list; NULL for none.
ALTER TABLE event_type ADD COLUMN redact TEXT;
-- Serves: the types of an environment that have either, for its plans.
CREATE INDEX event_type_checked ON event_type (environment, name) WHERE validate <> 0 OR redact IS NOT NULL;

-- What a source of type poll saw last.
CREATE TABLE poll_state (
    source     INTEGER PRIMARY KEY,
    body       BLOB    NOT NULL       -- JSON of hook.PollState, sealed
) STRICT;

-- Endpoints whose receivers are to be asked whether they agree to be sent to, and when.
CREATE TABLE consent_due (
    endpoint    INTEGER PRIMARY KEY,
    application INTEGER NOT NULL,
    due_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_due_at ON consent_due (due_at);
