package receive

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/vectors"
	"github.com/hookloft/hookloft/webhook"
)

// TestVectorsThroughTheDoor sends every vector of the providers that are known to a
// source of its own, with the clock at the vector's time.
func TestVectorsThroughTheDoor(t *testing.T) {
	w := newWorld(t, Options{})
	ran := map[string]int{}
	for _, v := range vectors.All(t) {
		if _, known := webhook.FindPreset(v.Provider); !known {
			ran["unknown provider "+v.Provider]++
			continue
		}
		t.Run(v.ID, func(t *testing.T) { sendVector(t, w, &v, ran) })
	}
	t.Log(ran)
	if ran["verify ok"] == 0 && ran["unknown provider"] == 0 {
		t.Error("no vector was run")
	}
}

func sendVector(t *testing.T, w *world, v *vectors.Vector, ran map[string]int) {
	public, query := v.SplitURL()
	s := &hook.Source{ID: hook.SourceID(w.NewKey()), Environment: w.env.ID, Name: v.ID, Type: v.Provider,
		Config: hook.SourceConfig{Secrets: v.Secrets, Values: v.Settings(t)}}
	if v.Provider == genericPreset {
		s.Type = hook.GenericSource
	}
	s.Tokens = []hook.SourceToken{{Text: w.Codec().NewSourceToken(s.ID)}}
	s.Settings.PublicURL = public
	if err := Check(s); err != nil {
		if v.Expect != "reject" && !v.Optional {
			t.Fatalf("check: %v", err)
		}
		ran["refused as a source"]++
		return
	}
	if err := w.CreateSource(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	w.endpoint(s.ID.Application())
	body := v.Bytes(t)
	target := w.url(s)
	if query != "" {
		target += "?" + query
	}
	req := w.request(v.Method, target, string(body))
	maps.Copy(req.Header, v.Header())
	w.set(func() { w.now = time.Unix(v.Now, 0) })
	defer w.set(func() { w.now = time.Time{} })
	visits := len(w.visits)
	got := w.do(req)
	ran[v.Kind+" "+v.Expect]++
	stored := len(w.messages(s.ID.Application()))
	switch {
	case v.Optional:
	case v.Provider == genericPreset && len(s.Config.Secrets) == 0 && len(s.Config.Values) == 0:
		// The preset wants mode=none to be said; the contract's type has nothing to say it in.
		if got.status != http.StatusOK {
			t.Errorf("answered %d", got.status)
		}
	case v.Expect == "ok" && len(w.visits) > visits:
		// Genuine, and the library's own question is only that; here it is a handshake, too.
		if got.status/100 != 2 || stored != 0 {
			t.Errorf("answered %d %s and stored %d messages", got.status, got.body, stored)
		}
	case v.Kind == "handshake":
		v.CheckResponse(t, got.status, got.header, []byte(got.body))
	case v.Expect == "ok" && (got.status/100 != 2 || stored != 1):
		t.Errorf("answered %d %s and stored %d messages", got.status, got.body, stored)
	case v.Expect == "reject" && (got.status/100 == 2 || stored != 0):
		t.Errorf("answered %d %s and stored %d messages", got.status, got.body, stored)
	case v.Expect == "ok":
		if m := w.one(s); string(m.RawBody) != string(body) {
			t.Errorf("stored %d bytes, want %d", len(m.RawBody), len(body))
		}
	}
}
