package httpapi

import (
	"net/http"
	"strings"
)

// setCORS lets any page read the answers (CONTRACT 1.2). That is safe because a page of another
// origin can only do what the token that it holds can do: a cookie counts only together with
// a header that preflight does not allow, and Access-Control-Allow-Credentials is never sent.
func setCORS(h http.Header) {
	h["Access-Control-Allow-Origin"] = []string{"*"}
	h["Access-Control-Expose-Headers"] = []string{"*"}
}

// preflight answers a browser's question before a request.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "*")
	if asked := othersMaySend(r.Header.Get("Access-Control-Request-Headers")); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Max-Age", "600")
	h.Set("Vary", "Access-Control-Request-Headers")
	w.WriteHeader(http.StatusOK)
}

// othersMaySend returns the headers of a list without the one that goes with a cookie.
func othersMaySend(asked string) string {
	var names []string
	for name := range strings.SplitSeq(asked, ",") {
		if name = strings.TrimSpace(name); name != "" && !strings.EqualFold(name, environmentHeader) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
