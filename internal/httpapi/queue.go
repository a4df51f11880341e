package httpapi

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// maxDueCounted is how many due rows one answer looks at, for Options.FindTime at most.
	maxDueCounted = 500_000
	// maxQueueApplications is how many applications are told apart.
	maxQueueApplications = 20
)

// queueBounds are the ends of the spans that QueueDepth tells apart; the first is now.
var queueBounds = [...]time.Duration{0, time.Minute, 5 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// getQueue counts the deliveries of the environment that wait, by when they are due.
// What is due and waits for the end of a hold is told apart.
func (s *server) getQueue(c *call) error {
	now := s.now()
	bounds := make([]time.Time, len(queueBounds))
	for i, d := range queueBounds {
		bounds[i] = now.Add(d + time.Millisecond) // what is due now counts as due
	}
	counts, isMore, err := s.Search.CountDue(c.ctx(), bounds, maxDueCounted, s.o.FindTime)
	if err != nil {
		return err
	}
	depths := map[hook.ApplicationID]*api.QueueDepth{}
	depth := func(app hook.ApplicationID) *api.QueueDepth {
		if depths[app] == nil {
			depths[app] = &api.QueueDepth{}
		}
		return depths[app]
	}
	for _, n := range counts {
		if n.Environment == c.env() {
			addDepth(depth(n.Application), n.Bound, n.Count)
		}
	}
	// What has no row of its own is tried as soon as its endpoint can take it. Whose it is,
	// the plan in memory says.
	for app, n := range s.Lanes.Waiting() {
		plan, err := s.Catalog.PlanOf(c.ctx(), app)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			continue // deleted since
		}
		if err != nil {
			return err
		}
		if plan.Environment.ID == c.env() {
			addDepth(depth(app), 0, n)
		}
	}
	if err := s.tellHeld(c, depths, now); err != nil {
		return err
	}
	apps := make([]hook.ApplicationID, 0, len(depths))
	out := api.QueueOut{Approximated: isMore, Applications: []api.QueueApplication{}}
	for app, d := range depths {
		apps = append(apps, app)
		out.Total.Held += d.Held
		out.Total.Now += d.Now
		out.Total.Minute += d.Minute
		out.Total.Minutes += d.Minutes
		out.Total.Hour += d.Hour
		out.Total.Hours += d.Hours
		out.Total.Day += d.Day
		out.Total.Later += d.Later
		out.Total.Total += d.Total
	}
	slices.SortFunc(apps, func(a, b hook.ApplicationID) int {
		return cmp.Or(cmp.Compare(depths[b].Total, depths[a].Total), cmp.Compare(a, b))
	})
	shown := min(len(apps), maxQueueApplications)
	out.Others = int64(len(apps) - shown)
	for _, app := range apps[:shown] {
		out.Applications = append(out.Applications, api.QueueApplication{AppID: s.Catalog.Codec().Application(c.env(), app), QueueDepth: *depths[app]})
	}
	return c.json(http.StatusOK, out)
}

func addDepth(d *api.QueueDepth, bound int, n int64) {
	d.Total += n
	switch bound {
	case 0:
		d.Now += n
	case 1:
		d.Minute += n
	case 2:
		d.Minutes += n
	case 3:
		d.Hour += n
	case 4:
		d.Hours += n
	case 5:
		d.Day += n
	default:
		d.Later += n
	}
}

// maxHeldApplications is of how many applications with due deliveries the holds are looked at.
const maxHeldApplications = 1000

// tellHeld moves what waits for the end of a hold from Now to Held.
func (s *server) tellHeld(c *call, depths map[hook.ApplicationID]*api.QueueDepth, now time.Time) error {
	looked := 0
	for app, d := range depths {
		if d.Now == 0 {
			continue
		}
		if looked++; looked > maxHeldApplications {
			return nil
		}
		plan, err := s.Catalog.PlanOf(c.ctx(), app)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range plan.Endpoints {
			if d.Now == 0 || !e.IsHeld(plan.Application.Hold) {
				continue
			}
			n, _, err := s.Search.CountWaiting(c.ctx(), e.ID, now, int(d.Now))
			if err != nil {
				return err
			}
			d.Held += int64(n)
			d.Now -= int64(n)
		}
	}
	return nil
}
