package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// The admin socket is HTTP over a Unix socket in the data directory, so whoever may
// open the store's files, and nobody else, may use it. Its requests are those of the
// Admin interface and may change with every version: the program is its own client.
const socketName = "admin.sock"

// maxSocketPath is how long the path of a Unix socket may be (sun_path has 108 bytes
// on Linux, 104 elsewhere).
const maxSocketPath = 100

// socketPath returns a path of the socket in dir that is short enough to bind or
// dial, and a function to call once that is done.
func socketPath(dir string) (path string, done func(), err error) {
	path = filepath.Join(dir, socketName)
	if len(path) <= maxSocketPath || runtime.GOOS != "linux" {
		return path, func() {}, nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	// proc(5): the descriptor's entry is a link to the directory, and short.
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName), func() { d.Close() }, nil
}

// listenAdmin opens the socket. The caller holds the store's lock, so a socket that is
// there was left behind by a process that is gone.
func listenAdmin(dir string) (net.Listener, error) {
	path, done, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	// The short path is gone by the time of Close; removeAdmin knows the long one.
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// removeAdmin takes the socket's name away, before the lock is given back.
func removeAdmin(dir string) error {
	err := os.Remove(filepath.Join(dir, socketName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

type adminError struct {
	Kind hook.Kind `json:"kind"`
	Text string    `json:"text"`
}

type adminEnvironment struct {
	Name string `json:"name"`
}

type adminToken struct {
	Environment string `json:"environment"`
	Name        string `json:"name"`
}

type adminPrune struct {
	Before time.Time `json:"before"`
	DryRun bool      `json:"dryRun"`
}

type adminTokenOut struct {
	Token string `json:"token"`
}

// adminHandler serves a over HTTP.
func adminHandler(a Admin, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, handle func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			out, err := handle(r)
			if err != nil {
				log.Warn("admin", telemetry.KeyRoute, pattern, telemetry.KeyError, err)
			} else {
				log.Info("admin", telemetry.KeyRoute, pattern)
			}
			answerAdmin(w, out, err)
		})
	}
	route("POST /token", func(r *http.Request) (any, error) {
		in, err := decodeAdmin[adminToken](r)
		if err != nil {
			return nil, err
		}
		text, err := a.CreateToken(r.Context(), in.Environment, in.Name)
		return adminTokenOut{text}, err
	})
	route("GET /environment", func(r *http.Request) (any, error) { return a.Environments(r.Context()) })
	route("POST /environment", func(r *http.Request) (any, error) {
		in, err := decodeAdmin[adminEnvironment](r)
		if err != nil {
			return nil, err
		}
		return a.CreateEnvironment(r.Context(), in.Name)
	})
	route("DELETE /environment/{name}", func(r *http.Request) (any, error) {
		return struct{}{}, a.DeleteEnvironment(r.Context(), r.PathValue("name"))
	})
	route("GET /hold", func(r *http.Request) (any, error) { return a.Hold(r.Context()) })
	route("POST /release", func(r *http.Request) (any, error) { return struct{}{}, a.Release(r.Context()) })
	route("POST /prune", func(r *http.Request) (any, error) {
		in, err := decodeAdmin[adminPrune](r)
		if err != nil {
			return nil, err
		}
		return a.Prune(r.Context(), in.Before, in.DryRun)
	})
	sourceRoutes(a, route)
	userRoutes(a, route)
	mux.HandleFunc("POST /backup", func(w http.ResponseWriter, r *http.Request) {
		out := &countingWriter{w: w}
		err := a.Backup(r.Context(), out, r.URL.Query().Get("key") == "with")
		switch {
		case err == nil:
			log.Info("backup", "bytes", out.n)
		case out.n == 0:
			log.Error("backup", telemetry.KeyError, err)
			answerAdmin(w, nil, err)
		default:
			// The status is out. A broken connection is how the reader learns of it.
			log.Error("backup", telemetry.KeyError, err)
			panic(http.ErrAbortHandler)
		}
	})
	return mux
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// maxAdminBody bounds requests: each is a name or two.
const maxAdminBody = 64 << 10

func decodeAdmin[T any](r *http.Request) (in T, err error) {
	if err := json.NewDecoder(io.LimitReader(r.Body, maxAdminBody)).Decode(&in); err != nil {
		return in, hook.Errorf(hook.Invalid, "admin request: %v", err)
	}
	return in, nil
}

func answerAdmin(w http.ResponseWriter, out any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		out = adminError{hook.KindOf(err), err.Error()}
		w.WriteHeader(http.StatusInternalServerError)
	}
	// The other end is a command that has gone away when this fails.
	_ = json.NewEncoder(w).Encode(out)
}

// remoteAdmin asks the server that holds the store.
type remoteAdmin struct {
	client *http.Client
}

var _ Admin = (*remoteAdmin)(nil)

// dialAdmin returns the Admin of the server that holds dir; an error when none answers.
func dialAdmin(ctx context.Context, dir string) (*remoteAdmin, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		path, done, err := socketPath(dir)
		if err != nil {
			return nil, err
		}
		defer done()
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
	}
	conn, err := dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	if err := conn.Close(); err != nil {
		return nil, err
	}
	return &remoteAdmin{client: &http.Client{Transport: &http.Transport{DialContext: dial}}}, nil
}

func (a *remoteAdmin) Close() error {
	a.client.CloseIdleConnections()
	return nil
}

// do makes one request and returns the answer's body, which the caller closes.
func (a *remoteAdmin) do(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	answer, err := a.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the running server: %w", err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	var e adminError
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAdminBody)).Decode(&e); err != nil || e.Text == "" {
		return nil, fmt.Errorf("the running server answered %s: is it another version?", answer.Status)
	}
	return nil, hook.Errorf(e.Kind, "%s", e.Text)
}

// call makes one request and decodes its answer into out.
func (a *remoteAdmin) call(ctx context.Context, method, path string, in, out any) error {
	body, err := a.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("read the running server's answer: %w", err)
	}
	return nil
}

func (a *remoteAdmin) CreateToken(ctx context.Context, environment, name string) (string, error) {
	var out adminTokenOut
	err := a.call(ctx, http.MethodPost, "/token", adminToken{environment, name}, &out)
	return out.Token, err
}

func (a *remoteAdmin) Environments(ctx context.Context) (out []EnvironmentInfo, err error) {
	err = a.call(ctx, http.MethodGet, "/environment", nil, &out)
	return out, err
}

func (a *remoteAdmin) CreateEnvironment(ctx context.Context, name string) (out EnvironmentInfo, err error) {
	err = a.call(ctx, http.MethodPost, "/environment", adminEnvironment{name}, &out)
	return out, err
}

func (a *remoteAdmin) DeleteEnvironment(ctx context.Context, name string) error {
	return a.call(ctx, http.MethodDelete, "/environment/"+url.PathEscape(name), nil, &struct{}{})
}

func (a *remoteAdmin) Hold(ctx context.Context) (out Hold, err error) {
	err = a.call(ctx, http.MethodGet, "/hold", nil, &out)
	return out, err
}

func (a *remoteAdmin) Release(ctx context.Context) error {
	return a.call(ctx, http.MethodPost, "/release", nil, &struct{}{})
}

func (a *remoteAdmin) Prune(ctx context.Context, before time.Time, dryRun bool) (out Pruned, err error) {
	err = a.call(ctx, http.MethodPost, "/prune", adminPrune{before, dryRun}, &out)
	return out, err
}

func (a *remoteAdmin) Backup(ctx context.Context, w io.Writer, withKey bool) error {
	path := "/backup"
	if withKey {
		path += "?key=with"
	}
	body, err := a.do(ctx, http.MethodPost, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("read backup from the running server: %w", err)
	}
	return nil
}
