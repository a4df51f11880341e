-- Why a delivery that was not tried was not, in words: which clause of a filter decided.
ALTER TABLE delivery ADD COLUMN note TEXT;
-- What an attempt's transformation wrote to its console, and what else is told of it: JSON of hook.AttemptNotes, sealed as header is; NULL for none.
ALTER TABLE attempt ADD COLUMN notes BLOB;

-- What consumers of a polling endpoint fetch, in the order in which its lane took it.
-- payload is NULL where it is the message's own.
CREATE TABLE feed (
    endpoint INTEGER NOT NULL,
    position INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    headers  BLOB,                   -- JSON
    payload  BLOB,
    sealed   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (endpoint, position)
) STRICT, WITHOUT ROWID;
