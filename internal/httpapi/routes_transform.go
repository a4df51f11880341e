package httpapi

// transformRoutes are filled in by the part of their name.
func transformRoutes() []route { return nil }
