-- Named transformations that endpoints are made with. body is JSON of hook.Connector; the
-- ready ones are part of the program and have no row.
CREATE TABLE connector (
    key         INTEGER PRIMARY KEY,
    environment INTEGER NOT NULL,
    uid         TEXT,
    body        BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX connector_environment ON connector (environment, key);
CREATE UNIQUE INDEX connector_uid ON connector (environment, uid) WHERE uid IS NOT NULL;

-- The row key of the connector whose code an endpoint runs; NULL for none, or a ready one.
ALTER TABLE endpoint ADD COLUMN connector INTEGER;
-- Serves: whether a connector is in use.
CREATE INDEX endpoint_connector ON endpoint (connector) WHERE connector IS NOT NULL;
