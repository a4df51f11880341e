-- What is to be told to receivers of operational webhooks, written in the commit of the
-- change that it is about and removed once it is published. The receivers are endpoints of
-- the environment's operational application, which has the environment's key, also in its
-- column source, so that lists leave it out.
CREATE TABLE announcement (
    key         INTEGER PRIMARY KEY,
    environment INTEGER NOT NULL,
    body        BLOB    NOT NULL       -- JSON of hook.Announcement
) STRICT;
