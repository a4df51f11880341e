package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

const taskPath = "/x/v1/task/{}"

// The states of a task from which it does not come back.
const (
	taskFinished  = "finished"
	taskFailed    = "failed"
	taskCancelled = "cancelled"
	taskPaused    = "paused"
)

func taskEnded(status string) bool {
	return status == taskFinished || status == taskFailed || status == taskCancelled
}

func taskView() view[api.TaskOut] {
	return view[api.TaskOut]{
		id: func(t api.TaskOut) string { return t.ID },
		columns: []column[api.TaskOut]{
			{"ID", func(t api.TaskOut) string { return t.ID }},
			{"TASK", func(t api.TaskOut) string { return t.Task }},
			{"STATUS", func(t api.TaskOut) string { return t.Status }},
			{"DONE", func(t api.TaskOut) string {
				if t.Total == nil {
					return thousands(t.Done)
				}
				return thousands(t.Done) + "/" + thousands(*t.Total)
			}},
			{"FAILED", func(t api.TaskOut) string { return thousands(t.Failed) }},
			{"PACE", func(t api.TaskOut) string {
				if t.RatePerSecond == nil {
					return ""
				}
				return paceOf(*t.RatePerSecond)
			}},
			{"RATE", func(t api.TaskOut) string { return fmt.Sprintf("%.1f/s", t.Rate) }},
			{"ENDPOINT", func(t api.TaskOut) string { return orEmpty(t.EndpointID) }},
			{"CREATED", func(t api.TaskOut) string { return moment(t.CreatedAt) }},
			{"ETA", func(t api.TaskOut) string {
				if t.ETA == nil {
					return ""
				}
				return moment(*t.ETA)
			}},
			{"ERROR", func(t api.TaskOut) string { return orEmpty(t.Error) }},
		},
	}
}

func (p *program) task() *cobra.Command {
	return p.group(&cobra.Command{
		Use: "task", Short: "Background tasks: replays, broadcasts, removals",
		Example: "  hookloft task list --status running\n  hookloft task get qtask_2yZwUHtAMdZbRfDKkBVMTFabcde",
	}, p.listTasks(), p.getTask(),
		p.steerTask("pause", "Let a task stand still"), p.steerTask("resume", "Let a paused task go on"), p.steerTask("cancel", "End a task; a replay takes back what was not sent yet"))
}

func (p *program) listTasks() *cobra.Command {
	var status, kind string
	cmd := &cobra.Command{
		Use: "list [flags]", Short: "List background tasks, the newest first",
		Example: "  hookloft task list\n  hookloft task list --status running --task endpoint.replay",
		Args:    arguments(),
	}
	cmd.Flags().StringVar(&status, "status", "", "Only tasks that are `STATUS`: running, finished or failed. A paused one is running, a cancelled one failed.")
	cmd.Flags().StringVar(&kind, "task", "", "Only tasks of this `KIND`, for example endpoint.recover.")
	_ = cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions([]string{"running", "finished", "failed"}, cobra.ShellCompDirectiveNoFileComp))
	return p.remote(cmd, func(r *remote, _ []string) error {
		path, err := withQuery("/api/v1/background-task", nonEmpty("status", status, "task", kind))
		if err != nil {
			return err
		}
		return printRows(r, view[api.BackgroundTaskOut]{
			id: func(t api.BackgroundTaskOut) string { return t.ID },
			columns: []column[api.BackgroundTaskOut]{
				{"ID", func(t api.BackgroundTaskOut) string { return t.ID }},
				{"TASK", func(t api.BackgroundTaskOut) string { return t.Task }},
				{"STATUS", func(t api.BackgroundTaskOut) string { return t.Status }},
				{"UPDATED", func(t api.BackgroundTaskOut) string { return moment(t.UpdatedAt) }},
			},
		}, client.Pages[json.RawMessage](r.ctx, r.Client, path))
	})
}

// nonEmpty makes NAME=VALUE texts of names and values, without those that are empty.
func nonEmpty(namesAndValues ...string) []string {
	var list []string
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		if namesAndValues[i+1] != "" {
			list = append(list, namesAndValues[i]+"="+namesAndValues[i+1])
		}
	}
	return list
}

func (p *program) getTask() *cobra.Command {
	return p.remote(&cobra.Command{
		Use: "get TASK [flags]", Short: "Show a background task",
		Example:           "  hookloft task get qtask_2yZwUHtAMdZbRfDKkBVMTFabcde",
		Args:              arguments("TASK"),
		ValidArgsFunction: completeWith(p.completeTasks),
	}, func(r *remote, args []string) error {
		return r.onTask(http.MethodGet, args[0], "")
	})
}

func (p *program) steerTask(verb, short string) *cobra.Command {
	return p.remote(&cobra.Command{
		Use: verb + " TASK [flags]", Short: short,
		Example:           "  hookloft task " + verb + " qtask_2yZwUHtAMdZbRfDKkBVMTFabcde",
		Args:              arguments("TASK"),
		ValidArgsFunction: completeWith(p.completeTasks),
	}, func(r *remote, args []string) error {
		return r.onTask(http.MethodPost, args[0], "/"+verb)
	})
}

// onTask does something with a task and prints it as it is afterwards.
func (r *remote) onTask(method, id, verb string) error {
	var raw json.RawMessage
	if err := r.call(method, client.Path(taskPath+verb, id), nil, &raw); err != nil {
		return noTask(err, id)
	}
	return printOne(r, taskView(), raw)
}

func noTask(err error, id string) error {
	return missing(err, "there is no task %q; 'hookloft task list' lists them", id)
}

// completeTasks offers the newest tasks.
func (p *program) completeTasks(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	return p.completeNames(cmd, func(ctx context.Context, c *client.Client) (list []string) {
		for t, err := range client.Pages[api.BackgroundTaskOut](ctx, c, "/api/v1/background-task?limit=50") {
			if err != nil || len(list) == 50 {
				break
			}
			list = offer(list, begun, t.ID, t.Task+" "+t.Status)
		}
		return list
	})
}

// taskPoll is how often a task that is watched is asked for.
const taskPoll = 250 * time.Millisecond

// watch shows how far a task is until it has ended. Ctrl-C ends the watching; the task goes on.
func (r *remote) watch(t api.TaskOut) error {
	g := r.progress(t.Task, t.Done)
	defer g.end()
	told := false
	for !taskEnded(t.Status) {
		total := int64(0)
		if t.Total != nil {
			total = *t.Total
		}
		g.update(t.Done, total, t.Failed)
		if t.Status == taskPaused && !told {
			told = true
			g.end()
			r.notef("the task is paused; 'hookloft task resume %s' lets it go on", t.ID)
		}
		if !wait(r.ctx, taskPoll) {
			g.end()
			return partialf("stopped watching; the task goes on: 'hookloft replay --task %s' watches it, 'hookloft replay --cancel %s' ends it", t.ID, t.ID)
		}
		var now api.TaskOut
		err := r.call(http.MethodGet, client.Path(taskPath, t.ID), nil, &now)
		switch {
		case err != nil && r.ctx.Err() != nil:
		case err != nil:
			g.end()
			return fmt.Errorf("task %s goes on, but cannot be watched: %w", t.ID, err)
		default:
			t = now
		}
	}
	g.end()
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := printOne(r, taskView(), raw); err != nil {
		return err
	}
	switch {
	case t.Status == taskFailed:
		return fmt.Errorf("the task failed: %s", orEmpty(t.Error))
	case t.Status == taskCancelled:
		return partialf("the task was cancelled after %s", thousands(t.Done))
	case t.Failed > 0:
		return partialf("%s could not be done", thousands(t.Failed))
	}
	return nil
}

// paceOf writes a pace in the unit that --rate took it in, where that gives a round number.
func paceOf(perSecond float64) string {
	for _, unit := range []struct {
		name    string
		seconds float64
	}{{"s", 1}, {"m", 60}, {"h", 3600}} {
		if n := perSecond * unit.seconds; n >= 0.9999 {
			return strconv.FormatFloat(math.Round(n*100)/100, 'f', -1, 64) + "/" + unit.name
		}
	}
	return fmt.Sprintf("%.2g/s", perSecond)
}
