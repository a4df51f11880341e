-- What an API token may do; NULL for everything.
ALTER TABLE token ADD COLUMN scopes TEXT;
-- What a token is for beside an API or portal token: '' , message, integration, one-time.
ALTER TABLE token ADD COLUMN kind TEXT NOT NULL DEFAULT '';
-- The integration that an integration's key belongs to, 0 for none.
ALTER TABLE token ADD COLUMN integration INTEGER NOT NULL DEFAULT 0;

CREATE TABLE integration (
    key           INTEGER PRIMARY KEY,
    application   INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    feature_flags TEXT,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX integration_application ON integration (application, key);
