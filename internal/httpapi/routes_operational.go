package httpapi

// operationalRoutes are the receivers of operational webhooks.
func operationalRoutes() []route { return nil }
