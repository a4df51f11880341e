//go:build linux

package crash

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// needStrace skips the test where system calls cannot be tampered with.
func needStrace(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("fault tests run real processes; not with -short")
	}
	out, err := exec.Command("strace", "-f", "-o", os.DevNull, "--seccomp-bpf", "-e", "inject=fsync:retval=0", "true").CombinedOutput()
	if err != nil {
		t.Skipf("needs strace with permission to trace (apt-get install strace): %v %s", err, out)
	}
	t.Cleanup(func() { os.Remove(straceLog(t)) })
}

// straceArgs puts strace in front of the server so that the given system calls are
// tampered with; its record goes to the file that straceLog names. --seccomp-bpf
// stops the server at these calls only, so that the rest runs at full speed; strace
// 6.1 injects no signals with it, so a kill has to do without.
func straceArgs(t *testing.T, calls, tamper string) []string {
	argv := []string{"strace", "-f", "-qq", "-ttt", "-y", "-o", straceLog(t),
		"-e", "trace=" + calls, "-e", "inject=" + calls + ":" + tamper}
	if !strings.HasPrefix(tamper, "signal=") {
		argv = append(argv, "--seccomp-bpf")
	}
	return argv
}

func straceLog(t *testing.T) string {
	return filepath.Join(os.TempDir(), "hookloft-strace-"+strconv.Itoa(os.Getpid())+"-"+t.Name()+".txt")
}

// A crash at a system call that makes something durable is the nastiest moment:
// half of a commit is out. strace counts calls per thread, so the sweep takes many
// numbers instead of trusting one.
func TestKillAtDurableCallsLosesNothing(t *testing.T) {
	needStrace(t)
	points := rig.EnvInt(t, "HOOKLOFT_POINTS", 10)
	// The server is killed at a call's 1st, 1+step-th, 1+3 step-th, ... time in one
	// thread. Files are renamed, cut and removed mostly while it starts.
	sweep := []struct {
		calls string
		step  int
	}{
		{"fdatasync,fsync", 8},
		{"pwrite64", 40},
		{"ftruncate,rename,renameat,renameat2,unlink,unlinkat", 1},
	}
	sc := newScene(t, rig.Options{}, rig.ReceiverOptions{})
	// strace stops the server at every system call, of which a commit makes dozens, so
	// that on a busy machine a commit takes some 0.3 s. How fresh a repeated request
	// may be is for the kill tests to say; here only that a crash lay in between.
	sc.window = 5 * time.Second
	stop := sc.publish(t)
	sc.kill()
	hit := 0
	for i := range points {
		call := sweep[i%len(sweep)].calls
		when := 1 + sweep[i%len(sweep)].step*(i/len(sweep))*(i/len(sweep)+1)/2
		sc.server.SetWrap(straceArgs(t, call, "signal=SIGKILL:when="+strconv.Itoa(when))...)
		_, err := sc.server.Restart()
		status := -1 // it may die while it starts, which is as good a point as any
		if err == nil {
			if status, err = sc.server.Wait(2 * time.Second); err != nil {
				sc.kill() // the number was never reached
				continue
			}
		} else if !strings.Contains(err.Error(), "signal: killed") {
			t.Fatalf("point %d (%s): %v", i+1, call, err)
		}
		if status != -1 {
			t.Fatalf("point %d (%s): the server ended by itself with status %d:\n%s", i+1, call, status, sc.server.LogTail(2000))
		}
		hit++
		sc.crashes = append(sc.crashes, rig.CrashAt(lastCall(t)))
	}
	sc.server.SetWrap()
	if _, err := sc.server.Restart(); err != nil {
		t.Fatalf("after the sweep: %v", err)
	}
	time.Sleep(100 * time.Millisecond)
	stop()
	v := sc.judge(t, time.Minute)
	t.Logf("%d points, %d reached: %v", points, hit, v)
	if !v.OK() {
		t.Error("promises were broken")
	}
	if hit == 0 {
		t.Error("no point was reached: this run tested nothing")
	}
}

// A crash while the data directory is being made must leave one that the next start
// can use: nobody had a promise yet, but nobody wants to clean up by hand either.
func TestKillDuringFirstUseLeavesAUsableDirectory(t *testing.T) {
	needStrace(t)
	points := rig.EnvInt(t, "HOOKLOFT_POINTS", 10)
	bin := rig.Build(t)
	const calls = "fdatasync,fsync,pwrite64,write,ftruncate,rename,renameat,renameat2,unlink,unlinkat,mkdirat,link,linkat"
	killed := 0
	for i := range points {
		data := filepath.Join(t.TempDir(), "data")
		argv := append(straceArgs(t, calls, "signal=SIGKILL:when="+strconv.Itoa(1+3*i)), bin, "token", "create", "--data", data)
		out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
		if err != nil {
			if !strings.Contains(err.Error(), "killed") {
				t.Fatalf("point %d: %v: %s", i+1, err, out)
			}
			killed++
		}
		s := rig.New(t, rig.Options{Bin: bin, Data: data})
		if _, err := s.Restart(); err != nil {
			t.Fatalf("after a kill at durable call %d of the first use: %v", 1+3*i, err)
		}
		if _, err := s.API().CreateApp("after"); err != nil {
			t.Fatalf("after a kill at durable call %d of the first use: %v", 1+3*i, err)
		}
		s.Kill()
	}
	t.Logf("%d points, %d reached", points, killed)
	if killed == 0 {
		t.Error("no point was reached: this run tested nothing")
	}
}

// callLine is a traced system call in strace's record, with its time (-ttt).
var callLine = regexp.MustCompile(`(?m)^\d+ +(\d+\.\d+) [a-z<]`)

// lastCall is when the last traced call began: the one that a kill was put into.
func lastCall(t *testing.T) time.Time {
	t.Helper()
	text, err := os.ReadFile(straceLog(t))
	if err != nil {
		t.Fatal(err)
	}
	all := callLine.FindAllStringSubmatch(string(text), -1)
	if len(all) == 0 {
		t.Fatalf("strace recorded no call:\n%.500s", text)
	}
	return seconds(t, all[len(all)-1][1])
}

// seconds reads a time that strace wrote.
func seconds(t *testing.T, text string) time.Time {
	t.Helper()
	s, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMicro(int64(s * 1e6))
}

// injectedLine is how strace notes a call that it made fail, with the time (-ttt).
var injectedLine = regexp.MustCompile(`(?m)^\d+ +(\d+\.\d+) .*\(INJECTED\)`)

// injections returns the times at which strace made a call fail.
func injections(t *testing.T) []time.Time {
	text, err := os.ReadFile(straceLog(t))
	if err != nil {
		return nil
	}
	var at []time.Time
	for _, m := range injectedLine.FindAllStringSubmatch(string(text), -1) {
		at = append(at, seconds(t, m[1]))
	}
	return at
}

// An fsync that fails leaves the disk in a state nobody knows (the kernel may drop
// the dirty pages), so the process must not acknowledge anything more, nor try the
// fsync again: it names the file and the error, and ends.
func TestFsyncErrorStopsTheServer(t *testing.T) {
	needStrace(t)
	d := newDisk(t, 256)
	sc := newScene(t, rig.Options{Data: d.data()}, rig.ReceiverOptions{})
	if err := sc.server.Stop(60 * time.Second); err != nil {
		t.Fatalf("stop: %v", err)
	}
	sc.server.SetWrap(straceArgs(t, "fdatasync,fsync", "error=EIO:when=40+")...)
	if _, err := sc.server.Restart(); err != nil {
		t.Fatal(err)
	}
	stop := sc.publish(t)
	status, err := sc.server.Wait(20 * time.Second)
	ended := time.Now()
	stop()
	if err != nil {
		t.Fatalf("an fsync failed and the server goes on: %v", err)
	}
	failed := injections(t)
	if len(failed) == 0 {
		t.Fatalf("the server ended without an injected error: %s", sc.server.LogTail(2000))
	}
	log := sc.server.LogTail(1500)
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	if !strings.Contains(log, "input/output error") && !strings.Contains(log, "EIO") {
		t.Errorf("the log does not name the error:\n%s", log)
	}
	if !namesFile(log, d.data()) {
		t.Errorf("the log names no file of the data folder:\n%s", log)
	}
	for _, p := range sc.ledger.Entries() {
		if p.Acked && p.Began.After(failed[0]) {
			t.Errorf("%s was published %v after the first failed fsync, and acknowledged", p.ID, p.Began.Sub(failed[0]))
		}
	}
	t.Logf("ended %v after the first error", ended.Sub(failed[0]).Round(time.Millisecond))
	sc.crashes = append(sc.crashes, rig.CrashAt(failed[0]))
	d.cut() // what the failed fsync did not write is gone
	sc.server.SetWrap()
	if _, err := sc.server.Restart(); err != nil {
		t.Fatalf("after the error: %v", err)
	}
	v := sc.judge(t, time.Minute)
	t.Logf("after an fsync error: %v", v)
	if !v.OK() {
		t.Error("promises were broken")
	}
}

// namesFile says whether the text names a file that lies in dir.
func namesFile(text, dir string) bool {
	found := false
	_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.Contains(text, e.Name()) {
			found = true
		}
		return nil
	})
	return found
}
