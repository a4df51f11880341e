package receive

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// unknownSchemes are types of the contract whose signature scheme is documented nowhere
// that could be read. They are refused: a scheme that was guessed would prove nothing.
const unknownSchemes = " adobe-sign airwallex checkbook easypost nango openclaw orum-io panda-doc port-io rutter segment tailscale telnyx vapi veriff vgs "

// secretLater are types whose secret is optional in the contract. A source of them may be
// made first and get its secret when the provider has shown it; until then every webhook
// is rejected. Those that the contract calls optional but whose scheme is unknown are above.
const secretLater = " docusign github hubspot "

// The bounds of settings.
const (
	maxAnswerBody      = 64 << 10
	maxAnswerHeaders   = 50
	maxHeaderValue     = 4 << 10
	maxForwardHeaders  = 100
	maxNetworks        = 1000
	maxTolerance       = 7 * 24 * time.Hour
	maxRate            = 1_000_000
	maxURLBytes        = 2048
	maxDepth           = 10_000
	maxCronPayload     = 1 << 20
	maxDedupeNameBytes = 256
	maxDedupeNames     = 16 // each level may copy what is below it
	maxSecretBytes     = 16 << 10
)

// Check judges type, config and settings of a source, which only the door for webhooks
// can: whether the provider is known, whether its scheme can be opened with these secrets
// and settings, and whether all settings are in their ranges. It fetches nothing. The
// error is a hook.FieldError: below "config" for the provider's scheme, else the name of
// the setting as the wire spells it.
func Check(s *hook.Source) error {
	if err := checkType(s); err != nil {
		return err
	}
	if err := checkSettings(&s.Settings); err != nil {
		return err
	}
	_, err := compileRules(&s.Settings.Validate)
	return err
}

func fieldf(format string, args ...any) func(path ...string) error {
	return func(path ...string) error { return &hook.FieldError{Path: path, Text: fmt.Sprintf(format, args...)} }
}

func checkType(s *hook.Source) error {
	if s.Type == hook.CronSource {
		return checkCron(s)
	}
	if s.Type == hook.PollSource {
		return checkPoll(s)
	}
	preset, known := webhook.FindPreset(presetName(s.Type))
	switch {
	case strings.Contains(unknownSchemes, " "+s.Type+" ") && s.Type != "":
		return hook.Fieldf("type", "scheme unknown, use %s", hook.GenericSource)
	case !known || s.Type == genericPreset && presetName(s.Type) != genericPreset:
		return hook.Fieldf("type", "is not a type of source that is known")
	}
	for i, secret := range s.Config.Secrets {
		if len(secret) > maxSecretBytes {
			return fieldf("must have at most %d bytes", maxSecretBytes)("config", "secrets", fmt.Sprintf("[%d]", i))
		}
	}
	_, _, err := openProvider(s, nil)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, webhook.ErrInvalidKey):
		optional := preset.SecretOptional || strings.Contains(secretLater, " "+s.Type+" ")
		if optional && len(s.Config.Secrets) == 0 {
			return nil // every webhook is rejected until it has one
		}
		return fieldf("%s", trimmed(err))("config", "secret")
	}
	text := trimmed(err)
	for _, setting := range preset.Settings {
		// The name stands first in the text, or after the kind of the error.
		if strings.Contains(text, ": "+setting.Name+" ") || strings.Contains(text, "setting "+setting.Name) {
			return fieldf("%s", strings.ReplaceAll(text, setting.Name, wireName(setting.Name)))("config", wireName(setting.Name))
		}
	}
	return fieldf("%s", text)("config")
}

// wireName is a setting's name in config: webhook_url is webhookUrl there.
func wireName(setting string) string {
	parts := strings.Split(setting, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

func checkCron(s *hook.Source) error {
	if len(s.Config.Secrets) > 0 {
		return fieldf("a schedule has no secret")("config", "secret")
	}
	for name := range s.Config.Values {
		switch name {
		case cronSchedule, cronPayload, cronContentType:
		default:
			return fieldf("is not a setting of a schedule")("config", wireName(clip(name, 64)))
		}
	}
	schedule, fault := parseSchedule(s.Config.Values[cronSchedule])
	if fault != "" {
		return fieldf("%s", fault)("config", cronSchedule)
	}
	if schedule.Next(time.Now().UTC()).IsZero() {
		return fieldf("never fires")("config", cronSchedule)
	}
	if _, given := s.Config.Values[cronPayload]; !given {
		return fieldf("must be given; it may be empty")("config", cronPayload)
	}
	if n := len(s.Config.Values[cronPayload]); n > maxCronPayload {
		return fieldf("must have at most %d bytes", maxCronPayload)("config", cronPayload)
	}
	if t := s.Config.Values[cronContentType]; t != "" {
		if _, _, err := mime.ParseMediaType(t); err != nil || len(t) > 256 || !isHeaderText(t) {
			return fieldf("must be a media type")("config", wireName(cronContentType))
		}
	}
	return nil
}

func checkSettings(s *hook.SourceSettings) error {
	for _, check := range []func(*hook.SourceSettings) error{checkAnswers, checkBounds, checkRequests, checkDedupe, checkValidation} {
		if err := check(s); err != nil {
			return err
		}
	}
	return nil
}

func checkAnswers(s *hook.SourceSettings) error {
	if s.PublicURL != "" {
		// A user and a password in it are allowed: Twilio signs them.
		u, err := url.Parse(s.PublicURL)
		switch {
		case err != nil || len(s.PublicURL) > maxURLBytes, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
			return hook.Fieldf("publicUrl", "must be an absolute URL that begins with http:// or https://")
		case u.RawQuery != "" || u.ForceQuery || strings.Contains(s.PublicURL, "#"):
			return hook.Fieldf("publicUrl", "must have neither query nor fragment")
		case hasControl(s.PublicURL):
			return hook.Fieldf("publicUrl", "must not contain spaces or control characters")
		}
	}
	if a := s.Answer.Status; a != 0 && (a < 200 || a > 599) {
		return fieldf("must lie between 200 and 599")("answer", "status")
	}
	if len(s.Answer.Body) > maxAnswerBody {
		return fieldf("must have at most %d bytes", maxAnswerBody)("answer", "body")
	}
	if len(s.Answer.Header) > maxAnswerHeaders {
		return fieldf("must hold at most %d headers", maxAnswerHeaders)("answer", "headers")
	}
	for name, value := range s.Answer.Header {
		switch {
		case !hook.IsHeaderName(name):
			return fieldf("names must be HTTP tokens (RFC 9110 section 5.6.2)")("answer", "headers")
		case hook.IsConnectionHeader(name) && !strings.EqualFold(name, "Content-Type"):
			return fieldf("this header is set by the server and cannot be chosen")("answer", "headers", name)
		case !isHeaderText(value):
			return fieldf("must have at most %d bytes and no control characters", maxHeaderValue)("answer", "headers", name)
		}
	}
	switch s.FailureStatus {
	case 0, http.StatusBadRequest, http.StatusUnauthorized:
	default:
		return hook.Fieldf("failureStatus", "must be 400 or 401")
	}
	if d := s.Pass.Deadline; d < 0 || d > hook.MaxPassDeadline {
		return fieldf("must lie between 0 and %d s", int(hook.MaxPassDeadline/time.Second))("passThrough", "deadlineMilliseconds")
	}
	return nil
}

func checkBounds(s *hook.SourceSettings) error {
	switch {
	case s.Tolerance < 0 || s.Tolerance > maxTolerance:
		return hook.Fieldf("toleranceSeconds", "must lie between 0 and 7 days")
	case s.MaxBodyBytes < 0 || s.MaxBodyBytes > hook.MaxSourceBody:
		return hook.Fieldf("maxBodyBytes", "must lie between 1 and %d", hook.MaxSourceBody)
	case s.RatePerMinute < 0 || s.RatePerMinute > maxRate:
		return hook.Fieldf("ratePerMinute", "must lie between 1 and %d", maxRate)
	case s.RatePerHour < 0 || s.RatePerHour > maxRate:
		return hook.Fieldf("ratePerHour", "must lie between 1 and %d", maxRate)
	case s.Stale.After < 0:
		return fieldf("must not be negative")("stale", "afterSeconds")
	case s.Stale.Drop && s.Stale.After == 0:
		return fieldf("needs afterSeconds")("stale", "drop")
	}
	return nil
}

// forwardable are the methods that send can repeat to an endpoint.
var forwardable = [...]string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

func checkRequests(s *hook.SourceSettings) error {
	if s.Methods != nil && len(s.Methods) == 0 {
		return hook.Fieldf("methods", "must hold a method, or be left out")
	}
	for i, m := range s.Methods {
		at := fmt.Sprintf("[%d]", i)
		if !slices.Contains(forwardable[:], m) {
			return fieldf("must be one of %s", strings.Join(forwardable[:], ", "))("methods", at)
		}
		if slices.Contains(s.Methods[:i], m) {
			return fieldf("must not repeat an item")("methods", at)
		}
	}
	if s.Networks != nil && len(s.Networks) == 0 || len(s.Networks) > maxNetworks {
		return hook.Fieldf("networks", "must hold 1 to %d networks, or be left out", maxNetworks)
	}
	for i, n := range s.Networks {
		switch {
		case !n.IsValid() || n.Addr().Zone() != "":
			return fieldf("must be a network such as 192.0.2.0/24")("networks", fmt.Sprintf("[%d]", i))
		case n.Addr().Is4In6():
			return fieldf("must be written as an IPv4 network")("networks", fmt.Sprintf("[%d]", i))
		}
	}
	if len(s.Forward.Headers) > maxForwardHeaders {
		return fieldf("must hold at most %d headers", maxForwardHeaders)("forward", "headers")
	}
	for i, name := range s.Forward.Headers {
		switch at := fmt.Sprintf("[%d]", i); {
		case !hook.IsHeaderName(name):
			return fieldf("must be an HTTP token (RFC 9110 section 5.6.2)")("forward", "headers", at)
		case hook.IsConnectionHeader(name) && !strings.EqualFold(name, "Content-Type"):
			return fieldf("this header belongs to the connection and cannot be forwarded")("forward", "headers", at)
		case isOurs(name):
			return fieldf("this header is Hookloft's own in what is forwarded")("forward", "headers", at)
		}
	}
	return nil
}

func checkDedupe(s *hook.SourceSettings) error {
	d := &s.Dedupe
	switch d.By {
	case hook.DedupeByProvider, hook.DedupeByHash, hook.DedupeOff:
		if d.Name != "" {
			return fieldf("is of no use with this rule")("dedupe", "name")
		}
	case hook.DedupeByBody:
		names := strings.Split(d.Name, ".")
		if len(d.Name) > maxDedupeNameBytes || len(names) > maxDedupeNames || slices.Contains(names, "") {
			return fieldf("must be a path such as data.id, of at most %d names", maxDedupeNames)("dedupe", "name")
		}
	case hook.DedupeByHeader:
		if !hook.IsHeaderName(d.Name) {
			return fieldf("must be the name of a header")("dedupe", "name")
		}
	default:
		return fieldf("must be body, header, hash or off, or be left out")("dedupe", "by")
	}
	if d.Window != 0 && (d.Window < hook.MinDedupeWindow || d.Window > hook.MaxDedupeWindow) {
		return fieldf("must lie between 1 minute and 35 days")("dedupe", "windowSeconds")
	}
	return nil
}

func checkValidation(s *hook.SourceSettings) error {
	v := &s.Validate
	if v.ContentTypes != nil && len(v.ContentTypes) == 0 || len(v.ContentTypes) > maxNetworks {
		return fieldf("must hold a media type, or be left out")("validate", "contentTypes")
	}
	for i, t := range v.ContentTypes {
		if media, params, err := mime.ParseMediaType(t); err != nil || len(params) > 0 || !strings.Contains(media, "/") || len(t) > 256 {
			return fieldf("must be a media type without parameters")("validate", "contentTypes", fmt.Sprintf("[%d]", i))
		}
	}
	switch {
	case v.Syntax != "" && v.Syntax != syntaxJSON && v.Syntax != syntaxXML:
		return fieldf("must be json or xml, or be left out")("validate", "syntax")
	case v.MaxDepth < 0 || v.MaxDepth > maxDepth:
		return fieldf("must lie between 1 and %d", maxDepth)("validate", "maxDepth")
	case v.Schema != "" && v.Syntax == syntaxXML:
		return fieldf("a JSON Schema says nothing about XML")("validate", "schema")
	}
	return nil
}

// isOurs reports whether a header of what is forwarded is always our own (send).
func isOurs(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	for _, prefix := range [...]string{"webhook-", "svix-", "x-hookloft-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "user-agent" || name == "accept-encoding"
}

func isHeaderText(s string) bool {
	if len(s) > maxHeaderValue {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
