-- Serves: what was changed of one application and of what belongs to it.
CREATE INDEX audit_application ON audit (environment, application, key) WHERE application <> 0;
