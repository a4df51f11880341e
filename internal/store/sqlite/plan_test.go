package sqlite

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// explain returns SQLite's plan for a query.
func explain(t *testing.T, c *catalog, sql string) string {
	t.Helper()
	var b strings.Builder
	stmt, _, err := c.writer.PrepareTransient("EXPLAIN QUERY PLAN " + sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer stmt.Finalize()
	for {
		more, err := stmt.Step()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if !more {
			return b.String()
		}
		fmt.Fprintln(&b, stmt.ColumnText(3))
	}
}

// aPlan is a plan of one application with n endpoints.
func aPlan(app hook.ApplicationID, n int) *store.Plan {
	p := &store.Plan{
		Environment: &hook.Environment{ID: hook.EnvironmentID(app % 3)},
		Application: &hook.Application{ID: app, Environment: hook.EnvironmentID(app % 3), UID: fmt.Sprint("uid", app)},
	}
	for i := range n {
		p.Endpoints = append(p.Endpoints, &hook.Endpoint{ID: hook.EndpointID(i + 1)})
	}
	return p
}

// fill loads a plan into the cache, as PlanOf does.
func fill(k *planCache, p *store.Plan) {
	l, first := k.begin(p.Application.ID)
	if !first {
		panic("a load was under way")
	}
	l.value = p
	k.end(p.Application.ID, l)
}

// check fails unless the cache's books agree with each other.
func (k *planCache) check(t *testing.T) {
	t.Helper()
	bytes := 0
	for i, e := range k.ring {
		bytes += e.bytes
		if e.place != i || k.entries[e.plan.Application.ID] != e {
			t.Fatalf("the entry at %d is lost", i)
		}
	}
	if bytes != k.bytes || len(k.ring) != len(k.entries) || len(k.names) > len(k.ring) || bytes > k.limit {
		t.Fatalf("%d entries, %d in the ring, %d names, %d bytes where %d are counted", len(k.entries), len(k.ring), len(k.names), bytes, k.bytes)
	}
}

func TestPlanCacheStaysInItsBounds(t *testing.T) {
	one := planBytes(aPlan(1, 1))
	k := newPlanCache(10 * one)
	for app := range hook.ApplicationID(100) {
		fill(k, aPlan(app+1, 1))
		k.check(t)
		if k.entries[app+1] == nil { // not of, which would count as a use
			t.Fatal("a new plan is not kept")
		}
		if app > 0 && k.of(1) == nil {
			t.Fatalf("after %d plans the one that is always used is gone", app+1)
		}
	}
	if len(k.ring) != 10 {
		t.Errorf("%d plans are kept, there is room for 10", len(k.ring))
	}
	fill(k, aPlan(200, 1000))
	if k.of(200) != nil {
		t.Error("a plan larger than the cache was kept")
	}
	if k.of(1) == nil {
		t.Error("it drove out the others")
	}
	k.check(t)
}

// TestPlanBytesSeesEveryText gives an endpoint every feature there is, each text of each a
// thousand bytes long, and none may be missing from the estimate: who writes them is a tenant.
func TestPlanBytesSeesEveryText(t *testing.T) {
	const long = 1000
	walkTexts(t, "Features", reflect.TypeFor[hook.Features](), func(name string, set func(f *hook.Features, text string)) {
		of := func(size int) int {
			p := aPlan(1, 1)
			set(&p.Endpoints[0].Features, strings.Repeat("x", size))
			return planBytes(p)
		}
		if grown := of(long+1) - of(1); grown < long {
			t.Errorf("%s: %d bytes more are counted as %d", name, long, grown)
		}
	})
}

// walkTexts calls see for each text that can be reached from a struct of type root, with a
// function that sets it, and everything on the way to it.
func walkTexts(t *testing.T, name string, root reflect.Type, see func(name string, set func(f *hook.Features, text string))) {
	t.Helper()
	seen := 0
	var walk func(name string, typ reflect.Type, to func(root, made reflect.Value))
	walk = func(name string, typ reflect.Type, to func(root, made reflect.Value)) {
		switch typ.Kind() {
		case reflect.String:
			seen++
			see(name, func(f *hook.Features, text string) {
				to(reflect.ValueOf(f).Elem(), reflect.ValueOf(text).Convert(typ))
			})
		case reflect.Pointer:
			if typ == reflect.TypeFor[*time.Location]() {
				return
			}
			walk(name, typ.Elem(), func(root, made reflect.Value) {
				p := reflect.New(typ.Elem())
				p.Elem().Set(made)
				to(root, p)
			})
		case reflect.Struct:
			for i := range typ.NumField() {
				if field := typ.Field(i); field.IsExported() {
					walk(name+"."+field.Name, field.Type, func(root, made reflect.Value) {
						if typ == reflect.TypeFor[hook.Features]() {
							root.Field(i).Set(made)
							return
						}
						s := reflect.New(typ).Elem()
						s.Field(i).Set(made)
						to(root, s)
					})
				}
			}
		case reflect.Slice:
			walk(name+"[]", typ.Elem(), func(root, made reflect.Value) {
				to(root, reflect.Append(reflect.MakeSlice(typ, 0, 1), made))
			})
		case reflect.Map:
			walk(name+"{}", typ.Elem(), func(root, made reflect.Value) {
				m := reflect.MakeMap(typ)
				m.SetMapIndex(reflect.ValueOf("k").Convert(typ.Key()), made)
				to(root, m)
			})
		}
	}
	walk(name, root, nil)
	if seen < 30 { // Features has more; a walk that finds none proves nothing
		t.Errorf("the walk found %d texts", seen)
	}
}

func TestPlanCacheForgets(t *testing.T) {
	k := newPlanCache(1 << 20)
	for app := range hook.ApplicationID(9) {
		fill(k, aPlan(app+1, 2))
	}
	k.forgetApplication(5)
	k.forgetApplication(50) // not there
	k.forgetEnvironment(1)  // applications 1, 4, 7
	for app := range hook.ApplicationID(9) {
		app++
		want := app != 5 && app%3 != 1
		byName := k.byName(planName{hook.EnvironmentID(app % 3), fmt.Sprint("uid", app)})
		if (k.of(app) != nil) != want || (byName != nil) != want {
			t.Errorf("application %d: by key %v, by name %v, want %v", app, k.of(app) != nil, byName != nil, want)
		}
	}
	fill(k, aPlan(4, 2)) // takes the place of the one with the broken mark
	if k.of(4) == nil {
		t.Error("after a change of settings nothing is kept any more")
	}
	k.check(t)
}

// A load that began before a change is neither kept, nor joined by who comes after it.
func TestPlanCacheDropsALoadThatRacedWithAChange(t *testing.T) {
	for name, change := range map[string]func(k *planCache){
		"application": func(k *planCache) { k.forgetApplication(1) },
		"environment": func(k *planCache) { k.forgetEnvironment(1) },
	} {
		t.Run(name, func(t *testing.T) {
			k := newPlanCache(1 << 20)
			before, _ := k.begin(1)
			if joined, first := k.begin(1); first || joined != before {
				t.Error("a second miss does not share the load")
			}
			change(k)
			after, first := k.begin(1)
			if !first || after == before {
				t.Fatal("who comes after the change joins a load from before it")
			}
			before.value = aPlan(1, 1)
			k.end(1, before)
			select {
			case <-before.done:
			default:
				t.Error("who waits for the old load is not woken")
			}
			if k.of(1) != nil {
				t.Error("what was read before the change is kept")
			}
			if again, first := k.begin(1); first || again != after {
				t.Error("the end of the old load removed the new one")
			}
			after.value = aPlan(1, 2)
			k.end(1, after)
			if p := k.of(1); p != after.value {
				t.Error("what was read after the change is not kept")
			}
			k.check(t)
		})
	}
}

func TestPlanCacheTakesFailingSince(t *testing.T) {
	k := newPlanCache(1 << 20)
	since := time.UnixMilli(1_800_000_000_000)
	k.setFailing(&failingSince{1, 1, since, 1}) // of a plan that is not there
	before := aPlan(1, 3)
	fill(k, before)
	racing, _ := k.begin(9)
	k.setFailing(&failingSince{9, 1, since, 1})
	if _, first := k.begin(9); !first || !racing.stale {
		t.Error("a load from before the change is joined")
	}
	k.setFailing(&failingSince{1, 2, since, 1})
	after := k.of(1)
	if after == nil || !after.Endpoint(2).FailingSince.Equal(since) || !after.Endpoint(1).FailingSince.IsZero() {
		t.Fatalf("the plan after the change is %+v", after)
	}
	if !before.Endpoint(2).FailingSince.IsZero() {
		t.Error("a plan that was handed out has changed")
	}
	if k.byName(planName{1, "uid1"}) != after {
		t.Error("by name there is another plan")
	}
	k.check(t)
	k.setFailing(&failingSince{1, 77, since, 1}) // unknown, so memory is not to be trusted
	if k.of(1) != nil {
		t.Error("a plan that lacks an endpoint is kept")
	}
	k.check(t)
}

func TestConcurrentMissesShareOneLoad(t *testing.T) {
	c := openCatalogOnly(t, t.TempDir(), catalogOptions{})
	_, apps := testCatalogData(t, c, 1)
	l, first := c.plans.begin(apps[0].ID) // a load that hangs
	if !first {
		t.Fatal("a load was under way")
	}
	const callers = 8
	plans := make([]*store.Plan, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { plans[i], _ = c.PlanOf(t.Context(), apps[0].ID) })
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.PlanOf(gone, apps[0].ID); err != context.Canceled {
		t.Errorf("who stops waiting gets %v", err)
	}
	c.load(t.Context(), apps[0].ID, l)
	wg.Wait()
	for _, p := range plans {
		if p != l.value {
			t.Fatal("a caller did not get the shared plan")
		}
	}
}

func TestCurrentVersionKnowsWithoutAPlan(t *testing.T) {
	c := openCatalogOnly(t, t.TempDir(), catalogOptions{})
	env, apps := testCatalogData(t, c, 1)
	app := apps[0].ID
	check := func(what string) {
		t.Helper()
		fromDisk, exists := c.currentVersion(app)
		p, err := c.PlanOf(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		fromMemory, _ := c.currentVersion(app)
		if !exists || fromDisk != p.Version || fromMemory != p.Version {
			t.Errorf("%s: version %d on disk, %d in memory, %d in the plan", what, fromDisk, fromMemory, p.Version)
		}
	}
	check("at first")
	if _, err := c.UpdateApplication(t.Context(), app, func(*hook.Application) error { return nil }); err != nil {
		t.Fatal(err)
	}
	check("after a change")
	if _, err := c.UpdateEnvironment(t.Context(), env.ID, func(*hook.Environment) error { return nil }); err != nil {
		t.Fatal(err)
	}
	check("after a change of settings")
	if err := c.DeleteApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if _, exists := c.currentVersion(app); exists {
		t.Error("a deleted application exists")
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if v, exists := c.currentVersion(app); v != -1 || !exists {
		t.Errorf("when the disk cannot be read: version %d, exists %v", v, exists)
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	c := openCatalogOnly(t, t.TempDir(), catalogOptions{})
	env, apps := testCatalogData(t, c, 1)
	ctx := t.Context()
	ref := c.codec.Application(env.ID, apps[0].ID)
	token := &hook.Token{Environment: env.ID, Hash: [32]byte{1}}
	if err := c.CreateToken(ctx, token, nil); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"uid":   func() error { _, err := c.Plan(ctx, env.ID, "app0"); return err },
		"id":    func() error { _, err := c.Plan(ctx, env.ID, ref); return err },
		"key":   func() error { _, err := c.PlanOf(ctx, apps[0].ID); return err },
		"token": func() error { _, err := c.TokenByHash(ctx, token.Hash); return err },
	} {
		n := testing.AllocsPerRun(100, func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		})
		// The cipher of a public id takes its block on the heap.
		if name == "id" && n == 1 {
			n = 0
		}
		if n > 0 {
			t.Errorf("by %s: %.0f allocations", name, n)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	c := openCatalogOnly(b, b.TempDir(), catalogOptions{})
	env, apps := testCatalogData(b, c, 1)
	ref := c.codec.Application(env.ID, apps[0].ID)
	for _, m := range []struct {
		name string
		plan func(ctx context.Context) (*store.Plan, error)
	}{
		{"uid", func(ctx context.Context) (*store.Plan, error) { return c.Plan(ctx, env.ID, "app0") }},
		{"id", func(ctx context.Context) (*store.Plan, error) { return c.Plan(ctx, env.ID, ref) }},
		{"key", func(ctx context.Context) (*store.Plan, error) { return c.PlanOf(ctx, apps[0].ID) }},
		{"miss", func(ctx context.Context) (*store.Plan, error) {
			c.plans.forgetApplication(apps[0].ID)
			return c.PlanOf(ctx, apps[0].ID)
		}},
	} {
		b.Run(m.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := m.plan(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
