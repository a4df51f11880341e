-- What an API token may do; NULL for everything.
ALTER TABLE token ADD COLUMN scopes TEXT;
-- What a token is for beside an API or portal token: '' , message, integration, one-time.
ALTER TABLE token ADD COLUMN kind TEXT NOT NULL DEFAULT '';
-- The integration that an integration's key belongs to, 0 for none.
ALTER TABLE token ADD COLUMN integration INTEGER NOT NULL DEFAULT 0;
-- The beginning of the text, for its owner to recognise.
ALTER TABLE token ADD COLUMN hint TEXT NOT NULL DEFAULT '';
-- How long the portal token lives that a one-time token is exchanged for, in milliseconds.
ALTER TABLE token ADD COLUMN life INTEGER NOT NULL DEFAULT 0;

-- Serves: the list of an environment's API tokens, past any number of portal tokens.
CREATE INDEX token_api ON token (environment, key) WHERE application IS NULL;
-- Serves: the key of an integration.
CREATE INDEX token_integration ON token (integration) WHERE integration <> 0;

CREATE TABLE integration (
    key           INTEGER PRIMARY KEY,
    application   INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    feature_flags TEXT,
    secret        BLOB,                -- the key's text, sealed; NULL for none
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX integration_application ON integration (application, key);

-- Serves: the application that a token of another server names.
CREATE INDEX application_origin ON application (environment, json_extract(metadata, '$."svix.id"'))
    WHERE json_extract(metadata, '$."svix.id"') IS NOT NULL;
