package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Audits is the log of who changed what. Every method of a Catalog that changes a noun
// writes its entry in the same transaction, in the name of hook.ActorIn(ctx); what
// changes nothing writes nothing. Counters, times of a last use and the start of a streak
// of failures are no changes. Entries are kept for hook.AuditLife.
type Audits interface {
	// Audit lists the entries of an environment.
	Audit(ctx context.Context, env hook.EnvironmentID, f AuditFilter, p Page[hook.AuditID]) (Listed[*hook.AuditEntry], error)
}

// AuditFilter narrows the audit log; zero fields match all.
type AuditFilter struct {
	Noun hook.AuditNoun
	// Subject is the row key of what was changed.
	Subject hook.Key
	// Application is the one that what was changed is, or belongs to.
	Application hook.ApplicationID
	// Actor is the public id of who changed it.
	Actor string
	// Since and Until bound the time of the change: Since <= at < Until.
	Since, Until time.Time
}
