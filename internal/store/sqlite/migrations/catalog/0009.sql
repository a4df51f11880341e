-- Whose messages are to lose their content, because they were deleted.
CREATE TABLE removed_content (
    environment INTEGER NOT NULL,
    application INTEGER NOT NULL,      -- 0 for all of the environment
    cursor      INTEGER NOT NULL,      -- the last message that was looked at
    removed_at  INTEGER NOT NULL,
    PRIMARY KEY (environment, application)
) STRICT, WITHOUT ROWID;
