package receive

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// The settings of a poll source, by the names of SourceConfig.Values.
const (
	pollURL       = "url"
	pollInterval  = "interval"
	pollSchedule  = "schedule"
	pollHeaders   = "headers"
	pollValuePath = "value_path"
	pollFirst     = "first"
	pollEventType = "event_type"
)

// The words of the setting first: what becomes of what is seen first.
const (
	firstSkip    = "skip"
	firstDeliver = "deliver"
)

// setTimes reads when a source fetches. The error is a hook.FieldError.
func (p *poller) setTimes(values map[string]string) error {
	interval, schedule := values[pollInterval], values[pollSchedule]
	switch {
	case interval != "" && schedule != "":
		return fieldf("must not be given together with interval")("config", pollSchedule)
	case schedule != "":
		parsed, fault := parseSchedule(schedule)
		if fault != "" {
			return fieldf("%s", fault)("config", pollSchedule)
		}
		p.schedule = parsed
		return nil
	}
	every, err := time.ParseDuration(interval)
	if seconds, notNumber := strconv.ParseUint(interval, 10, 31); notNumber == nil {
		every, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || every < minPollInterval || every > maxPollInterval {
		return fieldf("must be a duration between 10s and 720h, such as 5m, or a number of seconds; or give a schedule")("config", pollInterval)
	}
	p.every = every
	return nil
}

// pollHeader are the headers that a source's requests have.
func pollHeader(s *hook.Source) map[string]string {
	text := s.Config.Values[pollHeaders]
	if text == "" {
		return nil
	}
	var header map[string]string
	if json.Unmarshal([]byte(text), &header) != nil {
		return nil // Check lets nothing in that is no object of text
	}
	return header
}

// checkPoll judges the config of a poll source. Whether the URL may be fetched is judged
// by whoever knows the address guard, and again at each fetch.
func checkPoll(s *hook.Source) error {
	values := s.Config.Values
	if len(s.Config.Secrets) > 0 {
		return fieldf("a source that polls has no secret; give headers")("config", "secret")
	}
	for name := range values {
		switch name {
		case pollURL, pollInterval, pollSchedule, pollHeaders, pollValuePath, pollFirst, pollEventType:
		default:
			return fieldf("is not a setting of a source that polls")("config", wireName(clip(name, 64)))
		}
	}
	if u := values[pollURL]; u == "" || len(u) > maxPollURL || !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
		return fieldf("must be an http or https URL of at most %d bytes", maxPollURL)("config", pollURL)
	}
	var times poller
	if err := times.setTimes(values); err != nil {
		return err
	}
	if times.schedule != nil && times.schedule.Next(time.Now().UTC()).IsZero() {
		return fieldf("never fires")("config", pollSchedule)
	}
	if text := values[pollHeaders]; text != "" {
		var header map[string]string
		if json.Unmarshal([]byte(text), &header) != nil || len(header) > maxPollHeaders {
			return fieldf("must be an object of at most %d headers with text", maxPollHeaders)("config", pollHeaders)
		}
		for name, value := range header {
			if !hook.IsHeaderName(name) || !isHeaderText(value) || hook.IsConnectionHeader(name) {
				return fieldf("must be a header that can be chosen, with at most %d bytes and no control characters", maxHeaderValue)("config", pollHeaders, clip(name, 64))
			}
		}
	}
	if p := values[pollValuePath]; len(p) > maxDedupeNameBytes || p != "" && strings.Contains("."+p+".", "..") {
		return fieldf("must be a path such as data.version, of at most %d bytes", maxDedupeNameBytes)("config", wireName(pollValuePath))
	}
	switch values[pollFirst] {
	case "", firstSkip, firstDeliver:
	default:
		return fieldf("must be skip or deliver")("config", pollFirst)
	}
	if t := values[pollEventType]; t != "" && hook.CheckEventTypeName("eventType", t) != nil {
		return fieldf("must be the name of an event type")("config", wireName(pollEventType))
	}
	return nil
}

// PollURL returns what a poll source fetches, "" for a source of another type.
func PollURL(s *hook.Source) string {
	if s.Type != hook.PollSource {
		return ""
	}
	return s.Config.Values[pollURL]
}
