-- What people have said about issues; the issues themselves are made from attempts.
CREATE TABLE issue_note (
    environment INTEGER NOT NULL,
    application INTEGER NOT NULL,
    endpoint    INTEGER NOT NULL,
    reason      INTEGER NOT NULL,
    muted_until INTEGER,
    resolved_at INTEGER,
    assignee    TEXT    NOT NULL DEFAULT '',
    note        TEXT    NOT NULL DEFAULT '',
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (environment, application, endpoint, reason)
) STRICT, WITHOUT ROWID;

CREATE INDEX issue_note_updated ON issue_note (updated_at);
