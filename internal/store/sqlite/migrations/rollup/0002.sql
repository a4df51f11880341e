-- Failures of one class at one endpoint, from the first of an outage to the last. at columns
-- are Unix milliseconds of a minute's begin. Made with the sums that hold the same attempts.
CREATE TABLE issue (
    environment INTEGER NOT NULL,
    application INTEGER NOT NULL,
    endpoint    INTEGER NOT NULL,
    reason      INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    failures    INTEGER NOT NULL,
    given_up    INTEGER NOT NULL,    -- failures after which no attempt is scheduled, about
    PRIMARY KEY (environment, application, endpoint, reason)
) STRICT, WITHOUT ROWID;

-- Serves: an environment's issues, the latest first.
CREATE INDEX issue_last ON issue (environment, last_at, endpoint, reason);

-- The last minute in which an endpoint had a success.
CREATE TABLE success (
    environment INTEGER NOT NULL,
    application INTEGER NOT NULL,
    endpoint    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (environment, application, endpoint)
) STRICT, WITHOUT ROWID;
