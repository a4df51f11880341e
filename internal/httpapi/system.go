package httpapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// System knows the whole installation.
type System interface {
	// System says what runs and how it is. It may be asked every few seconds by many.
	System(ctx context.Context) (*SystemReport, error)
	// Diagnose writes a .tar.gz for who is to help, with report in it. There are no payloads,
	// secrets and names of tenants in it.
	Diagnose(ctx context.Context, w io.Writer, report []byte) error
}

// SystemReport is what System says.
type SystemReport struct {
	Version, Revision, Go, Platform string

	Node      string // "" for unknown
	PID       int
	StartedAt time.Time
	Roles     []string

	IsReady bool
	Checks  []SystemCheck
	Queue   SystemQueue
	Store   store.Report
	Runtime telemetry.Runtime
	// OpenFiles and MaxOpenFiles are 0 where nobody knows.
	OpenFiles, MaxOpenFiles int
	Settings                []SystemSetting
}

// The states of a SystemCheck.
const (
	CheckOK     = "ok"
	CheckWarn   = "warn"
	CheckFailed = "failed"
)

// SystemCheck is one thing that was looked at. Detail and Next are words for people.
type SystemCheck struct{ Name, State, Detail, Next string }

// SystemQueue is what waits in all environments.
type SystemQueue struct {
	CountedAt time.Time
	// IsKnown: what follows was counted.
	IsKnown           bool
	DueNow, Waiting   int64
	OnHold            int64 // -1 for unknown
	InFlight          int
	OldestDue         time.Duration // zero for none
	IsStopped, IsMore bool
	Bounds            []time.Duration // ends of the spans, the first 0
	ByDueTime         []int64         // one more than Bounds
}

// SystemSetting is a setting as it may be shown.
type SystemSetting struct {
	Name, Text, Default, Unit, Why, Origin string
	IsSecret, IsSet                        bool
}

// maxSegmentsShown bounds an answer.
const maxSegmentsShown = 500

func (s *server) getSystem(c *call) error {
	if s.System == nil {
		return notServed()
	}
	report, err := s.System.System(c.ctx())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, systemToAPI(report, s.now()))
}

// getDiagnostics answers a file. It is made before the first byte goes out, so that what goes
// wrong has an answer of its own; it is some hundred KiB.
func (s *server) getDiagnostics(c *call) error {
	if s.System == nil {
		return notServed()
	}
	report, err := s.System.System(c.ctx())
	if err != nil {
		return err
	}
	now := s.now()
	var file bytes.Buffer
	if err := s.System.Diagnose(c.ctx(), &file, encode(systemToAPI(report, now))); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", gzipType)
	h.Set("Content-Disposition", `attachment; filename="hookloft-diagnostics-`+now.Format("20060102-150405")+`.tar.gz"`)
	h.Set("Content-Length", strconv.Itoa(file.Len()))
	h.Set("Cache-Control", "no-store")
	c.status = http.StatusOK
	c.w.WriteHeader(c.status)
	// A client that went away has no use for the rest.
	_, _ = c.w.Write(file.Bytes())
	return nil
}
