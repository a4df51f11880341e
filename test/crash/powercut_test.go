//go:build linux

package crash

import (
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// Promise 1 under power loss: what was acknowledged had been flushed.
func TestPowerCutsLoseNothing(t *testing.T) {
	cuts := rig.EnvInt(t, "HOOKLOFT_CUTS", 10)
	d := newDisk(t, 512)
	sc := newScene(t, rig.Options{Data: d.data()}, rig.ReceiverOptions{})
	random := newRand(t)
	var ready readiness
	for range cuts {
		stop := sc.publish(t)
		time.Sleep(moment(random))
		sc.kill()
		d.cut()
		took, err := sc.server.Restart()
		if err != nil {
			t.Fatalf("after cut %d: %v", d.cuts, err)
		}
		ready = append(ready, took)
		stop()
	}
	v := sc.judge(t, time.Minute)
	t.Logf("%d power cuts: %v", cuts, v)
	ready.report(t)
	if !v.OK() {
		t.Error("promises were broken")
	}
	if v.Acked < cuts {
		t.Errorf("only %d messages were acknowledged: the load did not run", v.Acked)
	}
}

// The negative control: with a disk that ignores fsync, the same cut must lose
// acknowledged messages and the judge must say so. If it cannot, the test above
// proves nothing.
func TestJudgeSeesADiskThatLies(t *testing.T) {
	needStrace(t)
	const tries = 5
	for try := range tries {
		d := newDisk(t, 256)
		sc := newScene(t, rig.Options{Data: d.data()}, rig.ReceiverOptions{})
		if err := sc.server.Stop(60 * time.Second); err != nil {
			t.Fatalf("stop: %v", err)
		}
		d.sync() // application and endpoints are safe; only messages are at stake
		sc.server.SetWrap(straceArgs(t, "fsync,fdatasync,sync_file_range", "retval=0")...)
		if _, err := sc.server.Restart(); err != nil {
			t.Fatal(err)
		}
		stop := sc.publish(t)
		time.Sleep(500 * time.Millisecond)
		stop()
		sc.kill()
		d.cut()
		sc.server.SetWrap()
		if _, err := sc.server.Restart(); err != nil {
			// A store torn by a lying disk may not open at all. That is no verdict of the
			// judge, so it does not count.
			t.Logf("try %d: %v", try+1, err)
			continue
		}
		v := sc.judge(t, 3*time.Second)
		if v.Acked > 0 && v.Counts["I1"] > 0 {
			t.Logf("try %d: as it must be, the judge found: acknowledged %d, breaches %v", try+1, v.Acked, v.Counts)
			return
		}
		t.Logf("try %d: %v", try+1, v)
	}
	t.Errorf("with fsync switched off, %d power cuts went unnoticed", tries)
}
