package cli

import (
	"net/url"
	"strings"
)

// listenTarget is the server to call and the token for it: flags stand over the environment.
func (p *program) listenTarget(r listenRemote) (base, token string, err error) {
	env := func(name string) string {
		for _, line := range p.environ {
			if text, ok := strings.CutPrefix(line, name+"="); ok {
				return text
			}
		}
		return ""
	}
	base, token = r.server, r.token
	if base == "" {
		base = env("HOOKLOFT_SERVER")
	}
	if base == "" {
		base = "http://localhost:8071"
	}
	if token == "" {
		token = env("HOOKLOFT_TOKEN")
	}
	if token == "" {
		return "", "", usagef("there is no token: give --token or HOOKLOFT_TOKEN")
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", "", usagef("the server must be a URL like https://hooks.example.com")
	}
	return strings.TrimRight(u.String(), "/"), token, nil
}
