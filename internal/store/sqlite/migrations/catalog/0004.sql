-- Who changed what: one row a change, written in its commit. Secrets are not in it.
CREATE TABLE audit (
    key         INTEGER PRIMARY KEY,
    environment INTEGER NOT NULL,
    actor       TEXT    NOT NULL,      -- JSON of hook.Actor
    actor_id    TEXT    NOT NULL,      -- its public id, '' for none
    noun        TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    subject     INTEGER NOT NULL,      -- row key of what was changed, 0 for what has a name only
    application INTEGER NOT NULL,      -- that it belongs to, 0 for none
    name        TEXT    NOT NULL,
    before      BLOB,                  -- JSON, NULL for what was made
    after       BLOB                   -- JSON, NULL for what was removed
) STRICT;

-- Serves: the log of an environment by time.
CREATE INDEX audit_environment ON audit (environment, key);
-- Serves: one noun's entries, and one subject's.
CREATE INDEX audit_noun ON audit (environment, noun, key);
CREATE INDEX audit_subject ON audit (environment, subject, key);
CREATE INDEX audit_actor ON audit (environment, actor_id, key);
