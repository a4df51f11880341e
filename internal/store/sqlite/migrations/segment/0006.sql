-- Where a delivery of an ordered endpoint stands: its line (8 bytes); then, where they are
-- given, when its next attempt may begin (Unix milliseconds, 8 bytes, 0 for at once), and the
-- place of the last delivery of its batch (due_at and message, 8 bytes each). NULL for none.
ALTER TABLE delivery ADD COLUMN line BLOB;
