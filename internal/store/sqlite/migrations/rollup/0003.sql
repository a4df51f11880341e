-- Serves: what failed, without a cost for what did not. An index that holds all that is read of
-- the few sums with failures.
CREATE INDEX minute_failed ON minute (environment, application, at, endpoint, event_type, reasons) WHERE failed > 0;
CREATE INDEX hour_failed ON hour (environment, application, at, endpoint, event_type, reasons) WHERE failed > 0;
