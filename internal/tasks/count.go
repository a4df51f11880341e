package tasks

import (
	"context"
	"fmt"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// countRows is how many rows one step of counting looks at.
	countRows = 10_000
	// maxCountTime is how long a replay counts before it begins. What takes longer has no total.
	maxCountTime = 2 * time.Second
)

// counting is the walk ahead of a replay that finds how many messages there are.
type counting struct {
	isOver bool
	from   hook.Key
	n      int64
	took   time.Duration
}

// countOn does one step of counting.
func (p *replay) countOn(ctx context.Context, j *job, app *hook.Application, ep *hook.Endpoint) error {
	c := &p.count
	if j.t.Total > 0 || j.t.Cursor != 0 { // counted, or begun without, before a restart
		c.isOver = true
		return nil
	}
	began := time.Now()
	q := replayQuery(j.t, app, ep, p.params)
	q.Window.Limit, q.Look, q.Window.From = countRows, countRows, c.from
	page, err := j.r.history.Replayable(ctx, q)
	if err != nil {
		return fmt.Errorf("count what to send again: %w", err)
	}
	c.n += int64(len(page.Messages))
	c.from = hook.Key(page.Last)
	c.took += time.Since(began)
	switch {
	case !page.More:
		c.isOver, j.t.Total = true, c.n
		return j.save(ctx)
	case c.took > maxCountTime:
		c.isOver = true
	}
	return nil
}

// previewTime bounds the counting for a preview, so that whoever asked is still there.
const previewTime = 3 * time.Second

// Preview counts what a replay t to ep would send. It changes nothing. Between two scans it
// waits as long as the first took, so that it has a reader's place half of the time at most.
func (r *Runner) Preview(ctx context.Context, t *hook.Task, ep *hook.Endpoint) (hook.Preview, error) {
	var p hook.Preview
	var params hook.ReplayParams
	if err := (&job{t: t}).params(&params); err != nil {
		return p, err
	}
	var app *hook.Application // asked for by filters alone
	if ep.Filter != nil {
		plan, err := r.catalog.PlanOf(ctx, t.Application)
		if err != nil {
			return p, fmt.Errorf("load the application of a replay: %w", err)
		}
		app = plan.Application
	}
	q := replayQuery(t, app, ep, params)
	q.Window.Limit, q.Look = countRows, countRows
	for began := time.Now(); time.Since(began) < previewTime; {
		scan := time.Now()
		page, err := r.history.Replayable(ctx, q)
		if err != nil {
			return p, fmt.Errorf("count what would be sent again: %w", err)
		}
		if n := len(page.Messages); n > 0 {
			p.Count += int64(n)
			p.Oldest = page.Messages[n-1]
			if p.Newest == 0 {
				p.Newest = page.Messages[0]
			}
		}
		if !page.More {
			p.IsComplete = true
			break
		}
		q.Window.From = hook.Key(page.Last)
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(time.Since(scan)):
		}
	}
	return p, nil
}
