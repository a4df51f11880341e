package httpapi

// destinationRoutes are filled in by the part of their name.
func destinationRoutes() []route { return nil }
