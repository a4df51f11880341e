package sqlite

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func newJournal(t testing.TB) (*inflight, string) {
	t.Helper()
	dir := t.TempDir()
	j := startInflight(dir, slog.New(slog.DiscardHandler))
	t.Cleanup(j.close)
	if j.file == nil {
		t.Fatal("no journal")
	}
	return j, dir
}

func aDelivery(ep hook.EndpointID, msg hook.MessageID, attempts int) *hook.Delivery {
	return &hook.Delivery{Endpoint: ep, Message: msg, Attempts: attempts}
}

func TestJournalReadsWhatItWrote(t *testing.T) {
	j, dir := newJournal(t)
	manual := aDelivery(9, 1<<62, 2)
	manual.Trigger = hook.Manual
	for _, d := range []*hook.Delivery{aDelivery(1, 2, 0), aDelivery(hook.EndpointID(hook.MaxKey), hook.MessageID(hook.MaxKey), 70_000), aDelivery(3, 4, 2), aDelivery(3, 4, 1), aDelivery(9, 1<<62, 2), manual} {
		if j.begin(d) == 0 {
			t.Fatal("no slot")
		}
	}
	got, err := readInflight(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(map[pairKey]attemptBegun{
		{1, 2}: {n: 1}, {hook.EndpointID(hook.MaxKey), hook.MessageID(hook.MaxKey)}: {n: 70_001}, {3, 4}: {n: 3}, {9, 1 << 62}: {n: 3, isManual: true},
	})
	if fmt.Sprint(got) != want {
		t.Errorf("read %v, want %s", got, want)
	}
}

// TestSlotsAreUsedAgain: the file is as long as the most requests at once, and no two
// requests share a slot.
func TestSlotsAreUsedAgain(t *testing.T) {
	j, dir := newJournal(t)
	var mu sync.Mutex
	taken := make(map[store.Slot]bool)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 500 {
				slot := j.begin(aDelivery(hook.EndpointID(w+1), hook.MessageID(i+1), 0))
				mu.Lock()
				if slot == 0 || taken[slot] {
					t.Errorf("slot %d is taken", slot)
				}
				taken[slot] = true
				mu.Unlock()
				runtime.Gosched()
				mu.Lock()
				delete(taken, slot)
				mu.Unlock()
				j.end(slot)
			}
		})
	}
	wg.Wait()
	info, err := os.Stat(filepath.Join(dir, inflightName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() == 0 || info.Size() > 8*slotBytes {
		t.Errorf("%d bytes for 8 at once", info.Size())
	}
	begun, err := readInflight(dir)
	if err != nil || int64(len(begun)) != info.Size()/slotBytes {
		t.Errorf("%d slots are whole, of %d bytes; %v", len(begun), info.Size(), err)
	}
}

func TestJournalIsBounded(t *testing.T) {
	j, _ := newJournal(t)
	d := aDelivery(1, 2, 0)
	var last store.Slot
	for range maxSlots {
		last, _ = j.take()
	}
	if over := j.begin(d); last != maxSlots || over != 0 {
		t.Errorf("slots %d and %d, want the last and none", last, over)
	}
	j.end(0)
	if j.begin(d) != 0 {
		t.Error("none was given back, and one was taken")
	}
	j.end(last)
	if got := j.begin(d); got != last {
		t.Errorf("slot %d, want %d again", got, last)
	}
}

// TestUnreadableJournalIsNotFatal: whatever stands in its place, the store opens, counts
// nothing that it cannot trust, and works.
func TestUnreadableJournalIsNotFatal(t *testing.T) {
	j, from := newJournal(t)
	j.begin(aDelivery(1, 2, 0))
	whole, err := os.ReadFile(filepath.Join(from, inflightName))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[3] ^= 1
	for _, c := range []struct {
		name string
		data []byte
		why  string
		read int
	}{
		{"empty", nil, "a crash right after a start", 0},
		{"short", whole[:slotBytes-1], "a power loss while the file grew", 0},
		{"zeros", make([]byte, 4096), "a power loss before the data was written", 0},
		{"text", bytes.Repeat([]byte("not ours at all.\n"), 100), "somebody's own file", 0},
		{"flipped", flipped, "a bad disk", 0},
		{"torn", append(bytes.Clone(flipped), whole...), "one slot does not spoil the next", 1},
		{"long", append(make([]byte, maxSlots*slotBytes), whole...), "no more is read than is ever written", 0},
		{"strange", whole, "a pair that does not exist", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, inflightName)
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if begun, err := readInflight(dir); err != nil || len(begun) != c.read {
				t.Errorf("%s: read %v, %v; want %d", c.why, begun, err, c.read)
			}
			s := openTest(t, dir)
			if s.Begin(aDelivery(1, 2, 0)) == 0 {
				t.Errorf("%s: requests are not noted", c.why)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if info, err := os.Stat(path); err != nil || info.Size() != 0 {
				t.Errorf("%s: after Close: %v, %v", c.why, info, err)
			}
		})
	}
	t.Run("directory", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, inflightName, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		s := openTest(t, dir)
		if slot := s.Begin(aDelivery(1, 2, 0)); slot != 0 {
			t.Errorf("slot %d of no journal", slot)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestBackupLeavesTheJournalOut(t *testing.T) {
	s := openTest(t, t.TempDir())
	s.Begin(aDelivery(1, 2, 0))
	dir := t.TempDir()
	if err := s.Backup(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, inflightName)); !os.IsNotExist(err) {
		t.Errorf("the copy has a journal: %v", err)
	}
}

func TestBeginAllocatesNothing(t *testing.T) {
	j, _ := newJournal(t)
	d := aDelivery(1, 2, 0)
	if n := testing.AllocsPerRun(100, func() { j.end(j.begin(d)) }); n != 0 {
		t.Errorf("%v allocations for a request", n)
	}
}

// BenchmarkBegin is what the journal costs an attempt, alone and with many at once.
func BenchmarkBegin(b *testing.B) {
	for _, workers := range []int{1, 64} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			j, _ := newJournal(b)
			b.ReportAllocs()
			b.SetParallelism(max(1, workers/runtime.GOMAXPROCS(0)))
			if workers == 1 {
				d := aDelivery(1, 2, 0)
				for b.Loop() {
					j.end(j.begin(d))
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				d := aDelivery(1, 2, 0)
				for pb.Next() {
					j.end(j.begin(d))
				}
			})
		})
	}
}
