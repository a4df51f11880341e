-- A segment holds the messages of a span of time with everything that belongs to them.
-- Row keys are hook.Key. Times are Unix milliseconds. All multi-byte numbers in blobs are big-endian.

-- One row a message. endpoints lists all endpoints that the message goes to (8 bytes each,
-- rising), so that a fresh delivery needs no row of its own. Content is NULL once expunged.
CREATE TABLE message (
    key          INTEGER PRIMARY KEY,
    application  INTEGER NOT NULL,
    environment  INTEGER NOT NULL,
    event_type   TEXT    NOT NULL,
    event_id     TEXT,
    channels     TEXT,               -- one a line
    tags         TEXT,               -- one a line
    deliver_at   INTEGER,
    expires_at   INTEGER,            -- when the content stops being readable
    content_type TEXT,
    endpoints    BLOB,
    params       BLOB,               -- transformationsParams, JSON
    raw          BLOB,               -- sent instead of payload
    payload      BLOB
) STRICT;

-- Serves: an application's messages by time.
CREATE INDEX message_application ON message (application, key);

-- One row a delivery that is not fresh. Serves: an endpoint's deliveries by message.
-- attempts lists the ended attempts (8 bytes each, rising), which is how a message's attempts are found.
CREATE TABLE delivery (
    endpoint INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    state    INTEGER NOT NULL,
    step     INTEGER NOT NULL,
    reason   INTEGER NOT NULL,
    crashes  INTEGER NOT NULL,
    due_at   INTEGER,
    attempts BLOB,
    PRIMARY KEY (endpoint, message)
) STRICT, WITHOUT ROWID;

-- One row an ended attempt. Serves: an endpoint's attempts by time; one attempt of a delivery.
CREATE TABLE attempt (
    endpoint    INTEGER NOT NULL,
    key         INTEGER NOT NULL,
    message     INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    flags       INTEGER NOT NULL,    -- 1 manual, 2 body truncated, 4 body incomplete, 8 connection reused, 16 expunged
    outcome     INTEGER NOT NULL,
    reason      INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,    -- Unix microseconds
    took        INTEGER NOT NULL,    -- microseconds
    timings     BLOB,                -- DNS, connect, TLS, first byte, body: uvarint microseconds each
    next_at     INTEGER,
    url         TEXT,
    remote_addr TEXT,
    error       TEXT,
    header      BLOB,
    body        BLOB,
    PRIMARY KEY (endpoint, key)
) STRICT, WITHOUT ROWID;

-- Serves: an endpoint's failed attempts by time, without a cost for successes.
CREATE INDEX attempt_failed ON attempt (endpoint, key) WHERE outcome <> 1;

-- One row a delivery that waits outside memory: a retry, a delayed, spilled or held one,
-- a manual attempt. Serves: claiming by endpoint in due order.
CREATE TABLE due (
    endpoint    INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    message     INTEGER NOT NULL,
    trigger     INTEGER NOT NULL,    -- hook.Trigger
    application INTEGER NOT NULL,
    PRIMARY KEY (endpoint, due_at, message, trigger)
) STRICT, WITHOUT ROWID;

-- Names: low_water and last_key (hook.Key, see commit.go), hold (1 while sending is stopped),
-- check (the last probe). Beside these tables there is one idempotency_HOUR table for each
-- hour with requests that carried a key or an eventId; see idempotency.go.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;
