package httpapi

// shapeRoutes say how requests to an endpoint look and when they are tried again.
func shapeRoutes() []route { return nil }
