package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/webhook"
)

// envelope is message create's body, with the payload as it came.
type envelope struct {
	EventType string         `json:"eventType"`
	Payload   jsontext.Value `json:"payload"`
}

type endpoint struct {
	url    string
	signer *webhook.Signer
}

// delivery is one message on its way to one endpoint.
type delivery struct {
	id      string
	payload []byte
	to      *endpoint
}

// relay hands accepted messages to its workers.
type relay struct {
	log       *walLog
	endpoints []endpoint
	client    *http.Client
	last      atomic.Int64
	verifier  webhook.Verifier // of webhooks; nil for none
	// queue carries deliveries from the handlers to the workers. It is as large as a
	// benchmark needs, so that accepting never waits for delivering.
	queue chan delivery
}

const queueSize = 1 << 20

// maxBodyBytes is hookloft's own default limit for a payload, with room for the
// envelope.
const maxBodyBytes = 1<<20 + 4<<10

func newRelay(log *walLog, endpoints []endpoint, workers int) *relay {
	r := &relay{log: log, endpoints: endpoints, queue: make(chan delivery, queueSize), client: &http.Client{
		Timeout:       15 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: workers, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for range workers {
		go r.work() // until the process ends: a benchmark tool is simply killed
	}
	return r
}

func (r *relay) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {})
	mux.HandleFunc("POST /api/v1/app/{app}/msg", r.accept)
	if r.verifier != nil {
		mux.HandleFunc("POST /in/{token}", r.receive)
	}
	return mux
}

// accept answers 202 once the message is on disk.
func (r *relay) accept(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBodyBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var in envelope
	if err := json.Unmarshal(body, &in); err != nil || in.EventType == "" || len(in.Payload) == 0 {
		http.Error(w, fmt.Sprintf("not a message: %v", err), http.StatusUnprocessableEntity)
		return
	}
	id := r.put(body, in.Payload)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"id":%q,"eventType":%q,"payload":%s,"timestamp":%q}`,
		id, in.EventType, in.Payload, time.Now().UTC().Format(time.RFC3339Nano))
}

// receive answers 200 once a genuine webhook is on disk.
func (r *relay) receive(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBodyBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if _, err := r.verifier.Verify(webhook.Request{Method: req.Method, Header: req.Header, Body: body}, time.Now()); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	r.put(body, body)
}

// put writes what to disk and queues the payload for every endpoint. It returns the id.
func (r *relay) put(what, payload []byte) string {
	id := fmt.Sprintf("msg_%027d", r.last.Add(1))
	if err := r.log.append(what); err != nil {
		fmt.Fprintln(os.Stderr, "relay: log:", err) // durability is gone: so are we
		os.Exit(1)
	}
	for i := range r.endpoints {
		r.queue <- delivery{id: id, payload: payload, to: &r.endpoints[i]}
	}
	return id
}

func (r *relay) work() {
	for d := range r.queue {
		began := time.Now()
		status := r.deliver(d, began)
		r.log.appendLater(fmt.Appendf(nil, "%s %s %d %d\n", d.id, d.to.url, status, time.Since(began).Microseconds()))
	}
}

// deliver makes one attempt and returns the status, 0 without an answer.
func (r *relay) deliver(d delivery, at time.Time) int {
	req, err := http.NewRequest(http.MethodPost, d.to.url, bytes.NewReader(d.payload))
	if err != nil {
		return 0
	}
	d.to.signer.SetHeaders(req.Header, d.id, at, d.payload)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "hookloft-relay")
	resp, err := r.client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode
}
