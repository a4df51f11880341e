package measure

import (
	"encoding/json"
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
