//go:build unix

package crash

import (
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// Promises 1 and 2: kill -9 loses nothing that was acknowledged, and repeats only
// requests whose outcome was not yet on disk.
func TestKillsLoseNothing(t *testing.T) {
	kills := rig.EnvInt(t, "HOOKLOFT_KILLS", 20)
	sc := newScene(t, rig.Options{}, rig.ReceiverOptions{})
	random := newRand(t)
	stop := sc.publish(t)
	var ready readiness
	for range kills {
		time.Sleep(moment(random)) // the moment of the fault is the test's input
		sc.kill()
		took, err := sc.server.Restart()
		if err != nil {
			t.Fatalf("after kill %d: %v", len(sc.crashes), err)
		}
		ready = append(ready, took)
	}
	time.Sleep(moment(random))
	stop()
	v := sc.judge(t, time.Minute)
	t.Logf("%d kills: %v", kills, v)
	ready.report(t)
	if !v.OK() {
		t.Error("promises were broken")
	}
	if v.Acked < kills {
		t.Errorf("only %d messages were acknowledged: the load did not run", v.Acked)
	}
}

// A receiver that takes 30 ms keeps some 30 requests open at every kill, so that
// repeats do happen and the bound on them is tested, not just zero.
func TestKillsRepeatOnlyOpenRequests(t *testing.T) {
	kills := max(3, rig.EnvInt(t, "HOOKLOFT_KILLS", 20)/4)
	sc := newScene(t, rig.Options{}, rig.ReceiverOptions{Delay: 30 * time.Millisecond})
	random := newRand(t)
	stop := sc.publish(t)
	for range kills {
		time.Sleep(100*time.Millisecond + moment(random))
		sc.kill()
		if _, err := sc.server.Restart(); err != nil {
			t.Fatalf("after kill %d: %v", len(sc.crashes), err)
		}
	}
	time.Sleep(moment(random))
	stop()
	v := sc.judge(t, time.Minute)
	t.Logf("%d kills: %v", kills, v)
	if !v.OK() {
		t.Error("promises were broken")
	}
	if v.Exposed == 0 {
		t.Error("no request was open at any kill: this run tested nothing")
	}
}
