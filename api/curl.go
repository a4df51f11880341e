package api

import "time"

// CurlOut is a request as a command for a POSIX shell.
type CurlOut struct {
	// Command is what to paste: curl with the method, the URL, the headers and the body. It
	// shows the answer with its headers.
	Command string `json:"command"`
	Method  string `json:"method"`
	URL     string `json:"url"`
	// ExpiresAt is until when receivers take the signature's time for fresh, as a rule.
	ExpiresAt time.Time `json:"expiresAt"`
	// Withheld says what the command lacks, or has a placeholder for: headers, parameters and
	// variables that carry a secret.
	Withheld []string `json:"withheld"`
}
