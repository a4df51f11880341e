package httpapi

import (
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/store"
)

// systemToAPI puts a report on the wire. What the report has as zero or -1 for unknown is null.
func systemToAPI(r *SystemReport, now time.Time) api.SystemOut {
	out := api.SystemOut{
		At:        now,
		Build:     api.SystemBuild{Version: r.Version, Revision: r.Revision, Go: r.Go, Platform: r.Platform},
		Process:   api.SystemProcess{Node: orNil(r.Node), PID: int64(r.PID), StartedAt: r.StartedAt.UTC().Truncate(time.Millisecond), Roles: r.Roles},
		Readiness: api.SystemReadiness{Ready: r.IsReady, Checks: []api.SystemCheck{}},
		Queue:     systemQueueToAPI(&r.Queue),
		Store:     systemStoreToAPI(&r.Store),
		Runtime: api.SystemRuntime{
			Goroutines: int64(r.Runtime.Goroutines), Processors: int64(r.Runtime.Processors),
			HeapBytes: int64(r.Runtime.HeapBytes), MemoryBytes: int64(r.Runtime.MemoryBytes), MemoryLimitBytes: orNil(int64(r.Runtime.MemoryLimitBytes)),
			Collections: int64(r.Runtime.Collections), PauseP99Seconds: orNil(r.Runtime.PauseP99.Seconds()),
			OpenFiles: orNil(int64(r.OpenFiles)), MaxOpenFiles: orNil(int64(r.MaxOpenFiles)),
		},
		Settings: []api.SystemSetting{},
	}
	for _, one := range r.Checks {
		out.Readiness.Checks = append(out.Readiness.Checks, api.SystemCheck{Name: one.Name, State: one.State, Detail: orNil(one.Detail), Next: orNil(one.Next)})
	}
	for _, one := range r.Settings {
		setting := api.SystemSetting{Name: one.Name, Default: one.Default, Unit: one.Unit, Why: one.Why, Origin: orNil(one.Origin), Secret: one.IsSecret, Set: one.IsSet}
		if !one.IsSecret {
			setting.Value = &one.Text
		}
		out.Settings = append(out.Settings, setting)
	}
	return out
}

func systemQueueToAPI(q *SystemQueue) api.SystemQueue {
	out := api.SystemQueue{
		CountedAt: q.CountedAt.UTC().Truncate(time.Millisecond), InFlight: int64(q.InFlight), OldestDueSeconds: orNil(q.OldestDue.Seconds()),
		Stopped: q.IsStopped, Approximated: q.IsMore,
	}
	if !q.IsKnown {
		return out
	}
	out.DueNow, out.Waiting = &q.DueNow, &q.Waiting
	if q.OnHold >= 0 {
		out.OnHold = &q.OnHold
	}
	for i, n := range q.ByDueTime {
		span := api.SystemDue{Count: n}
		if i < len(q.Bounds) {
			seconds := int64(q.Bounds[i] / time.Second)
			span.UntilSeconds = &seconds
		}
		out.ByDueTime = append(out.ByDueTime, span)
	}
	return out
}

func systemStoreToAPI(r *store.Report) api.SystemStore {
	known := func(n int64) *int64 {
		if n < 0 {
			return nil
		}
		return &n
	}
	out := api.SystemStore{
		Kind: r.Kind, Directory: r.Dir, UsedBytes: r.UsedBytes, MaxBytes: orNil(r.MaxBytes), FreeBytes: known(r.FreeBytes), DiskBytes: known(r.DiskBytes),
		ReserveBytes: r.ReserveBytes, Full: r.IsFull, Files: []api.SystemFile{}, Segments: []api.SystemSegment{}, SegmentsTotal: int64(len(r.Segments)),
		OldestMessageAt: orNil(r.OldestMessage), LastBackup: choreToAPI(r.LastBackup), LastReclaim: choreToAPI(r.LastReclaim),
		Schemas: []api.SystemSchema{},
		Slow:    api.SystemSlow{AfterSeconds: r.SlowAfter.Seconds(), Count: int64(r.SlowCount), Latest: []api.SystemSlowOperation{}},
	}
	for _, f := range r.Files {
		out.Files = append(out.Files, api.SystemFile{Name: f.Name, Bytes: f.Bytes, LogBytes: f.LogBytes})
	}
	for _, seg := range r.Segments[:min(len(r.Segments), maxSegmentsShown)] {
		out.Segments = append(out.Segments, api.SystemSegment{
			Name: seg.Name, Bytes: seg.Bytes, LogBytes: seg.LogBytes, From: seg.From, To: orNil(seg.To), State: string(seg.State),
		})
	}
	for _, part := range r.Schemas {
		schema := api.SystemSchema{Part: part.Part, Version: int64(part.Version), Newest: int64(part.Newest), Current: part.Version == part.Newest, Migrations: []api.SystemMigration{}}
		for _, m := range part.Migrations {
			schema.Migrations = append(schema.Migrations, api.SystemMigration{Number: int64(m.Number), Title: m.Title, AppliedAt: orNil(m.AppliedAt)})
		}
		out.Schemas = append(out.Schemas, schema)
	}
	for _, one := range r.Slow {
		out.Slow.Latest = append(out.Slow.Latest, api.SystemSlowOperation{
			Kind: one.Kind, Operation: one.Operation, At: one.At.Truncate(time.Millisecond), Seconds: one.Took.Seconds(),
		})
	}
	return out
}

func choreToAPI(c *store.Chore) *api.SystemChore {
	if c == nil {
		return nil
	}
	return &api.SystemChore{At: c.At, Files: int64(c.Files), Bytes: c.Bytes}
}
