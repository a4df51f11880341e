-- The catalog holds the nouns that people configure. Row keys are hook.Key. Times are
-- Unix milliseconds, NULL for none. Lists and maps of text are JSON. What is sealed is
-- bound to its row and column, see catalog.go.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

-- version counts the changes of the settings. The version of an application that others
-- see is the sum of its own and its environment's, so that a change of the settings is
-- one row and not all applications.
CREATE TABLE environment (
    key        INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    settings   TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX environment_name ON environment (name);

-- Environments that are gone, while what they owned is being removed.
CREATE TABLE removed_environment (
    key INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE token (
    key           INTEGER PRIMARY KEY,
    environment   INTEGER NOT NULL,
    application   INTEGER,             -- NULL for an API token
    hash          BLOB    NOT NULL,
    name          TEXT    NOT NULL,
    session       TEXT    NOT NULL,
    capabilities  TEXT,
    feature_flags TEXT,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER,
    last_used_at  INTEGER
) STRICT;

-- Serves: the token of a request.
CREATE UNIQUE INDEX token_hash ON token (hash);
CREATE INDEX token_environment ON token (environment, key);
-- Serves: the portal tokens of an application.
CREATE INDEX token_application ON token (application, key) WHERE application IS NOT NULL;
-- Serves: removing portal tokens that expired.
CREATE INDEX token_expired ON token (expires_at) WHERE application IS NOT NULL AND expires_at IS NOT NULL;

-- endpoints and disabled count the application's endpoints and the disabled ones among
-- them, for the filters of the list.
CREATE TABLE application (
    key           INTEGER PRIMARY KEY,
    environment   INTEGER NOT NULL,
    uid           TEXT,
    name          TEXT    NOT NULL,
    throttle_rate INTEGER NOT NULL,
    metadata      TEXT,
    version       INTEGER NOT NULL,
    endpoints     INTEGER NOT NULL,
    disabled      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX application_environment ON application (environment, key);
CREATE INDEX application_with_endpoints ON application (environment, key) WHERE endpoints > 0;
CREATE UNIQUE INDEX application_uid ON application (environment, uid) WHERE uid IS NOT NULL;

-- The endpoints of an application lie together, because they are loaded together.
CREATE TABLE endpoint (
    application   INTEGER NOT NULL,
    key           INTEGER NOT NULL,
    uid           TEXT,
    url           TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    disabled      INTEGER NOT NULL,
    disabled_by   INTEGER NOT NULL,    -- hook.Reason
    event_types   TEXT,
    channels      TEXT,
    throttle_rate INTEGER NOT NULL,
    metadata      TEXT,
    headers       BLOB,                -- sealed
    secrets       BLOB,                -- sealed
    failing_since INTEGER,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (application, key)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX endpoint_uid ON endpoint (application, uid) WHERE uid IS NOT NULL;

-- What histories still mention. Secrets and headers of a removed endpoint are not kept.
CREATE TABLE removed_endpoint (
    application   INTEGER NOT NULL,
    key           INTEGER NOT NULL,
    uid           TEXT,
    url           TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    disabled      INTEGER NOT NULL,
    disabled_by   INTEGER NOT NULL,
    event_types   TEXT,
    channels      TEXT,
    throttle_rate INTEGER NOT NULL,
    metadata      TEXT,
    failing_since INTEGER,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    removed_at    INTEGER NOT NULL,
    PRIMARY KEY (application, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_type (
    environment   INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    archived      INTEGER NOT NULL,
    deprecated    INTEGER NOT NULL,
    schemas       BLOB,
    group_name    TEXT    NOT NULL,
    feature_flags TEXT,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (environment, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE task (
    key         INTEGER PRIMARY KEY,
    environment INTEGER NOT NULL,
    application INTEGER NOT NULL,
    endpoint    INTEGER NOT NULL,
    type        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    since       INTEGER,
    until       INTEGER,
    cursor      INTEGER NOT NULL,
    done        INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX task_environment ON task (environment, key);
CREATE INDEX task_running ON task (key) WHERE status = 'running';

-- The answers of requests that changed the catalog, by the hash of their Idempotency-Key.
CREATE TABLE receipt (
    hash       BLOB    PRIMARY KEY,
    request    BLOB    NOT NULL,       -- hash of the request's body
    status     INTEGER NOT NULL,
    answer     BLOB    NOT NULL,       -- sealed
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX receipt_expires ON receipt (expires_at);
