package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// faulty is a store for tests of failing disks, with one application and endpoint.
type faulty struct {
	*Store
	t        *testing.T
	dir      string
	env      *hook.Environment
	app      *hook.Application
	endpoint hook.EndpointID
	fatal    chan error
}

func newFaulty(t *testing.T, dir string) *faulty {
	f := &faulty{t: t, dir: dir, endpoint: 7, fatal: make(chan error, 1)}
	f.open()
	env, apps := testCatalogData(t, f.catalog, 1)
	f.env, f.app = env, apps[0]
	return f
}

func (f *faulty) open() {
	f.t.Helper()
	s, err := Open(context.Background(), f.dir, Options{Sealer: testSealer(), Fatal: func(err error) { f.fatal <- err }})
	if err != nil {
		f.t.Fatal(err)
	}
	f.Store = s
	f.t.Cleanup(func() { s.Close() })
}

func (f *faulty) append(payload []byte) (hook.MessageID, error) {
	f.t.Helper()
	plan, err := f.PlanOf(f.t.Context(), f.app.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	got, err := f.Append(f.t.Context(), &store.Publication{
		Message:     &hook.Message{Environment: f.env.ID, Application: f.app.ID, EventType: "a.b", Payload: payload},
		Deliveries:  []hook.Delivery{{Endpoint: f.endpoint}},
		PlanVersion: plan.Version,
	})
	return got.ID, err
}

// finish records a success of a claimed delivery.
func (f *faulty) finish(d store.Due) chan error {
	a := &hook.Attempt{Message: d.Delivery.Message, Application: f.app.ID, Endpoint: f.endpoint, N: 1, StartedAt: time.Now(), Outcome: hook.Success, Status: 200}
	done := make(chan error, 1)
	f.Finish(&store.Finished{Delivery: d.Delivery.After(a, nil, time.Now(), 0), Row: d.Row, Attempt: a, Done: func(err error) { done <- err }})
	return done
}

// replaceLog makes the open write-ahead log of the newest segment another file for this
// process, so that its flushes fail.
func (f *faulty) replaceLog(by string) {
	f.t.Helper()
	want := f.segmentsNewestFirst()[0].path() + "-wal"
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		f.t.Skip("no /proc/self/fd:", err)
	}
	device, err := os.OpenFile(by, os.O_RDWR, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	defer device.Close()
	found := 0
	for _, e := range fds {
		link, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name()))
		if err != nil || link != want {
			continue
		}
		var fd int
		fmt.Sscan(e.Name(), &fd)
		if err := unix.Dup3(int(device.Fd()), fd, unix.O_CLOEXEC); err != nil {
			f.t.Fatal(err)
		}
		found++
	}
	if found == 0 {
		f.t.Fatalf("no open file %s", want)
	}
}

// TestFailedFlushEndsTheStore lets the flush of a commit fail, as a broken disk does:
// nobody is acknowledged, nothing is flushed again, and a new start has what was
// acknowledged before.
func TestFailedFlushEndsTheStore(t *testing.T) {
	f := newFaulty(t, t.TempDir())
	before, err := f.append([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	f.replaceLog("/dev/null") // takes every write and refuses to flush
	if _, err = f.append([]byte(`{}`)); err == nil || hook.KindOf(err) != hook.Internal {
		t.Fatalf("append on a broken disk: %v", err)
	}
	select {
	case err := <-f.fatal:
		if !strings.Contains(err.Error(), f.segmentsNewestFirst()[0].path()) || !strings.Contains(err.Error(), "errno 22") {
			t.Fatalf("the error names neither file nor errno: %v", err)
		}
	default:
		t.Fatal("nobody was told")
	}
	if _, err := f.append([]byte(`{}`)); err == nil {
		t.Fatal("a failed store goes on")
	}
	if err := f.Check(t.Context()); err == nil {
		t.Fatal("a failed store is well")
	}
	f.Close()
	f.open()
	if _, err := f.Message(t.Context(), f.app.ID, before); err != nil {
		t.Fatal(err)
	}
	if _, err := f.append([]byte(`{}`)); err != nil {
		t.Fatal(err)
	}
}

// TestFailedFlushLeavesNoneOfAGroup lets the flush of a group's commit fail.
func TestFailedFlushLeavesNoneOfAGroup(t *testing.T) {
	f := newFaulty(t, t.TempDir())
	plan, err := f.PlanOf(t.Context(), f.app.ID)
	if err != nil {
		t.Fatal(err)
	}
	group := func() (all []*store.Publication) {
		for i := range 3 {
			all = append(all, &store.Publication{
				Message:     &hook.Message{Environment: f.env.ID, Application: f.app.ID, EventType: "a.b", RawBody: []byte{}, Inbound: &hook.Inbound{Provider: "x"}},
				Deliveries:  []hook.Delivery{{Endpoint: f.endpoint}},
				PlanVersion: plan.Version,
				Key:         &store.IdempotencyKey{Hash: [16]byte{byte(i)}, Life: 72 * time.Hour},
			})
		}
		return all
	}
	if _, err := f.append([]byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	f.replaceLog("/dev/null") // takes every write and refuses to flush
	if _, err := f.AppendAll(t.Context(), group()); err == nil || hook.KindOf(err) != hook.Internal {
		t.Fatalf("append on a broken disk: %v", err)
	}
	<-f.fatal
	f.Close()
	f.open()
	list, err := f.Messages(t.Context(), store.MessageQuery{Application: f.app.ID, Window: store.Window{Limit: 10}})
	if err != nil || len(list.Rows) != 1 {
		t.Fatalf("%d messages, %v; want the one before", len(list.Rows), err)
	}
	got, err := f.AppendAll(t.Context(), group())
	if err != nil || got[0].Replayed || got[2].Replayed {
		t.Fatalf("the provider's next try: %+v, %v", got, err)
	}
}

// TestFullDisk fills a small disk with messages and frees it again. It needs the right to
// mount one.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skip("cannot mount a small disk:", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	f := newFaulty(t, filepath.Join(dir, "data"))
	ballast := filepath.Join(dir, "ballast")
	var acked []hook.MessageID
	payload := []byte(`"` + strings.Repeat("x", 64<<10) + `"`)
	hog := func(leave int64) { // uses the disk up but for that many bytes
		t.Helper()
		out, err := os.OpenFile(ballast, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		for size := int64(1 << 20); size >= 4096; size /= 2 {
			for err = nil; err == nil; {
				if free, _, _ := diskSpace(dir); free-size < leave {
					break
				}
				_, err = out.Write(make([]byte, size))
			}
		}
	}
	for range 3 {
		hog(6 << 20)
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 1000 {
					id, err := f.append(payload)
					if err != nil {
						if hook.KindOf(err) != hook.StorageFull {
							t.Errorf("append on a full disk: %v", err)
						}
						return
					}
					mu.Lock()
					acked = append(acked, id)
					mu.Unlock()
				}
				t.Error("the disk never was full")
			})
		}
		all.Wait()
		// The rest of the disk goes to somebody else, so that only the reserve is left.
		hog(0)
		if err := f.Check(t.Context()); hook.KindOf(err) != hook.StorageFull {
			t.Fatalf("check of a full disk: %v", err)
		}
		due, _, err := f.Claim(t.Context(), f.app.ID, f.endpoint, time.Now(), 20, nil)
		if err != nil || len(due) == 0 {
			t.Fatalf("claimed %d on a full disk: %v", len(due), err)
		}
		for _, d := range due {
			select {
			case err := <-f.finish(d):
				if err != nil {
					t.Fatalf("finish on a full disk: %v", err)
				}
			case <-time.After(time.Minute):
				t.Fatal("an outcome was not stored although there is a reserve")
			}
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(time.Minute)
		for {
			id, err := f.append([]byte(`{}`))
			if err == nil {
				acked = append(acked, id)
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("a minute after there is space again: %v", err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	f.Close()
	f.open()
	for _, id := range acked {
		if _, err := f.Message(t.Context(), f.app.ID, id); err != nil {
			t.Fatalf("acknowledged message %d: %v", id, err)
		}
	}
	t.Logf("%d acknowledged messages are there", len(acked))
}
