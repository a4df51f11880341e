-- What is to be told to receivers of operational webhooks about outcomes in this segment.
CREATE TABLE announcement (
    key         INTEGER PRIMARY KEY,
    environment INTEGER NOT NULL,
    body        BLOB    NOT NULL       -- JSON of hook.Announcement
) STRICT;
