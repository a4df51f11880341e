package send

import (
	"testing"

	"github.com/hookloft/hookloft/internal/connector"
	"github.com/hookloft/hookloft/internal/hook"
)

// TestAnswersOfKnownTargets judges answers as the services give them (see connector for
// what of that is documented).
func TestAnswersOfKnownTargets(t *testing.T) {
	for _, c := range []struct {
		target string
		status int
		body   string
		want   hook.Outcome
		reason hook.Reason
	}{
		{"slack", 200, "ok", hook.Success, hook.ReasonNone},
		{"slack", 200, "<html>welcome</html>", hook.Failed, hook.ReasonRejected},
		{"slack", 400, "invalid_payload", hook.Unsendable, hook.ReasonRejected},
		{"slack", 403, "action_prohibited", hook.Unsendable, hook.ReasonAuth},
		{"slack", 404, "channel_not_found", hook.Unsendable, hook.ReasonNotFound},
		{"slack", 404, "no_service", hook.Gone, hook.ReasonGone},
		{"slack", 410, "channel_is_archived", hook.Gone, hook.ReasonGone},
		{"slack", 429, "rate_limited", hook.Failed, hook.ReasonThrottled},
		{"slack", 500, "rollup_error", hook.Failed, hook.ReasonServer},
		{"discord", 204, "", hook.Success, hook.ReasonNone},
		{"discord", 404, `{"message": "Unknown Webhook", "code": 10015}`, hook.Gone, hook.ReasonGone},
		{"discord", 404, `{"code": 0}`, hook.Unsendable, hook.ReasonNotFound},
		{"discord", 401, `{"code": 50027}`, hook.Unsendable, hook.ReasonAuth},
		{"discord", 429, `{"retry_after": 0.5}`, hook.Failed, hook.ReasonThrottled},
		{"teams", 202, "", hook.Success, hook.ReasonNone},
		{"teams", 200, "1", hook.Success, hook.ReasonNone},
		{"teams", 200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId ...", hook.Failed, hook.ReasonThrottled},
		{"teams", 200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 412 ...", hook.Failed, hook.ReasonRejected},
		{"teams", 404, "", hook.Unsendable, hook.ReasonNotFound},
		{"zapier", 413, "", hook.Unsendable, hook.ReasonRejected},
		{"zapier", 410, "", hook.Gone, hook.ReasonGone},
		{"pagerduty", 202, `{"status":"success"}`, hook.Success, hook.ReasonNone},
		{"pagerduty", 400, `{"status":"invalid event"}`, hook.Unsendable, hook.ReasonRejected},
		{"standard-webhooks", 404, "", hook.Failed, hook.ReasonNotFound},
	} {
		ready, _ := connector.Ready(c.target)
		e := &hook.Endpoint{Features: hook.Features{Connector: &hook.ConnectorUse{Ready: c.target, Answers: ready.Answers}}}
		a := &hook.Attempt{Status: c.status, Body: []byte(c.body)}
		judge(a, e, nil)
		if a.Outcome != c.want || a.Reason != c.reason {
			t.Errorf("%s %d %s: %s %s, want %s %s", c.target, c.status, c.body, a.Outcome, a.Reason, c.want, c.reason)
		}
	}
	ready, _ := connector.Ready("slack")
	e := &hook.Endpoint{Shape: &hook.Shape{Success: []hook.StatusRange{{Low: 200, High: 499}}}}
	e.Connector = &hook.ConnectorUse{Ready: "slack", Answers: ready.Answers}
	a := &hook.Attempt{Status: 404, Body: []byte("no_service")}
	if judge(a, e, nil); a.Outcome != hook.Success {
		t.Errorf("what the owner counts as success is %s", a.Outcome)
	}
	e.Shape = nil
	a = &hook.Attempt{Status: 200, BodyIncomplete: true}
	if judge(a, e, nil); a.Outcome != hook.Success {
		t.Errorf("a 200 whose body is late is %s: a retry would post twice", a.Outcome)
	}
}
