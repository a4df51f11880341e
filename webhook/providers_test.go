package webhook

import (
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/vectors"
)

func requestOf(t *testing.T, v *vectors.Vector) Request {
	return Request{Method: v.Method, URL: v.URL, Header: v.Header(), Body: v.Bytes(t)}
}

// TestProviderVectors runs every vector of the providers that are known.
func TestProviderVectors(t *testing.T) {
	ran := map[string]int{}
	for _, v := range vectors.All(t) {
		if providerNamed(v.Provider) == nil {
			t.Errorf("%s: there is no provider %s", v.ID, v.Provider)
			continue
		}
		ran[v.Kind+" "+v.Expect]++
		t.Run(v.ID, func(t *testing.T) {
			verifier, err := Provider(v.Provider, Config{Secrets: v.Secrets, Settings: v.Settings(t)})
			switch {
			case err != nil && v.Expect == "reject":
				return // refused before any request, for example for an empty secret
			case err != nil:
				t.Fatal(err)
			}
			r, now := requestOf(t, &v), time.Unix(v.Now, 0)
			if v.Kind == "handshake" {
				got, err := verifier.Handshake(r, now)
				if err != nil || got == nil {
					t.Fatalf("answer %v, error %v", got, err)
				}
				v.CheckResponse(t, got.Status, got.Header, got.Body)
				return
			}
			got, err := verifier.Verify(r, now)
			switch {
			case v.Expect == "reject" && err == nil && !v.Optional:
				t.Error("was accepted, want a refusal")
			case v.Expect == "ok" && err != nil && !v.Optional:
				t.Errorf("was refused: %v", err)
			case v.Expect == "ok" && err == nil:
				var ids, types []string
				for _, e := range got.Events {
					ids, types = append(ids, e.ID), append(types, e.Type)
				}
				v.CheckEvent(t, got.ID, got.Type, ids, types)
			}
		})
	}
	t.Log(ran)
}
