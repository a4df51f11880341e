//go:build linux

package crash

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// A full disk refuses new messages and nothing else: what was accepted is still
// delivered and recorded (from a reserve), lists still answer, and when space
// returns, publishing goes on without a restart.
func TestFullDiskRefusesAndRecovers(t *testing.T) {
	d := newDisk(t, 256)
	gate := make(chan struct{}) // closed when receivers may answer
	sc := newScene(t, rig.Options{Data: d.data()}, rig.ReceiverOptions{Status: func(string, int) int {
		<-gate
		return http.StatusOK
	}})
	load := rig.Load{API: sc.api, Ledger: sc.ledger, App: sc.app, Workers: 4, Pad: 4000}
	load.Count = 20
	if err := load.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	accepted := sc.ledger.Acked()
	if accepted != 20 {
		t.Fatalf("%d of 20 messages were accepted on an empty disk", accepted)
	}

	filler := filepath.Join(d.dir, "filler")
	fill(t, filler)
	refused := awaitRefusal(t, sc)
	if status, _, err := sc.api.Do(http.MethodGet, "/api/v1/app/"+sc.app+"/msg?limit=50", nil); err != nil || status != http.StatusOK {
		t.Errorf("with a full disk, listing messages: status %d, %v", status, err)
	}
	close(gate)
	account, err := rig.Settle(sc.api, sc.ledger, sc.receiver, sc.targets, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	v := rig.Check(rig.Evidence{Ledger: sc.ledger.Entries(), Requests: sc.receiver.Requests(), Account: account, Targets: sc.targets})
	t.Logf("with a full disk: refused after %d more messages; %v", refused, v)
	if !v.OK() {
		t.Error("with a full disk, promises were broken")
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	freed := time.Now()
	before := sc.ledger.Acked()
	load.Count = 1
	for sc.ledger.Acked() == before {
		if time.Since(freed) > 20*time.Second {
			t.Fatalf("no publish was accepted within 20 s after space returned; log:\n%s", sc.server.LogTail(2000))
		}
		if err := load.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("accepting again %v after space returned", time.Since(freed).Round(time.Millisecond))
	load.Count = 100
	if err := load.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	v = sc.judge(t, 30*time.Second)
	t.Logf("afterwards: %v", v)
	if !v.OK() {
		t.Error("after space returned, promises were broken")
	}
}

// fill writes until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 512; size /= 2 { // smaller and smaller, to leave nothing
		chunk := make([]byte, size)
		for {
			if _, err = f.Write(chunk); err != nil {
				break
			}
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the disk: %v", err)
	}
	_ = f.Sync()
}

// awaitRefusal publishes until the answer is 503 storage_full, at most 20,000
// times: the log may hold some space that it reserved earlier. It returns how many
// were accepted before.
func awaitRefusal(t *testing.T, sc *scene) int {
	t.Helper()
	for n := range 20_000 {
		seq := sc.ledger.Begin(sc.app)
		status, text, err := sc.api.Do(http.MethodPost, "/api/v1/app/"+sc.app+"/msg", map[string]any{
			"eventType": "test.event",
			"payload":   rig.Payload{Seq: seq, At: time.Now().UnixNano(), Pad: strings.Repeat("x", 4000)},
		})
		if err != nil {
			t.Fatalf("publish %d with a full disk: %v; log:\n%s", n+1, err, sc.server.LogTail(2000))
		}
		var out struct{ ID string }
		if status == http.StatusAccepted {
			if err := json.Unmarshal(text, &out); err != nil {
				t.Fatal(err)
			}
		}
		if err := sc.ledger.Done(seq, status, out.ID); err != nil {
			t.Fatal(err)
		}
		switch {
		case status == http.StatusServiceUnavailable && strings.Contains(string(text), "storage_full"):
			return n
		case status != http.StatusAccepted:
			t.Fatalf("publish %d with a full disk: status %d: %s", n+1, status, text)
		}
	}
	t.Fatal("20,000 messages were accepted on a full disk")
	return 0
}
