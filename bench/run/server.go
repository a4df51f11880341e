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

// server is a running relay or hookloft with one application `bench`.
type server struct {
	*process
	addr, token string
	data        string   // folder of its own, removed by drop
	endpoints   []string // ids; hookloft only
}

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
	p, err := b.start(ctx, "relay", "-listen", addr, "-log", filepath.Join(data, "log"), "-targets", strings.Join(targets, ","))
	if err != nil {
		return nil, err
	}
	sv := &server{process: p, addr: addr, data: data}
	if _, err := p.ready("http://"+addr+"/readyz", 30*time.Second); err != nil {
		sv.drop()
		return nil, err
	}
	return sv, nil
}

// hookloft starts the product on fresh data with n endpoints at target, which has
// the form http://host:port.
func (b *bench) hookloft(ctx context.Context, target string, n int) (*server, error) {
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
	base := "http://" + addr + "/api/v1/app"
	if err := post(base, sv.token, map[string]string{"name": "bench", "uid": "bench"}, &struct{}{}); err != nil {
		sv.drop()
		return nil, err
	}
	for i := range n {
		var out struct{ ID string }
		if err := post(base+"/bench/endpoint", sv.token, map[string]string{"url": target + "/" + strconv.Itoa(i)}, &out); err != nil {
			sv.drop()
			return nil, err
		}
		sv.endpoints = append(sv.endpoints, out.ID)
	}
	return sv, nil
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
		if err := get("http://"+s.addr+"/api/v1/app/bench/attempt/endpoint/"+endpoint+"?"+query.Encode(), s.token, &page); err != nil {
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
