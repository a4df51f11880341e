//go:build unix

package rig

// CloseIdle closes the connections that this client keeps, so that a test which counts
// what the server holds does not count them.
func (a *API) CloseIdle() { a.client.CloseIdleConnections() }
