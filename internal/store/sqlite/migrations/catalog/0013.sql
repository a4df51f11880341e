-- JSON of hook.Hold; NULL for none. Of a source it is that of its internal application.
ALTER TABLE application ADD COLUMN hold TEXT;
