//go:build linux

package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// server is a running relay or hookloft with one application or source.
type server struct {
	*process
	addr, token string
	data        string   // folder of its own, removed by drop
	app         string   // id or uid of the application with the endpoints; hookloft only
	endpoints   []string // ids; hookloft only
	// path is where webhooks are sent, signed with webhookSecret.
	path string
}

// webhookSecret is what the load signs webhooks with.
const webhookSecret = "a-secret-of-the-benchmark"

// relay starts the ceiling, delivering to n endpoints of the receiver.
func (b *bench) relay(ctx context.Context, s *sink, n int) (*server, error) {
	data, addr, err := b.place()
	if err != nil {
		return nil, err
	}
	var targets []string
	for i := range n {
		targets = append(targets, fmt.Sprintf("http://%s/%d", s.addr, i))
	}
	p, err := b.start(ctx, "relay", "-listen", addr, "-log", filepath.Join(data, "log"), "-targets", strings.Join(targets, ","),
		"-webhook-secret", webhookSecret)
	if err != nil {
		return nil, err
	}
	sv := &server{process: p, addr: addr, data: data, path: "/in/github"}
	if _, err := p.ready("http://"+addr+"/readyz", 30*time.Second); err != nil {
		sv.drop()
		return nil, err
	}
	return sv, nil
}

// hookloft starts the product on fresh data with n endpoints at target, which has
// the form http://host:port.
func (b *bench) hookloft(ctx context.Context, target string, n int) (*server, error) {
	sv, err := b.fresh(ctx)
	if err != nil {
		return nil, err
	}
	base := "http://" + sv.addr + "/api/v1/app"
	sv.app = "bench"
	if err := post(base, sv.token, map[string]string{"name": "bench", "uid": sv.app}, &struct{}{}); err != nil {
		sv.drop()
		return nil, err
	}
	return sv, sv.addEndpoints(base+"/"+sv.app+"/endpoint", target, n)
}

// source starts the product on fresh data with a source of type github that forwards to
// n endpoints at target.
func (b *bench) source(ctx context.Context, target string, n int) (*server, error) {
	sv, err := b.fresh(ctx)
	if err != nil {
		return nil, err
	}
	base := "http://" + sv.addr
	var out struct{ ID, IngestURL string }
	in := map[string]any{"name": "bench", "type": "github", "config": map[string]string{"secret": webhookSecret}}
	if err := post(base+"/ingest/api/v1/source", sv.token, in, &out); err != nil {
		sv.drop()
		return nil, err
	}
	at, err := url.Parse(out.IngestURL)
	if err != nil {
		sv.drop()
		return nil, err
	}
	sv.path = at.Path
	var settings struct{ ApplicationID string }
	if err := get(base+"/x/v1/source/"+out.ID+"/settings", sv.token, &settings); err != nil {
		sv.drop()
		return nil, err
	}
	sv.app = settings.ApplicationID
	return sv, sv.addEndpoints(base+"/ingest/api/v1/source/"+out.ID+"/endpoint", target, n)
}

// addEndpoints creates n endpoints at target; on an error the server is gone.
func (s *server) addEndpoints(path, target string, n int) error {
	for i := range n {
		var out struct{ ID string }
		if err := post(path, s.token, map[string]string{"url": target + "/" + strconv.Itoa(i)}, &out); err != nil {
			s.drop()
			return err
		}
		s.endpoints = append(s.endpoints, out.ID)
	}
	return nil
}

// fresh starts the product on fresh data.
func (b *bench) fresh(ctx context.Context) (*server, error) {
	data, addr, err := b.place()
	if err != nil {
		return nil, err
	}
	sv := &server{addr: addr, data: data}
	text, err := exec.CommandContext(ctx, filepath.Join(b.dir, "hookloft"), "token", "create", "--data", data).Output()
	if err != nil {
		return nil, fmt.Errorf("token create: %w", err)
	}
	sv.token = strings.TrimSpace(string(text))
	if _, err := b.serve(ctx, sv); err != nil {
		return nil, err
	}
	return sv, nil
}

// args are the load's arguments: for publishing as they are, for webhooks with where they
// go and what signs them.
func (s *server) args(inbound bool, args ...string) []string {
	if !inbound {
		return args
	}
	return append([]string{"-path", s.path, "-webhook-secret", webhookSecret}, args...)
}

// serve starts (again) a hookloft on its data and returns the time until ready.
func (b *bench) serve(ctx context.Context, sv *server) (time.Duration, error) {
	args := append([]string{"serve", "--listen", sv.addr, "--data", sv.data, "--egress-allow", "127.0.0.0/8", "--allow-http"}, b.serveArgs...)
	p, err := b.start(ctx, "hookloft", args...)
	if err != nil {
		return 0, err
	}
	sv.process = p
	took, err := p.ready("http://"+sv.addr+"/readyz", time.Minute)
	if err != nil {
		sv.drop()
	}
	return took, err
}

func (b *bench) place() (data, addr string, err error) {
	b.runs++
	data = filepath.Join(b.dir, fmt.Sprintf("data%d", b.runs))
	if err := os.Mkdir(data, 0o700); err != nil {
		return "", "", err
	}
	addr, err = freeAddr()
	return data, addr, err
}

// drop kills the server and removes its data.
func (s *server) drop() {
	s.kill()
	_ = os.RemoveAll(s.data)
}

// recorded counts the attempts with status success that the API lists for all
// endpoints, until there are want or limit is over.
func (s *server) recorded(want int, limit time.Duration) (int, error) {
	deadline := time.Now().Add(limit)
	for {
		n := 0
		for _, ep := range s.endpoints {
			k, err := s.successes(ep)
			if err != nil {
				return n, err
			}
			n += k
		}
		if n >= want || time.Now().After(deadline) {
			return n, nil
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// successes walks the attempt list of one endpoint and counts different messages.
func (s *server) successes(endpoint string) (int, error) {
	seen := make(map[string]bool)
	iterator := ""
	for {
		query := url.Values{"limit": {"250"}, "with_content": {"false"}}
		if iterator != "" {
			query.Set("iterator", iterator)
		}
		var page struct {
			Data []struct {
				MsgID  string
				Status int
			}
			Iterator *string
			Done     bool
		}
		if err := get("http://"+s.addr+"/api/v1/app/"+s.app+"/attempt/endpoint/"+endpoint+"?"+query.Encode(), s.token, &page); err != nil {
			return 0, err
		}
		for _, a := range page.Data {
			if a.Status == 0 {
				seen[a.MsgID] = true
			}
		}
		if page.Done || page.Iterator == nil || *page.Iterator == iterator {
			return len(seen), nil
		}
		iterator = *page.Iterator
	}
}
