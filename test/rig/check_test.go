//go:build unix

package rig

import (
	"testing"
	"time"
)

// base is the evidence of a clean run: two messages, two endpoints, and a third
// publish that nobody answered but that arrived all the same.
func base() Evidence {
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := Evidence{
		Ledger: map[int64]Published{
			1: {Seq: 1, ID: "msg_1", Acked: true, App: "app"},
			2: {Seq: 2, ID: "msg_2", Acked: true, App: "app"},
			3: {Seq: 3, App: "app"},
		},
		Targets: []Target{{App: "app", ID: "ep_a", Path: "/a"}, {App: "app", ID: "ep_b", Path: "/b"}},
		Account: &Account{Messages: map[string]Message{"msg_1": {}, "msg_2": {}, "msg_3": {}}, Attempts: map[Pair][]Attempt{}},
		Crashes: []Crash{{Before: t0.Add(time.Second), After: t0.Add(time.Second + time.Millisecond)}},
	}
	for i, id := range []string{"msg_1", "msg_2", "msg_3"} {
		for _, t := range e.Targets {
			began := t0.Add(time.Duration(i) * 100 * time.Millisecond)
			e.Requests = append(e.Requests, Request{Path: t.Path, ID: id, Seq: int64(i + 1), Began: began, Ended: began.Add(time.Millisecond), Status: 200})
			e.Account.Attempts[Pair{id, t.ID}] = []Attempt{{MsgID: id}}
		}
	}
	return e
}

func TestCheckAcceptsCleanRun(t *testing.T) {
	v := Check(base())
	if !v.OK() {
		t.Fatalf("a clean run was called broken: %v", v)
	}
	if v.Acked != 2 || v.Unknown != 1 || v.Requests != 6 || v.Lost != 0 || v.Duplicates != 0 {
		t.Errorf("counts: %v", v)
	}
}

func TestCheckSeesEachBreach(t *testing.T) {
	again := func(e *Evidence, i int, after time.Duration) {
		r := e.Requests[i]
		r.Began, r.Ended = r.Ended.Add(after), r.Ended.Add(after+time.Millisecond)
		e.Requests = append(e.Requests, r)
	}
	cases := []struct {
		name, why string
		change    func(*Evidence)
		want      string // invariant that must be broken
	}{
		{"request missing", "an acknowledged message never arrived", func(e *Evidence) { e.Requests = e.Requests[1:] }, "I1"},
		{"answer missing", "it arrived but no 2xx was given", func(e *Evidence) { e.Requests[0].Status = 0 }, "I1"},
		{"attempt missing", "it arrived but the account does not say so", func(e *Evidence) { delete(e.Account.Attempts, Pair{"msg_1", "ep_a"}) }, "I1"},
		{"message missing", "the message list forgot it", func(e *Evidence) { delete(e.Account.Messages, "msg_2") }, "I1"},
		{"attempt failed", "recorded, but not as a success", func(e *Evidence) { e.Account.Attempts[Pair{"msg_1", "ep_a"}][0].Status = 2 }, "I1"},
		{"never published", "a number nobody drew", func(e *Evidence) { e.Requests[5].Seq = 99 }, "I2"},
		{"wrong endpoint", "an endpoint of another application got it", func(e *Evidence) { e.Targets[1].App = "other" }, "I2"},
		{"unknown path", "no endpoint points there", func(e *Evidence) { e.Requests[0].Path = "/z" }, "I2"},
		{"no attempt", "even an unanswered publish has attempts once it arrives", func(e *Evidence) { delete(e.Account.Attempts, Pair{"msg_3", "ep_a"}) }, "I2"},
		{"recorded, not arrived", "the account invents a success", func(e *Evidence) { e.Requests = e.Requests[:5] }, "I2"},
		{"invented message", "more messages than publishes", func(e *Evidence) { e.Account.Messages["msg_4"] = Message{} }, "I2"},
		{"repeat unrecorded", "two requests, one attempt, no crash between", func(e *Evidence) { again(e, 0, 50*time.Millisecond) }, "I3"},
		{"repeat without crash", "both are recorded, yet nothing justified the second", func(e *Evidence) {
			again(e, 0, 50*time.Millisecond)
			p := Pair{"msg_1", "ep_a"}
			e.Account.Attempts[p] = append(e.Account.Attempts[p], Attempt{})
		}, "I4"},
		{"repeat of an old one", "it had ended 999 ms before the crash", func(e *Evidence) { again(e, 0, 1500*time.Millisecond) }, "I4"},
		{"signature", "a request does not verify", func(e *Evidence) { e.Requests[0].Fault = "webhook-signature does not verify" }, "I6"},
		{"id changed", "a repeat has another webhook-id", func(e *Evidence) { e.Requests[0].ID = "msg_9" }, "I6"},
		{"id differs between endpoints", "an unanswered publish too has one id", func(e *Evidence) { e.Requests[4].ID = "msg_9" }, "I6"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := base()
			c.change(&e)
			v := Check(e)
			if v.Counts[c.want] == 0 {
				t.Errorf("%s: want %s broken, got %v", c.why, c.want, v)
			}
		})
	}
}

func TestCheckAllowsRepeatAfterCrash(t *testing.T) {
	e := base()
	crash := e.Crashes[0]
	for i, ended := range []time.Time{crash.Before.Add(-19 * time.Millisecond), {}} {
		// The first ended 19 ms before the crash, the second was open at it.
		r := &e.Requests[i]
		r.Began, r.Ended = crash.Before.Add(-20*time.Millisecond), ended
		if ended.IsZero() {
			r.Status = 0
		}
		second := *r
		second.Began, second.Ended, second.Status = crash.After.Add(time.Second), crash.After.Add(2*time.Second), 200
		e.Requests = append(e.Requests, second)
	}
	v := Check(e)
	if !v.OK() {
		t.Fatalf("repeats that a crash explains were called broken: %v", v)
	}
	if v.Duplicates != 2 || v.Exposed != 2 || v.OldestRepeat != 19*time.Millisecond {
		t.Errorf("want 2 duplicates of 2 exposed, the oldest 19 ms; got %v", v)
	}
}

func TestVerifyKnowsPublishedVector(t *testing.T) {
	// Vector of the Standard Webhooks libraries' own tests
	// (github.com/standard-webhooks/standard-webhooks, libraries/go/webhook_test.go).
	h := map[string][]string{
		"Webhook-Id":        {"msg_p5jXN8AQM9LWM0D4loKWxJek"},
		"Webhook-Timestamp": {"1614265330"},
		"Webhook-Signature": {"v1,bm90IGl0 v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	now := time.Unix(1614265330, 0)
	if fault := verify(secret, h, []byte(`{"test": 2432232314}`), now); fault != "" {
		t.Errorf("the vector: %s", fault)
	}
	if verify(secret, h, []byte(`{"test": 2432232315}`), now) == "" {
		t.Error("a changed body verified")
	}
	if verify(secret, h, []byte(`{"test": 2432232314}`), now.Add(6*time.Second)) == "" {
		t.Error("a timestamp 6 s away was accepted")
	}
}

func TestPercentileIsNearestRank(t *testing.T) {
	all := []time.Duration{5, 1, 4, 2, 3}
	for p, want := range map[float64]time.Duration{0: 1, 0.2: 1, 0.5: 3, 0.8: 4, 0.99: 5, 1: 5} {
		if got := Percentile(all, p); got != want {
			t.Errorf("p%v = %v, want %v", p*100, got, want)
		}
	}
	if Percentile(nil, 0.5) != 0 {
		t.Error("the percentile of nothing is not zero")
	}
}
