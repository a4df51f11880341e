package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// rejections are all of a source, oldest first.
func (r *catalogRoom) rejections(s hook.SourceID) []*hook.Rejection {
	r.Helper()
	page, err := r.Rejections(r.ctx, s, store.Page[hook.RejectionID]{Limit: 1000})
	r.must(err)
	return page.Rows
}

// counts are all of a source.
func (r *catalogRoom) counts(s hook.SourceID) []hook.SourceCount {
	r.Helper()
	list, err := r.SourceCounts(r.ctx, s, time.UnixMilli(0), time.Now().Add(time.Hour))
	r.must(err)
	return list
}

func testRejections(r *catalogRoom) {
	env := r.environment()
	a, b := r.source(env.ID, "a"), r.source(env.ID, "b")
	full := &hook.Rejection{
		Source: a.ID, Status: 401, Reason: "the signature does not match", Method: "PUT", Remote: "192.0.2.1",
		Header: map[string]string{"X-A": "b", "Authorization": "(withheld)"}, Body: []byte("\x00\xff"), BodyTruncated: true, At: time.UnixMilli(time.Now().UnixMilli()).UTC(),
	}
	empty := &hook.Rejection{Source: b.ID}
	r.must(r.SaveVisits(r.ctx, nil, []*hook.Rejection{full, empty, {Source: none, Reason: "of a source that is gone"}}))
	if full.ID == 0 || empty.At.IsZero() || hook.Key(empty.ID) >= r.NewKey() {
		r.Errorf("saved as %+v and %+v", full, empty)
	}
	for range 2 {
		r.same("rejections", r.rejections(a.ID), []*hook.Rejection{full})
		r.same("rejections of the other source", r.rejections(b.ID), []*hook.Rejection{empty})
		r.same("rejections of none", len(r.rejections(none)), 0)
		r.reopen()
	}

	// Of each source the newest stay, however they come in.
	many := func(s *hook.Source, from, to int) (list []*hook.Rejection) {
		for i := from; i < to; i++ {
			list = append(list, &hook.Rejection{Source: s.ID, Reason: fmt.Sprint(i)})
		}
		return list
	}
	r.must(r.SaveVisits(r.ctx, nil, append(many(a, 0, 60), many(b, 0, 3)...)))
	r.must(r.SaveVisits(r.ctx, nil, many(a, 60, 90)))
	r.must(r.SaveVisits(r.ctx, nil, many(a, 90, 90+hook.MaxRejections+5)))
	kept := r.rejections(a.ID)
	if len(kept) != hook.MaxRejections || kept[0].Reason != "95" || kept[len(kept)-1].Reason != "194" {
		r.Errorf("%d are kept, from %s to %s", len(kept), kept[0].Reason, kept[len(kept)-1].Reason)
	}
	r.same("rejections of the other source", len(r.rejections(b.ID)), 4)

	r.must(r.DeleteSource(r.ctx, a.ID))
	r.same("rejections of a source that is gone", len(r.rejections(a.ID)), 0)
	r.same("rejections of the other source", len(r.rejections(b.ID)), 4)
	r.must(r.SaveVisits(r.ctx, nil, many(a, 0, 1)))
	r.same("rejections of a source that is gone", len(r.rejections(a.ID)), 0)

	var reasons []string
	for _, x := range r.rejections(b.ID) {
		reasons = append(reasons, x.Reason)
	}
	walkPages(r, "rejections", reasons, func(p store.Page[hook.RejectionID]) (store.Listed[*hook.Rejection], error) {
		return r.Rejections(r.ctx, b.ID, p)
	}, func(x *hook.Rejection) (hook.RejectionID, string) { return x.ID, x.Reason })
}

func testSourceCounts(r *catalogRoom) {
	env := r.environment()
	a, b := r.source(env.ID, "a"), r.source(env.ID, "b")
	hour := time.Now().UTC().Truncate(time.Hour)
	count := func(s *hook.Source, at time.Time, v hook.Verdict, reason string, n int64) hook.SourceCount {
		return hook.SourceCount{Source: s.ID, Hour: at, Verdict: v, Reason: reason, N: n}
	}
	r.must(r.SaveVisits(r.ctx, []hook.SourceCount{
		count(a, hour.Add(59*time.Minute), hook.Accepted, "", 5), // an hour is named by any time in it
		count(a, hour, hook.Rejected, "signature", 2), count(a, hour, hook.Rejected, "body", 1),
		count(a, hour.Add(-time.Hour), hook.Duplicate, "", 7), count(b, hour, hook.Accepted, "", 11),
		{Source: none, Hour: hour, N: 1},
	}, nil))
	r.must(r.SaveVisits(r.ctx, []hook.SourceCount{count(a, hour, hook.Accepted, "", 1), count(a, hour, hook.Accepted, "", 2)}, nil))
	last := count(a, hour.Add(-time.Hour), hook.Duplicate, "", 7)
	now := []hook.SourceCount{count(a, hour, hook.Accepted, "", 8), count(a, hour, hook.Rejected, "body", 1), count(a, hour, hook.Rejected, "signature", 2)}
	for range 2 {
		for _, c := range []struct {
			why          string
			since, until time.Time
			want         []hook.SourceCount
		}{
			{"all", hour.Add(-5 * time.Hour), hour.Add(time.Hour), append([]hook.SourceCount{last}, now...)},
			{"hours that are touched", hour.Add(-time.Minute), hour.Add(time.Millisecond), append([]hook.SourceCount{last}, now...)},
			{"until is left out", hour.Add(-time.Hour), hour, []hook.SourceCount{last}},
			{"since is not", hour.Add(time.Minute), hour.Add(2 * time.Minute), now},
			{"none", hour.Add(time.Hour), hour.Add(2 * time.Hour), nil},
		} {
			got, err := r.SourceCounts(r.ctx, a.ID, c.since, c.until)
			r.must(err)
			r.same(c.why, got, c.want)
		}
		r.same("the other source", r.counts(b.ID), []hook.SourceCount{count(b, hour, hook.Accepted, "", 11)})
		r.same("of none", len(r.counts(none)), 0)
		r.reopen()
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if err := r.SaveVisits(r.ctx, []hook.SourceCount{count(b, hour, hook.Accepted, "", 1)}, nil); err != nil {
					r.Error(err)
				}
			}
		})
	}
	wg.Wait()
	r.same("counted at the same time", r.counts(b.ID)[0].N, int64(11+80))
	r.must(r.DeleteSource(r.ctx, b.ID))
	r.same("of a source that is gone", len(r.counts(b.ID)), 0)
}
