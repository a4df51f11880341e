// Package telemetry names what Hookloft says about itself: the keys of its log lines,
// its metrics and its spans (trace*.go; otlp.go sends them). The names are an interface that dashboards and alerts
// are built on, so they stand in one place and change only on purpose.
//
// Nothing here carries an id of an application or endpoint as a metric label: the
// number of series stays the same whatever the number of tenants. Ids are in the log.
package telemetry
