//go:build unix

package fairness

import (
	"context"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// Promise 2 without faults: nothing is lost and nothing arrives twice.
// HOOKLOFT_QUIET_MESSAGES is how many messages are sent (20,000).
func TestQuietRunDeliversExactlyOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	messages := rig.EnvInt(t, "HOOKLOFT_QUIET_MESSAGES", 20_000)
	s := rig.Start(t, rig.Options{})
	api := s.API()
	r := rig.Receive(t, rig.ReceiverOptions{})
	app := api.MustCreateApp(t, "quiet")
	var targets []rig.Target
	for _, path := range []string{"/a", "/b"} {
		secret := rig.Secret(path)
		r.SetSecret(path, secret)
		id := api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: r.URL + path, Secret: secret})
		targets = append(targets, rig.Target{App: app, ID: id, Path: path})
	}
	ledger := rig.NewLedger(t)
	began := time.Now()
	if err := (rig.Load{API: api, Ledger: ledger, App: app, Count: messages, Workers: 64}).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	published := time.Since(began)
	account, err := rig.Settle(api, ledger, r, targets, time.Minute+time.Duration(messages)*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	v := rig.Check(rig.Evidence{Ledger: ledger.Entries(), Requests: r.Requests(), Account: account, Targets: targets})
	t.Logf("%d messages to 2 endpoints, published in %v: %v", messages, published.Round(time.Millisecond), v)
	if !v.OK() || v.Lost != 0 || v.Duplicates != 0 {
		t.Error("a run without faults must lose and repeat nothing")
	}
	if v.Acked != messages {
		t.Errorf("%d of %d publishes were acknowledged", v.Acked, messages)
	}
}
