package httpapi

import "time"

func hourAgo() string { return time.Now().UTC().Add(-time.Hour).Format(time.RFC3339) }
