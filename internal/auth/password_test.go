package auth

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestPasswords(t *testing.T) {
	p, ctx := NewPasswords(), t.Context()
	stored, err := p.Hash(ctx, "three grey geese")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Errorf("stored as %s", stored)
	}
	again, err := p.Hash(ctx, "three grey geese")
	if err != nil || again == stored {
		t.Errorf("the same salt twice: %s, %v", again, err)
	}
	for _, c := range []struct {
		password, stored string
		want             bool
	}{
		{"three grey geese", stored, true},
		{"three grey geesE", stored, false},
		{"", stored, false},
		{"three grey geese", "", false},
	} {
		if got, err := p.Matches(ctx, c.password, c.stored); err != nil || got != c.want {
			t.Errorf("%q against %q: %v, %v", c.password, c.stored, got, err)
		}
	}
	for _, broken := range []string{"plain", "$argon2i$v=19$m=65536,t=3,p=4$AAAA$AAAA", "$argon2id$v=19$m=99999999,t=3,p=4$AAAA$AAAA", "$argon2id$v=19$m=65536,t=3,p=4$AAAA$AAAA"} {
		if ok, err := p.Matches(ctx, "x", broken); ok || err == nil || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%q: %v, %v", broken, ok, err)
		}
	}
}

// TestPasswordsWait: the memory is bounded, whoever gives up leaves the line, and a line that is too long is refused.
func TestPasswordsWait(t *testing.T) {
	p := NewPasswords()
	for range maxHashing {
		p.turns <- struct{}{}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Hash(gone, "three grey geese"); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone: %v", err)
	}
	if n := p.waiting.Load(); n != 0 {
		t.Errorf("%d wait", n)
	}
	p.waiting.Store(maxHashing + maxWaiting)
	if _, err := p.Hash(t.Context(), "three grey geese"); hook.KindOf(err) != hook.Overloaded {
		t.Errorf("one too many: %v", err)
	}
}
