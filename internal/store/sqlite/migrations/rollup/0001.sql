-- Sums of ended attempts, by minute and by hour. They can be made again from the attempts.
-- at is the begin of the period in Unix milliseconds. Rows with application 0 and endpoint
-- 0 are the sums of the whole environment. took and slowest are microseconds.
-- reasons and latency are uvarints: pairs of hook.Reason and count; counts by bucket, without
-- the zeros at the end.

CREATE TABLE minute (
    environment INTEGER NOT NULL,
    application INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    endpoint    INTEGER NOT NULL,
    event_type  TEXT    NOT NULL,
    success     INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    final       INTEGER NOT NULL,
    took        INTEGER NOT NULL,
    slowest     INTEGER NOT NULL,
    reasons     BLOB,
    latency     BLOB,
    PRIMARY KEY (environment, application, at, endpoint, event_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE hour (
    environment INTEGER NOT NULL,
    application INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    endpoint    INTEGER NOT NULL,
    event_type  TEXT    NOT NULL,
    success     INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    final       INTEGER NOT NULL,
    took        INTEGER NOT NULL,
    slowest     INTEGER NOT NULL,
    reasons     BLOB,
    latency     BLOB,
    PRIMARY KEY (environment, application, at, endpoint, event_type)
) STRICT, WITHOUT ROWID;

-- Which attempts are counted: those whose key is at least low and below high.
CREATE TABLE span (
    low  INTEGER PRIMARY KEY,
    high INTEGER NOT NULL
) STRICT;
