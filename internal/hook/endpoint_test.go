package hook

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRotate(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	live, dead := now.Add(time.Hour), now.Add(-time.Hour)
	for _, c := range []struct {
		name    string
		before  []Secret
		next    string
		grace   time.Duration
		want    []Secret
		because string
	}{
		{"first secret", nil, "a", time.Hour, []Secret{{Text: "a"}}, "there is nothing to rotate out"},
		{"grace", []Secret{{Text: "a"}}, "b", time.Hour, []Secret{{Text: "b"}, {Text: "a", ExpiresAt: live}}, "the old one signs for the grace period"},
		{"no grace", []Secret{{Text: "a"}}, "b", 0, []Secret{{Text: "b"}}, "zero ends it at once"},
		{"no grace leaves the others", []Secret{{Text: "b"}, {Text: "a", ExpiresAt: live}}, "c", 0, []Secret{{Text: "c"}, {Text: "a", ExpiresAt: live}}, "an earlier grace period was a promise"},
		{"expired ones go", []Secret{{Text: "b"}, {Text: "a", ExpiresAt: dead}, {Text: "z", ExpiresAt: now}}, "c", time.Hour, []Secret{{Text: "c"}, {Text: "b", ExpiresAt: live}}, "they sign no more"},
		{"to the current one", []Secret{{Text: "a"}}, "a", time.Hour, []Secret{{Text: "a"}}, "a key must not sign twice"},
		{"back to an old one", []Secret{{Text: "b"}, {Text: "a", ExpiresAt: live}}, "a", time.Hour, []Secret{{Text: "a"}, {Text: "b", ExpiresAt: live}}, "a key must not sign twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &Endpoint{Secrets: c.before}
			kept := append([]Secret(nil), c.before...)
			if err := e.Rotate(Secret{Text: c.next, ExpiresAt: dead}, c.grace, now); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, e.Secrets); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.because, diff)
			}
			if diff := cmp.Diff(kept, c.before); diff != "" {
				t.Errorf("the list of whoever shares the endpoint has changed:\n%s", diff)
			}
		})
	}
}

func TestRotateIsLimited(t *testing.T) {
	now := time.Now()
	e := &Endpoint{}
	for i := range MaxOldSecrets + 1 {
		if err := e.Rotate(Secret{Text: fmt.Sprint(i)}, time.Hour, now); err != nil {
			t.Fatalf("rotation %d: %v", i, err)
		}
	}
	if n := len(e.LiveSecrets(now)); n != MaxOldSecrets+1 {
		t.Fatalf("%d secrets sign", n)
	}
	before := append([]Secret(nil), e.Secrets...)
	err := e.Rotate(Secret{Text: "more"}, time.Hour, now)
	if KindOf(err) != LimitReached {
		t.Fatalf("one more is %v", err)
	}
	if diff := cmp.Diff(before, e.Secrets); diff != "" {
		t.Errorf("the refusal changed something:\n%s", diff)
	}
	if err := e.Rotate(Secret{Text: "0"}, time.Hour, now); err != nil {
		t.Errorf("going back to an old one adds none: %v", err)
	}
	if err := e.Rotate(Secret{Text: "more"}, 0, now); err != nil {
		t.Errorf("without a grace period there is none more: %v", err)
	}
	if err := e.Rotate(Secret{Text: "later"}, time.Hour, now.Add(2*time.Hour)); err != nil {
		t.Errorf("once the old ones have expired: %v", err)
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	e := Endpoint{Secrets: []Secret{{Text: "whsec_hidden"}}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, e); strings.Contains(s, "hidden") {
			t.Errorf("%s prints %s", format, s)
		}
	}
}

func TestWants(t *testing.T) {
	for _, c := range []struct {
		name            string
		types, channels []string
		message         string
		messageChannels []string
		want            bool
	}{
		{"no filter", nil, nil, "a", nil, true},
		{"no filter, message with channels", nil, nil, "a", []string{"x"}, true},
		{"type fits", []string{"b", "a"}, nil, "a", nil, true},
		{"type differs", []string{"b"}, nil, "a", nil, false},
		{"no prefix match", []string{"a"}, nil, "a.b", nil, false},
		{"empty list is all", []string{}, []string{}, "a", nil, true},
		{"channels, message without", nil, []string{"x"}, "a", nil, false},
		{"channels meet", nil, []string{"x", "y"}, "a", []string{"z", "y"}, true},
		{"channels do not meet", nil, []string{"x"}, "a", []string{"z"}, false},
		{"channel fits, type does not", []string{"b"}, []string{"x"}, "a", []string{"x"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := Endpoint{EventTypes: c.types, Channels: c.channels}
			if got := e.Wants(c.message, c.messageChannels); got != c.want {
				t.Errorf("got %v (CONTRACT 2.4)", got)
			}
		})
	}
}
