//go:build unix

package contract

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestAttempts(t *testing.T) {
	t.Parallel()
	c := start(t, rig.Options{})
	r := receive(t)

	c.line("attempt rows for 200, 403, 500 and connection refused; an empty schedule is one attempt", func(c *client) {
		c = c.environment("rows")
		c.settings(`{"retryPolicy":[]}`)
		c.app("a")
		closed, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			c.t.Fatal(err)
		}
		nobody := "http://" + closed.Addr().String() + "/"
		closed.Close()
		for _, x := range []struct {
			url                   string
			answer                int
			code, status, status2 string
		}{
			{r.URL + "/ok", 200, "200", "0", "success"},
			{r.URL + "/forbidden", 403, "403", "2", "fail"},
			{r.URL + "/error", 500, "500", "2", "fail"},
			{nobody, 0, "0", "2", "fail"},
		} {
			r.answers(strings.TrimPrefix(x.url, r.URL), x.answer)
			app := "app-" + x.code
			c.app(app)
			ep := c.endpoint(app, x.url, "")
			id := c.message(app, "t", "")
			a := c.attempts(1, "/api/v1/app/"+app+"/attempt/msg/"+id)
			c.want(a, "data.0.responseStatusCode", x.code, "data.0.status", x.status, "data.0.statusText", x.status2, "data.0.url", x.url,
				"data.0.endpointId", ep, "data.0.msgId", id, "data.0.triggerType", "0")
			one := c.must(200, "GET", "/api/v1/app/"+app+"/msg/"+id+"/attempt/"+a.str("data.0.id"), "")
			c.want(one, "id", a.str("data.0.id"), "responseStatusCode", x.code)
			d := c.must(200, "GET", "/api/v1/app/"+app+"/msg/"+id+"/endpoint", "")
			c.want(d, "data.0.status", x.status, "data.0.nextAttempt", "")
		}
	})

	c.line("resend", func(c *client) {
		c = c.environment("resend")
		c.settings(`{"retryPolicy":[]}`)
		c.app("a")
		r.answers("/resend", 500)
		ep := c.endpoint("a", r.URL+"/resend", `,"channels":["other"]`)
		id := c.message("a", "t", "") // it is not for this endpoint: a manual trigger asks no filter
		path := "/api/v1/app/a/msg/" + id + "/endpoint/" + ep + "/resend"
		if a := c.must(202, "POST", path, ``); strings.TrimSpace(string(a.body)) != "{}" {
			c.t.Errorf("answer %s", a.body)
		}
		c.want(c.attempts(1, "/api/v1/app/a/attempt/msg/"+id), "data.0.triggerType", "1", "data.0.status", "2")
		r.answers("/resend", 200)
		c.must(202, "POST", path, ``)
		c.want(c.attempts(2, "/api/v1/app/a/attempt/msg/"+id), "data.0.status", "0", "data.0.triggerType", "1")
		c.must(404, "POST", "/api/v1/app/a/msg/"+id+"/endpoint/nobody/resend", ``)
	})

	c.line("attempted messages and destinations, nextAttempt, expunge of the response", func(c *client) {
		c.app("dest")
		r.reply["/good"], r.reply["/bad"] = "thank you", "no, thank you" // nobody calls these yet
		r.answers("/bad", 503)
		good, bad := c.endpoint("dest", r.URL+"/good", ""), c.endpoint("dest", r.URL+"/bad", "")
		id := c.message("dest", "t", "")
		c.attempts(2, "/api/v1/app/dest/attempt/msg/"+id)
		list := "/api/v1/app/dest/endpoint/"
		a := c.must(200, "GET", list+bad+"/msg", "")
		c.want(a, "data.0.id", id, "data.0.status", "3", "data.0.statusText", "sending", "data.0.payload", `{"n":1}`)
		next, err := time.Parse(time.RFC3339Nano, a.str("data.0.nextAttempt"))
		if wait := time.Until(next); err != nil || wait <= 0 || wait > 6*time.Second {
			c.t.Errorf("nextAttempt %s: %v", a.str("data.0.nextAttempt"), err)
		}
		c.want(c.must(200, "GET", list+good+"/msg", ""), "data.0.status", "0", "data.0.nextAttempt", "") // absent
		destinations := "/api/v1/app/dest/msg/" + id + "/endpoint"
		a = c.must(200, "GET", destinations, "")
		want := []string{good, bad}
		slices.Sort(want)
		c.same("ascending by id", a.rows("id"), want)
		c.must(204, "DELETE", list+good, "")
		a = c.must(200, "GET", destinations, "")
		c.same("with a deleted endpoint", a.rows("id"), want)
		// Its success also ends the waiting delivery, so nothing is next.
		r.answers("/bad", 200)
		c.must(202, "POST", "/api/v1/app/dest/msg/"+id+"/endpoint/"+bad+"/resend", ``)
		c.until("a success at the second endpoint", func() bool {
			return c.must(200, "GET", list+bad+"/msg", "").str("data.0.status") == "0"
		})
		c.want(c.must(200, "GET", list+bad+"/msg", ""), "data.0.nextAttempt", "")
		a = c.must(200, "GET", "/api/v1/app/dest/attempt/msg/"+id+"?endpoint_id="+bad, "")
		c.want(a, "data.1.response", "no, thank you", "data.1.responseStatusCode", "503")
		one := "/api/v1/app/dest/msg/" + id + "/attempt/" + a.str("data.1.id")
		c.must(204, "DELETE", one+"/content", "")
		c.want(c.must(200, "GET", one, ""), "response", "EXPUNGED", "responseStatusCode", "503")
		a = c.must(200, "GET", "/api/v1/app/dest/attempt/msg/"+id+"?with_content=false&endpoint_id="+bad, "")
		c.same("without content", a.rows("response"), []string{"{}", "{}"})
	})
}

func TestAttemptLists(t *testing.T) {
	t.Parallel()
	c := start(t, rig.Options{})
	r := receive(t)
	c.app("a")
	for path, status := range map[string]int{"/ok": 200, "/retry": 503, "/gone": 410} {
		r.answers(path, status)
	}
	ok := c.endpoint("a", r.URL+"/ok", `,"uid":"ok"`)
	var ids []string // the oldest first
	var times []time.Time
	for i, fields := range []string{``, `,"channels":["c"]`, `,"tags":["t"]`, ``, ``} {
		times = append(times, time.Now())
		ids = append(ids, c.message("a", []string{"user.created", "user.deleted"}[i%2], fields))
		c.attempts(i+1, "/api/v1/app/a/attempt/endpoint/ok")
	}
	retry := c.endpoint("a", r.URL+"/retry", "")
	gone := c.endpoint("a", r.URL+"/gone", "")
	last := c.message("a", "user.created", "")
	c.attempts(3, "/api/v1/app/a/attempt/msg/"+last)
	all := append(slices.Clone(ids), last)
	reversed := func(list []string) []string {
		list = slices.Clone(list)
		slices.Reverse(list)
		return list
	}

	c.line("status 0, 2 and 3, and the class of the code", func(c *client) {
		byMsg := "/api/v1/app/a/attempt/msg/" + last
		for query, want := range map[string][]string{
			"?status=0": {ok}, "?status=2": {gone}, "?status=3": {retry}, "?status=1": {},
			"?status_code_class=200": {ok}, "?status_code_class=400": {gone}, "?status_code_class=500": {retry}, "?status_code_class=0": {}, "?status_code_class=300": {},
			"?endpoint_id=" + retry: {retry}, "?status=0&status_code_class=500": {},
		} {
			c.same(query, c.must(200, "GET", byMsg+query, "").rows("endpointId"), want)
		}
		byEndpoint := "/api/v1/app/a/attempt/endpoint/"
		for path, want := range map[string][]string{
			ok + "?status=0": reversed(all), ok + "?status=2": {}, retry + "?status=3": {last}, gone + "?status=2": {last}, gone + "?status_code_class=400": {last},
			gone + "?status_code_class=200": {},
		} {
			c.same(path, c.must(200, "GET", byEndpoint+path, "").rows("msgId"), want)
		}
		c.must(400, "GET", byMsg+"?status=7", "")
		c.must(400, "GET", byMsg+"?status_code_class=201", "")
	})
	c.line("event_types in every query syntax, channel and tag", func(c *client) {
		created := []string{last, ids[4], ids[2], ids[0]}
		for _, path := range []string{"/api/v1/app/a/attempt/endpoint/ok", "/api/v1/app/a/endpoint/ok/msg", "/api/v1/app/a/msg"} {
			field := map[bool]string{true: "msgId", false: "id"}[strings.Contains(path, "attempt")]
			for query, want := range map[string][]string{
				"event_types=user.created": created, "event_types[]=user.created": created, "event_types[0]=user.created": created,
				"event_types=user.created,user.deleted": reversed(all), "event_types=user.created&event_types=user.deleted": reversed(all),
				"event_types[]=user.created&event_types[]=user.deleted": reversed(all), "event_types[0]=user.created&event_types[1]=user.deleted": reversed(all),
				"event_types=none": {}, "channel=c": {ids[1]}, "channel=none": {}, "tag=t": {ids[2]}, "tag=none": {},
			} {
				c.same(path+"?"+query, c.must(200, "GET", path+"?"+query, "").rows(field), want)
			}
		}
	})
	c.line("before and after, alone and combined", func(c *client) {
		const path = "/api/v1/app/a/attempt/endpoint/ok?"
		for query, want := range map[string][]string{
			"before=" + stamp(times[3]):                                                     reversed(all[:3]),
			"after=" + stamp(times[3]):                                                      reversed(all[3:]),
			"after=" + stamp(times[1]) + "&before=" + stamp(times[3]):                       reversed(all[1:3]),
			"after=" + stamp(times[1]) + "&limit=2":                                         reversed(all[1:3]), // the oldest from there, newest first
			"after=" + stamp(time.Now().Add(time.Hour)):                                     {},
			"before=" + stamp(times[0].Add(-time.Hour)):                                     {},
			"before=" + strings.Replace(stamp(times[3].Add(2*time.Hour)), "Z", "+02:00", 1): reversed(all[:3]), // as Python sends it, the plus unescaped
		} {
			c.same(query, c.must(200, "GET", path+query, "").rows("msgId"), want)
		}
		c.must(400, "GET", path+"before=yesterday", "")
	})
	c.line("forward and back paging", func(c *client) {
		for _, path := range []string{"/api/v1/app/a/attempt/endpoint/ok", "/api/v1/app/a/endpoint/ok/msg", "/api/v1/app/a/msg"} {
			field := map[bool]string{true: "msgId", false: "id"}[strings.Contains(path, "attempt")]
			want := reversed(all)
			first := c.must(200, "GET", path+"?limit=2", "")
			second := c.must(200, "GET", path+"?limit=2&iterator="+first.str("iterator"), "")
			third := c.must(200, "GET", path+"?limit=2&iterator="+second.str("iterator"), "")
			c.same(path+", forward", slices.Concat(first.rows(field), second.rows(field), third.rows(field)), want)
			c.want(first, "done", "false")
			c.want(third, "done", "true")
			back := c.must(200, "GET", path+"?limit=2&iterator="+third.str("prevIterator"), "")
			c.same(path+", back", back.rows(field), want[2:4])
			back = c.must(200, "GET", path+"?limit=2&iterator="+back.str("prevIterator"), "")
			c.same(path+", back again", back.rows(field), want[:2])
			c.want(back, "done", "true")
		}
	})
	c.line("with_msg and with_content", func(c *client) {
		const path = "/api/v1/app/a/attempt/endpoint/ok?limit=1"
		c.want(c.must(200, "GET", path, ""), "data.0.msg", "")
		c.want(c.must(200, "GET", path+"&with_msg=true", ""), "data.0.msg.id", last, "data.0.msg.payload", `{"n":1}`, "data.0.msg.eventType", "user.created")
		c.want(c.must(200, "GET", path+"&with_msg=true&with_content=false", ""), "data.0.msg.payload", `{}`, "data.0.response", "{}")
	})
}
