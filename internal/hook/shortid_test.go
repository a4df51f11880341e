package hook

import (
	"regexp"
	"testing"
	"time"
)

func TestShortIDs(t *testing.T) {
	c := newTestCodec(t, "a secret for short ids")
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	clock := NewKeyClock(3, 0, func() time.Time { return now })
	pattern := regexp.MustCompile(`^src_[A-Za-z0-9]{21,22}$`)
	env, last := EnvironmentID(clock.Next()), ""
	for range 1000 {
		s := SourceID(clock.Next())
		id := c.Source(env, s)
		if !pattern.MatchString(id) || id <= last {
			t.Fatalf("%q after %q: want the contract's form, rising", id, last)
		}
		if got, ok := c.ParseSource(env, id); !ok || got != s {
			t.Fatalf("%q gives back %v, %v, want %v", id, got, ok, s)
		}
		if _, ok := c.ParseSource(env+1, id); ok {
			t.Fatal("another environment reads the id")
		}
		if _, ok := c.ParseRejection(s, "log"+id[4:]); ok {
			t.Fatal("a source's id is read as a rejection's")
		}
		now = now.Add(4 * time.Millisecond)
		last = id
	}
}

func TestSourceToken(t *testing.T) {
	c := newTestCodec(t, "a secret for short ids")
	s := SourceID(NewKeyClock(0, 0, time.Now).Next())
	token := c.NewSourceToken(s)
	if got, ok := c.ParseSourceToken(token); !ok || got != s {
		t.Fatalf("got %v, %v, want %v", got, ok, s)
	}
	if c.NewSourceToken(s) == token {
		t.Error("two tokens of one source are equal")
	}
	for i := range token {
		forged := []byte(token)
		if forged[i]++; !regexp.MustCompile(`^[A-Za-z0-9]+$`).Match(forged) {
			forged[i] = '0'
		}
		if string(forged) == token {
			continue
		}
		if _, ok := c.ParseSourceToken(string(forged)); ok {
			t.Fatalf("a token changed at %d is still one", i)
		}
	}
	for _, text := range []string{"", "x", token + "0", token[1:], "\x00" + token[1:]} {
		if _, ok := c.ParseSourceToken(text); ok {
			t.Errorf("%q is a token", text)
		}
	}
}

func TestRotateToken(t *testing.T) {
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	s := &Source{Tokens: []SourceToken{{Text: "a"}}}
	for _, next := range []string{"b", "c", "d"} {
		if err := s.RotateToken(next, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RotateToken("e", now); KindOf(err) != LimitReached || s.Tokens[0].Text != "d" || len(s.Tokens) != 4 {
		t.Fatalf("the fourth overlap gave %v and %d tokens", err, len(s.Tokens))
	}
	if live := s.LiveTokens(now.Add(TokenOverlap)); len(live) != 1 || live[0].Text != "d" {
		t.Errorf("after the overlap %d tokens work, want the current one", len(live))
	}
	if err := s.RotateToken("e", now.Add(TokenOverlap)); err != nil || len(s.Tokens) != 2 {
		t.Errorf("after the overlap: %v, %d tokens", err, len(s.Tokens))
	}
}

func TestEventTypeOf(t *testing.T) {
	for word, want := range map[string]string{
		"": "stripe", "invoice.paid": "invoice.paid", "products/create": "products.create",
		"Push Hook": "Push.Hook", "repo:push": "repo.push", "\xff\n": "..",
	} {
		if got := EventTypeOf(word, "stripe"); got != want {
			t.Errorf("%q gives %q, want %q", word, got, want)
		}
	}
}
