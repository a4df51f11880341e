//go:build unix

package rig

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// run publishes 50 messages to two endpoints of the fake, with a kill and restart
// after them if asked, and returns the verdict.
func run(t *testing.T, fault string, kill bool) Verdict {
	t.Helper()
	s := Start(t, Options{Bin: os.Args[0], Env: []string{"FAKE_FAULT=" + fault}})
	api := s.API()
	if s.Token != "fake-token" || s.RSS() == 0 {
		t.Fatalf("token %q, RSS %d", s.Token, s.RSS())
	}
	r := Receive(t, ReceiverOptions{})
	app := api.MustCreateApp(t, "shop")
	var targets []Target
	for _, path := range []string{"/a", "/b"} {
		secret := Secret(path)
		r.SetSecret(path, secret)
		id := api.MustCreateEndpoint(t, app, EndpointIn{URL: r.URL + path, Secret: secret})
		targets = append(targets, Target{App: app, ID: id, Path: path})
	}
	l := NewLedger(t)
	if err := (Load{API: api, Ledger: l, App: app, PerSecond: 500, Count: 50}).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	// All requests have come and are answered before anybody counts.
	want := 100
	if strings.Contains(fault, "twice") {
		want = 200
	}
	open := func(q Request) bool { return q.Ended.IsZero() }
	for deadline := time.Now().Add(60 * time.Second); r.Count("") < want || slices.ContainsFunc(r.Requests(), open); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests of %d came", r.Count(""), want)
		}
	}
	var crashes []Crash
	patience := 60 * time.Second
	if kill {
		crashes = append(crashes, CrashAt(s.Kill()))
		if took, err := s.Restart(); err != nil || took <= 0 {
			t.Fatalf("restart: %v, %v", took, err)
		}
		patience = 100 * time.Millisecond
	}
	account, err := Settle(api, l, r, targets, patience)
	if err != nil {
		t.Fatal(err)
	}
	return Check(Evidence{Ledger: l.Entries(), Requests: r.Requests(), Account: account, Targets: targets, Crashes: crashes})
}

func TestRigFindsNothingWrongWithAnHonestServer(t *testing.T) {
	v := run(t, "", false)
	if !v.OK() || v.Acked != 50 || v.Requests != 100 {
		t.Errorf("%v", v)
	}
}

func TestRigFindsAServerThatForgets(t *testing.T) {
	v := run(t, "", true)
	if v.Counts["I1"] == 0 {
		t.Errorf("the fake lost everything at the kill, and the verdict is: %v", v)
	}
}

func TestRigFindsAServerThatDeliversTwice(t *testing.T) {
	v := run(t, "twice", false)
	if v.Counts["I4"] == 0 || v.Duplicates != 100 {
		t.Errorf("the fake sent everything twice, and the verdict is: %v", v)
	}
}

func TestStopReportsHowTheServerEnded(t *testing.T) {
	s := Start(t, Options{Bin: os.Args[0]})
	if err := s.Stop(60 * time.Second); err == nil {
		t.Error("the fake dies of SIGTERM, and Stop says that it ended well")
	}
	if status, err := s.Wait(60 * time.Second); err != nil || status != -1 {
		t.Errorf("Wait after the end: %d, %v", status, err)
	}
	if _, err := s.Restart(); err != nil {
		t.Error(err)
	}
}
