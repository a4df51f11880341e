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
