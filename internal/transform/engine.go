package transform

import (
	_ "embed"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"modernc.org/quickjs"

	"github.com/hookloft/hookloft/internal/hook"
)

//go:embed driver.js
var driverCode string

// driverLine is the line on which the driver begins, far behind the last that a script
// can have: by it the two are told apart in a stack, which names no files.
const driverLine = hook.MaxCodeChars + 1

// spareHeapBytes is what the engine may take beyond a script's bound for what it does on
// its own account: the realm itself.
const spareHeapBytes = 1 << 20

// engine runs scripts, each in a realm of its own that is thrown away behind it. It lives
// in a child process and serves one run at a time.
type engine struct {
	driver []byte // compiled
	// ready is the realm of the next run, made while nobody waits.
	ready *realm
	// compiled are scripts by their text: the parse of a long one takes milliseconds.
	compiled      map[string][]byte
	compiledBytes int
}

// maxCompiledBytes bounds what is kept of compiled scripts and their texts.
const maxCompiledBytes = 4 << 20

// realm is one engine of QuickJS with the driver in it.
type realm struct {
	vm      *quickjs.VM
	driver  quickjs.Value
	console []string
	left    int // bytes of console
}

func newEngine() (*engine, error) {
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, err
	}
	defer func() { _ = vm.Close() }() // frees memory; nothing depends on it
	e := &engine{compiled: map[string][]byte{}}
	if e.driver, err = vm.Compile(strings.Repeat("\n", driverLine)+driverCode, quickjs.EvalGlobal); err != nil {
		return nil, err
	}
	return e, e.prepare()
}

// prepare makes the realm of the next run.
func (e *engine) prepare() error {
	vm, err := quickjs.NewVM()
	if err != nil {
		return err
	}
	vm.SetMemoryLimit(MaxHeapBytes + spareHeapBytes)
	vm.SetCanBlock(false)
	r := &realm{vm: vm, left: MaxConsoleBytes}
	if err := vm.RegisterHostFunc("__write", r.write); err != nil {
		return errors.Join(err, vm.Close())
	}
	if r.driver, err = vm.EvalBytecodeValue(e.driver); err != nil {
		return errors.Join(err, vm.Close())
	}
	e.ready = r
	return nil
}

func (r *realm) close() {
	r.driver.Free()
	_ = r.vm.Close() // frees memory; nothing depends on it
}

// write is console: it keeps lines until its room is used up, and says that it is.
func (r *realm) write(args []any) (any, error) {
	const cut = "... (more is not kept)"
	line, _ := args[0].(string)
	line = strings.ToValidUTF8(line, "\uFFFD")
	switch room := r.left - len(cut) - 1; {
	case r.left <= 0:
	case len(line) <= room:
		r.console = append(r.console, line)
		r.left -= len(line) + 1
	default:
		r.console = append(r.console, strings.ToValidUTF8(line[:max(room, 0)], "")+cut)
		r.left = 0
	}
	return nil, nil
}

// run makes one run. An error means that the engine is broken and the process must end.
func (e *engine) run(q *request) (*response, error) {
	r := e.ready
	e.ready = nil
	defer r.close()
	w := watch(r.vm, time.Duration(q.micros)*time.Microsecond)
	defer w.stop()
	p := &response{}
	out, err := e.call(r, q)
	if err == nil {
		switch body, isWrong := strings.CutPrefix(out, "!"); {
		case isWrong:
			p.status, p.text = statusFailed, printable(body)
		default:
			p.head, p.body, _ = strings.Cut(out, "\n")
		}
	} else {
		p.explain(err, w.hasFired())
	}
	p.console = r.console
	return p, nil
}

// call runs the script in r and returns what the driver says of it.
func (e *engine) call(r *realm, q *request) (string, error) {
	this := quickjs.UndefinedValue
	if _, err := r.driver.Call(this, "seed", float64(q.nowMs), int32(q.seed), int32(q.seed>>32), int32(q.seed>>16)); err != nil {
		return "", err
	}
	var err error
	switch q.op {
	case opRun:
		_, err = r.driver.Call(this, "input", q.meta, q.payload, q.isText)
	case opBatch:
		_, err = r.driver.Call(this, "events", q.meta)
	}
	if err != nil {
		return "", err
	}
	code, err := e.compile(r.vm, q.code)
	if err != nil {
		return "", err
	}
	v, err := r.vm.EvalBytecodeValue(code)
	if err != nil {
		return "", err
	}
	v.Free()
	if q.op == opCheck {
		kind, err := r.driver.Call(this, "check")
		if err == nil && kind != "function" {
			return "!the code must declare a function named handler", nil
		}
		return "", err
	}
	out, err := r.driver.Call(this, "run", q.op == opBatch, MaxOutputBytes)
	text, _ := out.(string)
	return text, err
}

// compile returns the bytecode of a script.
func (e *engine) compile(vm *quickjs.VM, code string) ([]byte, error) {
	if b := e.compiled[code]; b != nil {
		return b, nil
	}
	b, err := vm.Compile(code, quickjs.EvalGlobal)
	if err != nil {
		return nil, err
	}
	size := len(code) + len(b)
	if e.compiledBytes+size > maxCompiledBytes {
		clear(e.compiled)
		e.compiledBytes = 0
	}
	e.compiled[code] = b
	e.compiledBytes += size
	return b, nil
}

var stackPlace = regexp.MustCompile(`<eval>:(\d+)(?::(\d+))?\)?`)

// explain says what became of a run that ended in an exception.
func (r *response) explain(err error, isLate bool) {
	r.status, r.text = statusFailed, printable(err.Error())
	var e *quickjs.Error
	if !errors.As(err, &e) {
		return
	}
	switch {
	case isLate:
		r.status, r.text = statusTimeout, "the script did not end in time"
	case e.Name == "InternalError" && e.Message == "out of memory":
		r.status, r.text = statusMemory, "the script needs too much memory"
	case e.Name == "" && e.Stack == "" && err.Error() == "null":
		// Without memory for an error, the engine throws null, and so may a script.
		r.status, r.text = statusMemory, "the script needs too much memory, or has thrown null"
	case e.Name == "InternalError" && e.Message == "stack overflow", e.Name == "RangeError" && strings.Contains(e.Message, "call stack"):
		r.status, r.text = statusMemory, "the script nests its calls too deep"
	}
	if strings.TrimSpace(r.text) == "" { // nobody could look for that
		r.text = "the script has thrown something without a word"
	}
	r.line, r.column = place(e)
}

// place returns where in the script an exception comes from; zeros where nobody knows.
func place(e *quickjs.Error) (line, column uint64) {
	// A script may write there what it wants, and then it is told that.
	inScript := func(n int) bool { return n > 0 && n < driverLine }
	if inScript(e.LineNumber) {
		return uint64(e.LineNumber), uint64(max(e.ColumnNumber, 0))
	}
	for _, m := range stackPlace.FindAllStringSubmatch(e.Stack[:min(len(e.Stack), 8<<10)], 64) {
		n, _ := strconv.Atoi(m[1])
		if !inScript(n) {
			continue
		}
		column, _ = strconv.ParseUint(m[2], 10, 31)
		return uint64(n), column
	}
	return 0, 0
}

// maxErrorBytes bounds the words of a failure, which the script chose.
const maxErrorBytes = 400

// printable makes a script's words safe for logs and screens.
func printable(words string) string {
	if len(words) > 2*maxErrorBytes {
		words = words[:2*maxErrorBytes]
	}
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, words)
	if len(clean) > maxErrorBytes {
		clean = strings.ToValidUTF8(clean[:maxErrorBytes], "") + " ..."
	}
	return clean
}

// watchdog interrupts a realm that has used up its time. It counts processor time where
// the system tells it, so that a busy machine does not fail scripts that did nothing wrong.
type watchdog struct {
	mu    sync.Mutex // guards what follows
	vm    *quickjs.VM
	timer *time.Timer
	begun time.Duration // processor time of this process
	limit time.Duration
	fired bool
}

func watch(vm *quickjs.VM, limit time.Duration) *watchdog {
	w := &watchdog{vm: vm, limit: limit, begun: processorTime()}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(limit, w.look)
	return w
}

func (w *watchdog) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.vm == nil {
		return
	}
	wait := w.limit - (processorTime() - w.begun)
	if wait <= 0 {
		// The flag is cleared by each call into the realm, so it is set again until stop.
		w.fired, wait = true, 2*time.Millisecond
		w.vm.Interrupt()
	}
	w.timer.Reset(max(wait, time.Millisecond))
}

// stop ends the watch; the realm is not touched after it.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.vm = nil
}

func (w *watchdog) hasFired() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fired
}
