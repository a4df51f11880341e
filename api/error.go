package api

// Error is the body of every error but 422.
type Error struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// ValidationErrors is the body of 422.
type ValidationErrors struct {
	Detail []ValidationError `json:"detail"`
}

// ValidationError is one thing that is wrong with a request.
type ValidationError struct {
	// Loc is the place: ["body", "channels", "[0]"] or ["query", "limit"].
	Loc []string `json:"loc"`
	// Msg says what is wrong and what would be right.
	Msg string `json:"msg"`
	// Type is machine-readable: value_error, value_error.jsondecode, ...
	Type string `json:"type"`
}
