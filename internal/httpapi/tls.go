package httpapi

import (
	"crypto/tls"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// tlsToAPI shows what an attempt's connection told of itself; nil for nothing.
func tlsToAPI(t *hook.TLS) *api.AttemptTLS {
	if t == nil {
		return nil
	}
	return &api.AttemptTLS{Version: tlsVersion(t), Subject: t.Subject, Issuer: t.Issuer, NotAfter: timeOrNil(t.NotAfter)}
}

func tlsVersion(t *hook.TLS) string {
	if t.Version == 0 {
		return ""
	}
	return tls.VersionName(t.Version)
}

// certificateWords describe the certificate that a receiver has shown; "" for none.
func certificateWords(t *hook.TLS) string {
	if t == nil || t.NotAfter.IsZero() {
		return ""
	}
	var b strings.Builder
	if t.Subject != "" {
		b.WriteString("of " + plainText(t.Subject) + ", ")
	}
	if t.Issuer != "" {
		b.WriteString("signed by " + plainText(t.Issuer) + ", ")
	}
	return b.String() + "valid until " + t.NotAfter.UTC().Format(time.RFC3339)
}
