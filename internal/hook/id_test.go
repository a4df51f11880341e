package hook

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func newTestCodec(t testing.TB, secret string) *Codec {
	t.Helper()
	c, err := NewCodec([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// forms lists how each kind of id is made and read, with its form on the wire (CONTRACT 1.4).
var forms = []struct {
	name, form string
	text       func(c *Codec, scope, k Key) string
	parse      func(c *Codec, scope Key, s string) (Key, bool)
}{
	{"environment", `^org_[A-Za-z0-9]{27}$`,
		func(c *Codec, _, k Key) string { return c.Environment(EnvironmentID(k)) },
		func(c *Codec, _ Key, s string) (Key, bool) { k, ok := c.ParseEnvironment(s); return Key(k), ok }},
	{"application", `^app_[A-Za-z0-9]{27}$`,
		func(c *Codec, s, k Key) string { return c.Application(EnvironmentID(s), ApplicationID(k)) },
		func(c *Codec, e Key, s string) (Key, bool) {
			k, ok := c.ParseApplication(EnvironmentID(e), s)
			return Key(k), ok
		}},
	{"endpoint", `^ep_[A-Za-z0-9]{27}$`,
		func(c *Codec, s, k Key) string { return c.Endpoint(ApplicationID(s), EndpointID(k)) },
		func(c *Codec, a Key, s string) (Key, bool) {
			k, ok := c.ParseEndpoint(ApplicationID(a), s)
			return Key(k), ok
		}},
	{"message", `^msg_[A-Za-z0-9]{27}$`,
		func(c *Codec, s, k Key) string { return c.Message(ApplicationID(s), MessageID(k)) },
		func(c *Codec, a Key, s string) (Key, bool) {
			k, ok := c.ParseMessage(ApplicationID(a), s)
			return Key(k), ok
		}},
	{"attempt", `^atmpt_[A-Za-z0-9]{27}$`,
		func(c *Codec, s, k Key) string { return c.Attempt(ApplicationID(s), AttemptID(k)) },
		func(c *Codec, a Key, s string) (Key, bool) {
			k, ok := c.ParseAttempt(ApplicationID(a), s)
			return Key(k), ok
		}},
	{"task", `^qtask_[A-Za-z0-9]{27}$`,
		func(c *Codec, s, k Key) string { return c.Task(EnvironmentID(s), TaskID(k)) },
		func(c *Codec, e Key, s string) (Key, bool) {
			k, ok := c.ParseTask(EnvironmentID(e), s)
			return Key(k), ok
		}},
	{"token", `^key_[A-Za-z0-9]{27}$`,
		func(c *Codec, s, k Key) string { return c.Token(EnvironmentID(s), TokenID(k)) },
		func(c *Codec, e Key, s string) (Key, bool) {
			k, ok := c.ParseToken(EnvironmentID(e), s)
			return Key(k), ok
		}},
}

// keys draws row keys from 2014, where KSUIDs begin, to 2109, where keys end.
var keys = rapid.Custom(func(t *rapid.T) Key {
	ms := rapid.Int64Range(ksuidEpoch*1000, maxMillis).Draw(t, "ms")
	return Key(ms<<milliShift | rapid.Int64Range(0, 1<<milliShift-1).Draw(t, "low"))
})

func TestIDsRoundTrip(t *testing.T) {
	c, foreign := newTestCodec(t, "0123456789abcdef"), newTestCodec(t, "0123456789abcdeg")
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			form := regexp.MustCompile(f.form)
			rapid.Check(t, func(t *rapid.T) {
				k, scope := keys.Draw(t, "key"), keys.Draw(t, "scope")
				text := f.text(c, scope, k)
				if !form.MatchString(text) {
					t.Fatalf("%q does not match %s", text, f.form)
				}
				if got, ok := f.parse(c, scope, text); !ok || got != k {
					t.Fatalf("%q came back as %d, %v, want %d", text, got, ok, k)
				}
				if _, ok := f.parse(c, scope+1, text); ok && f.name != "environment" {
					t.Fatalf("%q is taken for another owner's", text)
				}
				if _, ok := f.parse(foreign, scope, text); ok {
					t.Fatalf("%q is taken by another store", text)
				}
				for _, other := range forms {
					if _, ok := other.parse(c, scope, text); ok != (other.name == f.name) {
						t.Fatalf("%q is taken for an id of kind %s", text, other.name)
					}
				}
			})
		})
	}
}

func TestIDsSortAsTheirKeysDo(t *testing.T) {
	c := newTestCodec(t, "0123456789abcdef")
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(keys, 2, 50).Draw(t, "keys")
		if rapid.Bool().Draw(t, "close together") { // differing in the last bits, or in the millisecond alone
			base := KeyAt(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
			for i := range list {
				list[i] = base + Key(i)<<rapid.IntRange(0, milliShift+3).Draw(t, "shift")
			}
		}
		slices.Sort(list)
		for i := 1; i < len(list); i++ {
			// The scope must not matter: lists of all owners sort alike.
			a, b := c.Message(1, MessageID(list[i-1])), c.Message(ApplicationID(i), MessageID(list[i]))
			if list[i-1] != list[i] && a >= b {
				t.Fatalf("key %d is %s and key %d is %s", list[i-1], a, list[i], b)
			}
		}
	})
}

// An id is 12 bytes of authentication code behind a key, so a changed character is never an id.
func TestChangedIDsAreRefused(t *testing.T) {
	c := newTestCodec(t, "0123456789abcdef")
	good := c.Message(7, MessageID(KeyAt(time.Now())))
	for i := len("msg_"); i < len(good); i++ {
		for _, d := range base62Digits {
			if byte(d) == good[i] {
				continue
			}
			if _, ok := c.ParseMessage(7, good[:i]+string(d)+good[i+1:]); ok {
				t.Fatalf("accepted with character %d changed to %c", i, d)
			}
		}
	}
	for _, s := range []string{
		"", "msg_", good[:len(good)-1], good + "0", strings.ToUpper(good), " " + good, good + "\x00",
		"msg_" + strings.Repeat("z", 27), "msg_" + strings.Repeat("0", 27), "msg_" + strings.Repeat("é", 13) + "a", strings.Repeat("msg_", 1<<16),
	} {
		if _, ok := c.ParseMessage(7, s); ok {
			t.Errorf("accepted %.40q", s)
		}
	}
}

// Ids are in customers' databases: these must stay what they are.
func TestIDsNeverChange(t *testing.T) {
	c := newTestCodec(t, "a secret for the vector")
	k := KeyAt(time.UnixMilli(1_795_219_199_123)) | 5<<sequenceBits | 9
	if got, want := c.Message(ApplicationID(KeyAt(time.UnixMilli(1_700_000_000_000))), MessageID(k)), "msg_3MOQaipf6ALyjmqmuPacShq6cpY"; got != want {
		t.Errorf("id is %s, was %s", got, want)
	}
}

func TestCodecWantsASecret(t *testing.T) {
	if _, err := NewCodec(make([]byte, 15)); err == nil {
		t.Error("a secret of 15 bytes was accepted")
	}
}

func TestHasIDPrefix(t *testing.T) {
	for _, c := range []struct {
		noun, text string
		want       bool
	}{
		{"app", "app_", true}, {"app", "app_x", true}, {"app", "App_x", false}, {"app", "ep_x", false}, {"app", "my-app_x", false},
		{"endpoint", "ep_x", true}, {"endpoint", "app_x", false}, {"message", "msg_x", true}, {"message", "msg", false}, {"other", "app_x", false},
	} {
		if got := HasIDPrefix(c.noun, c.text); got != c.want {
			t.Errorf("HasIDPrefix(%q, %q) is %v", c.noun, c.text, got)
		}
	}
}

func FuzzParseID(f *testing.F) {
	c := newTestCodec(f, "0123456789abcdef")
	f.Add("")
	f.Add("msg_")
	f.Add("msg_" + strings.Repeat("z", 27))
	f.Add(c.Message(7, MessageID(KeyAt(time.Now()))))
	f.Add(c.Message(8, MessageID(KeyAt(time.Now()))))
	f.Fuzz(func(t *testing.T, s string) {
		if k, ok := c.ParseMessage(7, s); ok && c.Message(7, k) != s {
			t.Errorf("%q and %q are one message", s, c.Message(7, k))
		}
	})
}
