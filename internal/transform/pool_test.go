package transform

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// children returns the processes that a pool has, those at work included.
func (p *Pool) children() (idle []*child) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(idle, p.idle...)
}

func (c *child) isGone() bool { return c.cmd.Process.Signal(syscall.Signal(0)) != nil }

func TestNothingStaysBetweenRuns(t *testing.T) {
	p := newPool(t, Options{Children: 2})
	const leave = `globalThis.left = 1; Object.prototype.left = 2; Array.prototype.push = null; JSON.parse = null; Math.random = () => 4;
		function handler(w) { handler.left = 3; w.payload.seen = [typeof left, typeof handler.left]; return w; }`
	const look = `function handler(w) { w.payload = [typeof left, typeof ({}).left, typeof [].push, typeof JSON.parse, Math.random() < 1]; return w; }`
	for i := range 4 {
		j := webhookOf(leave, `{}`)
		j.Endpoint = hook.EndpointID(i)
		if r, err := p.Run(t.Context(), j); err != nil && r.Payload == nil {
			t.Logf("what meddles with JSON may fail: %v", err)
		}
		j = webhookOf(look, `{}`)
		j.Endpoint = hook.EndpointID(i)
		r, err := p.Run(t.Context(), j)
		if err != nil || string(r.Payload) != `["undefined","undefined","function","function",true]` {
			t.Fatalf("%s, %v", r.Payload, err)
		}
	}
}

func TestClockAndRandomAreGiven(t *testing.T) {
	p := newPool(t, Options{})
	const code = `function handler(w) { w.payload = [Date.now(), new Date().toISOString(), new Date(0).getTime(), new Date(2020, 1).getTimezoneOffset(),
		typeof Date(), new Date() instanceof Date, new Date().constructor === Date, Date.length, Date.UTC(1970, 0), Math.random(), Math.random(),
		typeof performance, typeof setTimeout, typeof Atomics, typeof SharedArrayBuffer, typeof std, typeof os, typeof require, typeof process, typeof fetch]; return w; }`
	run := func(seed uint64) string {
		j := webhookOf(code, `{}`)
		j.Seed = seed
		r, err := p.Run(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		return string(r.Payload)
	}
	first := run(7)
	if !strings.HasPrefix(first, `[1700000000123,"2023-11-14T22:13:20.123Z",0,0,"string",true,true,7,0,0.`) ||
		!strings.HasSuffix(first, strings.Repeat(`,"undefined"`, 9)+`]`) {
		t.Errorf("got %s", first)
	}
	if again := run(7); again != first {
		t.Errorf("the same message got %s, then %s", first, again)
	}
	if other := run(8); other == first {
		t.Errorf("another message got the same: %s", other)
	}
	// Ten thousand draws spread over [0, 1).
	j := webhookOf(`function handler(w) { let sum = 0, low = 1, high = 0; for (let i = 0; i < 10000; i++) { const x = Math.random(); sum += x; low = Math.min(low, x); high = Math.max(high, x) }
		w.payload = [sum / 10000, low, high]; return w }`, `{}`)
	r, err := p.Run(t.Context(), j)
	var mean, low, high float64
	if _, scan := fmt.Sscanf(string(r.Payload), "[%g,%g,%g]", &mean, &low, &high); err != nil || scan != nil || math.Abs(mean-0.5) > 0.02 || low < 0 || low > 0.01 || high >= 1 || high < 0.99 {
		t.Errorf("mean, least and greatest: %s, %v", r.Payload, err)
	}
}

func TestPayloadKeepsItsForm(t *testing.T) {
	p := newPool(t, Options{})
	for _, tt := range []struct{ name, code, payload, want string }{
		{"as it is", "return w", `{"a": 1e400, "n":12345678901234567890}`, "same"},
		{"read only", "JSON.stringify(w.payload); return w", `{"b":1,"a":1.0}`, "same"},
		{"changed and changed back", "w.payload.a++; w.payload.a--; return w", `{"a":1}`, "same"},
		{"another object with the same members", "w.payload = {...w.payload}; return w", `{"a": 1}`, `{"a":1}`},
		{"a list", "w.payload = [1, 'x']; return w", `{}`, `[1,"x"]`},
		{"a text", "w.payload = 'a=b&c=d'; return w", `{}`, `a=b&c=d`},
		{"an empty text", "w.payload = ''; return w", `{}`, ``},
		{"null", "w.payload = null; return w", `{}`, `null`},
		{"a new object", "return {method: 'POST', url: w.url, payload: {x: '\\u2028\\ud800é\\0'}}", `{}`, `{"x":"` + "\u2028" + `\ud800é\u0000"}`},
		{"__proto__ of the payload", "w.payload.b = w.payload.a; return w", `{"__proto__":{"a":1}}`, `{"__proto__":{"a":1}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := p.Run(t.Context(), webhookOf("function handler(w) { "+tt.code+" }", tt.payload))
			got := string(r.Payload)
			if r.Payload == nil {
				got = "same"
			}
			if tt.name == "__proto__ of the payload" && got == "same" {
				got = tt.want // b is undefined, so that nothing changed
			}
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestConsoleIsBounded(t *testing.T) {
	p := newPool(t, Options{})
	r, err := p.Run(t.Context(), webhookOf(`function handler(w) {
		console.info(1, null, undefined, [1], () => 1, new Error("e"), Symbol("s"), 5n);
		const c = {}; c.c = c; console.log(c);
		for (let i = 0; i < 10000; i++) console.log("x".repeat(100), i);
		return w }`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, line := range r.Console {
		total += len(line) + 1
	}
	if r.Console[0] != "1 null undefined [1] [function] Error: e Symbol(s) 5" || r.Console[1] != "[object Object]" || total > MaxConsoleBytes || total < MaxConsoleBytes/2 ||
		!strings.HasSuffix(r.Console[len(r.Console)-1], "(more is not kept)") {
		t.Errorf("%d bytes, begins %q, ends %q", total, r.Console[:2], r.Console[len(r.Console)-1])
	}
	e := failureFrom(t, p, webhookOf(`function handler(w) { console.log("before"); for (;;); }`, `{}`))
	if len(e.Console) != 1 || e.Console[0] != "before" {
		t.Errorf("after a time-out: %q", e.Console)
	}
	e = failureFrom(t, p, webhookOf(`function handler(w) { console.log("before"); const a = []; for (;;) a.push(new ArrayBuffer(1e6)); }`, `{}`))
	if len(e.Console) != 1 || e.Console[0] != "before" {
		t.Errorf("without memory: %q", e.Console)
	}
}

func TestErrorSaysWhere(t *testing.T) {
	p := newPool(t, Options{})
	for _, tt := range []struct {
		code         string
		line, column int
		says         string
	}{
		{"function handler(w) {\n  return w.a.b.c;\n}", 2, 13, "TypeError: cannot read property 'b' of undefined"},
		{"function handler(w) {\n\n  throw 'no';\n}", 0, 0, "no"},
		{"function handler(w {\n}", 1, 20, "SyntaxError"},
		{"const a = 1;\nnope();\nfunction handler(w) {}", 2, 1, "ReferenceError"},
		{"function inner() { throw new RangeError('x') }\nfunction handler(w) { return inner() }", 1, 0, "RangeError: x"},
		{"function handler(w) { throw {message: 'odd', stack: '<eval>:999999999:1\\n<eval>:3:4', name: 'E'} }", 3, 4, "[object Object]"},
		{"const x = 5;", 0, 0, "must declare a function named handler"},
		{"function handler(w) { throw null }", 0, 0, "thrown null"},
		{"function handler(w) { throw '' }", 0, 0, "thrown something without a word"},
		{"function handler(w) { throw ' \\n' }", 0, 0, "thrown something without a word"},
		{"function handler(w) { throw {toString() { throw 1 }} }", 0, 0, "thrown something without a word"},
		{"function handler(w) { throw new Error('a\\u0007\\u202e\\nb') }", 1, 0, "Error: a?? b"},
		{"function handler(w) { throw new Error('x'.repeat(1e5)) }", 1, 0, " ..."},
	} {
		e := failureFrom(t, p, webhookOf(tt.code, `{}`))
		if e.Line != tt.line || tt.column != 0 && e.Column != tt.column || !strings.Contains(e.Text, tt.says) || len(e.Text) > 500 {
			t.Errorf("%q: line %d, column %d: %s", tt.code, e.Line, e.Column, e.Text)
		}
	}
}

func TestCodeIsChecked(t *testing.T) {
	p := newPool(t, Options{})
	for _, code := range []string{"function handler(w) { for (;;); }", "const handler = (w) => w;", "let handler = async () => {}"} {
		if err := p.Check(t.Context(), 1, code); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
	var e *Error
	if err := p.Check(t.Context(), 1, "function other(w) {\n return (\n}"); !errors.As(err, &e) || e.Line != 3 {
		t.Errorf("got %v", err)
	}
}

func TestBatchIsOneText(t *testing.T) {
	p := newPool(t, Options{})
	j := Job{
		Code:   `function handler(input) { return {requestBody: input.events.map((e) => e.eventType + e.payload.n + input.env.x).join("\n")} }`,
		Events: []Event{{[]byte(`{"n":1}`), "a"}, {[]byte(`{"n":2}`), "b"}}, Variables: map[string]string{"x": "!"},
	}
	r, err := p.Run(t.Context(), j)
	if err != nil || string(r.Batch) != "a1!\nb2!" {
		t.Errorf("%q, %v", r.Batch, err)
	}
	for code, says := range map[string]string{"return 5": "requestBody", "return {requestBody: {}}": "must be a string", "return {requestBody: 'x'.repeat(2 << 20)}": "at most"} {
		j.Code = "function handler(w) { " + code + " }"
		if e := failureFrom(t, p, j); !strings.Contains(e.Text, says) {
			t.Errorf("%s: %v", code, e)
		}
	}
}

// TestManyScripts: each is compiled, runs and is forgotten; the children do not grow.
func TestManyScripts(t *testing.T) {
	n := 10_000
	if testing.Short() || raceEnabled {
		n = 1000
	}
	p := newPool(t, Options{Time: MaxTime})
	var failed atomic.Int64
	var wait sync.WaitGroup
	begun := time.Now()
	for w := range 4 {
		wait.Go(func() {
			for i := w; i < n; i += 4 {
				j := webhookOf(fmt.Sprintf("function handler(w) { w.payload.n = %d; return w } // %s", i, strings.Repeat("-", 1000)), `{}`)
				j.Endpoint = hook.EndpointID(i)
				if r, err := p.Run(context.Background(), j); err != nil || string(r.Payload) != fmt.Sprintf(`{"n":%d}`, i) {
					failed.Add(1)
				}
			}
		})
	}
	wait.Wait()
	if failed.Load() > 0 {
		t.Fatalf("%d of %d failed", failed.Load(), n)
	}
	if len(p.owners) != 0 || len(p.line) != 0 {
		t.Errorf("%d endpoints are remembered", len(p.owners))
	}
	for _, c := range p.children() {
		if rss := c.residentBytes(); rss > 64<<20 {
			t.Errorf("a child has %d bytes", rss)
		} else {
			t.Logf("%v a script; a child has %d KiB", time.Since(begun)/time.Duration(n), rss>>10)
		}
	}
}

// TestSlowScriptsLeaveRoom: however many endpoints loop, an ordinary one gets its turn.
func TestSlowScriptsLeaveRoom(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector every script is slow")
	}
	p := newPool(t, Options{Children: 2, Time: 20 * time.Millisecond})
	ctx, stop := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	var looped atomic.Int64
	for i := range 8 {
		wait.Go(func() {
			for ctx.Err() == nil {
				j := webhookOf("function handler(w) { for (;;); }", `{}`)
				j.Endpoint = hook.EndpointID(100 + i)
				if _, err := p.Run(ctx, j); err != nil {
					looped.Add(1)
				}
			}
		})
	}
	// From when on each of them is known to be slow.
	for deadline := time.Now().Add(time.Minute); looped.Load() < 8 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	// A run that a busy machine holds up sees more of them end; a pool that gives them its room
	// holds up all.
	var ended []int64
	for range 5 {
		before := looped.Load()
		for i := range 50 {
			if _, err := p.Run(t.Context(), webhookOf("function handler(w) { return w }", `{}`)); err != nil {
				t.Fatalf("run %d: %v", i, err)
			}
		}
		during := looped.Load() - before
		if ended = append(ended, during); during <= 25 {
			break
		}
	}
	t.Logf("beside 50 ordinary runs ended %v that loop", ended)
	if ended[len(ended)-1] > 25 {
		t.Error("each time, ordinary runs waited for those that loop")
	}
	stop()
	wait.Wait()
}

// TestEndpointsTakeTurns: one that asks for many runs at once does not hold up another.
func TestEndpointsTakeTurns(t *testing.T) {
	// Whoever looks may be late on a busy machine, and the runs go on meanwhile. A pool that does
	// not take turns holds another up each time.
	var waited []int64
	for range 5 {
		during := turnsOfAnother(t)
		if waited = append(waited, during); during <= 60 {
			return
		}
	}
	t.Errorf("the other endpoint waited for %v runs", waited)
}

// turnsOfAnother returns how many of 200 runs end while another endpoint waits for its one.
func turnsOfAnother(t *testing.T) int64 {
	t.Helper()
	p := newPool(t, Options{Children: 2})
	const spin = "function handler(w) { for (let i = 0; i < 2e4; i++); return w }"
	var done atomic.Int64
	var wait sync.WaitGroup
	for range 200 {
		wait.Go(func() {
			if _, err := p.Run(context.Background(), webhookOf(spin, `{}`)); err == nil {
				done.Add(1)
			}
		})
	}
	for deadline := time.Now().Add(time.Minute); done.Load() < 5 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	before := done.Load()
	j := webhookOf(spin, `{}`)
	j.Endpoint = 2
	if _, err := p.Run(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	during := done.Load() - before
	wait.Wait()
	if done.Load() != 200 {
		t.Errorf("%d of 200 runs ended well", done.Load())
	}
	return during
}

func TestChildThatIsKilledIsReplaced(t *testing.T) {
	p := newPool(t, Options{Children: 2, Time: MaxTime})
	if _, err := p.Run(t.Context(), webhookOf("function handler(w) { return w }", `{}`)); err != nil {
		t.Fatal(err)
	}
	first := p.children()[0]
	// Killed while it is idle: the next run does not notice.
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-first.ended
	if _, err := p.Run(t.Context(), webhookOf("function handler(w) { return w }", `{}`)); err != nil {
		t.Error(err)
	}
	// Killed while it works: tried once more, by another.
	second := p.children()[0]
	result := make(chan error, 1)
	go func() {
		_, err := p.Run(context.Background(), webhookOf("function handler(w) { let n = 0; for (let i = 0; i < 2e5; i++) n += i; return w }", `{}`))
		result <- err
	}()
	for deadline := time.Now().Add(10 * time.Second); len(p.children()) > 0 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if err := second.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestProgramThatIsNoSandboxFailsRuns(t *testing.T) {
	for name, program := range map[string]string{"missing": "/nowhere/hookloft", "another": "/bin/true"} {
		if _, err := os.Stat("/bin/true"); err != nil {
			t.Skip("there is no /bin/true")
		}
		p := newPool(t, Options{Program: program})
		e := failureFrom(t, p, webhookOf("function handler(w) { return w }", `{}`))
		if !e.IsOurs || strings.Contains(e.Error(), "nowhere") {
			t.Errorf("%s: %+v", name, e)
		}
		if e.Cause == nil || name == "missing" && !errors.Is(e.Cause, os.ErrNotExist) {
			t.Errorf("%s: the operator is told %v", name, e.Cause)
		}
	}
}

func TestNoChildSurvives(t *testing.T) {
	p := New(Options{Children: 2, IdleAfter: time.Hour})
	var wait sync.WaitGroup
	for i := range 2 {
		wait.Go(func() {
			j := webhookOf("function handler(w) { for (let i = 0; i < 1e5; i++); return w }", `{}`)
			j.Endpoint = hook.EndpointID(i)
			_, _ = p.Run(context.Background(), j)
		})
	}
	wait.Wait()
	all := p.children()
	p.Close()
	p.Close()
	for _, c := range all {
		if !c.isGone() {
			t.Error("a child lives on")
		}
	}
	if len(all) == 0 {
		t.Error("there was none")
	}
	if _, err := p.Run(context.Background(), webhookOf("x", `{}`)); hook.KindOf(err) != hook.Closed {
		t.Errorf("a run afterwards: %v", err)
	}
}

func TestIdleChildrenEnd(t *testing.T) {
	p := newPool(t, Options{IdleAfter: 20 * time.Millisecond})
	if _, err := p.Run(t.Context(), webhookOf("function handler(w) { return w }", `{}`)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(p.children()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a child is kept for nothing")
		}
	}
}

func TestChildEndsWithoutItsParent(t *testing.T) {
	c, err := start(self())
	if err != nil {
		t.Fatal(err)
	}
	q := &request{op: opRun, micros: 10_000_000, code: "function handler(w) { for (;;); }", meta: "{}", payload: "{}"}
	if _, err := c.to.Write(q.append(nil)); err != nil {
		t.Fatal(err)
	}
	c.to.Close() // as when the parent is gone, in the middle of a run
	select {
	case <-c.ended:
	case <-time.After(time.Minute):
		t.Error("it runs on")
	}
	c.stop()
}

func TestDiffLeadsThere(t *testing.T) {
	for _, tt := range []struct{ before, after, want string }{
		{`{"a":1}`, `{"a": 1}`, ``},
		{`{"a":1,"b":2}`, `{"b":3,"c":4}`, `remove /a 1; replace /b 2 3; add /c 4; `},
		{`[1,2,3]`, `[1,5]`, `replace /1 2 5; remove /2 3; `},
		{`[1]`, `[1,{"a":[]},3]`, `add /1 {"a":[]}; add /2 3; `},
		{`{"a/b":{"~":1}}`, `{"a/b":{"~":2}}`, `replace /a~1b/~0 1 2; `},
		{`{"a":[]}`, `{"a":{}}`, `replace /a [] {}; `},
		{`{"a":[]}`, `{"a":[1]}`, `add /a/0 1; `},
		{`{}`, `[]`, `replace  {} []; `},
		{`{"a":1,"a":2}`, `{"a":2}`, ``},
		{`9007199254740993`, `9007199254740992`, `replace  9007199254740993 9007199254740992; `},
	} {
		changes, more, ok := Diff([]byte(tt.before), []byte(tt.after))
		got := ""
		for _, c := range changes {
			got += strings.Join(strings.Fields(c.Op+" "+c.Path+"  "+string(c.From)+" "+string(c.To)), " ") + "; "
		}
		want := strings.ReplaceAll(tt.want, "replace  ", "replace ")
		if !ok || more || got != want {
			t.Errorf("%s to %s: %q %v %v, want %q", tt.before, tt.after, got, more, ok, want)
		}
	}
	if _, _, ok := Diff([]byte("x"), []byte("{}")); ok {
		t.Error("what is no JSON has differences")
	}
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, `%c"n%d":1`, "{,"[min(i, 1)], i)
	}
	changes, more, ok := Diff([]byte("{}"), []byte(b.String()+"}"))
	if len(changes) != MaxChanges || !more || !ok {
		t.Errorf("%d changes, more: %v", len(changes), more)
	}
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	if _, _, ok := Diff([]byte(deep), []byte(`[`+deep+`]`)); !ok {
		t.Log("what is too deep is not compared")
	}
}

func FuzzFrames(f *testing.F) {
	f.Add((&request{op: opRun, code: "c", meta: "m", payload: "p", micros: 1}).append(nil))
	f.Add((&response{status: statusFailed, line: 1, text: "t", console: []string{"a", "b"}}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var q request
		if q.parse(b) == nil {
			var again request
			if err := again.parse(q.append(nil)[4:]); err != nil || again != q {
				t.Errorf("%+v became %+v, %v", q, again, err)
			}
		}
		var p response
		_ = p.parse(b)
	})
}

func BenchmarkRun(b *testing.B) {
	p := newPool(b, Options{})
	j := webhookOf(`function handler(webhook) { webhook.payload = {text: "Paid " + webhook.payload.amount + " " + webhook.payload.currency}; return webhook; }`,
		`{"id":"evt_1","amount":12345,"currency":"eur","lines":[{"a":1},{"b":2}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Run(context.Background(), j); err != nil {
			b.Fatal(err)
		}
	}
}
