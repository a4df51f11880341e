package storetest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/hookloft/hookloft/internal/hook"
)

// listener opens one and fails where it cannot.
func (r *catalogRoom) listener(l *hook.Listener, wantCreated bool) *hook.Listener {
	r.Helper()
	got, created, err := r.OpenListener(r.ctx, l)
	r.must(err)
	if created != wantCreated {
		r.Fatalf("listener %s: created is %v, want %v", l.Name, created, wantCreated)
	}
	return got
}

func testListeners(r *catalogRoom) {
	env := r.environment()
	a, b := r.application(env.ID, "a"), r.application(env.ID, "b")
	first := r.listener(&hook.Listener{Application: a.ID, Name: "laptop", Secret: "whsec_a", Cursor: 7}, true)
	if first.Secret != "whsec_a" || first.Cursor != 7 || first.CreatedAt.IsZero() {
		r.Errorf("made as %+v", first)
	}
	for range 2 {
		// Who comes back gets what was there, whatever it brings.
		r.same("listener", r.listener(&hook.Listener{Application: a.ID, Name: "laptop", Secret: "whsec_other", Cursor: 99}, false), first)
		r.reopen()
	}
	second := r.listener(&hook.Listener{Application: b.ID, Name: "laptop", Secret: "whsec_b"}, true)

	r.must(r.MoveListener(r.ctx, a.ID, "laptop", 20))
	r.must(r.MoveListener(r.ctx, a.ID, "laptop", 11)) // late, and of no effect
	r.reopen()
	moved := r.listener(&hook.Listener{Application: a.ID, Name: "laptop"}, false)
	if moved.Cursor != 20 || moved.Secret != "whsec_a" || moved.UpdatedAt.Before(first.UpdatedAt) {
		r.Errorf("moved to %+v", moved)
	}
	r.same("the other application's", r.listener(&hook.Listener{Application: b.ID, Name: "laptop"}, false), second)

	ci := r.listener(&hook.Listener{Application: a.ID, Name: "ci", Secret: "whsec_ci"}, true)
	list, err := r.ListListeners(r.ctx, a.ID)
	r.must(err)
	r.same("list by name", list, []*hook.Listener{ci, moved})

	r.wants(hook.NotFound, r.MoveListener(r.ctx, b.ID, "ci", 5))
	r.wants(hook.NotFound, r.DeleteListener(r.ctx, b.ID, "ci"))
	r.must(r.DeleteListener(r.ctx, a.ID, "ci"))
	r.wants(hook.NotFound, r.DeleteListener(r.ctx, a.ID, "ci"))
	r.wants(hook.NotFound, r.MoveListener(r.ctx, a.ID, "ci", 5))

	_, _, err = r.OpenListener(r.ctx, &hook.Listener{Application: none, Name: "x"})
	r.wants(hook.NotFound, err)
	// Deleting the application takes its listeners along, and only its.
	r.must(r.DeleteApplication(r.ctx, a.ID))
	r.wants(hook.NotFound, r.MoveListener(r.ctx, a.ID, "laptop", 30))
	r.must(r.MoveListener(r.ctx, b.ID, "laptop", 30))
}

func testListenerLimit(r *catalogRoom) {
	env := r.environment()
	a := r.application(env.ID, "a")
	for i := range hook.MaxListeners {
		r.listener(&hook.Listener{Application: a.ID, Name: fmt.Sprintf("n%d", i), Secret: "s"}, true)
	}
	_, _, err := r.OpenListener(r.ctx, &hook.Listener{Application: a.ID, Name: "one-more", Secret: "s"})
	r.wants(hook.LimitReached, err)
	r.listener(&hook.Listener{Application: a.ID, Name: "n3"}, false)
	r.must(r.DeleteListener(r.ctx, a.ID, "n3"))
	r.listener(&hook.Listener{Application: a.ID, Name: "one-more", Secret: "s"}, true)
}

// testListenerRace lets many open the same new listener: all get one secret.
func testListenerRace(r *catalogRoom) {
	env := r.environment()
	a := r.application(env.ID, "a")
	var wg sync.WaitGroup
	var mu sync.Mutex
	secrets, made := map[string]bool{}, 0
	for i := range 8 {
		wg.Go(func() {
			l, created, err := r.OpenListener(r.ctx, &hook.Listener{Application: a.ID, Name: "n", Secret: fmt.Sprint("s", i)})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				r.Error(err)
				return
			}
			secrets[l.Secret] = true
			if created {
				made++
			}
		})
	}
	wg.Wait()
	if len(secrets) != 1 || made != 1 {
		r.Errorf("secrets %v, made %d times", secrets, made)
	}
}

func testListenerSealed(r *catalogRoom) {
	env := r.environment()
	a := r.application(env.ID, "a")
	const secret = "whsec_THISISNOTTOBEFOUND"
	r.listener(&hook.Listener{Application: a.ID, Name: "n", Secret: secret}, true)
	r.reopen()
	files := 0
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files++
		if bytes.Contains(data, []byte(secret)) {
			r.Errorf("%s holds a listener's secret in the clear", path)
		}
		return err
	})
	r.must(err)
	if files == 0 {
		r.Error("there are no files to look into")
	}
}
