package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/receive"
	"github.com/hookloft/hookloft/webhook"
)

const (
	demoApp      = "demo"   // uid of the application that dev makes
	demoEndpoint = "inbox"  // uid of its endpoint, and of the source's
	demoSource   = "stripe" // uid and type of the source that dev makes
	// devTokenName is the file that keeps dev's token beside its data, so that it stays
	// the same from one run to the next. serve never writes it.
	devTokenName = "dev.token"
)

// Dev runs a server to try things: a demo application with an inbox in this process,
// a token, a source that forwards to the inbox, and lines that send the first message
// and receive the first webhook. An empty c.Data means a temporary
// directory, which is as durable as any other while it exists. sow is nil for a server that
// is not seeded.
func Dev(ctx context.Context, c *config.Config, out Output, sow *Seeding) (err error) {
	dev := *c
	if sow != nil {
		end, err := sow.open(&dev)
		if err != nil {
			return err
		}
		defer end() // after the last attempt
	}
	temporary := dev.Data == ""
	if temporary {
		if dev.Data, err = os.MkdirTemp("", "hookloft-dev-"); err != nil {
			return fmt.Errorf("make a temporary data directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dev.Data)) }()
	}
	// The inbox is behind the listener's own address, whatever that is.
	if host, _, splitErr := net.SplitHostPort(dev.Listen); splitErr == nil {
		if addr, parseErr := netip.ParseAddr(host); parseErr == nil && !addr.IsUnspecified() {
			dev.EgressAllow = append(slices.Clip(dev.EgressAllow), netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	return run(ctx, &dev, out, func(ctx context.Context, n *node, f *front) (string, error) {
		if sow != nil {
			if err := sow.prepare(ctx, n); err != nil {
				return "", err
			}
		}
		return n.playground(ctx, f, temporary)
	})
}

// playground makes what is missing for a first message and returns what to tell.
func (n *node) playground(ctx context.Context, f *front, temporary bool) (string, error) {
	token, err := n.devToken(ctx)
	if err != nil {
		return "", err
	}
	url := localURL(n.c, n.listener.Addr())
	app, err := n.demo(ctx, url+inboxPath+demoApp)
	if err != nil {
		return "", fmt.Errorf("make the demo application: %w", err)
	}
	source, err := n.demoStripe(ctx, url+inboxPath+demoSource)
	if err != nil {
		return "", fmt.Errorf("make the demo source: %w", err)
	}
	open, err := n.localAdmin().devLink(ctx, app.Environment)
	if err != nil {
		return "", fmt.Errorf("make a link to sign in: %w", err)
	}
	s := n.opened.store
	f.inbox = &inbox{out: n.out.Out, now: time.Now, secrets: func() (secrets []hook.Secret, err error) {
		for _, id := range []hook.ApplicationID{app.ID, source.ID.Application()} {
			e, err := s.Endpoint(context.WithoutCancel(ctx), id, demoEndpoint)
			if err != nil {
				return nil, err
			}
			secrets = append(secrets, e.LiveSecrets(time.Now())...)
		}
		return secrets, nil
	}}
	kept := ""
	if temporary {
		kept = "  (removed at the end; --data keeps it)"
	}
	return fmt.Sprintf(`hookloft ready on %[1]s

  open    %[11]s  (works once)
  token   %[2]s
  inbox   %[1]s%[3]s  (endpoint %[4]q of application %[5]q)
  data    %[6]s%[7]s

Paste this into another terminal; the delivery appears here:

curl -sS %[1]s/api/v1/app/%[5]s/msg -H 'Authorization: Bearer %[2]s' -H 'Content-Type: application/json' -d '{"eventType":"invoice.paid","payload":{"invoice":"in_1001","amount":4200}}'

And this is what Stripe would send: it is verified, stored, and forwarded to here:

F=$(mktemp); echo '{"id":"evt_'$(date +%%s)$$'","type":"charge.succeeded"}' > $F; %[8]s sign --provider stripe --secret %[9]s --body $F --curl --url %[1]s%[10]s | sh; rm $F
`, url, token, inboxPath+demoApp, demoEndpoint, demoApp, n.opened.dir, kept,
		programName(), source.Config.Secrets[0], receive.Path+source.Tokens[0].Text, open), nil
}

// devToken returns the token of an earlier run on this data while it is valid, else a new one.
func (n *node) devToken(ctx context.Context) (string, error) {
	file := filepath.Join(n.opened.dir, devTokenName)
	text, err := os.ReadFile(file)
	if err == nil {
		token := strings.TrimSpace(string(text))
		t, err := n.opened.store.TokenByHash(ctx, tokenHasher{n.opened.hasher}.Hash(token))
		if err == nil && !t.Expired(time.Now()) {
			return token, nil
		}
		if err := os.Remove(file); err != nil {
			return "", fmt.Errorf("replace %s: %w", devTokenName, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read %s: %w", devTokenName, err)
	}
	token, err := n.localAdmin().CreateToken(ctx, DefaultEnvironment, "hookloft dev")
	if err != nil {
		return "", err
	}
	if err := writeDurably(file, []byte(token+"\n")); err != nil {
		return "", fmt.Errorf("keep %s: %w", devTokenName, err)
	}
	return token, nil
}

// demo returns the demo application, whose endpoint points to inboxURL.
func (n *node) demo(ctx context.Context, inboxURL string) (*hook.Application, error) {
	s := n.opened.store
	env, err := s.EnvironmentByName(ctx, DefaultEnvironment)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	app, err := s.Application(ctx, env.ID, demoApp)
	if hook.KindOf(err) == hook.NotFound {
		app = &hook.Application{ID: hook.ApplicationID(s.NewKey()), Environment: env.ID, UID: demoApp, Name: "Demo", CreatedAt: now, UpdatedAt: now}
		err = s.CreateApplication(ctx, app, nil)
	}
	if err != nil {
		return nil, err
	}
	return app, n.inboxEndpoint(ctx, app.ID, inboxURL)
}

// demoStripe returns the demo source, whose endpoint points to inboxURL.
func (n *node) demoStripe(ctx context.Context, inboxURL string) (*hook.Source, error) {
	s := n.opened.store
	env, err := s.EnvironmentByName(ctx, DefaultEnvironment)
	if err != nil {
		return nil, err
	}
	source, err := s.Source(ctx, env.ID, demoSource)
	if hook.KindOf(err) == hook.NotFound {
		now := time.Now().UTC()
		source = &hook.Source{
			ID: hook.SourceID(s.NewKey()), Environment: env.ID, UID: demoSource, Name: "Stripe", Type: demoSource,
			Config: hook.SourceConfig{Secrets: []string{"whsec_" + rand.Text()}}, CreatedAt: now, UpdatedAt: now,
		}
		source.Tokens = []hook.SourceToken{{Text: s.Codec().NewSourceToken(source.ID)}}
		err = s.CreateSource(ctx, source, nil)
	}
	if err != nil {
		return nil, err
	}
	if len(source.Config.Secrets) == 0 || len(source.Tokens) == 0 {
		return nil, fmt.Errorf("the source %q has no secret any more: delete it", demoSource)
	}
	return source, n.inboxEndpoint(ctx, source.ID.Application(), inboxURL)
}

// inboxEndpoint makes the endpoint of an application that points to inboxURL.
func (n *node) inboxEndpoint(ctx context.Context, app hook.ApplicationID, inboxURL string) error {
	s, now := n.opened.store, time.Now().UTC()
	e, err := s.Endpoint(ctx, app, demoEndpoint)
	switch {
	case hook.KindOf(err) == hook.NotFound:
		err = s.CreateEndpoint(ctx, &hook.Endpoint{
			ID: hook.EndpointID(s.NewKey()), Application: app, UID: demoEndpoint, URL: inboxURL,
			Description: "The inbox of hookloft dev: deliveries are printed in its terminal.",
			Secrets:     []hook.Secret{{Text: webhook.GenerateSymmetric().Reveal()}},
			CreatedAt:   now, UpdatedAt: now,
		}, nil)
	case err == nil && e.URL != inboxURL: // another port than last time
		_, err = s.UpdateEndpoint(ctx, app, e.ID, nil, func(e *hook.Endpoint) error {
			e.URL = inboxURL
			return nil
		})
	}
	return err
}

// programName is how this program is called from any folder, for a shell.
func programName() string {
	name := os.Args[0]
	if strings.ContainsRune(name, filepath.Separator) {
		if full, err := filepath.Abs(name); err == nil {
			name = full
		}
	}
	if strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-", r)
	}) {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
