package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Plan implements store.Plans.
func (c *catalog) Plan(ctx context.Context, env hook.EnvironmentID, ref string) (*store.Plan, error) {
	// A uid cannot begin like an id (hook.Application.Validate), so ref is one or the other.
	if strings.HasPrefix(ref, "app_") {
		app, ok := c.codec.ParseApplication(env, ref)
		if !ok || app == env.Operational() {
			return nil, errNotFound()
		}
		return c.PlanOf(ctx, app)
	}
	if p := c.plans.byName(planName{env, ref}); p != nil {
		return p, nil
	}
	for range 10 {
		app, err := c.applicationNamed(ctx, env, ref)
		if err != nil {
			return nil, err
		}
		p, err := c.PlanOf(ctx, app)
		if err != nil && hook.KindOf(err) != hook.NotFound {
			return nil, err
		}
		if err == nil && p.Application.UID == ref {
			return p, nil
		}
		// The uid went to another application in between, so somebody changes it right now: look again.
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, fmt.Errorf("plan of application %q: its uid keeps moving", ref)
}

// applicationNamed returns the application with this uid. Index: application_uid.
func (c *catalog) applicationNamed(ctx context.Context, env hook.EnvironmentID, uid string) (app hook.ApplicationID, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT key FROM application WHERE environment = ?1 AND uid = ?2", func(stmt *sqlite.Stmt) error {
			app = hook.ApplicationID(stmt.ColumnInt64(0))
			return nil
		}, env, uid)
	})
	if err == nil && app == 0 {
		err = errNotFound()
	}
	return app, wrapCatalog("find application", err)
}

// PlanOf implements store.Plans.
func (c *catalog) PlanOf(ctx context.Context, app hook.ApplicationID) (*store.Plan, error) {
	if p := c.plans.of(app); p != nil {
		return p, nil
	}
	l, first := c.plans.begin(app)
	if first {
		// Others wait for this load, so it does not end with this caller's context.
		c.load(context.WithoutCancel(ctx), app, l)
		return l.value, l.err
	}
	return l.wait(ctx)
}

// load does a load that begin handed out.
func (c *catalog) load(ctx context.Context, app hook.ApplicationID, l *load[*store.Plan]) {
	l.err = errors.New("load plan: broken off") // for those who wait, should loadPlan panic
	defer c.plans.end(app, l)
	l.value, l.err = c.loadPlan(ctx, app)
}

// loadPlan reads a plan in one transaction. Indexes: primary keys.
func (c *catalog) loadPlan(ctx context.Context, app hook.ApplicationID) (*store.Plan, error) {
	p := &store.Plan{}
	err := c.read(ctx, func(conn *sqlite.Conn) (err error) {
		p.Application, err = applicationIn(conn, "a.key = ?1", app)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			p.Application, err = unmadeOperational(conn, app)
		}
		if err != nil {
			return err
		}
		if err := metadataOfSource(conn, p.Application); err != nil {
			return err
		}
		p.Version = p.Application.Version
		p.Environment, _, err = environmentIn(conn, "SELECT "+environmentColumns+" FROM environment WHERE key = ?1", p.Application.Environment)
		if err != nil {
			return err
		}
		if p.RetryPolicies, err = eventTypePolicies(conn, p.Application.Environment); err != nil {
			return err
		}
		if p.Retentions, err = eventTypeRetentions(conn, p.Application.Environment); err != nil {
			return err
		}
		if p.Archived, err = archivedTypes(conn, p.Application.Environment); err != nil {
			return err
		}
		if err = eventTypeRules(conn, p); err != nil {
			return err
		}
		err = catalogQuery(conn, "SELECT "+endpointColumns+" FROM endpoint WHERE application = ?1 ORDER BY key", func(stmt *sqlite.Stmt) error {
			e, err := c.scanEndpoint(stmt)
			p.Endpoints = append(p.Endpoints, e)
			return err
		}, app)
		if err != nil {
			return err
		}
		return c.fillConnectors(conn, p.Endpoints...)
	})
	if err != nil {
		return nil, wrapCatalog("load plan", err)
	}
	return p, nil
}

// metadataOfSource gives the internal application of a source the source's metadata, which
// filters ask about. Index: primary key.
func metadataOfSource(conn *sqlite.Conn, a *hook.Application) error {
	if a.Source == 0 {
		return nil
	}
	return catalogQuery(conn, "SELECT metadata FROM source WHERE key = ?1", func(stmt *sqlite.Stmt) error {
		return columnJSON(stmt, 0, &a.Metadata)
	}, a.Source)
}

// currentVersion returns the version of an application as of now and whether it exists.
// The engine's writer asks for each message; as Append follows Plan, memory usually knows.
// When the disk cannot be read the version is -1, which no plan has: the publisher plans
// again and sees the error.
func (c *catalog) currentVersion(app hook.ApplicationID) (version int64, exists bool) {
	if p := c.plans.of(app); p != nil {
		return p.Version, true
	}
	c.versionMu.Lock()
	defer c.versionMu.Unlock()
	if c.versions == nil {
		return -1, true
	}
	const sql = "SELECT a.version + e.version FROM application a JOIN environment e ON e.key = a.environment WHERE a.key = ?1"
	err := sqlitex.Execute(c.versions, sql, &sqlitex.ExecOptions{
		Args: []any{int64(app)},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			version, exists = stmt.ColumnInt64(0), true
			return nil
		},
	})
	if err != nil {
		return -1, true
	}
	return version, exists
}
