-- When a delivery of the message is too late to matter; NULL for never.
ALTER TABLE message ADD COLUMN deadline INTEGER;
-- 1 when params, raw, payload and inbound are sealed.
ALTER TABLE message ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
-- 1 when header, body and error are sealed; error is then base64, because it is text.
ALTER TABLE attempt ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
