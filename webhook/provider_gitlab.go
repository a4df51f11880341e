package webhook

import "time"

// gitlab: docs.gitlab.com/user/project/integrations/webhooks and GitLab's
// app/services/web_hook_service.rb.
var gitlab = provider{
	Preset: Preset{
		Name: "gitlab", Title: "GitLab", Family: "token",
		Summary: "The secret token in X-Gitlab-Token; with mode signing, Standard Webhooks with the signing token.",
		Secret:  "the webhook's secret token, or with mode signing its signing token, whsec_... (Settings, Webhooks)",
		Settings: []Setting{{Name: "mode", Words: []string{"token", "signing"},
			Summary: "token: the secret token in a header; signing: a signature over id, time and body, within 5 minutes"}},
		Tolerance:  DefaultTolerance,
		ID:         "header Idempotency-Key (GitLab 17.4 and later)",
		Deadline:   10 * time.Second,
		Retry:      "none by itself; 4 failures in a row disable the webhook for 1 minute to 24 hours, 40 for good; resending by hand",
		Withhold:   []string{"X-Gitlab-Token"},
		Confidence: Confidence{Docs, Docs, Secondary, Secondary},
		Docs:       "https://docs.gitlab.com/user/project/integrations/webhooks/",
	},
	open: openGitLab,
	sign: func(s *settings, r *Request, now time.Time) error {
		scheme, err := openGitLab(s)
		if err != nil {
			return err
		}
		if _, signs := scheme.(*standardScheme); signs && r.Header.Get(HeaderID) == "" && r.Header.Get("Idempotency-Key") != "" {
			r.Header.Set(HeaderID, r.Header.Get("Idempotency-Key"))
		}
		return scheme.(signingScheme).sign(r, now)
	},
	factsBy: func(s *settings) facts {
		f := facts{id: header("Idempotency-Key"), eventType: either(header("X-Gitlab-Event"), body("object_kind"))}
		if s.get("mode") == "signing" {
			f.id = signedID // the same, and nobody can have changed it
		}
		return f
	},
}

func openGitLab(s *settings) (scheme, error) {
	if s.get("mode") == "signing" {
		return openStandard(s)
	}
	return newTokenScheme(s, headerToken("X-Gitlab-Token"))
}
