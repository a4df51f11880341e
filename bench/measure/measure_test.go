package measure

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

func TestPayloadIsJSONOfTheAskedSizeAndReadsBack(t *testing.T) {
	p := NewPayload(1024)
	when := time.Unix(1_795_000_000, 123_456_789)
	for _, seq := range []int64{0, 7, 1_234_567} {
		body := p.Set(seq, when)
		if len(body) != 1024 || !json.Valid(body) {
			t.Fatalf("payload %d: %d bytes, valid JSON %v", seq, len(body), json.Valid(body))
		}
		gotSeq, gotAt, ok := Parse(body)
		if !ok || gotSeq != seq || !gotAt.Equal(when) {
			t.Errorf("Parse(Set(%d)) = %d, %v, %v", seq, gotSeq, gotAt, ok)
		}
	}
}

func TestEachYieldsThePayloadsOfABatch(t *testing.T) {
	p := NewPayload(200)
	p.Keys = 3
	pads := map[string]bool{}
	batch := []byte{'['}
	for seq := range int64(7) {
		if seq > 0 {
			batch = append(batch, ", "...)
		}
		body := p.Set(seq, time.Unix(1_795_000_000, 0))
		var read struct{ Pad string }
		if err := json.Unmarshal(body, &read); err != nil {
			t.Fatal(err)
		}
		pads[read.Pad] = true
		batch = append(batch, body...)
	}
	batch = append(batch, ']')
	var got []int64
	for body := range Each(batch) {
		seq, _, ok := Parse(body)
		if !ok {
			t.Fatalf("%s is no payload", body)
		}
		got = append(got, seq)
	}
	if !slices.Equal(got, []int64{0, 1, 2, 3, 4, 5, 6}) || len(pads) != 3 {
		t.Errorf("messages %v, %d keys", got, len(pads))
	}
	for body := range Each([]byte(`[]`)) {
		t.Errorf("an empty batch has %s", body)
	}
}

func TestParseRefusesOtherBodies(t *testing.T) {
	for _, body := range []string{"", "{}", `{"seq":1,"at":2}`, string(make([]byte, 200))} {
		if _, _, ok := Parse([]byte(body)); ok {
			t.Errorf("Parse(%q) was accepted", body)
		}
	}
}

func TestSummarizeIsNearestRank(t *testing.T) {
	var all []time.Duration
	for i := 100; i >= 1; i-- {
		all = append(all, time.Duration(i)*time.Millisecond)
	}
	got := Summarize(all)
	want := Latency{Count: 100, P50: 50, P90: 90, P99: 99, P999: 100, Max: 100}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if (Summarize(nil) != Latency{}) {
		t.Error("the summary of nothing is not zero")
	}
}
