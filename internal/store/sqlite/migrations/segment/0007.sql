-- Serves: what a person asked to be sent again, among all that waits for an endpoint.
CREATE INDEX due_manual ON due (endpoint, due_at, message) WHERE trigger = 1;

-- What "latest per key" waits for: of each key that an endpoint has seen in this segment, the
-- message that came last, since when messages of the key came without a pause, and when that
-- one is due. key is a hash of the message's key; a row whose time is over begins anew.
CREATE TABLE latest (
    endpoint INTEGER NOT NULL,
    key      BLOB    NOT NULL,
    message  INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    due_at   INTEGER NOT NULL,
    PRIMARY KEY (endpoint, key)
) STRICT, WITHOUT ROWID;
