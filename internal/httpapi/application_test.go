package httpapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestApplicationLife walks through create, replace, patch and delete (CONTRACT section 5).
func TestApplicationLife(t *testing.T) {
	r := newRig(t)
	a := r.must(201, "POST", "/api/v1/app/", `{"name":"Acme","uid":"acme","rateLimit":7,"metadata":{"k":"v"}}`)
	id := a.str("id")
	for field, want := range map[string]string{"name": "Acme", "uid": "acme", "throttleRate": "7", "rateLimit": "7", "metadata.k": "v"} {
		if got := a.str(field); got != want {
			t.Errorf("created %s = %s, want %s", field, got, want)
		}
	}
	if got := r.must(200, "GET", "/api/v1/app/acme/", "").str("id"); got != id {
		t.Errorf("by uid: %s, want %s", got, id)
	}
	steps := []struct {
		why, method, ref, body string
		status                 int
		field, want            string
	}{
		{"patch keeps what is absent", "PATCH", "acme", `{"name":"B"}`, 200, "uid", "acme"},
		{"patch replaces metadata as a whole", "PATCH", "acme", `{"metadata":{"x":"y"}}`, 200, "metadata", `{"x":"y"}`},
		{"patch clears metadata with {}", "PATCH", "acme", `{"metadata":{}}`, 200, "metadata", `{}`},
		{"patch clears a rate with null", "PATCH", "acme", `{"throttleRate":null}`, 200, "throttleRate", "null"},
		{"patch sets the older name", "PATCH", "acme", `{"rateLimit":9}`, 200, "throttleRate", "9"},
		{"patch clears a rate with 0", "PATCH", "acme", `{"throttleRate":0}`, 200, "rateLimit", "null"},
		{"patch refuses null for the name", "PATCH", "acme", `{"name":null}`, 422, "", ""},
		{"patch clears the uid", "PATCH", "acme", `{"uid":null}`, 200, "uid", "null"},
		{"the uid is free again", "GET", "acme", ``, 404, "", ""},
		{"put on an unknown reference creates without that uid", "PUT", "acme", `{"name":"New"}`, 201, "uid", "null"},
		{"put replaces: what is omitted is cleared", "PUT", id, `{"name":"C"}`, 200, "metadata", "{}"},
		{"put with the own uid is fine", "PUT", id, `{"name":"C","uid":"c"}`, 200, "uid", "c"},
		{"put with the own uid again", "PUT", "c", `{"name":"C","uid":"c"}`, 200, "id", id},
		{"delete", "DELETE", "c", ``, 204, "", ""},
		{"deleted", "GET", id, ``, 404, "code", "not_found"},
		{"deleted twice", "DELETE", id, ``, 404, "", ""},
	}
	for _, s := range steps {
		a := r.call(s.method, "/api/v1/app/"+s.ref, s.body)
		if a.status != s.status || s.field != "" && a.str(s.field) != s.want {
			t.Errorf("%s: %d %s", s.why, a.status, a.body)
		}
	}
}

func TestApplicationRules(t *testing.T) {
	r := newRig(t)
	r.app("taken")
	for _, c := range []struct {
		why, body string
		status    int
		loc       string
	}{
		{"name missing", `{}`, 422, "body name"},
		{"name empty", `{"name":""}`, 422, "body name"},
		{"name with a control character", `{"name":"a\u0001"}`, 422, "body name"},
		{"name of another type", `{"name":5}`, 422, "body name"},
		{"uid with a blank", `{"name":"n","uid":"a b"}`, 422, "body uid"},
		{"uid with the prefix of ids", `{"name":"n","uid":"app_x"}`, 422, "body uid"},
		{"uid empty", `{"name":"n","uid":""}`, 422, "body uid"},
		{"uid too long", `{"name":"n","uid":"` + strings.Repeat("u", 257) + `"}`, 422, "body uid"},
		{"uid null is none", `{"name":"n","uid":null}`, 201, ""},
		{"uid taken", `{"name":"n","uid":"taken"}`, 409, ""},
		{"rate of 0", `{"name":"n","throttleRate":0}`, 422, "body throttleRate"},
		{"rate beyond 16 bits", `{"name":"n","throttleRate":65536}`, 422, "body throttleRate"},
		{"metadata too large", `{"name":"n","metadata":{"k":"` + strings.Repeat("v", 4100) + `"}}`, 422, "body metadata"},
		{"metadata of another type", `{"name":"n","metadata":{"k":1}}`, 422, "body metadata k"},
		{"metadata null is none", `{"name":"n","metadata":null}`, 201, ""},
		{"key twice", `{"name":"n","name":"m"}`, 422, "body name"},
		{"key in another case", `{"Name":"n"}`, 422, "body name"},
	} {
		if a := r.call("POST", "/api/v1/app", c.body); a.status != c.status || a.loc() != c.loc {
			t.Errorf("%s: %d at %q: %s", c.why, a.status, a.loc(), a.body)
		}
	}
	if a := r.call("POST", "/api/v1/app", `{"name":"n","uid":"taken"}`); a.str("code") != "conflict" || a.str("detail") != appTaken {
		t.Errorf("conflict: %s", a.body)
	}
	if a := r.must(200, "POST", "/api/v1/app?get_if_exists=true", `{"name":"n","uid":"taken"}`); a.str("uid") != "taken" {
		t.Errorf("get_if_exists: %s", a.body)
	}
	r.must(201, "POST", "/api/v1/app?get_if_exists=true", `{"name":"n","uid":"fresh"}`)
	_, token := r.environment("second")
	if a := r.send(request{method: "POST", path: "/api/v1/app", token: token, body: `{"name":"n","uid":"taken"}`}); a.status != 201 {
		t.Errorf("the same uid in another environment: %d %s", a.status, a.body)
	}
}

// TestIgnoredFieldsAreNamed shows that a misspelt field is noticed.
func TestIgnoredFieldsAreNamed(t *testing.T) {
	r := newRig(t)
	a := r.must(201, "POST", "/api/v1/app", `{"name":"n","uidd":"x","Name":1}`)
	if got := a.header.Get("Hookloft-Ignored-Fields"); got != "Name, uidd" {
		t.Errorf("named %q", got)
	}
	r.app("a")
	a = r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"t","payload":{},"event_id":"x"}`)
	if got := a.header.Get("Hookloft-Ignored-Fields"); got != "event_id" {
		t.Errorf("named %q", got)
	}
	for _, quiet := range []string{
		`{"url":"https://example.com/","filterTypes":null,"eventTypes":null,"rateLimit":1,"throttleRate":1,"version":1}`,
	} {
		a = r.must(201, "POST", "/api/v1/app/a/endpoint", quiet)
		if got := a.header.Get("Hookloft-Ignored-Fields"); got != "" {
			t.Errorf("a known field was named: %q", got)
		}
	}
}

// TestListsPage walks 251 applications forwards and backwards in both orders.
func TestListsPage(t *testing.T) {
	r := newRig(t)
	const n = 251
	var ids []string
	for i := range n {
		ids = append(ids, r.app(fmt.Sprintf("u%d", i)))
	}
	read := func(query string) (page struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
		Iterator, PrevIterator *string
		Done                   bool
	}) {
		t.Helper()
		a := r.must(200, "GET", "/api/v1/app?"+query, "")
		if err := json.Unmarshal(a.body, &page); err != nil {
			t.Fatal(err)
		}
		return page
	}
	for _, order := range []string{"ascending", "descending"} {
		want := slices.Clone(ids)
		if order == "descending" {
			slices.Reverse(want)
		}
		var got []string
		iterator, pages := "", 0
		for {
			query := "limit=100&order=" + order
			if iterator != "" {
				query += "&iterator=" + iterator
			}
			p := read(query)
			for _, d := range p.Data {
				got = append(got, d.ID)
			}
			if pages++; p.Done || pages > 5 {
				break
			}
			iterator = *p.Iterator
		}
		if pages != 3 || !slices.Equal(got, want) {
			t.Errorf("%s: %d pages, %d rows", order, pages, len(got))
		}
		p := read("limit=100&order=" + order + "&iterator=-" + want[150])
		if len(p.Data) != 100 || p.Data[0].ID != want[50] || p.Data[99].ID != want[149] || p.Done {
			t.Errorf("%s back from 150: %d rows, done %v", order, len(p.Data), p.Done)
		}
		p = read("limit=100&order=" + order + "&iterator=" + *p.PrevIterator)
		if len(p.Data) != 50 || p.Data[0].ID != want[0] || !p.Done {
			t.Errorf("%s back from 50: %d rows, done %v", order, len(p.Data), p.Done)
		}
	}
	if p := read("limit=250"); len(p.Data) != 250 || p.Done {
		t.Errorf("limit 250: %d rows, done %v", len(p.Data), p.Done)
	}
	r.must(204, "DELETE", "/api/v1/app/u0", "")
	if p := read("limit=250"); len(p.Data) != 250 || !p.Done {
		t.Errorf("exactly one page: %d rows, done %v", len(p.Data), p.Done)
	}
	_, token := r.environment("empty")
	a := r.send(request{method: "GET", path: "/api/v1/app", token: token})
	if a.str("data") != "[]" || a.str("iterator") != "null" || a.str("done") != "true" {
		t.Errorf("empty list: %s", a.body)
	}
}

func TestListParameters(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	other := r.app("b")
	foreign := r.message(other, "")
	messages := "/api/v1/app/" + app + "/msg?"
	for _, c := range []struct {
		why, path string
		status    int
		loc       string
	}{
		{"limit beyond the most", "/api/v1/app?limit=251", 422, "query limit"},
		{"limit 0", "/api/v1/app?limit=0", 422, "query limit"},
		{"limit negative", "/api/v1/app?limit=-1", 400, ""},
		{"limit no number", "/api/v1/app?limit=abc", 400, ""},
		{"limit empty", "/api/v1/app?limit=", 400, ""},
		{"limit twice", "/api/v1/app?limit=1&limit=1", 400, ""},
		{"limit with a control character", "/api/v1/app?limit=1%00", 400, ""},
		{"order unknown", "/api/v1/app?order=up", 400, ""},
		{"iterator garbage", "/api/v1/app?iterator=AAAA", 422, "query iterator"},
		{"iterator empty", "/api/v1/app?iterator=", 422, "query iterator"},
		{"iterator of another application", messages + "iterator=" + foreign, 422, "query iterator"},
		{"bad date", messages + "before=2024-13-45", 400, ""},
		{"date with an offset", messages + "before=2024-01-02T03:04:05%2B02:00", 200, ""},
		{"date with an unescaped offset", messages + "before=2024-01-02T03:04:05+02:00", 200, ""},
		{"boolean unknown", messages + "with_content=yes", 400, ""},
		{"semicolon", messages + "with_content=true;drop", 400, ""},
		{"event type with a bad character", messages + "event_types=a%20b", 422, "query event_types"},
		{"unknown parameter", messages + "q=%25%25", 200, ""},
		{"bad escape", messages + "channel=%zz", 400, ""},
		{"status unknown", "/api/v1/app/a/attempt/msg/" + foreign + "?status=7", 404, ""},
	} {
		if a := r.call("GET", c.path, ""); a.status != c.status || a.loc() != c.loc {
			t.Errorf("%s: %d at %q: %s", c.why, a.status, a.loc(), a.body)
		}
	}
	if a := r.call("GET", "/api/v1/app?limit=251", ""); a.str("detail.0.msg") != "Given limit must not exceed 250" {
		t.Errorf("limit 251: %s", a.body)
	}
}
