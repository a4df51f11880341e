package httpapi

// credentialsRoutes are filled in by the part of their name.
func credentialsRoutes() []route { return nil }
