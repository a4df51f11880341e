-- What is to be told to receivers of operational webhooks, written in the commit of the
-- change that it is about and removed once it is published.
CREATE TABLE announcement (
    key         INTEGER PRIMARY KEY,
    environment INTEGER NOT NULL,
    body        BLOB    NOT NULL       -- JSON of hook.Announcement
) STRICT;
