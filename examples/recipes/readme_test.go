//go:build unix

package recipes

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

var (
	referred = regexp.MustCompile(`!env ([A-Z_]+)`)
	exported = regexp.MustCompile(`([A-Z_]+)=`)
)

// TestReadmesRun runs the commands of each README in the recipe's folder. The URLs and secrets that it
// exports are of services outside: it must name each that the file wants, and here they lead to
// this machine instead.
func TestReadmesRun(t *testing.T) {
	_, mail := newPost(t)
	sink := serve(t, http.StatusOK, func(*http.Request, []byte) (string, error) { return "", nil })
	bin := filepath.Dir(rig.Build(t))
	s := rig.Start(t, rig.Options{})
	files, err := filepath.Glob("*/README.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		folder := filepath.Dir(file)
		readme, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		declared, err := os.ReadFile(filepath.Join(folder, "hookloft.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		environ := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "HOOKLOFT_SERVER=" + s.URL, "HOOKLOFT_TOKEN=" + s.Token}
		names := map[string]bool{}
		for _, m := range referred.FindAllStringSubmatch(string(declared), -1) {
			names[m[1]] = true
			value := "a-secret-of-the-test"
			switch {
			case m[1] == "MAIL_URL":
				value = "smtp://" + mail + "?from=a@example.com&to=b@example.com"
			case strings.HasSuffix(m[1], "_URL"):
				value = sink.URL + "/" + folder
			}
			environ = append(environ, m[1]+"="+value)
		}
		var script []string
		for line := range strings.Lines(string(readme)) {
			command, isCode := strings.CutPrefix(line, "    ")
			switch {
			case isCode && strings.HasPrefix(command, "export "):
				for _, m := range exported.FindAllStringSubmatch(strings.ReplaceAll(command, "?wait=", ""), -1) {
					delete(names, m[1])
				}
			case isCode && strings.HasPrefix(command, "hookloft apply"):
				script = append(script, strings.TrimSpace(command)+" --yes") // nobody is there to be asked
			case isCode && strings.HasPrefix(command, "hookloft "):
				script = append(script, strings.TrimSpace(command))
			}
		}
		if len(names) > 0 {
			t.Errorf("%s does not say what %v are", file, names)
		}
		if len(script) == 0 {
			t.Errorf("%s has no commands", file)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		cmd := exec.CommandContext(ctx, "sh", "-euc", strings.Join(script, "\n"))
		cmd.Dir, cmd.Env, cmd.WaitDelay = folder, environ, time.Second
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, &out)
		}
		cancel()
	}
}
