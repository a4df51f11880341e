//go:build unix

// Package seal looks for sealed content from outside: the real binary, killed in the middle,
// and every file that it leaves.
package seal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

const (
	plain  = "MARKERINTHECLEAR"
	sealed = "MARKERTHATISSEALED"
)

// scene is a server with an endpoint that takes everything and one that takes nothing until
// it is healed; both answer with the marker of what they got.
type scene struct {
	*testing.T
	*rig.API
	server            *rig.Server
	app, good, bad    string
	source            *rig.Source
	healed            atomic.Bool
	goodHits, badHits atomic.Int64
	messages          []string // ids
}

func newScene(t *testing.T) *scene {
	sc := &scene{T: t}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		marker := plain
		if bytes.Contains(body, []byte(sealed)) {
			marker = sealed
		}
		w.Header().Set("X-Answer", "header "+marker)
		if r.URL.Path == "/bad" && !sc.healed.Load() {
			sc.badHits.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
		} else if r.URL.Path == "/good" {
			sc.goodHits.Add(1)
		}
		fmt.Fprint(w, "answer "+marker)
	}))
	t.Cleanup(receiver.Close)
	sc.server = rig.Start(t, rig.Options{})
	sc.API = sc.server.API()
	sc.app = sc.MustCreateApp(t, "acme")
	sc.good = sc.MustCreateEndpoint(t, sc.app, rig.EndpointIn{URL: receiver.URL + "/good"})
	sc.bad = sc.MustCreateEndpoint(t, sc.app, rig.EndpointIn{URL: receiver.URL + "/bad"})
	sc.source = sc.MustCreateSource(t, "hub", receiver.URL+"/hub", rig.Secret("hub"))
	return sc
}

// do makes a call that must be answered with status.
func (sc *scene) do(status int, method, path string, in any) []byte {
	sc.Helper()
	got, text, err := sc.Do(method, path, in)
	if err != nil || got != status {
		sc.Fatalf("%s %s: %d %s %v, want %d", method, path, got, text, err, status)
	}
	return text
}

func (sc *scene) seal(on bool) {
	sc.Helper()
	text := sc.do(200, "PATCH", "/api/v1/management/environment-settings", map[string]any{"sealContent": on})
	if !bytes.Contains(text, fmt.Appendf(nil, `"sealContent":%v`, on)) {
		sc.Fatalf("settings: %s", text)
	}
}

// publish sends content with a marker in through every door.
func (sc *scene) publish(marker string) {
	sc.Helper()
	in := func(more string) json.RawMessage {
		return json.RawMessage(`{"eventType":"a.b","tags":["tag"],"payload":{"text":"` + marker + `"}` + more + `}`)
	}
	for _, more := range []string{``, `,"transformationsParams":{"rawPayload":"raw ` + marker + `"}`, `,"transformationsParams":{"x":"` + marker + `"}`} {
		var out struct{ ID string }
		if err := json.Unmarshal(sc.do(202, "POST", "/api/v1/app/"+sc.app+"/msg", in(more)), &out); err != nil {
			sc.Fatal(err)
		}
		sc.messages = append(sc.messages, out.ID)
	}
	if status, err := sc.source.Send(marker, []byte(`{"text":"`+marker+`"}`)); err != nil || status/100 != 2 {
		sc.Fatalf("webhook: %d %v", status, err)
	}
}

// await polls until done says so.
func (sc *scene) await(what string, done func() bool) {
	sc.Helper()
	for deadline := time.Now().Add(40 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			sc.Fatal("not in time: " + what)
		}
	}
}

// nowhere looks for the sealed marker in every file below dir and in the server's log.
func (sc *scene) nowhere(when, dir string) {
	sc.Helper()
	if found := grep(sc.T, dir, sealed); len(found) > 0 {
		sc.Errorf("%s: the marker is in %v", when, found)
	}
	if strings.Contains(sc.server.LogTail(1<<20), sealed) {
		sc.Errorf("%s: the marker is in the log", when)
	}
}

func grep(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) { // the server has removed it
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if bytes.Contains(b, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// shown checks that the API shows all content of what was published.
func (sc *scene) shown(when string, api *rig.API) {
	sc.Helper()
	get := func(path, want string) {
		sc.Helper()
		status, text, err := api.Do("GET", path, nil)
		if err != nil || status != 200 || strings.Count(string(text), want) == 0 {
			sc.Errorf("%s: GET %s: %d %v, without %q: %s", when, path, status, err, want, text)
		}
	}
	app := "/api/v1/app/" + sc.app
	last := sc.messages[len(sc.messages)-1]
	get(app+"/msg/"+last, `{"text":"`+sealed+`"}`)
	get(app+"/msg/"+last+"/raw", sealed)
	get(app+"/msg?limit=2&with_content=true&tag=tag", sealed)
	get(app+"/attempt/endpoint/"+sc.good+"?limit=1", "answer "+sealed)
	get(app+"/attempt/msg/"+last, "header "+sealed)
	get(app+"/endpoint/"+sc.good+"/msg?limit=1&with_content=true", sealed)
	get("/api/v1/app/"+sc.source.Application+"/msg?limit=1&with_content=true", sealed)
}

// TestSealedContentIsInNoFile publishes, receives and fails with sealing on, kills the server
// in between, and looks into every file; then everything is sent again and read, here and
// from a backup.
func TestSealedContentIsInNoFile(t *testing.T) {
	sc := newScene(t)
	sc.publish(plain)
	sc.await("the first deliveries", func() bool { return sc.goodHits.Load() >= 3 && sc.badHits.Load() >= 3 })
	sc.await("what is not sealed to be on disk, without which this test proves nothing", func() bool {
		return len(grep(t, sc.server.Data, plain)) > 0
	})

	sc.seal(true)
	sc.publish(sealed)
	sc.await("deliveries", func() bool { return sc.goodHits.Load() >= 6 && sc.badHits.Load() >= 6 })
	sc.publish(sealed)
	sc.server.Kill() // with deliveries under way
	sc.nowhere("killed", sc.server.Data)
	if _, err := sc.server.Restart(); err != nil {
		t.Fatal(err)
	}
	sc.nowhere("started again", sc.server.Data)
	// What was in memory was found by its sealed rows, opened and sent.
	sc.await("what the kill broke off", func() bool { return sc.goodHits.Load() >= 9 })
	sc.await("retries at the endpoint that fails", func() bool { return sc.badHits.Load() >= 12 })
	last := sc.messages[len(sc.messages)-1]
	sc.await("the answers to be stored", func() bool {
		return bytes.Contains(sc.do(200, "GET", "/api/v1/app/"+sc.app+"/attempt/msg/"+last, nil), []byte("answer "+sealed))
	})
	sc.shown("running", sc.API)

	sc.healed.Store(true)
	before := sc.goodHits.Load()
	sc.do(202, "POST", "/api/v1/app/"+sc.app+"/msg/"+last+"/endpoint/"+sc.good+"/resend", map[string]any{})
	sc.await("a resend", func() bool { return sc.goodHits.Load() > before })
	sc.do(202, "POST", "/api/v1/app/"+sc.app+"/endpoint/"+sc.bad+"/recover", map[string]any{"since": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)})
	sc.nowhere("sent again", sc.server.Data)

	backup := filepath.Join(t.TempDir(), "backup.tar")
	if out, err := sc.server.Command("backup", "--data", sc.server.Data, backup); err != nil {
		t.Fatal(out, err)
	}
	sc.nowhere("backed up", filepath.Dir(backup))
	sc.do(204, "DELETE", "/api/v1/app/"+sc.app+"/msg/"+sc.messages[3]+"/content", nil)
	if text := sc.do(200, "GET", "/api/v1/app/"+sc.app+"/msg/"+sc.messages[3], nil); bytes.Contains(text, []byte(sealed)) {
		t.Errorf("expunged: %s", text)
	}
	sc.seal(false)
	sc.publish(plain)
	sc.messages = sc.messages[:len(sc.messages)-3]
	if err := sc.server.Stop(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	sc.nowhere("stopped", sc.server.Data)

	// Elsewhere, with the key, everything opens.
	restored := filepath.Join(t.TempDir(), "restored")
	if out, err := sc.server.Command("restore", "--data", restored, backup); err != nil {
		t.Fatal(out, err)
	}
	key, err := os.ReadFile(filepath.Join(sc.server.Data, "main.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(restored, "main.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	copied := rig.Start(t, rig.Options{Data: restored})
	sc.shown("restored", copied.API())
}

// TestDamagedContentEndsItsDelivery flips a byte of a sealed payload in the file of a stopped
// server. The message is listed without content, its delivery ends, once, with the reason
// storage, and everything else goes on.
func TestDamagedContentEndsItsDelivery(t *testing.T) {
	sc := newScene(t)
	sc.seal(true)
	publish := func(tag string) string {
		var out struct{ ID string }
		in := map[string]any{"eventType": "a.b", "tags": []string{tag}, "payload": map[string]string{"text": strings.Repeat(sealed, 10)}}
		if err := json.Unmarshal(sc.do(202, "POST", "/api/v1/app/"+sc.app+"/msg", in), &out); err != nil {
			t.Fatal(err)
		}
		return out.ID
	}
	const tag = "TAGOFTHEDAMAGED"
	damaged, whole := publish(tag), publish("other")
	sc.await("first attempts", func() bool { return sc.badHits.Load() >= 2 && sc.goodHits.Load() >= 2 })
	if err := sc.server.Stop(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	files := grep(t, filepath.Join(sc.server.Data, "segments"), tag)
	if len(files) != 1 {
		t.Fatalf("the row is in %v", files)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	// Behind the tags of a row are times, some 16 bytes of endpoints and the payload.
	b[bytes.LastIndex(b, []byte(tag))+len(tag)+100] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	sc.healed.Store(true)
	if _, err := sc.server.Restart(); err != nil {
		t.Fatal(err)
	}
	type attempt struct {
		StatusText string
		Hookloft   struct{ Reason, Error string }
	}
	var list struct{ Data []attempt }
	sc.await("the end of the delivery", func() bool {
		if err := json.Unmarshal(sc.do(200, "GET", "/api/v1/app/"+sc.app+"/attempt/msg/"+damaged+"?endpoint_id="+sc.bad, nil), &list); err != nil {
			t.Fatal(err)
		}
		return len(list.Data) == 2
	})
	if a := list.Data[0]; a.Hookloft.Reason != "storage" || a.StatusText != "fail" || a.Hookloft.Error == "" {
		t.Errorf("the last attempt: %+v", a)
	}
	sc.await("the other message", func() bool {
		return bytes.Contains(sc.do(200, "GET", "/api/v1/app/"+sc.app+"/attempt/msg/"+whole+"?endpoint_id="+sc.bad, nil), []byte(`"statusText":"success"`))
	})
	text := sc.do(200, "GET", "/api/v1/app/"+sc.app+"/msg?with_content=true", nil)
	if !bytes.Contains(text, []byte(damaged)) || !bytes.Contains(text, []byte(whole)) || strings.Count(string(text), sealed) != 10 {
		t.Errorf("the list: %s", text)
	}
	if text := sc.do(200, "GET", "/x/v1/why/"+damaged, nil); !bytes.Contains(text, []byte("storage")) {
		t.Errorf("why: %s", text)
	}
	if log := sc.server.LogTail(1 << 20); !strings.Contains(log, "cannot be read") || !strings.Contains(log, damaged) || strings.Contains(log, sealed) {
		t.Errorf("the log does not say what happened: %s", log)
	}
}
