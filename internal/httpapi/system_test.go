package httpapi

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// fakeSystem says what a test wants.
type fakeSystem struct {
	report *SystemReport
	err    error
}

func (f *fakeSystem) System(context.Context) (*SystemReport, error) { return f.report, f.err }

func (f *fakeSystem) Diagnose(_ context.Context, w io.Writer, report []byte) error {
	if f.err != nil {
		return f.err
	}
	_, err := fmt.Fprintf(w, "archive of %d", len(report))
	return err
}

// TestSystemIsForWhoMaySeeTheInstallation: what a role or a token with scopes sees of one
// environment does not reach to all of them.
func TestSystemIsForWhoMaySeeTheInstallation(t *testing.T) {
	r := newRig(t)
	r.api.System = &fakeSystem{report: &SystemReport{}}
	cookieOf := map[hook.Role]string{}
	for _, role := range []hook.Role{hook.RoleOwner, hook.RoleDeveloper, hook.RoleSupport, hook.RoleViewer} {
		_, cookieOf[role] = r.person(string(role)+"@example.com", role)
	}
	portal := r.portal(r.app("a"), `{}`)
	for _, path := range []string{"/x/v1/system", "/x/v1/system/diagnostics"} {
		for role, want := range map[hook.Role]int{hook.RoleOwner: 200, hook.RoleDeveloper: 200, hook.RoleSupport: 403, hook.RoleViewer: 403} {
			if a := r.asPerson(cookieOf[role], "GET", path, ""); a.status != want {
				t.Errorf("%s as %s: %d %s, want %d", path, role, a.status, a.body, want)
			}
		}
		for scopes, want := range map[string]int{`["*:read"]`: 403, `["stats:read","settings:*"]`: 403, `["system:read"]`: 200, `["*"]`: 200, `["system:*"]`: 200} {
			_, token := r.scopedToken(scopes)
			if a := r.send(request{method: "GET", path: path, token: token}); a.status != want {
				t.Errorf("%s with %s: %d %s, want %d", path, scopes, a.status, a.body, want)
			}
		}
		if a := r.send(request{method: "GET", path: path, token: portal}); a.status != 403 {
			t.Errorf("%s of a portal: %d", path, a.status)
		}
		r.must(200, "GET", path, "")
	}
}

// TestSystemSaysNullForUnknown: nobody takes what is not known for nothing.
func TestSystemSaysNullForUnknown(t *testing.T) {
	r := newRig(t)
	f := &fakeSystem{report: &SystemReport{Store: store.Report{FreeBytes: -1, DiskBytes: -1}, Queue: SystemQueue{OnHold: -1}, Settings: []SystemSetting{{Name: "main-secret", IsSecret: true, IsSet: true, Text: "never"}}}}
	r.api.System = f
	a := r.must(200, "GET", "/x/v1/system", "")
	for _, field := range []string{
		"process.node", "queue.dueNow", "queue.onHold", "queue.waiting", "queue.byDueTime", "queue.oldestDueSeconds", "store.freeBytes", "store.diskBytes", "store.maxBytes",
		"store.oldestMessageAt", "store.lastBackup", "store.lastReclaim", "runtime.pauseP99Seconds", "runtime.openFiles", "runtime.memoryLimitBytes", "settings.0.value",
	} {
		if a.str(field) != "null" {
			t.Errorf("%s is %q", field, a.str(field))
		}
	}
	if strings.Contains(string(a.body), "never") {
		t.Errorf("a secret is shown: %s", a.body)
	}
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	f.report = &SystemReport{
		Node: "n", Checks: []SystemCheck{{"space", CheckWarn, "little", "make room"}}, Runtime: telemetry.Runtime{PauseP99: time.Millisecond}, OpenFiles: 7,
		Queue: SystemQueue{IsKnown: true, DueNow: 1, OldestDue: time.Second, Bounds: []time.Duration{0, time.Minute}, ByDueTime: []int64{1, 2, 3}},
		Store: store.Report{
			Segments:   []store.SegmentReport{{From: at, State: store.SegmentOpen}, {From: at.Add(-time.Hour), To: at, State: store.SegmentClosed}},
			LastBackup: &store.Chore{At: at, Files: 1, Bytes: 9}, Slow: []store.Slow{{Kind: "read", Operation: "Messages", At: at, Took: time.Second}}, SlowCount: 3,
			Schemas: []store.Schema{{Part: "catalog", Version: 2, Newest: 2, Migrations: []store.Migration{{Number: 1, Title: "One"}, {Number: 2, Title: "Two", AppliedAt: at}}}},
		},
		Settings: []SystemSetting{{Name: "listen", Text: "127.0.0.1:1"}},
	}
	a = r.must(200, "GET", "/x/v1/system", "")
	for field, want := range map[string]string{
		"process.node": "n", "readiness.checks.0.next": "make room", "queue.dueNow": "1", "queue.onHold": "0", "queue.oldestDueSeconds": "1",
		"queue.byDueTime.0.untilSeconds": "0", "queue.byDueTime.1.untilSeconds": "60", "queue.byDueTime.2.untilSeconds": "null", "queue.byDueTime.2.count": "3",
		"store.freeBytes": "0", "store.segments.0.to": "null", "store.segments.1.to": "2026-11-21T10:00:00Z", "store.lastBackup.bytes": "9",
		"store.schemas.0.current": "true", "store.schemas.0.migrations.0.appliedAt": "null", "store.schemas.0.migrations.1.appliedAt": "2026-11-21T10:00:00Z",
		"store.slow.count": "3", "store.slow.latest.0.operation": "Messages", "runtime.openFiles": "7", "runtime.pauseP99Seconds": "0.001", "settings.0.value": "127.0.0.1:1",
	} {
		if a.str(field) != want {
			t.Errorf("%s is %q, want %q", field, a.str(field), want)
		}
	}
}

func TestDiagnosticsIsAFile(t *testing.T) {
	r := newRig(t)
	f := &fakeSystem{report: &SystemReport{}}
	r.api.System = f
	a := r.must(200, "GET", "/x/v1/system/diagnostics", "")
	if !strings.HasPrefix(string(a.body), "archive of ") || a.header.Get("Content-Type") != "application/gzip" || !strings.HasSuffix(a.header.Get("Content-Disposition"), `.tar.gz"`) {
		t.Errorf("%s %v", a.body, a.header)
	}
	f.err = hook.Errorf(hook.Overloaded, "busy")
	for _, path := range []string{"/x/v1/system", "/x/v1/system/diagnostics"} {
		if a := r.call("GET", path, ""); a.status != 503 || !strings.Contains(string(a.body), `"code"`) || a.header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	r.api.System = nil
	r.must(501, "GET", "/x/v1/system", "")
}
