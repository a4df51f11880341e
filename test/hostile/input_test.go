//go:build unix

package hostile

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// inputCase is one line of bad-inputs.json.
type inputCase struct {
	ID, Cat, Op, Why string
	Body             *string
	BodyHex          string `json:"body_hex"`
	BodyCode         string `json:"body_code"`
	Gen              *generated
	RawBytes         string     `json:"raw_bytes"`
	RawGen           *generated `json:"raw_gen"`
	Raw              bool
	Headers          *map[string]string // {} means none at all
	Query            string
	Auth             string
	ObjectOf         string `json:"object_of"`
	JWT              *struct {
		Alg string
		Exp int
	}
	Sequence []struct{ Sign bool }
	Sign     bool
	Expect   struct {
		Status           []int
		AlsoOK           []int  `json:"also_ok"`
		OrReject         []int  `json:"or_reject"`
		MaxMS            int    `json:"max_ms"`
		MaxBytesRead     int    `json:"max_bytes_read"`
		MaxRSSGrowthMB   int    `json:"max_rss_growth_mb"`
		ConstantTime     bool   `json:"constant_time"` // by construction: tokens are found by a keyed hash
		SameAsRandomID   bool   `json:"same_as_random_id"`
		EventsCreated    int    `json:"events_created"`
		DeliveredPayload string `json:"delivered_payload"`
		Effect, Result   string
		OtherTenantsP99  bool `json:"other_tenants_p99_unchanged"`
	}
}

// generated is a body made by a rule, or the name of a scenario.
type generated struct {
	Prefix, Repeat, Suffix string
	Times                  int
	SuffixRepeat           string `json:"suffix_repeat"`
	LimitPlus              int    `json:"limit_plus"`
	GzipZeros              int64  `json:"gzip_zeros"`
	DripBody               bool   `json:"drip_body"`
	HeaderRepeat           []any  `json:"header_repeat"`
	Bruteforce             int
	PathIDRepeat           []any `json:"path_id_repeat"`
	Concurrent             int
}

func (g *generated) text() string {
	return g.Prefix + strings.Repeat(g.Repeat, g.Times) + g.Suffix + strings.Repeat(g.SuffixRepeat, g.Times)
}

// spelling turns the file's field names into the contract's. "Event_Type" stands for
// any spelling of the name in another case.
var spelling = strings.NewReplacer(
	`"event_type"`, `"eventType"`, `"Event_Type"`, `"EventType"`, `"event_types"`, `"eventTypes"`,
	`"deliver_at"`, `"deliverAt"`, `"rate_limit"`, `"rateLimit"`,
)

// decided are cases in which the contract says something else than the file. It
// stands over it; effects and limits stand.
var decided = map[string]struct {
	status []int
	why    string
}{
	"B033": {[]int{400, 415, 422}, "net/http joins a folded line with a space, as RFC 9112 section 5.2 allows; what is left is a content type that is not JSON, or no body"},
	"B061": {[]int{200, 400, 404, 422}, "an iterator is a position (CONTRACT 1.7), so another tenant's may be read as one; no row of that tenant may come"},
	"B080": {[]int{201}, "endpoints have no time-out of their own in the contract: unknown fields are ignored and named in Hookloft-Ignored-Fields"},
	"B083": {[]int{201}, "endpoints have no retry schedule of their own in the contract: unknown fields are ignored and named in Hookloft-Ignored-Fields"},
}

// TestHostileInputs sends every case of the collection to the server and compares the
// answer, what is stored, and what is delivered.
func TestHostileInputs(t *testing.T) {
	var file struct {
		Format json.RawMessage
		Count  int
		Cases  []inputCase
	}
	readReference(t, "bad-inputs.json", &file)
	if len(file.Cases) != file.Count || file.Count < 99 {
		t.Fatalf("read %d cases, the file says %d", len(file.Cases), file.Count)
	}
	w := newWorld(t)
	for _, c := range file.Cases {
		if c.Op == "export" {
			t.Run(c.ID+"_"+c.Cat, w.exportsOwn)
			continue
		}
		t.Run(c.ID+"_"+c.Cat, func(t *testing.T) { w.run(t, c) })
	}
	t.Run("same_time", w.sameTime)
	t.Run("same_time_at_the_door", w.sameTimeAtTheDoor)
	w.judgeDeliveries(t)
	w.judgeSecrets(t)
}

// exportsOwn: an export names no environment, so another tenant's is not to be had; what a
// tenant exports is its own alone.
func (w *world) exportsOwn(t *testing.T) {
	const mark = "of.another.tenant"
	for _, step := range []struct {
		api          *rig.API
		method, path string
		in           any
		want         int
		shows        bool
	}{
		{w.b.api, http.MethodPost, "/api/v1/event-type", map[string]any{"name": mark, "description": mark}, http.StatusCreated, true},
		{w.b.api, http.MethodPost, "/api/v1/environment/export", nil, http.StatusOK, true},
		{w.a.api, http.MethodPost, "/api/v1/environment/export", nil, http.StatusOK, false},
		{w.a.api, http.MethodGet, "/x/v1/event-type/export", nil, http.StatusOK, false},
	} {
		status, body, err := step.api.Do(step.method, step.path, step.in)
		if err != nil || status != step.want || strings.Contains(string(body), mark) != step.shows {
			t.Errorf("%s %s: %d %v %.300s", step.method, step.path, status, err, body)
		}
	}
}

// allowed returns the statuses that are right for a case.
func (c inputCase) allowed() []int {
	if d, ok := decided[c.ID]; ok {
		return d.status
	}
	out := slices.Concat(c.Expect.Status, c.Expect.AlsoOK, c.Expect.OrReject)
	// What the file calls 400 is 422 in the contract where the shape of a value is
	// wrong, and the other way round for query types (CONTRACT 1.9).
	if slices.Contains(out, http.StatusBadRequest) || slices.Contains(out, http.StatusUnprocessableEntity) {
		out = append(out, http.StatusBadRequest, http.StatusUnprocessableEntity)
	}
	if slices.Contains(out, http.StatusAccepted) {
		out = append(out, http.StatusOK, http.StatusCreated)
	}
	return out
}

// check judges one answer by the file's general rules and the case's own. A connection
// that is closed without an answer is acceptable (the file's rules).
func (c inputCase) check(t *testing.T, w *world, a answer) {
	t.Helper()
	if a.status == 0 {
		t.Logf("%s: the connection was closed without an answer (%v)", c.Why, a.err)
		return
	}
	t.Logf("%s: %d in %v %.160s", c.Why, a.status, a.took.Round(100*time.Microsecond), a.body)
	if a.status >= 500 {
		t.Errorf("answer %d: %.300s", a.status, a.body)
	}
	if !slices.Contains(c.allowed(), a.status) {
		t.Errorf("answer %d, want one of %v: %.300s", a.status, c.allowed(), a.body)
	}
	if a.status/100 == 4 && !a.byTransport() && !isErrorBody(a.status, a.body) {
		t.Errorf("answer %d without code and detail: %.300s", a.status, a.body)
	}
	// A provider is no client of the API; what it was answered is found in the source's log.
	_, byProvider := ingestOps[c.Op]
	if a.status/100 == 4 && !a.byTransport() && !byProvider && a.header.Get("Svix-Req-Id") == "" {
		t.Error("the answer has no request id")
	}
	checkLeaks(t, a.body, append(w.secrets(), w.server.Data)...)
}

// run drives one case: by its own scenario, as raw bytes, or as one request.
func (w *world) run(t *testing.T, c inputCase) {
	before := w.stored(t)
	limit := time.Second
	if c.Expect.MaxMS > 0 {
		limit = time.Duration(c.Expect.MaxMS) * time.Millisecond
	}
	var a answer
	created := 0
	switch g := c.Gen; {
	case g != nil && g.Bruteforce > 0:
		w.bruteForce(t, c)
		return
	case g != nil && g.Concurrent > 0:
		w.concurrent(t, c)
		created = c.Expect.EventsCreated
	case c.ID == "B071":
		w.sameKeyTwice(t, c)
		created = 2
	case g != nil && g.DripBody:
		a = w.drip(t)
		limit = 30*time.Second + grace
		c.check(t, w, a)
	case strings.HasPrefix(c.Op, "ingest."):
		a = w.ingest(t, c, limit)
		created = c.Expect.EventsCreated
	case c.RawBytes != "" || c.RawGen != nil || c.Raw:
		a = w.quickest(limit, func() answer { return w.rawCall(w.rawRequest(c)) })
		c.check(t, w, a)
	default:
		rss := w.server.RSS()
		for _, r := range w.requests(t, c) {
			a = w.quickest(limit, func() answer { return w.call(r) })
			c.check(t, w, a)
			if a.status == http.StatusAccepted {
				created++
				w.expectDelivery(t, c, r, a)
			}
			if c.Expect.SameAsRandomID {
				w.sameAsRandom(t, r, a)
			}
			w.checkIgnored(t, c, a)
			if a.status == http.StatusOK && strings.Contains(string(a.body), w.b.message) {
				t.Error("the answer shows a message of another tenant")
			}
		}
		if mb := c.Expect.MaxRSSGrowthMB; mb > 0 && w.server.RSS()-rss > int64(mb)<<20 {
			t.Errorf("resident memory grew from %d to %d bytes", rss, w.server.RSS())
		}
	}
	if a.took > limit {
		t.Errorf("the answer took %v, the limit is %v", a.took, limit)
	}
	w.compare(t, before, w.stored(t), created, a.status == http.StatusCreated)
}

// checkIgnored asserts that a field which the contract does not have is named.
func (w *world) checkIgnored(t *testing.T, c inputCase, a answer) {
	t.Helper()
	if d, ok := decided[c.ID]; ok && slices.Equal(d.status, []int{201}) {
		t.Log(d.why)
		ignored := a.header.Get("Hookloft-Ignored-Fields")
		if !strings.Contains(ignored, "timeout_seconds") && !strings.Contains(ignored, "retry_schedule") {
			t.Errorf("Hookloft-Ignored-Fields is %q", ignored)
		}
	}
}

// body returns the case's body in the contract's spelling, and whether it has one.
func (c inputCase) body(t *testing.T) []byte {
	t.Helper()
	switch {
	case c.Body != nil:
		return []byte(spelling.Replace(*c.Body))
	case c.BodyHex != "":
		b, err := hex.DecodeString(c.BodyHex)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(spelling.Replace(string(b)))
	case c.Gen != nil && c.Gen.LimitPlus > 0:
		const limit = 1 << 20 // of the payload: CONTRACT section 0
		return fmt.Appendf(nil, `{"eventType":"a.b","payload":%s}`, payloadOf(limit+c.Gen.LimitPlus))
	case c.Gen != nil && c.Gen.GzipZeros > 0:
		return gzipZeros(c.Gen.GzipZeros)
	case c.Gen != nil && c.Gen.Repeat != "":
		return []byte(spelling.Replace(c.Gen.text()))
	}
	return []byte(`{"eventType":"a.b","payload":{}}`)
}
