//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hookloft/hookloft/bench/measure"
)

// bench holds what all scenarios share: the built programs and a work folder.
type bench struct {
	sizes     sizes
	dir       string
	subjects  []string // relay, hookloft
	serveArgs []string
	runs      int // numbers the data folders
}

// build compiles the programs into the work folder.
func (b *bench) build(ctx context.Context) error {
	args := []string{"build", "-o", b.dir + "/", "./bench/relay", "./bench/load", "./bench/receiver"}
	if slices.Contains(b.subjects, "hookloft") {
		args = append(args, "./cmd/hookloft")
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build (run from the top of the checkout): %w\n%s", err, text)
	}
	return nil
}

// process is a started program.
type process struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{} // closed once waited for
	log    *os.File
}

// start runs one of the programs until stop or ctx ends. Its output goes to a
// file in the work folder.
func (b *bench) start(ctx context.Context, name string, args ...string) (*process, error) {
	log, err := os.Create(filepath.Join(b.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: exec.CommandContext(ctx, filepath.Join(b.dir, name), args...), exited: make(chan struct{}), log: log}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		log.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended does not matter: whoever needs it alive notices
		close(p.exited)
	}()
	return p, nil
}

// kill ends the process at once and waits for it.
func (p *process) kill() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
	p.log.Close()
}

// ready waits until url answers 200, at most limit, asking every 2 ms.
func (p *process) ready(url string, limit time.Duration) (time.Duration, error) {
	began := time.Now()
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for time.Since(began) < limit {
		if resp, err := client.Get(url); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(began), nil
			}
		}
		select {
		case <-p.exited:
			return 0, fmt.Errorf("%s ended before it was ready: %s", p.name, p.tail())
		case <-time.After(2 * time.Millisecond):
		}
	}
	return 0, fmt.Errorf("%s not ready after %v: %s", p.name, limit, p.tail())
}

func (p *process) tail() string {
	text, _ := os.ReadFile(p.log.Name())
	return string(text[max(0, len(text)-2000):])
}

// cpu is the processor time that the process has used, user and system, from
// /proc/PID/stat fields 14 and 15 (proc(5)), in hundredths of a second.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// The second field may hold spaces; it ends at the last parenthesis.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on Linux
}

// memory reads VmRSS and VmHWM (the peak) of /proc/PID/status, in MiB.
func (p *process) memory() (now, peak float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	read := func(key string) float64 {
		_, rest, _ := strings.Cut(string(text), key)
		line, _, _ := strings.Cut(rest, "\n")
		kib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 64)
		return kib / 1024
	}
	return read("VmRSS:"), read("VmHWM:")
}

// freeAddr asks the kernel for a free loopback port.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// sink is a running receiver.
type sink struct {
	*process
	addr, control string
}

// received is the receiver's GET /stats.
type received struct {
	Requests   int64           `json:"requests"`
	Distinct   int64           `json:"distinct"`
	Duplicates int64           `json:"duplicates"`
	Strange    int64           `json:"strange"`
	FirstNanos int64           `json:"first_ns"`
	LastNanos  int64           `json:"last_ns"`
	Latency    measure.Latency `json:"latency"`
}

func (b *bench) receiver(ctx context.Context, endpoints, messages int, delay time.Duration) (*sink, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return b.receiverAt(ctx, addr, endpoints, messages, delay)
}

func (b *bench) receiverAt(ctx context.Context, addr string, endpoints, messages int, delay time.Duration) (*sink, error) {
	control, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p, err := b.start(ctx, "receiver", "-listen", addr, "-control", control,
		"-endpoints", strconv.Itoa(endpoints), "-messages", strconv.Itoa(messages), "-delay", delay.String())
	if err != nil {
		return nil, err
	}
	if _, err := p.ready("http://"+control+"/stats", 10*time.Second); err != nil {
		p.kill()
		return nil, err
	}
	return &sink{p, addr, control}, nil
}

func (s *sink) stats() (received, error) {
	var r received
	resp, err := http.Get("http://" + s.control + "/stats")
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	return r, json.NewDecoder(resp.Body).Decode(&r)
}

// reset makes the receiver forget what it saw.
func (s *sink) reset() error {
	resp, err := http.Post("http://"+s.control+"/reset", "", nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// await polls until want deliveries have arrived or limit is over; a shortfall is
// for the caller to report. It asks rarely: each answer costs the receiver time.
func (s *sink) await(want int64, limit time.Duration) (received, error) {
	deadline := time.Now().Add(limit)
	for {
		r, err := s.stats()
		if err != nil || r.Distinct >= want || time.Now().After(deadline) {
			return r, err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// sent is what the load generator prints.
type sent struct {
	Sent       int             `json:"sent"`
	Acked      int             `json:"acked"`
	Failed     int             `json:"failed"`
	FirstError string          `json:"first_error"`
	Seconds    float64         `json:"seconds"`
	AckedRate  float64         `json:"acked_per_second"`
	FirstNanos int64           `json:"first_ns"`
	Ack        measure.Latency `json:"ack"`
	Late       measure.Latency `json:"late"`
}

// load runs the load generator to its end.
func (b *bench) load(ctx context.Context, addr, token string, args ...string) (sent, error) {
	var s sent
	cmd := exec.CommandContext(ctx, filepath.Join(b.dir, "load"), append([]string{"-addr", addr}, args...)...)
	cmd.Env = append(os.Environ(), "HOOKLOFT_TOKEN="+token)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("load: %w: %s", err, stderr.String())
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("load: %w", err)
	}
	if s.Failed > 0 {
		return s, fmt.Errorf("load: %d of %d messages were not acknowledged (%s)", s.Failed, s.Sent, s.FirstError)
	}
	return s, nil
}

// describeMachine says what was measured on: cores, memory, kernel, file system
// and what one small durable write costs there.
func describeMachine(dir string) string {
	cpu := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			cpu = strings.TrimSpace(strings.TrimLeft(line, "\t :"))
		}
	}
	var si syscall.Sysinfo_t
	_ = syscall.Sysinfo(&si)
	var uts syscall.Utsname
	_ = syscall.Uname(&uts)
	var kernel []byte
	for _, c := range uts.Release {
		if c == 0 {
			break
		}
		kernel = append(kernel, byte(c))
	}
	p50, p99 := probeDisk(dir)
	return fmt.Sprintf("%d × %s, %d GiB memory, Linux %s; append of 4 KiB + fdatasync: p50 %.2f ms, p99 %.2f ms",
		cores(), cpu, si.Totalram*uint64(si.Unit)>>30, kernel, p50, p99)
}

// loadAverage is that of the last minute (proc(5)). Near 0 means that the machine
// had nothing else to do.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return "load average " + one
}

// commit names what was built, as git describes it.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--tags").Output()
	if err != nil {
		return "unknown (no git)"
	}
	return strings.TrimSpace(string(out))
}

func cores() int {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return 0
	}
	return strings.Count(string(text), "processor\t:")
}

// probeDisk times 200 appends of 4 KiB, each with an fdatasync.
func probeDisk(dir string) (p50, p99 float64) {
	f, err := os.CreateTemp(dir, "probe-")
	if err != nil {
		return 0, 0
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4096)
	var all []time.Duration
	for range 200 {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, 0
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, 0
		}
		all = append(all, time.Since(began))
	}
	s := measure.Summarize(all)
	return s.P50, s.P99
}

// post is a small API call that must succeed.
func post(url, token string, in, out any) error { return send(http.MethodPost, url, token, in, out) }

func send(method, url, token string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	return call(req, token, out)
}

func get(url, token string, out any) error {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return call(req, token, out)
}

func call(req *http.Request, token string, out any) error {
	req.Header.Set("Authorization", "Bearer "+token)
	client := http.Client{Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: status %d: %.300s", req.Method, req.URL.Path, resp.StatusCode, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// folderMiB is how much disk the files below dir take, by their blocks.
func folderMiB(dir string) float64 {
	var blocks int64
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return nil // a file that went away meanwhile
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				blocks += st.Blocks
			}
		}
		return nil
	})
	return float64(blocks) * 512 / (1 << 20) // stat(2): blocks of 512 bytes
}
