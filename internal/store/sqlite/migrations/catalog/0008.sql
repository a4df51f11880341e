-- Who follows an application's messages with a durable cursor.
CREATE TABLE listener (
    application INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    secret      BLOB    NOT NULL,      -- sealed
    cursor      INTEGER NOT NULL,      -- the last message that was dealt with
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (application, name)
) STRICT, WITHOUT ROWID;
