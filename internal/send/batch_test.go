package send

import (
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestBatchedBodies(t *testing.T) {
	of := func(list ...*hook.Message) *hook.Message { return &hook.Message{ID: 1, Batch: list} }
	payload := func(s string) *hook.Message { return &hook.Message{Payload: []byte(s)} }
	raw := func(s string) *hook.Message { return &hook.Message{RawBody: []byte(s), ContentType: "text/plain"} }
	for _, c := range []struct {
		name, why, array, lines string
		batch                   *hook.Message
	}{
		{"one", "a batch of one is an array, too", `[{"a":1}]`, "{\"a\":1}\n", of(payload(`{"a":1}`))},
		{"as it stands", "white space and numbers of members are theirs", `[{"a" : 9007199254740993 },{"b":1.0}]`, "{\"a\" : 9007199254740993 }\n{\"b\":1.0}\n",
			of(payload(`{"a" : 9007199254740993 }`), payload(`{"b":1.0}`))},
		{"line breaks", "a value is one line", "[{\n\"a\":\"\\n\"\r\n}]", "{ \"a\":\"\\n\"  }\n", of(payload("{\n\"a\":\"\\n\"\r\n}"))},
		{"raw JSON", "it is JSON", `["x"]`, "\"x\"\n", of(raw(`"x"`))},
		{"raw text", "it becomes a string", `["a \"b\""]`, "\"a \\\"b\\\"\"\n", of(raw(`a "b"`))},
		{"raw bytes", "no JSON has them", "[\"\uFFFD\"]", "\"\uFFFD\"\n", of(raw("\xff"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Batched(c.batch, false)
			if string(m.Body()) != c.array || contentTypeOf(m) != "application/json" || m.Batch != nil {
				t.Errorf("%s: %s as %s", c.why, m.Body(), contentTypeOf(m))
			}
			m = Batched(c.batch, true)
			if string(m.Body()) != c.lines || contentTypeOf(m) != ndjson {
				t.Errorf("%s: %q as %s", c.why, m.Body(), contentTypeOf(m))
			}
		})
	}
}

func TestBatchIDIsThatOfItsMessages(t *testing.T) {
	one, same, more, other := BatchID([]string{"msg_a", "msg_b"}), BatchID([]string{"msg_a", "msg_b"}), BatchID([]string{"msg_a", "msg_b", "msg_c"}), BatchID([]string{"msg_a", "msg_c"})
	if one != same || one == more || one == other || !strings.HasPrefix(one, "msg_a_") || strings.Contains(one, ".") {
		t.Errorf("%s, %s, %s, %s", one, same, more, other)
	}
	if BatchID([]string{"msg_a"}) == "msg_a" {
		t.Error("a batch of one has the id of its message, whose body is another")
	}
}

func TestScriptOfABatchMakesItsBody(t *testing.T) {
	sender, s, job := scripted(t, 1, `function handler({events}) {
		if (events.length === 1) { return {} }
		return {requestBody: JSON.stringify(events.map(e => e.eventType + ":" + e.payload.n))};
	}`)
	job.Endpoint.Order = &hook.Order{BatchSize: 10}
	job.Message = &hook.Message{ID: job.Message.ID, Batch: []*hook.Message{
		{EventType: "a", Payload: []byte(`{"n":1}`)}, {EventType: "b", Payload: []byte(`{"n":2}`)},
	}}
	r, body, _ := sent(t, sender, s, job)
	if body != `["a:1","b:2"]` || r.Header.Get("Content-Type") != "application/json" || r.Method != "POST" {
		t.Errorf("%s %v: %s", r.Method, r.Header, body)
	}
	verifies(t, r.Header, []byte(body))
	alone := *job.Message
	alone.Batch = alone.Batch[:1]
	job.Message = &alone
	if a := sender.Send(t.Context(), job); a.Outcome != hook.Failed || a.Reason != hook.ReasonTransformError || s.requests.Load() != 1 {
		t.Errorf("without a requestBody: %v %v %s", a.Outcome, a.Reason, a.Error)
	}
}

func TestBatchIsSigned(t *testing.T) {
	s := answering(t, okAnswer, 1)
	sender, _ := newSender(t, Options{})
	job := s.job()
	job.Endpoint.Order = &hook.Order{BatchSize: 2, Lines: true}
	job.Message = &hook.Message{ID: job.Message.ID, Batch: []*hook.Message{{Payload: []byte(`{"n":1}`)}, {Payload: []byte(`{"n":2}`)}}}
	r, body, _ := sent(t, sender, s, job)
	if body != "{\"n\":1}\n{\"n\":2}\n" || r.Header.Get("Content-Type") != ndjson {
		t.Errorf("%v: %s", r.Header, body)
	}
	verifies(t, r.Header, []byte(body))
}
