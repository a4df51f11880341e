-- People who sign in. email is as it was given, email_key in lower case. password is its argon2id
-- hash, '' for none. owner is 1 for an owner of the installation, who has no membership.
CREATE TABLE user (
    key        INTEGER PRIMARY KEY,
    email      TEXT    NOT NULL,
    email_key  TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    password   TEXT    NOT NULL,
    owner      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER
) STRICT;

-- What a user may do in one environment.
CREATE TABLE membership (
    user        INTEGER NOT NULL REFERENCES user (key),
    environment INTEGER NOT NULL,
    role        TEXT    NOT NULL,
    PRIMARY KEY (user, environment)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_environment ON membership (environment);

-- Browsers in which users are signed in. hash is the keyed hash of the cookie's text.
CREATE TABLE session (
    key        INTEGER PRIMARY KEY,
    hash       BLOB    NOT NULL UNIQUE,
    user       INTEGER NOT NULL REFERENCES user (key),
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    address    TEXT    NOT NULL,
    browser    TEXT    NOT NULL
) STRICT;
CREATE INDEX session_user ON session (user);
CREATE INDEX session_used ON session (used_at);

-- Links that are followed once. user is 0 for the one that makes the first user.
CREATE TABLE claim (
    hash        BLOB    PRIMARY KEY,
    purpose     TEXT    NOT NULL,
    user        INTEGER NOT NULL,
    environment INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_user ON claim (user);
