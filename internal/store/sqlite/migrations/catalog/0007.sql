-- What a task was asked to do (sealed), and what came of it, as JSON of hook's types.
ALTER TABLE task ADD COLUMN params BLOB;
ALTER TABLE task ADD COLUMN result BLOB;
-- Where it stands beyond its cursor, as JSON of the room that runs it.
ALTER TABLE task ADD COLUMN state BLOB;
-- How many there are to be done, -1 while that is unknown.
ALTER TABLE task ADD COLUMN total INTEGER NOT NULL DEFAULT -1;
-- The most per second, 0 for no limit of its own.
ALTER TABLE task ADD COLUMN rate REAL NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN error TEXT NOT NULL DEFAULT '';
ALTER TABLE task ADD COLUMN started_at INTEGER;

-- A paused task has not ended. Serves: removing tasks that ended long ago.
DROP INDEX task_ended;
CREATE INDEX task_ended ON task (key) WHERE status NOT IN ('running', 'paused');

-- Serves: counting the tasks of an application that have not ended.
CREATE INDEX task_open ON task (environment, application) WHERE status IN ('running', 'paused');
