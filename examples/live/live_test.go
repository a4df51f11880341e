//go:build unix

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// hostile comments are to be shown as they are.
var hostile = []string{
	`<script>window.hacked = 1</script>`,
	`<img src=x onerror="window.hacked = 2">`,
	`</li></ol><h1>Gone</h1><style>body{display:none}</style> &lt;b&gt; ${1+1} javascript:alert(1)`,
	"two\nlines, and a \u202ebackward one, and 🐝",
}

// TestPageShowsCommentsAsTheyCome looks at the page in a real browser, while comments come and the
// server is killed: each is shown, once, in order, and as text.
func TestPageShowsCommentsAsTheyCome(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	b := openBrowser(t)
	s, blog := startBlog(t)
	write(t, blog.URL, "Ada", "before the page is open")
	want := []string{"before the page is open"}
	shows := func() {
		t.Helper()
		b.await(fmt.Sprintf("document.querySelectorAll('#comments li').length >= %d", len(want)))
		var got []string
		b.eval(`[...document.querySelectorAll('#comments .text')].map((p) => p.textContent)`, &got)
		if !slices.Equal(got, want) {
			t.Fatalf("the page shows %q, want %q", got, want)
		}
	}
	b.call("Page.navigate", map[string]any{"url": blog.URL + "/"}, nil)
	const isLive = `document.querySelector('#state').dataset.state === 'live'`
	b.await("document.querySelector('#state') && " + isLive)
	shows()
	for _, text := range hostile {
		write(t, blog.URL, "Mallory <b>", text)
		want = append(want, text)
	}
	shows()
	var leaked []int
	b.eval(`['script', 'img', 'style', 'h1', 'b'].map((tag) => document.querySelectorAll('section ' + tag).length)`, &leaked)
	if !slices.Equal(leaked, []int{0, 0, 0, 0, 0}) {
		t.Errorf("comments became elements: %v", leaked)
	}
	// What is below another post, and what is no comment, is not this page's.
	for _, m := range []rig.MessageIn{
		{EventType: created, Payload: json.RawMessage(`{"author": "A", "text": "elsewhere"}`), Channels: []string{"post-2"}},
		{EventType: "comment.removed", Payload: json.RawMessage(`{"author": "A", "text": "removed"}`), Channels: []string{post}},
	} {
		if status, _, err := s.API().Publish(application, m); err != nil || status != http.StatusAccepted {
			t.Fatalf("publish: %d, %v", status, err)
		}
	}

	if complaints := b.complaints(); !strings.HasSuffix(complaints, "complaints: []") {
		t.Error(complaints)
	}

	// Killed, and back: what is written before the browser has come back is not missed.
	for n := range 2 {
		s.Kill()
		b.await("!(" + isLive + ")")
		if _, err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		for k := range 3 {
			text := fmt.Sprintf("after restart %d: %d", n, k)
			write(t, blog.URL, "Ada", text)
			want = append(want, text)
		}
		shows()
		b.await(isLive)
	}

	// A token that has ended is a refusal, which the browser takes for final: the page gets another.
	if status, text, err := s.API().Do(http.MethodPost, "/api/v1/auth/app/"+application+"/expire-all", map[string]any{}); err != nil || status/100 != 2 {
		t.Fatalf("expire the tokens: %d, %v: %s", status, err, text)
	}
	s.Kill()
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	write(t, blog.URL, "Ada", "with another token")
	want = append(want, "with another token")
	shows()
	b.await(isLive)

	// The reader writes, too.
	b.eval(`(() => { const f = document.forms[0]; f.author.value = 'Grace'; f.text.value = 'from the page'; f.requestSubmit(); })()`, nil)
	want = append(want, "from the page")
	shows()
	b.await(`document.forms[0].text.value === ''`)

	// Should a comment become more than text by somebody's mistake, it still does nothing.
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the page asks another server for %s", r.URL) }))
	defer elsewhere.Close()
	b.eval(`(() => { const div = document.createElement('div'); div.innerHTML = '<img src="`+elsewhere.URL+`/x" onerror="window.hacked = 3">'; document.body.append(div);
		const script = document.createElement('script'); script.textContent = 'window.hacked = 4'; document.body.append(script);
		return fetch("`+elsewhere.URL+`/fetch").then(() => { window.hacked = 5 }, () => new Promise((done) => setTimeout(done, 200))); })()`, nil)
	var hacked bool
	if b.eval("'hacked' in window", &hacked); hacked {
		t.Error("a script of a comment ran")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, address := range b.requests {
		if !strings.HasPrefix(address, blog.URL+"/") && !strings.HasPrefix(address, s.URL+"/x/v1/app/blog/stream?") && !strings.HasPrefix(address, elsewhere.URL+"/") {
			t.Errorf("the page asks for %s", address)
		}
	}
}

// TestPageIsReadableInLightAndDark looks at the colours, and leaves pictures in the folder
// HOOKLOFT_TEST_PICTURES where that is set.
func TestPageIsReadableInLightAndDark(t *testing.T) {
	b := openBrowser(t)
	_, blog := startBlog(t)
	write(t, blog.URL, "Ada", "Do they sleep in winter?")
	write(t, blog.URL, "Mallory", hostile[0])
	b.call("Page.navigate", map[string]any{"url": blog.URL + "/"}, nil)
	b.await(`document.querySelectorAll('#comments li').length === 2 && document.querySelector('#state').dataset.state === 'live'`)
	brightness := map[string]float64{}
	for _, scheme := range []string{"light", "dark"} {
		b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
		for _, place := range []string{"article p", "#state", "li .text", "li time", "label", "button"} {
			var colours [2][]float64 // of the text, and of the nearest background that is not transparent
			b.eval(fmt.Sprintf(`(() => { let e = document.querySelector(%q); const rgb = (c) => c.match(/[\d.]+/g).map(Number); const text = rgb(getComputedStyle(e).color);
				for (;; e = e.parentElement) { const back = rgb(getComputedStyle(e).backgroundColor); if (back.length < 4 || back[3] > 0) return [text, back]; } })()`, place), &colours)
			text, back := luminance(colours[0]), luminance(colours[1])
			// WCAG 2.2, 1.4.3: at least 4.5 to 1.
			if ratio := (max(text, back) + .05) / (min(text, back) + .05); ratio < 4.5 {
				t.Errorf("%s: %s has a contrast of %.1f: %v", scheme, place, ratio, colours)
			}
			if place == "article p" {
				brightness[scheme] = back
			}
		}
		if dir := os.Getenv("HOOKLOFT_TEST_PICTURES"); dir != "" {
			var shot struct{ Data string }
			b.call("Page.captureScreenshot", nil, &shot)
			png, err := base64.StdEncoding.DecodeString(shot.Data)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "live-"+scheme+".png"), png, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if brightness["light"] < .8 || brightness["dark"] > .1 {
		t.Errorf("the page's brightness is %v", brightness)
	}
}

// luminance is the relative luminance of WCAG 2.2 of a colour of three numbers up to 255.
func luminance(rgb []float64) float64 {
	sum := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		c := rgb[i] / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// TestPageTokenOnlyFollows takes the token that the page has and tries to do more with it.
func TestPageTokenOnlyFollows(t *testing.T) {
	s, blog := startBlog(t)
	other := s.API().MustCreateApp(t, "other")
	var page struct{ Stream string }
	status, text := get(t, blog.URL+"/comments", "")
	if err := json.Unmarshal(text, &page); err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v: %s", status, err, text)
	}
	if bytes.Contains(text, []byte(s.Token)) {
		t.Error("the page gets the blog's own token")
	}
	u, err := url.Parse(page.Stream)
	if err != nil {
		t.Fatal(err)
	}
	token := u.Query().Get("token")
	for _, path := range []string{
		"/api/v1/app", "/api/v1/app/blog", "/api/v1/app/blog/msg", "/api/v1/app/blog/endpoint", "/x/v1/app/blog/endpoint/e/order",
		"/x/v1/app/other/stream", "/x/v1/app/" + other + "/stream", "/x/v1/source/blog/stream", "/x/v1/app/blog/listen",
	} {
		for _, way := range []struct{ query, bearer string }{{"?token=" + token, ""}, {"", token}} {
			if status, text := get(t, s.URL+path+way.query, way.bearer); status != 401 && status != 403 && status != 404 {
				t.Errorf("GET %s with the page's token: %d %.100s", path, status, text)
			}
		}
	}
	api := rig.NewAPI(s.URL, token)
	for path, in := range map[string]any{
		"/api/v1/app/blog/msg":        map[string]any{"eventType": created, "payload": map[string]string{"author": "M", "text": "forged"}, "channels": []string{post}},
		"/x/v1/app/blog/stream/token": map[string]any{"channel": "post-2"},
	} {
		if status, text, err := api.Do(http.MethodPost, path, in); err != nil || status != 401 && status != 403 {
			t.Errorf("POST %s with the page's token: %d, %v %.100s", path, status, err, text)
		}
	}
}

// TestBlogRefuses checks what is no comment.
func TestBlogRefuses(t *testing.T) {
	_, blog := startBlog(t)
	id := strings.Repeat("0a", 16)
	cases := []struct {
		name, media, body string
		want              int
	}{
		{"a form of another site", "text/plain", `{"id": "` + id + `", "author": "M", "text": "t"}`, 415},
		{"not JSON", "application/json", `text`, 400},
		{"no id", "application/json", `{"author": "M", "text": "t"}`, 422},
		{"no text", "application/json", `{"id": "` + id + `", "author": "M", "text": " "}`, 422},
		{"a long text", "application/json", `{"id": "` + id + `", "author": "M", "text": "` + strings.Repeat("ä", 2001) + `"}`, 422},
		{"too large", "application/json", `{"id": "` + strings.Repeat("0", 20<<10) + `"}`, 400},
		{"a comment", "application/json", `{"id": "` + id + `", "author": "M", "text": "t"}`, 204},
		{"the same again", "application/json", `{"id": "` + id + `", "author": "M", "text": "t"}`, 204},
	}
	for _, c := range cases {
		resp, err := http.Post(blog.URL+"/comments", c.media, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.name, resp.StatusCode, c.want)
		}
	}
	var page struct{ Comments []Message }
	if _, text := get(t, blog.URL+"/comments", ""); json.Unmarshal(text, &page) != nil || len(page.Comments) != 1 {
		t.Errorf("there are %s, want one comment", text)
	}
}

func startBlog(t *testing.T) (*rig.Server, *httptest.Server) {
	t.Helper()
	s := rig.Start(t, rig.Options{})
	h := Hookloft{URL: s.URL, Token: s.Token}
	if err := h.createApplication(t.Context()); err != nil {
		t.Fatal(err)
	}
	blog, err := NewBlog(h)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(blog)
	t.Cleanup(server.Close)
	return s, server
}

// write sends a comment as another reader's page would.
func write(t *testing.T, blogURL, author, text string) {
	t.Helper()
	id := fmt.Sprintf("%x", []byte(rig.Secret(author+text)))[:32]
	body, err := json.Marshal(map[string]string{"id": id, "author": author, "text": text})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(blogURL+"/comments", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		answer, _ := io.ReadAll(resp.Body)
		t.Fatalf("a comment is answered %d: %s", resp.StatusCode, answer)
	}
}

func get(t *testing.T, address, bearer string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text
}
