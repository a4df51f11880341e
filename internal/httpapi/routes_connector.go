package httpapi

// connectorRoutes are filled in by the part of their name.
func connectorRoutes() []route { return nil }
