package cli

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// noKeys are the keys of a provider whose server is down.
type noKeys struct{}

func (noKeys) Fetch(webhook.KeyQuery) ([]byte, error) {
	return nil, fmt.Errorf("%w: ask its server: connection refused", webhook.ErrNoKey)
}

// TestVerifyDoesNotAdviseWhatFailed: whoever gave --fetch-keys hears what came of it.
func TestVerifyDoesNotAdviseWhatFailed(t *testing.T) {
	v, err := webhook.Provider("paypal", webhook.Config{Settings: map[string]string{"webhook_id": "W"}, Keys: noKeys{}})
	if err != nil {
		t.Fatal(err)
	}
	r := webhook.Request{Method: "POST", Header: http.Header{}, Body: []byte("{}")}
	for name, value := range map[string]string{
		"Transmission-Id": "1", "Transmission-Time": "2025-11-20T20:00:00Z", "Transmission-Sig": "AAAA",
		"Auth-Algo": "SHA256withRSA", "Cert-Url": "https://api.paypal.com/v1/notifications/certs/CERT-1",
	} {
		r.Header.Set("Paypal-"+name, value)
	}
	err = (&program{}).judge(v, r, time.Unix(1763668800, 0), true)
	if err == nil || strings.Contains(err.Error(), "--fetch-keys") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("after a fetch that failed: %v", err)
	}
}
