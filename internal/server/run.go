package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/consent"
	"github.com/hookloft/hookloft/internal/dispatch"
	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/httpapi"
	"github.com/hookloft/hookloft/internal/publish"
	"github.com/hookloft/hookloft/internal/receive"
	"github.com/hookloft/hookloft/internal/send"
	"github.com/hookloft/hookloft/internal/tasks"
	"github.com/hookloft/hookloft/internal/telemetry"
	"github.com/hookloft/hookloft/internal/transform"
	"github.com/hookloft/hookloft/internal/upkeep"
	"github.com/hookloft/hookloft/web"
)

// node is one running server. Its fields are set in the order in which start begins
// things; stop ends those that are set, in reverse.
type node struct {
	began time.Time
	c     *config.Config
	out   Output
	log   *slog.Logger

	fatal  chan error // has room for the first error that ended the store
	ended  chan error // has room for the first listener or worker that ended by itself
	opened *opened
	health *health

	metrics     *telemetry.Metrics
	showMetrics http.Handler
	otlp        *telemetry.Exporter
	guard       *egress.Guard
	sender      *send.Sender
	scripts     *transform.Pool
	receiver    *receive.Receiver
	tasks       *tasks.Runner
	consents    *consent.Keeper
	listening   *httpapi.ListenHub
	tail        *httpapi.Tail
	feeds       *httpapi.FeedHub
	rollup      *upkeep.Rollup
	system      *system
	dispatcher  *dispatch.Dispatcher
	publisher   *publish.Publisher

	stopWorkers context.CancelFunc
	workers     sync.WaitGroup

	admin    *http.Server
	servers  []*http.Server
	listener net.Listener
	ready    string // what to print once it is true

	// beside, if set, runs from the ready line on until the stop begins; an error of it ends
	// the server.
	beside func(context.Context) error
}

// extension adds to a server that is about to serve, and returns what is printed in
// place of the ready line.
type extension func(context.Context, *node, *front) (string, error)

// run starts a server, waits until ctx ends or something breaks, and stops it. extend may be nil.
func run(ctx context.Context, c *config.Config, out Output, extend extension) error {
	n := &node{
		began: time.Now(), c: c, out: out, log: newLog(c, out.Log),
		fatal: make(chan error, 1), ended: make(chan error, 1),
	}
	err := n.start(ctx, extend)
	if err == nil {
		err = n.announce(ctx)
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil // asked to stop before it was ready: that is no failure
	}
	if err == nil {
		leave := n.accompany(ctx)
		select {
		case <-ctx.Done():
			leave()
			n.log.Info("draining", "within", c.Drain)
		case err = <-n.ended:
			leave()
			n.log.Error("server", telemetry.KeyError, err)
		case err = <-n.fatal:
			leave()
			// Only a new start can tell what is on disk: there is nothing to drain into.
			n.log.Error("store", telemetry.KeyError, err)
			return fmt.Errorf("the store ended: %w", err)
		}
	}
	return errors.Join(err, n.stopInTime(err == nil))
}

// accompany starts what runs beside a server that is ready. The function that it returns
// ends that and waits for it.
func (n *node) accompany(ctx context.Context) (leave func()) {
	if n.beside == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{}) // closed once beside has returned
	go func() {
		defer close(done)
		if err := n.beside(ctx); err != nil && ctx.Err() == nil {
			offer(n.ended, err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// start begins everything from the store upwards. The listener is opened early, because
// its address is part of sources' URLs, and served last, so that no request finds a
// half-built server: who connects before that waits in the kernel's queue.
func (n *node) start(ctx context.Context, extend extension) (err error) {
	if err := n.startTelemetry(ctx); err != nil {
		return err
	}
	n.listening = newListenHub(maxClients(n.c, fileLimit()))
	n.opened, err = openStore(ctx, n.c, n.log, n.metrics, func(err error) { offer(n.fatal, err) })
	if err != nil {
		return err
	}
	n.computeMetrics()
	n.tail = httpapi.NewTail(n.opened.store.Codec())
	n.feeds = httpapi.NewFeedHub()
	n.health = &health{check: n.opened.store.Check}
	if n.listener, err = listen(n.c, fileLimit(), n.log); err != nil {
		return err
	}
	if err := n.startWorkers(ctx); err != nil {
		return err
	}
	if err := n.startAdmin(); err != nil {
		return err
	}
	return n.startServing(ctx, extend)
}

// offer keeps the first error; later ones follow from it.
func offer(c chan error, err error) {
	select {
	case c <- err:
	default:
	}
}

// startWorkers begins what works without a request: the dispatcher, the tasks, the
// announcer of operational webhooks, and the receiver's accounts and schedules.
func (n *node) startWorkers(ctx context.Context) error {
	var err error
	if n.guard, err = newGuard(n.c); err != nil {
		return err
	}
	dialer := egress.NewDialer(n.guard, egress.Options{Sources: n.c.EgressSources})
	n.scripts = transform.New(transform.Options{Time: n.c.TransformTime, Log: n.log})
	n.sender = send.New(dialer, send.Options{
		Version: ReadBuild().Version, Tracer: n.otlp.Tracer(), RefreshTokenRotated: n.saveRefreshToken,
		Scripts: n.scripts, ParseURL: n.checkURL,
	})
	n.receiver = n.newReceiver(dialer)
	s := n.opened.store
	n.consents = n.newConsents(dialer)
	n.rollup = upkeep.NewRollup(s, s.NewKey, n.log, upkeep.RollupOptions{})
	queue := &attachedQueue{Queue: s, attached: make(chan struct{})}
	n.dispatcher = dispatch.New(queue, s, sender{n.sender, s.Codec(), s.IsExpunged}, n.log, dispatch.Options{
		MaxInFlight:  n.c.MaxInFlight,
		DrainTimeout: max(n.c.Drain-n.requestShare(), time.Millisecond),
		Answered:     n.receiver.Answered,
		Fed:          n.feeds.Wake,
		Observer:     observer{n.rollup, n.tail},
		Tracer:       n.otlp.Tracer(),
		Metrics:      n.metrics,
	})
	// Workers outlive ctx: they stop after the last request.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	n.stopWorkers = stop
	n.publisher = publish.New(s, n.ledger(), s, publish.Options{MaxPayloadBytes: int(n.c.MaxPayload), Metrics: n.metrics})
	announcer := publish.NewAnnouncer(n.publisher, s, httpapi.OperationalPayload(s, int(n.c.MaxPayload)), n.log)
	n.tasks = tasks.New(s, s, s, n.log, tasks.Options{Metrics: n.metrics, Publish: n.publishTo})
	n.work(working, "dispatcher", n.dispatcher.Run)
	n.work(working, "tasks", n.tasks.Run)
	n.work(working, "upkeep", n.keeper().Run)
	n.work(working, "announcer", announcer.Run)
	n.work(working, "receiver", n.receiver.Run)
	n.work(working, "rollup", n.rollup.Run)
	n.work(working, "consents", n.consents.Run)
	select {
	case <-queue.attached:
		return nil
	case err := <-n.ended:
		return err
	}
}

// work runs a worker until ctx ends. One that ends before that takes the server down,
// because it would accept what nobody delivers.
func (n *node) work(ctx context.Context, name string, run func(context.Context) error) {
	n.workers.Go(func() {
		err := run(ctx)
		if ctx.Err() != nil {
			if err != nil {
				n.log.Error("stop", "worker", name, telemetry.KeyError, err)
			}
			return
		}
		if err == nil {
			err = errors.New("nobody asked it to")
		}
		err = fmt.Errorf("%s ended: %w", name, err)
		n.health.stopped(err)
		offer(n.ended, err)
	})
}

// keeper is the upkeep of this server's store.
func (n *node) keeper() *upkeep.Keeper {
	return upkeep.New(n.opened.store, n.opened.store, n.log, upkeep.Options{Metrics: n.metrics})
}

// localAdmin is the Admin of this server's own store.
func (n *node) localAdmin() *localAdmin { return &localAdmin{opened: n.opened, door: n.door()} }

// startAdmin opens the admin socket. A file system without sockets costs the commands
// their way in, not the server its life.
func (n *node) startAdmin() error {
	l, err := listenAdmin(n.opened.dir)
	if err != nil {
		n.log.Warn("no admin socket: commands on this data directory must wait until the server has stopped", telemetry.KeyError, err)
		return nil
	}
	n.admin = &http.Server{Handler: adminHandler(n.localAdmin(), n.log), ReadHeaderTimeout: headerTimeout}
	n.workers.Go(func() {
		if err := n.admin.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			offer(n.ended, fmt.Errorf("admin socket: %w", err))
		}
	})
	return nil
}

// startServing puts everything behind the listeners.
func (n *node) startServing(ctx context.Context, extend extension) (err error) {
	n.system = newSystem(n)
	api, err := n.newAPI()
	if err != nil {
		return fmt.Errorf("build the API: %w", err)
	}
	docs, err := httpapi.Docs()
	if err != nil {
		return fmt.Errorf("make the page about the API: %w", err)
	}
	site, err := web.New(web.Options{Base: basePath(n.c.PublicURL), PortalOrigins: n.c.PortalOrigins})
	if err != nil {
		return err
	}
	f := &front{api: api, receiver: n.inboundDoor(), site: site, exact: map[string]http.Handler{
		"/docs":     docs,
		"/livez":    http.HandlerFunc(n.health.live),
		"/startupz": http.HandlerFunc(n.health.live),
		"/readyz":   http.HandlerFunc(n.health.readiness),
		"/metrics":  &metricsGate{show: n.showMetrics, trustLoopback: trustsLoopback(n.c), isToken: n.isAPIToken},
	}}
	n.ready = "hookloft ready on " + localURL(n.c, n.listener.Addr())
	if extend != nil {
		if n.ready, err = extend(ctx, n, f); err != nil {
			return err
		}
	}
	if n.c.MetricsListen != "" {
		l, err := net.Listen("tcp", n.c.MetricsListen)
		if err != nil {
			return fmt.Errorf("listen on %s for metrics: %w", n.c.MetricsListen, err)
		}
		n.serveOn(l, &front{api: http.NotFoundHandler(), exact: map[string]http.Handler{"/metrics": n.showMetrics}})
	}
	n.serveOn(n.listener, f)
	if n.c.TLSCert == "" && !isLoopback(n.listener.Addr()) {
		n.log.Warn("API tokens cross the network unencrypted unless a proxy in front does TLS; see --tls-cert", telemetry.KeyAddress, n.listener.Addr())
	}
	return nil
}

func (n *node) serveOn(l net.Listener, h http.Handler) {
	srv := newHTTPServer(h, n.log)
	n.servers = append(n.servers, srv)
	n.workers.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			offer(n.ended, fmt.Errorf("listener %s: %w", l.Addr(), err))
		}
	})
}

// announce says that the server is ready, and what a restored one holds back.
func (n *node) announce(ctx context.Context) error {
	hold, err := n.opened.store.Held(ctx)
	if err != nil {
		return fmt.Errorf("read hold: %w", err)
	}
	if hold.Held {
		n.log.Warn("deliveries are held since a restore; `hookloft release` lets them go",
			telemetry.KeyCount, hold.Pending, "endpoints", hold.Endpoints)
	}
	if err := n.offerFirstLink(ctx); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(n.out.Out, n.ready); err != nil {
		return fmt.Errorf("say that the server is ready: %w", err)
	}
	return nil
}

// offerFirstLink says how to become the first user while there is none. It is a line for people,
// except in a log for machines.
func (n *node) offerFirstLink(ctx context.Context) error {
	link, err := n.localAdmin().firstLink(ctx)
	if err != nil || link == "" {
		return err
	}
	const words = "nobody can sign in to the dashboard yet; who opens this link within a day becomes the first owner"
	if n.c.LogFormat == "json" {
		n.log.Warn(words, "link", link)
		return nil
	}
	_, err = fmt.Fprintf(n.out.Log, "%s: %s\n", words, link)
	return err
}

// requestShare is the part of a drain in which requests may end; the rest is for attempts.
func (n *node) requestShare() time.Duration { return min(n.c.Drain/4, 2*time.Second) }

// stopInTime stops and gives up after config.MaxDrain: what was not stored by then is
// found at the next start, as after a crash.
func (n *node) stopInTime(ready bool) error {
	done := make(chan error, 1)
	go func() { done <- n.stop(ready) }()
	timer := time.NewTimer(config.MaxDrain - 300*time.Millisecond)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("the drain did not end within %v; what was not stored is tried again after the next start", config.MaxDrain)
	}
}

// stop ends what start began: first no new requests, then no new attempts, then the
// store. A request that was accepted is answered, an attempt that was begun is
// recorded, where the time allows.
func (n *node) stop(ready bool) error {
	defer n.stopTelemetry(time.Now())
	if n.health != nil {
		n.health.draining.Store(true)
	}
	if ready && n.c.DrainDelay > 0 {
		// Load balancers look at /readyz and send nothing more.
		time.Sleep(n.c.DrainDelay)
	}
	var errs []error
	if n.listener != nil {
		// For a start that failed between listening and serving. Else it is closed twice, which does no harm.
		defer n.listener.Close()
	}
	if n.receiver != nil {
		// Providers that wait for a service's answer get it while there is time, and then
		// the set one, rather than a closed connection.
		defer time.AfterFunc(n.requestShare()*3/4, n.receiver.Drain).Stop()
	}
	requests, cancel := context.WithTimeout(context.Background(), n.requestShare())
	defer cancel()
	if n.listening != nil {
		// Shutdown does not know of those who listen. Who has not left by half of the time gets
		// what it acknowledged last once more.
		listeners, cancel := context.WithTimeout(requests, n.requestShare()/2)
		if err := n.listening.Drain(listeners); err != nil {
			n.log.Warn("listeners were cut off", telemetry.KeyError, err)
		}
		cancel()
	}
	if n.tail != nil {
		n.tail.Close() // a stream would never end by itself
		n.feeds.Close()
	}
	for _, srv := range n.servers {
		if err := srv.Shutdown(requests); err != nil {
			n.log.Warn("requests were cut off", telemetry.KeyError, err)
			errs = append(errs, srv.Close())
		}
	}
	if n.stopWorkers != nil {
		n.stopWorkers()
	}
	if n.admin != nil {
		errs = append(errs, n.admin.Close(), removeAdmin(n.opened.dir))
	}
	n.workers.Wait()
	if n.sender != nil {
		n.sender.Close()
	}
	if n.scripts != nil {
		n.scripts.Close()
	}
	if n.rollup != nil {
		// The last attempts have ended. What is not saved now is counted after the next start.
		last, cancel := context.WithTimeout(context.Background(), n.requestShare())
		if err := n.rollup.Flush(last); err != nil {
			n.log.Warn("sums of attempts are not saved", telemetry.KeyError, err)
		}
		cancel()
	}
	if n.opened != nil {
		if err := n.opened.store.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close store: %w", err))
		}
	}
	return errors.Join(errs...)
}
