//go:build unix

package rig

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The test binary plays hookloft when it is called like it, so that the rig is
// tested against a real process. The fake keeps everything in memory: it is just
// the kind of server that the rig must find out.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "token" {
		fmt.Println("fake-token")
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "serve" {
		for i, arg := range os.Args {
			if arg == "--listen" {
				f := &fakeServer{twice: strings.Contains(os.Getenv("FAKE_FAULT"), "twice")}
				fmt.Fprintln(os.Stderr, http.ListenAndServe(os.Args[i+1], f.routes()))
			}
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

type fakeServer struct {
	twice bool // sends every delivery twice

	mu        sync.Mutex
	endpoints []EndpointIn
	messages  []Message
	attempts  map[string][]Attempt
}

func (f *fakeServer) routes() http.Handler {
	f.attempts = make(map[string][]Attempt)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {})
	mux.HandleFunc("POST /api/v1/app", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":"app_1"}`)
	})
	mux.HandleFunc("POST /api/v1/app/{app}/endpoint", func(w http.ResponseWriter, r *http.Request) {
		var in EndpointIn
		_ = json.NewDecoder(r.Body).Decode(&in)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.endpoints = append(f.endpoints, in)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"id":"ep_%d"}`, len(f.endpoints)-1)
	})
	mux.HandleFunc("POST /api/v1/app/{app}/msg", f.publish)
	mux.HandleFunc("GET /api/v1/app/{app}/msg", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		page(w, r, f.messages)
	})
	mux.HandleFunc("GET /api/v1/app/{app}/attempt/endpoint/{ep}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		page(w, r, f.attempts[r.PathValue("ep")])
	})
	return mux
}

func (f *fakeServer) publish(w http.ResponseWriter, r *http.Request) {
	var in MessageIn
	_ = json.NewDecoder(r.Body).Decode(&in)
	f.mu.Lock()
	id := "msg_" + strconv.Itoa(os.Getpid()) + "x" + strconv.Itoa(len(f.messages))
	f.messages = append(f.messages, Message{ID: id, Payload: in.Payload})
	endpoints := f.endpoints
	f.mu.Unlock()
	for i, ep := range endpoints {
		times := 1
		if f.twice {
			times = 2
		}
		for range times {
			go f.deliver(id, "ep_"+strconv.Itoa(i), ep, in.Payload)
		}
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"id":%q}`, id)
}

func (f *fakeServer) deliver(id, endpoint string, ep EndpointIn, payload []byte) {
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(ep.Secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, payload)
	req, _ := http.NewRequest(http.MethodPost, ep.URL, bytes.NewReader(payload))
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", stamp)
	req.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	resp.Body.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts[endpoint] = append(f.attempts[endpoint], Attempt{ID: "atmpt", MsgID: id, ResponseStatusCode: resp.StatusCode})
}

// page answers 10 rows from the one that the iterator names.
func page[T any](w http.ResponseWriter, r *http.Request, all []T) {
	from, _ := strconv.Atoi(r.URL.Query().Get("iterator"))
	to := min(from+10, len(all))
	_ = json.NewEncoder(w).Encode(map[string]any{"data": all[from:to], "iterator": strconv.Itoa(to), "done": to == len(all)})
}
