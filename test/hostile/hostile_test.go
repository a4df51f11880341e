//go:build unix

// Package hostile drives the real binary with the three collections of
// reference/hostile: API input that is wrong or odd, receivers that misbehave, and
// URLs that lead inside. The collections are read in place; where they are absent
// the tests skip.
//
// Everything is seen from outside: the API's answers, what arrives at receivers, the
// log, /metrics, and each TCP connection that the binary asks the kernel for.
//
// The tests run in a network of their own (rig.MainAlone): nothing can leave the
// machine, and a receiver may have any address of the Internet. Parts that need it
// skip where it cannot be made; internal/egress covers the same cases there without
// sockets.
package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.MainAlone(m)) }

// readReference decodes a file of the reference into a value that must know all its
// fields: a field that this package does not know would be a rule that it does not check.
func readReference(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("../../../shared/reference/hostile/" + name)
	if err != nil {
		t.Skipf("the reference data is not beside this checkout: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// needAlone skips a test that dials or plays public addresses.
func needAlone(t *testing.T) {
	t.Helper()
	if ok, why := rig.Alone(); !ok {
		t.Skipf("needs a network namespace of its own (%s); internal/egress has these cases without sockets", why)
	}
}

// attempt is one row of an attempt list, with our extension object.
type attempt struct {
	ID                 string
	MsgID              string
	Status             int // 0 success, 2 fail, 3 sending (will be tried again)
	ResponseStatusCode int
	ResponseDurationMs int64
	Response           string
	Timestamp          time.Time // of its begin
	Hookloft           struct {
		N                             int
		Reason, Error, RemoteAddr     string
		ResponseHeaders               []string
		BodyTruncated, BodyIncomplete bool
		NextAttempt                   *time.Time
	}
}

func (a attempt) ended() time.Time {
	return a.Timestamp.Add(time.Duration(a.ResponseDurationMs) * time.Millisecond)
}

func (a attempt) String() string {
	return fmt.Sprintf("attempt %d: status %d, HTTP %d, reason %q (%s), %d ms", a.Hookloft.N, a.Status,
		a.ResponseStatusCode, a.Hookloft.Reason, a.Hookloft.Error, a.ResponseDurationMs)
}

// get decodes the answer of a GET, which must be 200.
func get(api *rig.API, path string, into any) error {
	status, body, err := api.Do(http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: status %d: %.300s", path, status, body)
	}
	return json.Unmarshal(body, into)
}

// attemptsOf reads the ended attempts of an endpoint, the first first; at most 50.
func attemptsOf(api *rig.API, app, endpoint string) ([]attempt, error) {
	var page struct{ Data []attempt }
	if err := get(api, "/api/v1/app/"+app+"/attempt/endpoint/"+endpoint+"?limit=50", &page); err != nil {
		return nil, err
	}
	slices.Reverse(page.Data)
	return page.Data, nil
}

// awaitAttempts polls until the endpoint has n ended attempts, or returns what there
// is after timeout.
func awaitAttempts(api *rig.API, app, endpoint string, n int, timeout time.Duration) ([]attempt, error) {
	for deadline := time.Now().Add(timeout); ; {
		list, err := attemptsOf(api, app, endpoint)
		if err != nil || len(list) >= n || time.Now().After(deadline) {
			return list, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// newTenant makes an environment with a token. Retries wait a day there, so that one
// message is one attempt while a test looks.
func newTenant(t *testing.T, s *rig.Server, name string) *rig.API {
	t.Helper()
	token, err := s.Command("token", "create", "--data", s.Data, "--environment", name)
	if err != nil {
		t.Fatal(err)
	}
	api := rig.NewAPI(s.URL, token)
	status, body, err := api.Do(http.MethodPatch, "/api/v1/management/environment-settings", map[string]any{"retryPolicy": []int{86400}})
	if err != nil || status/100 != 2 {
		t.Fatalf("set the retry policy of %s: %v, status %d: %s", name, err, status, body)
	}
	return api
}

// metrics reads the series of /metrics that have no labels.
func metrics(url string) (map[string]float64, error) {
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET /metrics: status %d: %.200s", resp.StatusCode, text.String())
	}
	out := map[string]float64{}
	for line := range strings.Lines(text.String()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil && !strings.Contains(name, "{") {
			out[name] = v
		}
	}
	return out, nil
}
