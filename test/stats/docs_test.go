//go:build unix

package stats

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// TestPageRuns runs the commands of docs/statistics.md as they stand there.
func TestPageRuns(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq", "timeout", "date"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not here", tool)
		}
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "statistics.md"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	for _, part := range strings.Split(string(page), "```bash\n")[1:] {
		code, _, _ := strings.Cut(part, "```")
		script.WriteString(code)
	}
	receiver := rig.Receive(t, rig.ReceiverOptions{NoLog: true})
	s := rig.Start(t, rig.Options{})
	api := s.API()
	app := api.MustCreateApp(t, "shop")
	api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: receiver.URL + "/good"})
	if status, _, err := api.Publish(app, rig.MessageIn{EventType: "invoice.paid", Payload: []byte(`{}`)}); err != nil || status != http.StatusAccepted {
		t.Fatalf("publish: %d %v", status, err)
	}
	for deadline := time.Now().Add(20 * time.Second); get[series](t, api, "/x/v1/stats/series").Total.Success == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the attempt is not counted")
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	cmd.Env = append(os.Environ(), "HOOKLOFT_URL="+s.URL, "HOOKLOFT_TOKEN="+s.Token, "APP=shop")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"period":"minute"`, `"total":{"success":1,"failed":0`, `"belowMs":`, "Delivered to 1 endpoint.", "/api/v1/app/" + app + "/msg/msg_", ": watching", `"under24h": 0`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands do not print %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
