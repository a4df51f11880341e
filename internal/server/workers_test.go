package server

import (
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

// TestExpungedMessageInMemoryIsSentWithoutContent has a message in memory whose content was
// removed from the store meanwhile.
func TestExpungedMessageInMemoryIsSentWithoutContent(t *testing.T) {
	codec, err := hook.NewCodec([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	s := sender{codec: codec, isExpunged: func(id hook.MessageID) bool { return id == 7 }}
	env := &hook.Environment{ID: 1, Settings: hook.DefaultSettings()}
	for id, want := range map[hook.MessageID]bool{7: false, 8: true} {
		m := &hook.Message{ID: id, Application: 2, Payload: []byte(`{}`), RawBody: []byte("raw")}
		job := s.job(m, &hook.Endpoint{ID: 3}, env, &hook.Attempt{})
		if has := job.Message.Body() != nil || !job.Message.Expunged; has != want {
			t.Errorf("message %d: content %v, want %v", id, has, want)
		}
		if m.Payload == nil || m.Expunged {
			t.Errorf("message %d, which others share, was changed", id)
		}
	}
}
