-- Sources: URLs on which providers' webhooks arrive. A source and the internal application
-- that owns its endpoints and messages have the same key.

CREATE TABLE source (
    key         INTEGER PRIMARY KEY,
    environment INTEGER NOT NULL,
    uid         TEXT,
    name        TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    config      BLOB,                  -- sealed
    tokens      BLOB,                  -- sealed
    settings    BLOB    NOT NULL,      -- sealed
    metadata    TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX source_environment ON source (environment, key);
CREATE UNIQUE INDEX source_uid ON source (environment, uid) WHERE uid IS NOT NULL;
CREATE INDEX source_type ON source (type, key);

-- The source whose internal application it is, 0 for an ordinary one.
ALTER TABLE application ADD COLUMN source INTEGER NOT NULL DEFAULT 0;

-- Lists leave internal applications out, and stay walks along an index all the same.
DROP INDEX application_environment;
DROP INDEX application_with_endpoints;
CREATE INDEX application_environment ON application (environment, source, key);
CREATE INDEX application_with_endpoints ON application (environment, source, key) WHERE endpoints > 0;

-- How many requests of a source had a verdict in an hour.
CREATE TABLE source_count (
    source  INTEGER NOT NULL,
    hour    INTEGER NOT NULL,          -- its beginning
    verdict INTEGER NOT NULL,          -- hook.Verdict
    reason  TEXT    NOT NULL,
    n       INTEGER NOT NULL,
    PRIMARY KEY (source, hour, verdict, reason)
) STRICT, WITHOUT ROWID;

-- Serves: removing counts that are too old.
CREATE INDEX source_count_hour ON source_count (hour);

-- The newest rejected requests of a source.
CREATE TABLE rejection (
    key            INTEGER PRIMARY KEY,
    source         INTEGER NOT NULL,
    status         INTEGER NOT NULL,
    reason         TEXT    NOT NULL,
    method         TEXT    NOT NULL,
    remote         TEXT    NOT NULL,
    header         BLOB,               -- sealed
    body           BLOB,               -- sealed
    body_truncated INTEGER NOT NULL,
    at             INTEGER NOT NULL
) STRICT;

CREATE INDEX rejection_source ON rejection (source, key);

-- Serves: removing tasks that ended long ago.
CREATE INDEX task_ended ON task (key) WHERE status <> 'running';
