package httpapi

func openAPI(list []route, version string) ([]byte, error) { return []byte("{}"), nil }
