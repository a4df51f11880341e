-- How requests to an endpoint look: JSON of hook.Shape, sealed, because it may hold a token.
-- NULL for a POST of the stored bytes.
ALTER TABLE endpoint ADD COLUMN shape BLOB;
-- How often the owner was told of the present streak of failures.
ALTER TABLE endpoint ADD COLUMN warned INTEGER NOT NULL DEFAULT 0;
-- Delays after failed attempts of this type, JSON list of milliseconds; NULL for the environment's.
ALTER TABLE event_type ADD COLUMN retry_policy TEXT;
-- Serves: the types of an environment that have one, for its plans.
CREATE INDEX event_type_policy ON event_type (environment, name) WHERE retry_policy IS NOT NULL;
-- How long content of this type is kept, in milliseconds; NULL for the environment's.
ALTER TABLE event_type ADD COLUMN retention INTEGER;
-- Serves: the types of an environment that have one, for its plans.
CREATE INDEX event_type_retention ON event_type (environment, name) WHERE retention IS NOT NULL AND archived = 0;
