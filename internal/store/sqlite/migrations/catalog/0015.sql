-- Who fetches from a polling endpoint under a name, and how far it has come. lease_until
-- is when what was handed out may be handed out again; leased is the last offset of it.
CREATE TABLE consumer (
    endpoint    INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    position    INTEGER NOT NULL,
    leased      INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (endpoint, name)
) STRICT, WITHOUT ROWID;

-- endpoint: the polling endpoint that a poller token fetches from, 0 for every other kind;
-- secret: its text, sealed, because its owner may see it again. event_types and channel: what
-- a stream token is restricted to, a JSON list and a name.
ALTER TABLE token ADD COLUMN endpoint INTEGER NOT NULL DEFAULT 0;
ALTER TABLE token ADD COLUMN secret BLOB;
ALTER TABLE token ADD COLUMN event_types TEXT;
ALTER TABLE token ADD COLUMN channel TEXT NOT NULL DEFAULT '';
CREATE INDEX token_endpoint ON token (endpoint, key) WHERE endpoint <> 0;

-- Up to which position retention has dropped rows of a feed that had any.
CREATE TABLE feed_lost (
    endpoint INTEGER PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;
