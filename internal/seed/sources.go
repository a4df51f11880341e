package seed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
	"github.com/hookloft/hookloft/webhook"
)

const (
	// perSource is how many genuine requests each source gets, duplicates not counted.
	perSource = 24
	// sourceEvery: for so many messages of the trickle one request comes to a source.
	sourceEvery = 10
	// rejectedEvery is the distance of forged requests: of more than three a second only
	// some are kept.
	rejectedEvery = 400 * time.Millisecond
)

// source is a provider whose webhooks are received.
type source struct {
	uid, name string
	kind      string // the type of the source
	provider  string // what signs; "" for nobody
	secret    string
	settings  string // "" for the default
	request   func(n int) (header map[string]string, body string)
	routes    []route
	// isDated: a request of an hour ago is refused.
	isDated bool
}

// route is an endpoint of a source.
type route struct {
	uid    string
	is     behaviour
	path   string
	filter string
	script string
}

const onlyMain = `{"payload":{"ref":"refs/heads/main"}}`

const shortPush = `function handler(webhook) {
  const push = webhook.payload;
  webhook.payload = { branch: push.ref.replace("refs/heads/", ""), commit: push.after, by: push.pusher.name };
  return webhook;
}
`

var sources = []source{
	{
		uid: "card-payments", name: "Card payments", kind: "stripe", provider: "stripe", secret: "whsec_seed_card_payments_5c2f", isDated: true,
		request: func(n int) (map[string]string, string) {
			kind := []string{"charge.succeeded", "payment_intent.succeeded", "charge.refunded", "customer.subscription.updated"}[n%4]
			return nil, fmt.Sprintf(`{"id":"evt_seed_%05d","object":"event","api_version":"2026-09-30","type":%q,"livemode":false,"data":{"object":{"id":"ch_%05d","amount":%d,"currency":"eur"}}}`, n, kind, n, 500+37*n)
		},
		routes: []route{{uid: "bookkeeping", is: answers, path: "/in/bookkeeping"}, {uid: "fraud", is: isFlaky, path: "/in/fraud", filter: `{"payload":{"data":{"object":{"amount":{"$gte":1000}}}}}`}},
	},
	{
		uid: "shop-repository", name: "Shop's repository", kind: "github", provider: "github", secret: "seed secret of the repository",
		request: func(n int) (map[string]string, string) {
			branch := []string{"main", "feature/basket", "main", "fix/umlauts-äöü"}[n%4]
			who := people[n%len(people)].name
			return map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": fmt.Sprintf("5eed0000-0000-4000-8000-%012d", n)},
				fmt.Sprintf(`{"ref":%s,"after":"%040x","pusher":{"name":%s},"repository":{"full_name":"acme/shop"}}`, quote("refs/heads/"+branch), 0x5eed0000+n, quote(who))
		},
		routes: []route{{uid: "deploy", is: answers, path: "/in/deploy", filter: onlyMain, script: shortPush}, {uid: "ci", is: isBroken, path: "/in/ci"}},
	},
	{
		uid: "help-desk", name: "Help desk's chat", kind: "slack", provider: "slack", secret: "5eed0000c0ffee", isDated: true,
		request: func(n int) (map[string]string, string) {
			return nil, fmt.Sprintf(`{"type":"event_callback","event_id":"Ev%08d","team_id":"T0SEED","event_time":%d,"event":{"type":"message","user":"U%04d","text":%s}}`,
				n, time.Now().Unix(), n%7, quote("Where is order "+fmt.Sprint(orderID(n*9))+"? <3"))
		},
		routes: []route{{uid: "tickets", is: accepts, path: "/in/tickets"}},
	},
	{
		uid: "weather-stations", name: "Weather stations", kind: "generic-webhook", settings: `{"validate":{"syntax":"json","schema":{"type":"object","required":["station","celsius"]}}}`,
		request: func(n int) (map[string]string, string) {
			return nil, fmt.Sprintf(`{"station":"roof-%d","reading":%d,"celsius":%d.%d}`, n%3, n, 4+n%9, n%10)
		},
		routes: []route{{uid: "heating", is: answers, path: "/in/heating", filter: `{"payload":{"celsius":{"$lt":10}}}`}},
	},
}

// planted is a source that exists.
type planted struct {
	*source
	id, url string
}

// plantSource makes a source with its routes.
func (s *Seed) plantSource(ctx context.Context, c *client.Client, server string, of *source) (planted, error) {
	in := api.IngestSourceIn{Name: of.name, UID: &of.uid, Type: of.kind, Metadata: map[string]string{"team": "seed"}}
	if of.secret != "" {
		in.Config = json.RawMessage(`{"secret":` + quote(of.secret) + `}`)
	}
	var out api.IngestSourceOut
	if err := c.Call(ctx, "POST", "/ingest/api/v1/source", in, &out); err != nil {
		return planted{}, err
	}
	// The public URL may lead through a proxy that is not there yet: the path is enough.
	public, err := url.Parse(*out.IngestURL)
	if err != nil {
		return planted{}, err
	}
	at := strings.Index(public.Path, "/in/")
	p := planted{of, out.ID, server + public.Path[max(at, 0):]}
	if of.settings != "" {
		if err := c.Call(ctx, "PATCH", client.Path("/x/v1/source/{}/settings", out.ID), json.RawMessage(of.settings), nil); err != nil {
			return planted{}, err
		}
	}
	for _, r := range of.routes {
		e := api.IngestEndpointIn{IngestEndpointUpsertIn: api.IngestEndpointUpsertIn{URL: s.receivers.url(r.is, r.path), UID: &r.uid}}
		if err := c.Call(ctx, "POST", client.Path("/ingest/api/v1/source/{}/endpoint", out.ID), e, nil); err != nil {
			return planted{}, err
		}
		if r.filter != "" {
			path := client.Path("/x/v1/source/{}/endpoint/{}/filter", out.ID, r.uid)
			if err := c.Call(ctx, "PUT", path, api.EndpointFilter{Filter: json.RawMessage(r.filter)}, nil); err != nil {
				return planted{}, err
			}
		}
		if r.script != "" {
			path := client.Path("/ingest/api/v1/source/{}/endpoint/{}/transformation", out.ID, r.uid)
			if err := c.Call(ctx, "PATCH", path, code(r.script, nil), nil); err != nil {
				return planted{}, err
			}
		}
	}
	return p, nil
}

// forgery is what is wrong with a request.
type forgery int

const (
	genuine forgery = iota
	forged          // signed with another secret, or not what the source's rule wants
	stale           // signed an hour ago
)

// call sends the nth request of a source as its provider would.
func (p *planted) call(ctx context.Context, n int, f forgery) error {
	header, body := p.request(n)
	r := webhook.Request{Method: "POST", URL: p.url, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	switch {
	case p.provider != "":
		secret, now := p.secret, time.Now()
		switch f {
		case forged:
			secret = "not " + secret
		case stale:
			now = now.Add(-time.Hour)
		}
		if err := webhook.Sign(p.provider, webhook.Config{Secrets: []string{secret}}, &r, now); err != nil {
			return fmt.Errorf("sign as %s: %w", p.provider, err)
		}
	case f != genuine:
		r.Body = []byte(`{"station":"roof-9","celsius":`)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return err
	}
	req.Header = r.Header
	res, err := sourceClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	return err
}

var sourceClient = &http.Client{Transport: direct(), Timeout: 30 * time.Second}

// receive lets the providers call: genuine requests, some twice, and now and then one that
// is not from them.
func receive(ctx context.Context, all []planted, done func()) error {
	errs := make(chan error, len(all)) // one from each source
	var wait sync.WaitGroup
	for _, p := range all {
		wait.Go(func() { errs <- p.receive(ctx, done) })
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// requests is how many the seeding sends to a source.
func (of *source) requests() int {
	n := perSource + perSource/8 + 3
	if of.isDated {
		n += 2
	}
	return n
}

func (p *planted) receive(ctx context.Context, done func()) error {
	call := func(n int, f forgery) error {
		defer done()
		return p.call(ctx, n, f)
	}
	for n := range perSource {
		if err := call(n, genuine); err != nil {
			return err
		}
		if n%8 == 7 { // the provider did not see the answer
			if err := call(n, genuine); err != nil {
				return err
			}
		}
	}
	for n := range 3 {
		if !pause(ctx, rejectedEvery) {
			return ctx.Err()
		}
		if err := call(1000+n, forged); err != nil {
			return err
		}
	}
	for n := range 2 {
		if !p.isDated {
			break
		}
		if !pause(ctx, rejectedEvery) {
			return ctx.Err()
		}
		if err := call(2000+n, stale); err != nil {
			return err
		}
	}
	return nil
}

// trickleSource lets one provider call once more; each tenth request is forged.
func (s *Seed) trickleSource(ctx context.Context, n int) {
	if len(s.planted) == 0 {
		return
	}
	f := genuine
	if n%10 == 9 {
		f = forged
	}
	p := s.planted[n%len(s.planted)]
	_ = p.call(ctx, perSource+n, f) // whoever looks on may have deleted it
}
