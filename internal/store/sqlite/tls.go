package sqlite

import (
	"encoding/binary"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// tlsForm is the first byte of attempt.tls (migrations/segment/0008.sql).
const tlsForm = 1

// encodeTLS appends what an attempt's connection told of itself.
func encodeTLS(dst []byte, t *hook.TLS) []byte {
	var expires int64
	if !t.NotAfter.IsZero() {
		expires = t.NotAfter.Unix()
	}
	dst = append(dst, tlsForm, byte(t.Protocol))
	dst = binary.AppendUvarint(dst, uint64(t.Version))
	dst = binary.AppendVarint(dst, expires)
	dst = binary.AppendUvarint(dst, uint64(len(t.Subject)))
	return append(append(dst, t.Subject...), t.Issuer...)
}

// decodeTLS is the reverse of encodeTLS. What is none, or of a later form, is not told.
func decodeTLS(b []byte) *hook.TLS {
	if len(b) < 2 || b[0] != tlsForm {
		return nil
	}
	t := &hook.TLS{Protocol: hook.Protocol(b[1])}
	b = b[2:]
	version, n := binary.Uvarint(b)
	if n <= 0 {
		return nil
	}
	b = b[n:]
	expires, n := binary.Varint(b)
	if n <= 0 {
		return nil
	}
	b = b[n:]
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil
	}
	b = b[n:]
	t.Version, t.Subject, t.Issuer = uint16(version), string(b[:size]), string(b[size:])
	if expires != 0 {
		t.NotAfter = time.Unix(expires, 0).UTC()
	}
	return t
}
