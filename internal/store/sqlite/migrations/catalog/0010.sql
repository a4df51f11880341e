-- Serves: the archived types of an environment, for its plans.
CREATE INDEX event_type_archived ON event_type (environment, name) WHERE archived = 1;
