//go:build unix

package listen

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// TestNothingIsMissedWhileNobodyListens: the client is stopped, 50 messages are published,
// and it is started again: 50 arrive, in order, once.
func TestNothingIsMissedWhileNobodyListens(t *testing.T) {
	w := newWorld(t)
	secret := w.secret("laptop")
	l := serveLocal(t, "0", secret, nil)
	c := w.listen(l)
	ids := w.publish(3)
	l.awaitCount(3)
	c.awaitDelivered(3)
	if code := c.stop(); code != 0 || !strings.Contains(c.err.String(), "3 delivered") {
		t.Fatalf("exit code %d: %s", code, &c.err)
	}
	if lines := strings.Count(c.out.String(), "\n"); lines != 3 || !strings.Contains(c.out.String(), ids[2]) || !strings.Contains(c.out.String(), "200 OK") {
		t.Errorf("printed %s", &c.out)
	}
	ids = append(ids, w.publish(50)...)
	c = w.listen(l)
	l.awaitCount(53)
	ids = append(ids, w.publish(1)...) // and nothing is between
	l.awaitCount(54)
	if got := l.ids(); !slices.Equal(got, ids) {
		t.Errorf("arrived\n%v\nwant\n%v", got, ids)
	}
	if code := c.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if again := w.secret("laptop"); again != secret {
		t.Error("the secret is another one after a restart of the client")
	}
}

// TestServerKilledWhileNobodyListens is the same with a kill -9 of the server between.
func TestServerKilledWhileNobodyListens(t *testing.T) {
	w := newWorld(t)
	secret := w.secret("laptop")
	l := serveLocal(t, "0", secret, nil)
	c := w.listen(l)
	w.publish(1)
	l.awaitCount(1)
	c.awaitDelivered(1)
	c.stop()
	ids := w.publish(50)
	w.server.Kill()
	if _, err := w.server.Restart(); err != nil {
		t.Fatal(err)
	}
	if again := w.secret("laptop"); again != secret {
		t.Error("the secret is another one after a restart of the server")
	}
	w.listen(l)
	l.awaitCount(51)
	ids = append(ids, w.publish(1)...)
	l.awaitCount(52)
	if got := l.ids()[1:]; !slices.Equal(got, ids) {
		t.Errorf("arrived\n%v\nwant\n%v", got, ids)
	}
}

// TestServerKilledUnderTheClient: the client comes back by itself, and what the server
// sends again, because acks were not saved, is known to it.
func TestServerKilledUnderTheClient(t *testing.T) {
	w := newWorld(t)
	l := serveLocal(t, "0", w.secret("laptop"), nil)
	c := w.listen(l)
	var ids []string
	for range 3 {
		ids = append(ids, w.publish(20)...)
		l.awaitCount(len(ids))
		w.server.Kill()
		if _, err := w.server.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	ids = append(ids, w.publish(10)...)
	l.awaitCount(len(ids))
	if code := c.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := l.ids(); !slices.Equal(got, ids) {
		t.Errorf("arrived\n%v\nwant\n%v", got, ids)
	}
	if !strings.Contains(c.err.String(), "connected again") {
		t.Errorf("it says %s", &c.err)
	}
}

// TestDrainIsToldAndSaved: a server that stops in order takes no longer than it may, and
// repeats nothing to a new client.
func TestDrainIsToldAndSaved(t *testing.T) {
	w := newWorld(t)
	l := serveLocal(t, "0", "", nil)
	c := w.listen(l)
	ids := w.publish(20)
	l.awaitCount(20)
	await(t, "20 lines", func() bool { return strings.Count(c.out.String(), "\n") == 20 })
	if err := w.server.Stop(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	c.kill()
	if _, err := w.server.Restart(); err != nil {
		t.Fatal(err)
	}
	w.listen(l)
	ids = append(ids, w.publish(1)...)
	l.awaitCount(21)
	if got := l.ids(); !slices.Equal(once(got), ids) || len(got) > len(ids)+1 { // the last ack may have been on its way
		t.Errorf("arrived\n%v\nwant\n%v", got, ids)
	}
}

// TestClientKilled: after kill -9 each message arrives at least once, in order, and only
// what had no ack on its way repeats.
func TestClientKilled(t *testing.T) {
	w := newWorld(t)
	l := serveLocal(t, "0", w.secret("laptop"), nil)
	l.slow = 2 * time.Millisecond
	c := w.listen(l)
	var ids []string
	for round := range 3 {
		ids = append(ids, w.publish(100)...)
		l.awaitCount(60 + round*90)
		c.kill()
		c = w.listen(l)
	}
	await(t, "all messages", func() bool { return len(once(l.ids())) == len(ids) })
	got := l.ids()
	if !slices.Equal(once(got), ids) {
		t.Errorf("without repeats arrived\n%v\nwant\n%v", once(got), ids)
	}
	if repeats := len(got) - len(ids); repeats > 3*2 {
		t.Errorf("%d repeats after 3 kills, each of which cuts off one request and one ack", repeats)
	} else {
		t.Logf("%d repeats after 3 kills", repeats)
	}
}

func TestLocalServerDown(t *testing.T) {
	w := newWorld(t)
	l := serveLocal(t, "0", "", nil)
	l.close()
	c := w.listen(l)
	ids := w.publish(10)
	await(t, "the client to say so", func() bool { return strings.Contains(c.err.String(), "trying again until it does") })
	up := serveLocal(t, l.port, "", nil)
	up.awaitCount(10)
	c.awaitDelivered(10)
	if got := up.ids(); !slices.Equal(got, ids) {
		t.Errorf("arrived %v, want %v", got, ids)
	}
	if strings.Count(c.err.String(), "trying again") != 1 {
		t.Errorf("it says more than once that the server is down: %s", &c.err)
	}
	c.stop()

	// With --skip-failed nothing waits.
	up.close()
	c = w.listen(l, "--skip-failed")
	w.publish(3)
	await(t, "3 lines", func() bool { return strings.Count(c.out.String(), "\n") == 3 })
	if c.stop() != 0 || !strings.Contains(c.err.String(), "0 delivered, 3 failed") {
		t.Errorf("it says %s", &c.err)
	}
	again := serveLocal(t, l.port, "", nil)
	c = w.listen(l)
	last := w.publish(1)
	again.awaitCount(1)
	if got := again.ids(); !slices.Equal(got, last) {
		t.Errorf("arrived %v, want %v alone", got, last)
	}
}

func TestLocalServerFails(t *testing.T) {
	w := newWorld(t)
	// 500 and 302 are answers; 503 is a proxy without a server behind it.
	l := serveLocal(t, "0", "", func(n int) int { return []int{500, 302, 503, 503, 200}[min(n-1, 4)] })
	record := filepath.Join(t.TempDir(), "calls.ndjson")
	c := w.listen(l, "--output", "json", "--record", record)
	ids := w.publish(3)
	l.awaitCount(5)
	await(t, "5 lines", func() bool { return strings.Count(c.out.String(), "\n") == 5 })
	if c.stop() != 0 || !strings.Contains(c.err.String(), "1 delivered, 2 failed") {
		t.Errorf("it says %s", &c.err)
	}
	want := []string{ids[0], ids[1], ids[2], ids[2], ids[2]}
	if got := l.ids(); !slices.Equal(got, want) {
		t.Errorf("arrived %v, want %v", got, want)
	}
	for i, line := range strings.Split(strings.TrimSpace(c.out.String()), "\n") {
		var r struct {
			ID     string
			Status int
			Try    int
			Final  bool
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.ID != want[i] || r.Status != []int{500, 302, 503, 503, 200}[i] || r.Final == (i == 2 || i == 3) {
			t.Errorf("line %d: %v %s", i, err, line)
		}
	}
	data, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	var first struct {
		Request  struct{ Method, URL, Body string }
		Response struct{ Headers map[string][]string }
	}
	if err := json.Unmarshal(data[:bytes.IndexByte(data, '\n')], &first); err != nil {
		t.Fatal(err)
	}
	if body, _ := base64.StdEncoding.DecodeString(first.Request.Body); string(body) != `{"seq":0}` || first.Request.Method != "POST" || len(first.Response.Headers) == 0 {
		t.Errorf("recorded %s", data)
	}
	if info, err := os.Stat(record); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestLatencyAndFailRate(t *testing.T) {
	w := newWorld(t)
	l := serveLocal(t, "0", "", nil)
	c := w.listen(l, "--latency", "300ms", "--fail-rate", "100")
	began := time.Now()
	ids := w.publish(1)
	l.awaitCount(2)
	if took := time.Since(began); took < 600*time.Millisecond {
		t.Errorf("two tries took %v", took)
	}
	if got := l.ids(); got[0] != ids[0] || got[1] != ids[0] {
		t.Errorf("arrived %v", got)
	}
	if c.stop() != 0 || !strings.Contains(c.err.String(), "0 delivered") || !strings.Contains(c.err.String(), "--fail-rate") {
		t.Errorf("it says %s", &c.err)
	}
}

func TestTwoClients(t *testing.T) {
	w := newWorld(t)
	a, b, other := serveLocal(t, "0", "", nil), serveLocal(t, "0", "", nil), serveLocal(t, "0", "", nil)
	first := w.listen(a)
	w.start("listen", other.port, "--app", "acme", "--name", "desktop", "--output", "quiet")
	ids := w.publish(2)
	a.awaitCount(2)
	first.awaitDelivered(2)
	second := w.listen(b)
	if code := first.wait(); code != 1 || !strings.Contains(first.err.String(), "another hookloft listens under this name") {
		t.Errorf("the first ended with %d: %s", code, &first.err)
	}
	ids = append(ids, w.publish(3)...)
	await(t, "all messages", func() bool { return len(once(append(a.ids(), b.ids()...))) == len(ids) })
	other.awaitCount(5)
	if got := append(a.ids(), b.ids()...); !slices.Equal(once(got), ids) || len(got) > len(ids)+1 { // the last ack may have been on its way
		t.Errorf("arrived %v, want %v", got, ids)
	}
	if got := other.ids(); !slices.Equal(got, ids) {
		t.Errorf("at the other name arrived %v, want %v", got, ids)
	}
	if second.hasExited() {
		t.Error("the second ended, too")
	}
}

func TestMisuseIsTold(t *testing.T) {
	w := newWorld(t)
	other := w.api.MustCreateApp(t, "other")
	status, body, err := w.api.Do(http.MethodPost, "/api/v1/auth/app-portal-access/acme", map[string]any{})
	var portal struct{ Token string }
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &portal) != nil {
		t.Fatalf("%d %v %s", status, err, body)
	}
	status, body, err = w.api.Do(http.MethodPost, "/api/v1/auth/app-portal-access/acme", map[string]any{"capabilities": []string{"ViewBase"}})
	var viewer struct{ Token string }
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &viewer) != nil {
		t.Fatalf("%d %v %s", status, err, body)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + free.Addr().String()
	free.Close()
	for _, c := range []struct {
		name string
		code int
		says string
		args []string
	}{
		{"another application's token", 3, "404", []string{"3000", "--app", other, "--token", portal.Token}},
		{"a token that may only look", 4, "403", []string{"3000", "--app", "acme", "--token", viewer.Token}},
		{"a wrong token", 4, "401", []string{"3000", "--app", "acme", "--token", "nonsense"}},
		{"no such application", 3, "404", []string{"3000", "--app", "nobody"}},
		{"no such source", 3, "404", []string{"3000", "--source", "nobody"}},
		{"nobody there", 1, "nothing listens", []string{"3000", "--app", "acme", "--server", nobody}},
		{"no port", 2, "PORT or URL", []string{"--app", "acme"}},
		{"a port that is none", 2, "neither a port", []string{"70000", "--app", "acme"}},
		{"a host elsewhere", 2, "not of this machine", []string{"192.0.2.1:80", "--app", "acme"}},
		{"a URL of another kind", 2, "http://", []string{"ftp://x/", "--app", "acme"}},
		{"neither application nor source", 2, "--app or --source", []string{"3000"}},
		{"both", 2, "together", []string{"3000", "--app", "acme", "--source", "x"}},
		{"a bad rate", 2, "--fail-rate", []string{"3000", "--app", "acme", "--fail-rate", "101"}},
		{"a bad path", 2, "slash", []string{"3000", "--app", "acme", "--path", "hooks"}},
		{"a bad name", 2, "name", []string{"3000", "--app", "acme", "--name", "a b"}},
		{"a bad pattern", 2, "event_types", []string{"3000", "--app", "acme", "--events", "a[b"}},
		{"a bad output", 2, "--output", []string{"3000", "--app", "acme", "--output", "xml"}},
		{"no terminal", 2, "terminal", []string{"3000", "--app", "acme", "--output", "interactive"}},
		{"a record that cannot be written", 2, "--record", []string{"3000", "--app", "acme", "--record", t.TempDir()}},
		{"a misspelt flag", 2, "did you mean --events", []string{"3000", "--app", "acme", "--event"}},
	} {
		cmd := w.command(append([]string{"listen"}, c.args...)...)
		var out, errs text
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run() // the state says how it ended
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(errs.String(), c.says) || out.String() != "" || strings.Contains(errs.String(), w.server.Token) {
			t.Errorf("%s: exit code %d, want %d: %s%s", c.name, code, c.code, &errs, &out)
		}
	}
}

// TestSourceIsForwardedAsItWas: what a provider sent comes to the local server as that
// request, and verifies there with our signature beside the provider's.
func TestSourceIsForwardedAsItWas(t *testing.T) {
	w := newWorld(t)
	receiver := rig.Receive(t, rig.ReceiverOptions{})
	src := w.api.MustCreateSource(t, "ci", receiver.URL+"/x", rig.Secret("x"))
	out, err := w.command("listen", "--source", "ci", "--name", "laptop", "--print-secret").Output()
	if err != nil {
		t.Fatal(err)
	}
	l := serveLocal(t, "0", strings.TrimSpace(string(out)), nil)
	w.start("listen", l.port, "--source", "ci", "--name", "laptop", "--path", "/in?own=1")
	body := []byte(`{"zen": "Keep it  logically awesome."}`)
	if status, err := src.Send("delivery-1", body); err != nil || status/100 != 2 {
		t.Fatalf("%d %v", status, err)
	}
	l.awaitCount(1)
	x := l.taken()[0]
	if x.fault != "" || string(x.body) != string(body) || x.method != http.MethodPost || x.uri != "/in?own=1" {
		t.Errorf("%+v", x)
	}
	for name, want := range map[string]string{"X-Github-Delivery": "delivery-1", "X-Hookloft-Provider": "github", "X-Hookloft-Source": src.ID, "Content-Type": "application/json"} {
		if got := x.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if x.header.Get("X-Hub-Signature-256") == "" {
		t.Error("the provider's own signature is missing")
	}
}
