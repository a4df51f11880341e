-- When each of these files was applied. A store that is older than this file knows it from here on.
CREATE TABLE migration (
    number INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL
);
-- What was last done to look after the store: 'backup' or 'reclaim'. files and bytes are what it
-- was about.
CREATE TABLE chore (
    name  TEXT PRIMARY KEY,
    at    INTEGER NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) WITHOUT ROWID;
