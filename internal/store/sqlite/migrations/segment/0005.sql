-- Why a delivery that was not tried was not, in words: which clause of a filter decided.
ALTER TABLE delivery ADD COLUMN note TEXT;
-- What an attempt's transformation wrote to its console, and what else is told of it: JSON of hook.AttemptNotes, sealed as header is; NULL for none.
ALTER TABLE attempt ADD COLUMN notes BLOB;

-- What consumers of a polling endpoint fetch, in the order in which its lane handed it over.
-- position is a hook.Position. payload is NULL where it is the message's own, which the row
-- does not repeat; headers is JSON, NULL for none.
CREATE TABLE feed (
    endpoint INTEGER NOT NULL,
    position INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    headers  BLOB,
    payload  BLOB,
    sealed   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (endpoint, position)
) STRICT, WITHOUT ROWID;

-- Serves: what goes with a message when its content is removed.
CREATE INDEX feed_message ON feed (message);
