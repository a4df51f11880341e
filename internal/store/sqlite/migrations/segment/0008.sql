-- What an attempt's secured connection told of itself (tls.go): a number of the form, 1; the
-- protocol (hook.Protocol), 1 byte each; then as uvarints TLS's version, when the certificate
-- expires (Unix seconds, zigzag, 0 for none) and the length of the subject's name; then the names
-- of subject and issuer. NULL for none.
ALTER TABLE attempt ADD COLUMN tls BLOB;
