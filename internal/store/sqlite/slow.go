package sqlite

import (
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookloft/hookloft/internal/store"
)

const (
	// slowAfter is from when on an operation is remembered: one that people notice.
	slowAfter = 100 * time.Millisecond
	// commitKind is what a commit of the writer is remembered as.
	commitKind = "commit"
	// maxSlow is how many are remembered.
	maxSlow = 64
)

// slowLog remembers the latest slow operations. One that is not slow costs a comparison.
type slowLog struct {
	mu    sync.Mutex
	ring  [maxSlow]store.Slow
	count uint64 // that ever were; the next one's place is count % maxSlow
}

// observe tells o, which may be nil, how long an operation has taken since start, and remembers
// it under the name of the method that called the deferring one where that was long. It is to be deferred.
// A commit is of many callers, and has the name of the writer.
func (l *slowLog) observe(o prometheus.Observer, kind string, start time.Time) {
	took := time.Since(start)
	if o != nil {
		o.Observe(took.Seconds())
	}
	if took < slowAfter {
		return
	}
	one := store.Slow{Kind: kind, Operation: "writer", At: start.UTC(), Took: took}
	if kind != commitKind {
		one.Operation = operationName()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring[l.count%maxSlow] = one
	l.count++
}

// latest returns what is remembered, newest first.
func (l *slowLog) latest() (list []store.Slow, count uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range min(l.count, maxSlow) {
		list = append(list, l.ring[(l.count-1-i)%maxSlow])
	}
	return list, l.count
}

// plumbing are the methods that only lend a connection to others.
var plumbing = map[string]bool{"observe": true, "read": true, "change": true, "operationName": true, "inMessageSegment": true, "inSegment": true}

// operationName is the first method of this room on the stack that is not plumbing, without the
// closures in it: "Messages" for (*Store).Messages.func1.
func operationName() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		_, name, ours := strings.Cut(frame.Function, "/store/sqlite.")
		if !ours {
			if !more {
				return ""
			}
			continue
		}
		if receiver, method, ok := strings.Cut(name, ")."); ok && strings.HasPrefix(receiver, "(*") {
			name = method
		}
		if name, _, _ = strings.Cut(name, "."); !plumbing[name] {
			return name
		}
		if !more {
			return ""
		}
	}
}
