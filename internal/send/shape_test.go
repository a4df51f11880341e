package send

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// taken is a request as a real HTTP server understood it.
type taken struct {
	r    *http.Request
	body []byte
}

// receiver is an HTTP server that keeps what it gets and answers as told.
func receiver(t *testing.T, h2 bool, answer http.HandlerFunc) (s *Sender, address string, got chan taken) {
	t.Helper()
	got = make(chan taken, 16)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body)) // for ParseForm
		got <- taken{r, body}
		if answer != nil {
			answer(w, r)
		}
	}))
	o := Options{}
	scheme := "http"
	if h2 {
		ca := newAuthority(t)
		srv.EnableHTTP2 = true
		srv.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused first handshake
		srv.TLS = &tls.Config{
			Certificates: []tls.Certificate{ca.issue(t, testHost, time.Now().Add(time.Hour))}, NextProtos: []string{"h2"}, GetConfigForClient: insistOnHTTP2,
		}
		srv.StartTLS()
		o.RootCAs, scheme = ca.pool(), "https"
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	s, _ = newSender(t, o)
	_, port, _ := strings.Cut(srv.Listener.Addr().String(), ":")
	return s, fmt.Sprintf("%s://%s:%s", scheme, testHost, port), got
}

const shapedPayload = `{"n":1.10,"s":"ä & <b> ","list":[1,{"x":null}],"none":[],"o":{"k":true,"a[b]":"z"},"big":12345678901234567890}`

// TestEveryShapeArrives sends each shape over HTTP/1.1 and HTTP/2 to net/http's server, has
// its own parsers read it, and verifies the signature over what the docs say it covers.
func TestEveryShapeArrives(t *testing.T) {
	form := url.Values{
		"n": {"1.10"}, "s": {"ä & <b> "}, "list[0]": {"1"}, "list[1][x]": {""}, "none": {""}, "o[k]": {"true"}, "o[a%5Bb%5D]": {"z"},
		"big": {"12345678901234567890"},
	}
	with := func(v url.Values, name, value string) url.Values {
		out := url.Values{}
		for k, list := range v {
			out[k] = list
		}
		out[name] = append(slices.Clone(out[name]), value)
		return out
	}
	const xml = `<n>1.10</n><s>ä &amp; &lt;b&gt; </s><list><item>1</item><item><x></x></item></list><none></none>` +
		`<o><k>true</k><a_x005B_b_x005D_>z</a_x005B_b_x005D_></o><big>12345678901234567890</big>`
	const prolog = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	token := func(in hook.Place) *hook.ShapeToken {
		return &hook.ShapeToken{In: in, Name: "tök[en]", Value: "s&c=r e+t"}
	}
	for _, c := range []struct {
		name   string
		shape  hook.Shape
		method string // POST when empty
		kind   string // content type
		body   string // exact, where not empty
		form   url.Values
		query  url.Values // x=1 when nil
	}{
		{name: "put", shape: hook.Shape{Method: "PUT"}, method: "PUT", kind: "application/json", body: shapedPayload},
		{name: "patch", shape: hook.Shape{Method: "PATCH"}, method: "PATCH", kind: "application/json", body: shapedPayload},
		{name: "json with a token in the body", shape: hook.Shape{Token: token(hook.InBody)}, kind: "application/json",
			body: strings.TrimSuffix(shapedPayload, "}") + `,"tök[en]":"s&c=r e+t"}`},
		{name: "json with a token in the query", shape: hook.Shape{Token: token(hook.InQuery)}, kind: "application/json",
			body: shapedPayload, query: url.Values{"x": {"1"}, "tök[en]": {"s&c=r e+t"}}},
		{name: "json with a token in a header", shape: hook.Shape{Token: &hook.ShapeToken{In: hook.InHeader, Name: "X-Key", Value: "s&c=r e+t"}},
			kind: "application/json", body: shapedPayload},
		{name: "form", shape: hook.Shape{Body: hook.BodyFormEncoded}, kind: "application/x-www-form-urlencoded", form: form},
		{name: "form, put, with a token", shape: hook.Shape{Method: "PUT", Body: hook.BodyFormEncoded, Token: token(hook.InBody)}, method: "PUT",
			kind: "application/x-www-form-urlencoded", form: with(form, "tök[en]", "s&c=r e+t")},
		{name: "xml", shape: hook.Shape{Body: hook.BodyXML}, kind: "application/xml; charset=utf-8", body: prolog + "<payload>" + xml + "</payload>"},
		{name: "xml with a root and a token", shape: hook.Shape{Body: hook.BodyXML, XMLRoot: "Order", Token: token(hook.InBody)},
			kind: "application/xml; charset=utf-8", body: prolog + "<Order>" + xml + "<t\u00f6k_x005B_en_x005D_>s&amp;c=r e+t</t\u00f6k_x005B_en_x005D_></Order>"},
		{name: "get", shape: hook.Shape{Method: "GET", Body: hook.BodyQuery}, method: "GET", query: with(form, "x", "1")},
		{name: "get with a token", shape: hook.Shape{Method: "GET", Body: hook.BodyQuery, Token: token(hook.InQuery)}, method: "GET",
			query: with(with(form, "x", "1"), "tök[en]", "s&c=r e+t")},
	} {
		for _, h2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/http2=%v", c.name, h2), func(t *testing.T) {
				sender, address, got := receiver(t, h2, nil)
				job := newJob(address + "/hook?x=1")
				job.Message.Payload, job.Endpoint.Shape = []byte(shapedPayload), &c.shape
				job.Endpoint.Headers = map[string]string{"X-Own": "o", "x_key": "stands below the token"}
				a := sender.Send(t.Context(), job)
				if a.Outcome != hook.Success || a.URL != job.Endpoint.URL {
					t.Fatalf("attempt %+v", a)
				}
				g := <-got
				wantMethod, wantQuery := c.method, c.query
				if wantMethod == "" {
					wantMethod = "POST"
				}
				if wantQuery == nil {
					wantQuery = url.Values{"x": {"1"}}
				}
				if g.r.Method != wantMethod || g.r.URL.Path != "/hook" || g.r.Proto != map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[h2] {
					t.Errorf("%s %s over %s", g.r.Method, g.r.URL.Path, g.r.Proto)
				}
				if q := g.r.URL.Query(); fmt.Sprint(q) != fmt.Sprint(wantQuery) {
					t.Errorf("query %v\nwant  %v", q, wantQuery)
				}
				if kind := g.r.Header.Get("Content-Type"); kind != c.kind {
					t.Errorf("content type %q", kind)
				}
				if c.body != "" && string(g.body) != c.body {
					t.Errorf("body %s\nwant %s", g.body, c.body)
				}
				if c.form != nil {
					if err := g.r.ParseForm(); err != nil || fmt.Sprint(g.r.PostForm) != fmt.Sprint(c.form) {
						t.Errorf("form %v, %v\nwant %v", g.r.PostForm, err, c.form)
					}
				}
				signed := g.body
				if c.method == "GET" {
					if len(g.body) > 0 || g.r.ContentLength > 0 || g.r.Header["Content-Length"] != nil {
						t.Errorf("a GET with a body of %d bytes, length %d", len(g.body), g.r.ContentLength)
					}
					signed = []byte(g.r.URL.RawQuery)
				}
				verifies(t, g.r.Header, signed)
				if k := g.r.Header.Get("X-Key"); c.shape.Token != nil && c.shape.Token.In == hook.InHeader && (k != c.shape.Token.Value || g.r.Header.Get("X_key") != "") {
					t.Errorf("token header %q, own %q", k, g.r.Header.Get("X_key"))
				}
				if g.r.Header.Get("X-Own") != "o" || g.r.Header.Get("Svix-Id") == "" || g.r.Header.Get("Accept") != "*/*" || !strings.HasPrefix(g.r.UserAgent(), "Hookloft") {
					t.Errorf("header %v", g.r.Header)
				}
			})
		}
	}
}

// TestTokenTakesThePlaceOfItsName: what a payload says under a token's name does not go out.
func TestTokenTakesThePlaceOfItsName(t *testing.T) {
	const payload = "{ \"a\" : 1.0 ,\n \"\\u0074\": {\"t\":[\"inner\"]} , \"t\":2,\"u\\u0020\": \"\\ud800\" }"
	for _, c := range []struct {
		name, payload, want string
		shape               hook.Shape
	}{
		{"json", payload, "{\"a\" : 1.0,\"u\\u0020\": \"\\ud800\",\"t\":\"v\"}", hook.Shape{}},
		{"json, empty", " {\n} ", `{"t":"v"}`, hook.Shape{}},
		{"json, nothing else", `{"t":1}`, `{"t":"v"}`, hook.Shape{}},
		{"form", payload, "a=1.0&t%5Bt%5D%5B0%5D=inner&u+=%EF%BF%BD&t=v", hook.Shape{Body: hook.BodyFormEncoded}},
		{"xml", payload, "<payload><a>1.0</a><u_x0020_>\uFFFD</u_x0020_><t>v</t></payload>", hook.Shape{Body: hook.BodyXML}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.shape.Token = &hook.ShapeToken{In: hook.InBody, Name: "t", Value: "v"}
			body, _, err := shapedBody(&c.shape, &hook.Message{Payload: []byte(c.payload)})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimPrefix(string(body), `<?xml version="1.0" encoding="UTF-8"?>`+"\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestWhatHasNoSuchShapeMakesNoRequest: no retry would help, and the owner reads why.
func TestWhatHasNoSuchShapeMakesNoRequest(t *testing.T) {
	raw := func(m *hook.Message) { m.RawBody, m.ContentType = []byte(`{"a":1}`), "text/plain" }
	long := func(m *hook.Message) { m.Payload = []byte(`{"a":"` + strings.Repeat("x", 9000) + `"}`) }
	// A megabyte of which each item repeats a long name: hundreds of megabytes as a form.
	endless := func(m *hook.Message) {
		m.Payload = []byte(`{"` + strings.Repeat("k", 500<<10) + `":[` + strings.Repeat("1,", 250<<10) + `1]}`)
	}
	deep := func(m *hook.Message) {
		m.Payload = []byte(strings.Repeat(`{"`+strings.Repeat("k", 7000)+`":`, 120) + "[" + strings.Repeat("[],", 10000) + "1]" + strings.Repeat("}", 120))
	}
	token := &hook.ShapeToken{In: hook.InBody, Name: "t", Value: "v"}
	for _, c := range []struct {
		name   string
		shape  hook.Shape
		change func(*hook.Message)
		words  string
	}{
		{"raw body as a form", hook.Shape{Body: hook.BodyFormEncoded}, raw, "raw body"},
		{"raw body as xml", hook.Shape{Body: hook.BodyXML}, raw, "raw body"},
		{"raw body as a query", hook.Shape{Method: "GET", Body: hook.BodyQuery}, raw, "raw body"},
		{"raw body with a token", hook.Shape{Token: token}, raw, "raw body"},
		{"no object", hook.Shape{Body: hook.BodyXML}, func(m *hook.Message) { m.Payload = []byte(`[1]`) }, "not a JSON object"},
		{"broken", hook.Shape{Body: hook.BodyFormEncoded}, func(m *hook.Message) { m.Payload = []byte(`{"a":[1,}`) }, "not a JSON object"},
		{"broken, with a token", hook.Shape{Token: token}, func(m *hook.Message) { m.Payload = []byte(`{"a":1`) }, "not a JSON object"},
		{"long query", hook.Shape{Method: "GET", Body: hook.BodyQuery}, long, "more than 8192 bytes"},
		{"endless form", hook.Shape{Body: hook.BodyFormEncoded}, endless, "more than 8 MiB"},
		{"deep form", hook.Shape{Body: hook.BodyFormEncoded}, deep, "more than 8 MiB"},
		{"endless query", hook.Shape{Method: "GET", Body: hook.BodyQuery}, endless, "more than 8192 bytes"},
		{"long names in xml", hook.Shape{Body: hook.BodyXML}, func(m *hook.Message) {
			m.Payload = []byte(`{"` + strings.Repeat(`\u0001`, 170<<10) + `":1,"` + strings.Repeat("\u00d7", 500<<10) + `":{}}`)
		}, "more than 8 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sender, address, got := receiver(t, false, nil)
			job := newJob(address)
			job.Endpoint.Shape = &c.shape
			c.change(job.Message)
			start := time.Now()
			a := sender.Send(t.Context(), job)
			if a.Outcome != hook.Unsendable || a.Reason != hook.ReasonTransformError || !strings.Contains(a.Error, c.words) {
				t.Errorf("%s %s %q", a.Outcome, a.Reason, a.Error)
			}
			if len(got) > 0 || time.Since(start) > time.Minute {
				t.Errorf("%d requests after %v", len(got), time.Since(start))
			}
		})
	}
	// Raw bodies go out by another method as they are.
	sender, address, got := receiver(t, false, nil)
	job := newJob(address)
	job.Endpoint.Shape = &hook.Shape{Method: "PUT"}
	raw(job.Message)
	if a := sender.Send(t.Context(), job); a.Outcome != hook.Success {
		t.Fatalf("attempt %+v", a)
	}
	if g := <-got; g.r.Method != "PUT" || string(g.body) != `{"a":1}` || g.r.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%s %q as %q", g.r.Method, g.body, g.r.Header.Get("Content-Type"))
	}
}

// TestSuccessIsWhatTheOwnerSays: each status against a real server, redirects unfollowed.
func TestSuccessIsWhatTheOwnerSays(t *testing.T) {
	only := func(ranges ...int) []hook.StatusRange {
		var list []hook.StatusRange
		for i := 0; i < len(ranges); i += 2 {
			list = append(list, hook.StatusRange{Low: ranges[i], High: ranges[i+1]})
		}
		return list
	}
	for _, c := range []struct {
		name    string
		success []hook.StatusRange
		status  int
		outcome hook.Outcome
		reason  hook.Reason
	}{
		{"usual", nil, 204, hook.Success, hook.ReasonNone},
		{"usual redirect", nil, 302, hook.Failed, hook.ReasonRedirect},
		{"redirect", only(302, 302), 302, hook.Success, hook.ReasonNone},
		{"other redirect", only(302, 302), 301, hook.Failed, hook.ReasonRedirect},
		{"200 is none of them", only(302, 302), 200, hook.Failed, hook.ReasonRejected},
		{"not found", only(200, 299, 404, 404), 404, hook.Success, hook.ReasonNone},
		{"beside not found", only(200, 299, 404, 404), 201, hook.Success, hook.ReasonNone},
		{"gone is a success", only(410, 410), 410, hook.Success, hook.ReasonNone},
		{"gone is none", only(200, 200), 410, hook.Gone, hook.ReasonGone},
		{"throttled is a success", only(429, 429), 429, hook.Success, hook.ReasonNone},
		{"server error is a success", only(500, 599), 503, hook.Success, hook.ReasonNone},
		{"edge", only(200, 204), 205, hook.Failed, hook.ReasonRejected},
	} {
		for _, h2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/http2=%v", c.name, h2), func(t *testing.T) {
				sender, address, got := receiver(t, h2, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Location", "/elsewhere")
					w.Header().Set("Retry-After", "120")
					w.WriteHeader(c.status)
				})
				job := newJob(address + "/hook")
				job.Endpoint.Shape = &hook.Shape{Success: c.success}
				a := sender.Send(t.Context(), job)
				if a.Outcome != c.outcome || a.Reason != c.reason || a.Status != c.status {
					t.Errorf("%s %s %d %q", a.Outcome, a.Reason, a.Status, a.Error)
				}
				if a.RetryAfter != 2*time.Minute {
					t.Errorf("Retry-After %v", a.RetryAfter)
				}
				if len(got) != 1 {
					t.Errorf("%d requests", len(got))
				}
				if c.reason == hook.ReasonRejected && a.Error == "" {
					t.Error("nothing says why a 2xx failed")
				}
			})
		}
	}
}

// TestOwnDeadline: shorter and longer than the sender's, over headers and body alike.
func TestOwnDeadline(t *testing.T) {
	wait := func(r *http.Request, d time.Duration) {
		select {
		case <-time.After(d):
		case <-r.Context().Done(): // the sender gave up
		}
	}
	slow := func(w http.ResponseWriter, r *http.Request) { wait(r, 3*time.Second) }
	never := func(w http.ResponseWriter, r *http.Request) { wait(r, time.Minute) }
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("longer/http2=%v", h2), func(t *testing.T) {
			sender, address, _ := receiver(t, h2, slow)
			sender.endpoints.timeout = 300 * time.Millisecond
			job := newJob(address)
			if a := sender.Send(t.Context(), job); a.Reason != hook.ReasonTimeoutHeaders || a.Took > 2500*time.Millisecond {
				t.Errorf("without one of its own: %s after %v", a.Reason, a.Took)
			}
			e := *job.Endpoint
			e.Shape = &hook.Shape{Timeout: time.Minute}
			job.Endpoint = &e
			if a := sender.Send(t.Context(), job); a.Outcome != hook.Success {
				t.Errorf("%s %s after %v", a.Reason, a.Error, a.Took)
			}
		})
		t.Run(fmt.Sprintf("shorter/http2=%v", h2), func(t *testing.T) {
			sender, address, _ := receiver(t, h2, never)
			job := newJob(address)
			job.Endpoint.Shape = &hook.Shape{Timeout: time.Second}
			if a := sender.Send(t.Context(), job); a.Reason != hook.ReasonTimeoutHeaders || a.Took < 900*time.Millisecond || a.Took > 30*time.Second {
				t.Errorf("%s after %v", a.Reason, a.Took)
			}
		})
	}
}

// TestReceiverMayAskForMore: the header webhook-delivery of an answer.
func TestReceiverMayAskForMore(t *testing.T) {
	for _, c := range []struct {
		status  int
		value   string
		outcome hook.Outcome
		wish    hook.Wish
	}{
		{500, "disable", hook.Gone, hook.WishDisable},
		{200, "disable", hook.Success, hook.WishDisable},
		{400, "Abort-Message", hook.Failed, hook.WishAbort},
		{200, "abort-message", hook.Success, hook.WishAbort},
		{500, "please stop", hook.Failed, hook.NoWish},
		{500, "", hook.Failed, hook.NoWish},
	} {
		for _, h2 := range []bool{false, true} {
			sender, address, _ := receiver(t, h2, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("webhook-delivery", c.value)
				w.WriteHeader(c.status)
			})
			a := sender.Send(t.Context(), newJob(address))
			if a.Outcome != c.outcome || a.Wish != c.wish || (a.Error != "") != (c.outcome != hook.Success && c.wish != hook.NoWish) {
				t.Errorf("%d %q: %s, wish %d, %q", c.status, c.value, a.Outcome, a.Wish, a.Error)
			}
		}
	}
}

// TestTokenNeverPrints: neither an attempt nor a formatted endpoint holds a token.
func TestTokenNeverPrints(t *testing.T) {
	for _, in := range []hook.Place{hook.InBody, hook.InQuery, hook.InHeader} {
		sender, address, got := receiver(t, false, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
		job := newJob(address + "/?a=1")
		job.Endpoint.Shape = &hook.Shape{Token: &hook.ShapeToken{In: in, Name: "X-T", Value: "canary"}}
		a := sender.Send(t.Context(), job)
		if len(got) != 1 {
			t.Fatalf("%d requests", len(got))
		}
		broken := newJob("http://127.0.0.1:1/?a=1")
		broken.Endpoint.Shape = job.Endpoint.Shape
		b := sender.Send(t.Context(), broken)
		plain, err := json.Marshal([]any{a, b})
		if err != nil {
			t.Fatal(err)
		}
		var lines bytes.Buffer
		slog.New(slog.NewTextHandler(&lines, nil)).Info("x", "shape", *job.Endpoint.Shape.Token, "p", job.Endpoint.Shape.Token)
		for _, text := range []string{string(plain), fmt.Sprintf("%v %+v %#v", job.Endpoint.Shape.Token, *job.Endpoint.Shape.Token, *job.Endpoint.Shape), lines.String()} {
			if strings.Contains(text, "canary") {
				t.Errorf("%s: %s", in, text)
			}
		}
	}
}

// TestForwardTakesStatusesAndDeadline: of a shape, what an endpoint of a source may have.
func TestForwardTakesStatusesAndDeadline(t *testing.T) {
	sender, address, got := receiver(t, false, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("slow") {
			<-r.Context().Done() // until the sender gives up
		}
		w.WriteHeader(404)
	})
	job := newJob(address + "/hook")
	job.Message.Inbound, job.Message.RawBody, job.Message.Payload = &hook.Inbound{Method: "PUT", Query: "q=1"}, []byte("raw"), nil
	job.Endpoint.Shape = &hook.Shape{Success: []hook.StatusRange{{Low: 404, High: 404}}, Timeout: time.Minute}
	if a := sender.Send(t.Context(), job); a.Outcome != hook.Success || a.Status != 404 {
		t.Errorf("attempt %+v", a)
	}
	if g := <-got; g.r.Method != "PUT" || string(g.body) != "raw" || g.r.URL.RawQuery != "q=1" {
		t.Errorf("%s %s %q", g.r.Method, g.r.URL, g.body)
	}
	job.Message.Inbound = &hook.Inbound{Query: "slow"}
	e := *job.Endpoint
	e.Shape = &hook.Shape{Success: e.Shape.Success, Timeout: time.Second}
	job.Endpoint = &e
	if a := sender.Send(t.Context(), job); a.Reason != hook.ReasonTimeoutHeaders || a.Took < 900*time.Millisecond || a.Took > 30*time.Second {
		t.Errorf("%s after %v", a.Reason, a.Took)
	}
}

// TestLargeShapedBodyArrives: larger than what is written in one piece with the head.
func TestLargeShapedBodyArrives(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		sender, address, got := receiver(t, h2, nil)
		job := newJob(address + "/hook")
		job.Endpoint.Shape = &hook.Shape{Body: hook.BodyFormEncoded}
		text := strings.Repeat("ä ", 100<<10)
		job.Message.Payload = []byte(`{"a":"` + text + `"}`)
		if a := sender.Send(t.Context(), job); a.Outcome != hook.Success {
			t.Fatalf("attempt %+v", a)
		}
		g := <-got
		if err := g.r.ParseForm(); err != nil || g.r.PostForm.Get("a") != text {
			t.Errorf("%d bytes arrive, %v", len(g.body), err)
		}
		verifies(t, g.r.Header, g.body)
	}
}
