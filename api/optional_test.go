package api

import (
	"encoding/json"
	"testing"
)

// TestOptionalTellsAbsentFromNull reads and writes the three states of a patched field.
func TestOptionalTellsAbsentFromNull(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Optional[string]
	}{
		{"absent", `{}`, Optional[string]{}},
		{"null", `{"uid":null}`, Null[string]()},
		{"value", `{"uid":"x"}`, Some("x")},
		{"empty value", `{"uid":""}`, Some("")},
	} {
		var p ApplicationPatch
		if err := json.Unmarshal([]byte(c.text), &p); err != nil || p.UID != c.want {
			t.Errorf("%s: read %+v, %v", c.name, p.UID, err)
		}
		if b, err := json.Marshal(ApplicationPatch{UID: c.want}); err != nil || string(b) != c.text {
			t.Errorf("%s: wrote %s, %v", c.name, b, err)
		}
	}
	var p ApplicationPatch
	if err := json.Unmarshal([]byte(`{"uid":5}`), &p); err == nil {
		t.Error("a number was taken for a string")
	}
}

// TestMessageKeepsPayloadBytes shows that a payload of a request is not decoded.
func TestMessageKeepsPayloadBytes(t *testing.T) {
	const payload = `{"b":1.10,"a":[ ]}`
	var in MessageIn
	if err := json.Unmarshal([]byte(`{"eventType":"t","payload":`+payload+`}`), &in); err != nil || string(in.Payload) != payload {
		t.Errorf("%s, %v", in.Payload, err)
	}
}
