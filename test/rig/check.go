//go:build unix

package rig

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Crash is one fault: the process died between Before and After. A request that it
// had sent may reach the receiver a little later, so After is best taken with
// Afterglow, as CrashAt does.
type Crash struct{ Before, After time.Time }

// Afterglow is how long after a process was reaped the kernel and a busy receiver
// may take to hand over its last requests. What a restarted server sends within it
// is taken for the old one's, which excuses a repeat too many now and then; the
// other way round, each slow moment of the machine would accuse the server.
const Afterglow = 100 * time.Millisecond

// CrashAt is a crash that began at before and has just been noticed.
func CrashAt(before time.Time) Crash { return Crash{before, time.Now().Add(Afterglow)} }

// Evidence is everything that Check compares.
type Evidence struct {
	Ledger   map[int64]Published
	Requests []Request
	Account  *Account
	Targets  []Target
	Crashes  []Crash
	// Window is how long it may take until an outcome is on disk; a request that ended
	// longer than this before a crash must not be repeated. Zero: CommitWindow.
	Window time.Duration
	// Stalls, if set, widens the window of a request by the time for which the
	// machine stood still between its end and the crash.
	Stalls *Stalls
}

// PromisedWait is how long an outcome may wait until its commit begins.
const PromisedWait = 20 * time.Millisecond

// CommitWindow is PromisedWait and 80 ms for the commit itself and its flush, on a
// test machine whose processors and disk are busy with other things. A request that
// is repeated although it had ended before that was forgotten, not late. The verdict
// counts repeats older than PromisedWait, so that a drift inside the window shows.
const CommitWindow = PromisedWait + 80*time.Millisecond

// Verdict is what Check found. The numbers are for people; Violations decide.
type Verdict struct {
	Acked, Unknown, Requests int
	Lost                     int            // acknowledged deliveries that never arrived or that the account lacks
	Duplicates               int            // requests after the first of a delivery that had been answered 2xx or cut off
	Exposed                  int            // requests that the crashes together may have repeated
	LateRepeats              int            // repeated requests that had ended more than PromisedWait before the crash
	OldestRepeat             time.Duration  // longest time between a repeated request's end and the crash
	Counts                   map[string]int // violations by invariant
	Violations               []string       // the first few of each invariant, in words
}

// OK says whether no invariant was broken.
func (v Verdict) OK() bool { return len(v.Counts) == 0 }

func (v Verdict) String() string {
	s := fmt.Sprintf("acked %d, unknown %d, requests %d, lost %d, duplicates %d (at most %d may be; %d had ended more than %v before their crash, the oldest %v)",
		v.Acked, v.Unknown, v.Requests, v.Lost, v.Duplicates, v.Exposed, v.LateRepeats, PromisedWait, v.OldestRepeat.Round(100*time.Microsecond))
	if !v.OK() {
		s += fmt.Sprintf("\nbroken: %v\n%s", v.Counts, strings.Join(v.Violations, "\n"))
	}
	return s
}

// examplesPerInvariant bounds what a broken run prints.
const examplesPerInvariant = 5

func (v *Verdict) broken(invariant, format string, args ...any) {
	if v.Counts == nil {
		v.Counts = make(map[string]int)
	}
	v.Counts[invariant]++
	if v.Counts[invariant] <= examplesPerInvariant {
		v.Violations = append(v.Violations, invariant+": "+fmt.Sprintf(format, args...))
	}
}

// Check compares the three records and asserts, for receivers that answer every
// request 200:
//
//	I1  every acknowledged message arrived at, and is recorded as delivered for,
//	    every endpoint that wants it
//	I2  nothing arrived that was not published for that endpoint, or has no attempt
//	    recorded; nothing is recorded as delivered that did not arrive; the account
//	    holds no message that nobody published
//	I3  requests of a delivery <= attempts recorded + crashes while it lived
//	I4  a request is repeated only after a crash that it was open at, or before
//	    which it had ended less than Window ago; per crash, repeats <= such requests
//	I6  every request verifies, and a message keeps its webhook-id
//
// Messages whose publish was not answered may exist or not; if they arrive, the
// same rules hold for them.
func Check(e Evidence) Verdict {
	if e.Window == 0 {
		e.Window = CommitWindow
	}
	v := Verdict{Requests: len(e.Requests)}
	byPath := make(map[string]Target)
	for _, t := range e.Targets {
		byPath[t.Path] = t
	}
	deliveries := v.checkRequests(e, byPath)
	v.checkAcked(e, deliveries)
	v.checkAccount(e, deliveries)
	v.checkRepeats(e, deliveries)
	return v
}

// checkRequests judges each request alone (I2, I6) and sorts them into deliveries.
func (v *Verdict) checkRequests(e Evidence, byPath map[string]Target) map[Pair][]Request {
	deliveries := make(map[Pair][]Request)
	idOf := make(map[int64]string)
	seqOf := make(map[string]int64)
	for _, r := range e.Requests {
		if r.Fault != "" {
			v.broken("I6", "%s %s: %s", r.Path, r.ID, r.Fault)
		}
		t, known := byPath[r.Path]
		p, published := e.Ledger[r.Seq]
		switch {
		case !known:
			v.broken("I2", "request at %s, where no endpoint points", r.Path)
			continue
		case !published:
			v.broken("I2", "%s at %s carries number %d, which was never published", r.ID, r.Path, r.Seq)
			continue
		case !t.Wants(p):
			v.broken("I2", "%s (number %d) arrived at %s, which did not ask for it", r.ID, r.Seq, r.Path)
		case p.Acked && r.ID != p.ID:
			v.broken("I6", "number %d was acknowledged as %s and arrived as %s", r.Seq, p.ID, r.ID)
		}
		if first, seen := idOf[r.Seq]; seen && first != r.ID {
			v.broken("I6", "number %d arrived as %s and as %s", r.Seq, first, r.ID)
		}
		if first, seen := seqOf[r.ID]; seen && first != r.Seq {
			v.broken("I6", "%s carried number %d and number %d", r.ID, first, r.Seq)
		}
		idOf[r.Seq], seqOf[r.ID] = r.ID, r.Seq
		pair := Pair{r.ID, t.ID}
		deliveries[pair] = append(deliveries[pair], r)
	}
	for _, list := range deliveries {
		slices.SortFunc(list, func(a, b Request) int { return a.Began.Compare(b.Began) })
	}
	return deliveries
}

// checkAcked asserts I1.
func (v *Verdict) checkAcked(e Evidence, deliveries map[Pair][]Request) {
	for _, p := range e.Ledger {
		if !p.Acked {
			v.Unknown++
			continue
		}
		v.Acked++
		if _, stored := e.Account.Messages[p.ID]; !stored {
			v.broken("I1", "%s (number %d) was acknowledged and is not in the message list", p.ID, p.Seq)
		}
		for _, t := range e.Targets {
			if !t.Wants(p) {
				continue
			}
			pair := Pair{p.ID, t.ID}
			arrived := slices.ContainsFunc(deliveries[pair], func(r Request) bool { return r.Status/100 == 2 })
			recorded := e.Account.Delivered(pair)
			if !arrived || !recorded {
				v.Lost++
				v.broken("I1", "%s (number %d) to %s: arrived %v, recorded as delivered %v", p.ID, p.Seq, t.Path, arrived, recorded)
			}
		}
	}
}

// checkAccount asserts the rest of I2, and I3.
func (v *Verdict) checkAccount(e Evidence, deliveries map[Pair][]Request) {
	acked := make(map[string]bool)
	for _, p := range e.Ledger {
		if p.Acked {
			acked[p.ID] = true
		}
	}
	unasked := 0
	for id := range e.Account.Messages {
		if !acked[id] {
			unasked++
		}
	}
	if unasked > v.Unknown {
		v.broken("I2", "the account holds %d messages without an acknowledgement, but only %d publishes went unanswered", unasked, v.Unknown)
	}
	for pair := range e.Account.Attempts {
		if e.Account.Delivered(pair) && len(deliveries[pair]) == 0 {
			v.broken("I2", "%s is recorded as delivered to %s and never arrived", pair.Message, pair.Endpoint)
		}
	}
	for pair, list := range deliveries {
		attempts := len(e.Account.Attempts[pair])
		if attempts == 0 {
			v.broken("I2", "%s arrived at %s and has no attempt recorded", pair.Message, pair.Endpoint)
		}
		crashes := 0
		for _, c := range e.Crashes {
			if !c.After.Before(list[0].Began) && c.Before.Before(list[len(list)-1].Began) {
				crashes++
			}
		}
		if len(list) > attempts+crashes {
			v.broken("I3", "%s to %s: %d requests, %d attempts recorded, %d crashes in between", pair.Message, pair.Endpoint, len(list), attempts, crashes)
		}
	}
}

// checkRepeats asserts I4.
func (v *Verdict) checkRepeats(e Evidence, deliveries map[Pair][]Request) {
	exposed := make([]int, len(e.Crashes)) // per crash: requests that it may repeat
	repeats := make([]int, len(e.Crashes))
	for _, r := range e.Requests {
		for i, c := range e.Crashes {
			if e.touches(c, r) {
				exposed[i]++
			}
		}
	}
	for pair, list := range deliveries {
		for i := 1; i < len(list); i++ {
			before, again := list[i-1], list[i]
			if before.Status != 0 && before.Status/100 != 2 {
				continue // answered with a failure: a retry, not a repeat
			}
			v.Duplicates++
			at := slices.IndexFunc(e.Crashes, func(c Crash) bool {
				return !before.Began.After(c.After) && !again.Began.Before(c.Before)
			})
			if at < 0 {
				v.broken("I4", "%s to %s was sent again after %v, without a crash in between (the last one before had ended %v earlier)",
					pair.Message, pair.Endpoint, again.Began.Sub(before.Began), sinceCrash(e.Crashes, before.Began))
				continue
			}
			repeats[at]++
			if age := e.Crashes[at].Before.Sub(before.Ended); !before.Ended.IsZero() && age > 0 {
				v.OldestRepeat = max(v.OldestRepeat, age)
				if age > PromisedWait {
					v.LateRepeats++
				}
			}
			if !e.touches(e.Crashes[at], before) {
				v.broken("I4", "%s to %s was repeated although it had ended %v before the crash", pair.Message, pair.Endpoint, e.Crashes[at].Before.Sub(before.Ended))
			}
		}
	}
	for i := range e.Crashes {
		v.Exposed += exposed[i]
		if repeats[i] > exposed[i] {
			v.broken("I4", "crash %d: %d requests repeated, %d were open or fresh", i+1, repeats[i], exposed[i])
		}
	}
}

// sinceCrash is how long before at the last crash ended; zero if there was none.
func sinceCrash(crashes []Crash, at time.Time) time.Duration {
	var last time.Duration
	for _, c := range crashes {
		if since := at.Sub(c.After); since > 0 && (last == 0 || since < last) {
			last = since
		}
	}
	return last
}

// touches says whether a crash may rightly have lost the outcome of a request: it
// was open, or its end was so fresh that the outcome may not have been committed.
func (e Evidence) touches(c Crash, r Request) bool {
	switch age := c.Before.Sub(r.Ended); {
	case r.Began.After(c.After):
		return false
	case r.Ended.IsZero() || age <= e.Window:
		return true
	case age > time.Minute: // no stall is that long; saves the look-up for old requests
		return false
	default:
		return age <= e.Window+e.Stalls.Around(r.Ended, c.Before)
	}
}
