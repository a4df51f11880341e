package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/webhook"
)

func (p *program) providers() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "providers [NAME] [flags]",
		Short: "List the providers whose webhooks are known, and what each needs",
		Long: `List the providers whose webhooks can be verified: how they sign, whether a secret is
needed, the settings that must be given, and how sure the facts about the signature are:
recomputed from a published example, read in the provider's documents, read elsewhere, or
not confirmed. With NAME, print all that is known about one, or with cron or poll how
schedules and watched documents are configured.`,
		Example: `  hookloft providers
  hookloft providers stripe
  hookloft providers --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("unexpected argument %q", args[1])
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.listProviders(asJSON)
			}
			preset, ok := findType(args[0])
			if !ok {
				return unknownProvider(args[0])
			}
			if asJSON {
				return p.printJSON(providerFacts(preset))
			}
			return describeProvider(p.Out, preset)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print as JSON.")
	return cmd
}

// The types of source that are no provider. The generic one has another name as a provider.
const (
	cronSource      = "cron"
	pollSource      = "poll"
	genericProvider = "generic"
	genericSource   = "generic-webhook"
)

// schedulePreset describes the type of source that is no provider as if it were one.
func schedulePreset() webhook.Preset {
	return webhook.Preset{
		Name: cronSource, Title: "nobody: the server itself sends a payload on a schedule, in UTC", Methods: []string{},
		ID: "the slot: its time in RFC 3339", Confidence: webhook.Confidence{ID: webhook.Docs},
		Settings: []webhook.Setting{
			{Name: "schedule", Required: true, Summary: "five fields (minute, hour, day of month, month, day of week), @hourly, @daily, @weekly, @monthly, @yearly, or \"@every 90m\" (a minute or more)"},
			{Name: "payload", Required: true, Summary: "the body to send"},
			{Name: "content_type", Summary: "its media type; application/json when it is not given"},
		},
	}
}

// pollPreset likewise describes the type of source that watches a document.
func pollPreset() webhook.Preset {
	return webhook.Preset{
		Name: pollSource, Title: "nobody: the server itself fetches a document and sends it on when it has changed", Methods: []string{},
		ID: "the number of the change with the beginning of the value's hash", Confidence: webhook.Confidence{ID: webhook.Docs},
		Settings: []webhook.Setting{
			{Name: "url", Required: true, Summary: "the document, fetched with GET; redirects are not followed"},
			{Name: "interval", Summary: "a duration from 10s to 720h, such as 5m; or give a schedule"},
			{Name: "schedule", Summary: "five cron fields in UTC, as for cron, in place of an interval"},
			{Name: "headers", Summary: "a JSON object of headers to send, such as {\"Authorization\":\"Bearer ...\"}"},
			{Name: "value_path", Summary: "where in a JSON document the value is that decides about a change, such as data.version; the whole body when it is not given"},
			{Name: "first", Summary: "what becomes of the document as it is seen first: skip (the default) or deliver"},
			{Name: "event_type", Summary: "the event type of the messages; poll when it is not given"},
		},
	}
}

// findType finds what is known about a type of source.
func findType(name string) (webhook.Preset, bool) {
	switch name {
	case cronSource:
		return schedulePreset(), true
	case pollSource:
		return pollPreset(), true
	case genericSource:
		name = genericProvider
	}
	return webhook.FindPreset(name)
}

func (p *program) listProviders(asJSON bool) error {
	presets := webhook.Presets()
	if asJSON {
		all := make([]providerJSON, len(presets))
		for i := range presets {
			all[i] = providerFacts(presets[i])
		}
		return p.printJSON(all)
	}
	w := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSCHEME\tSECRET\tMUST BE SET\tSIGNATURE")
	for _, preset := range presets {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", preset.Name, preset.Family, secretNeed(preset), orDash(strings.Join(required(preset), ", ")), markWords(preset.Confidence.Signature))
	}
	return w.Flush()
}

func secretNeed(p webhook.Preset) string {
	switch {
	case p.Secret == "":
		return "none"
	case p.SecretOptional:
		return "optional"
	}
	return "needed"
}

func required(p webhook.Preset) []string {
	var names []string
	for _, s := range p.Settings {
		if s.Required {
			names = append(names, s.Name)
		}
	}
	return names
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// markWords says how sure a fact is.
func markWords(m webhook.Mark) string {
	switch m {
	case webhook.Vector:
		return "recomputed"
	case webhook.Docs:
		return "documented"
	case webhook.Secondary:
		return "secondary source"
	}
	return "not confirmed"
}

// describeProvider prints all about one.
func describeProvider(out io.Writer, p webhook.Preset) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	sure := func(value string, m webhook.Mark) string {
		if value == "" {
			return ""
		}
		return value + " (" + markWords(m) + ")"
	}
	line("Name", p.Name)
	line("Provider", p.Title)
	line("Scheme", p.Family)
	line("Checked", sure(p.Summary, p.Confidence.Signature))
	if p.Secret != "" {
		line("Secret", p.Secret+" ("+secretNeed(p)+")")
	}
	if p.Tolerance != 0 {
		line("Tolerance", p.Tolerance.String())
	}
	line("Methods", strings.Join(methods(p), ", "))
	line("Delivery id", sure(p.ID, p.Confidence.ID))
	if p.Deadline != 0 {
		line("Answer within", sure(p.Deadline.String(), p.Confidence.Deadline))
	}
	line("Retries", sure(p.Retry, p.Confidence.Retry))
	line("Handshake", p.Handshake)
	if p.Batch {
		line("Batches", "one request may hold several events")
	}
	line("Documents", p.Docs)
	if err := w.Flush(); err != nil || len(p.Settings) == 0 {
		return err
	}
	fmt.Fprintln(out, "\nSettings (--config KEY=VALUE):")
	for _, s := range p.Settings {
		fmt.Fprintf(w, "  %s\t%s\n", s.Name, s.Summary)
		if s.Required {
			fmt.Fprintf(w, "  \tmust be given\n")
		}
		if len(s.Words) > 0 {
			fmt.Fprintf(w, "  \tone of %s; %s when it is not given\n", strings.Join(s.Words, ", "), s.Words[0])
		}
	}
	return w.Flush()
}

func methods(p webhook.Preset) []string {
	if p.Methods == nil {
		return []string{"POST"}
	}
	return p.Methods
}

// providerJSON is a provider as --json prints it. Absent is what is not known or not there.
type providerJSON struct {
	Name             string         `json:"name"`
	Title            string         `json:"title"`
	Family           string         `json:"family"`
	Summary          string         `json:"summary"`
	Secret           string         `json:"secret,omitempty"`
	SecretOptional   bool           `json:"secretOptional"`
	Settings         []settingJSON  `json:"settings"`
	Methods          []string       `json:"methods"`
	ToleranceSeconds float64        `json:"toleranceSeconds,omitempty"`
	DeliveryID       string         `json:"deliveryId,omitempty"`
	DeadlineSeconds  float64        `json:"deadlineSeconds,omitempty"`
	Retry            string         `json:"retry,omitempty"`
	RetryForSeconds  float64        `json:"retryForSeconds,omitempty"`
	Batch            bool           `json:"batch"`
	Handshake        string         `json:"handshake,omitempty"`
	Confidence       confidenceJSON `json:"confidence"`
	Docs             string         `json:"docs,omitempty"`
}

type settingJSON struct {
	Name     string   `json:"name"`
	Summary  string   `json:"summary"`
	Required bool     `json:"required"`
	Values   []string `json:"values,omitempty"`
}

// confidenceJSON has the marks: V recomputed, D documented, S secondary source, M not confirmed.
type confidenceJSON struct {
	Signature  webhook.Mark `json:"signature"`
	DeliveryID webhook.Mark `json:"deliveryId"`
	Deadline   webhook.Mark `json:"deadline"`
	Retry      webhook.Mark `json:"retry"`
}

func providerFacts(p webhook.Preset) providerJSON {
	seconds := time.Duration.Seconds
	out := providerJSON{
		Name: p.Name, Title: p.Title, Family: p.Family, Summary: p.Summary,
		Secret: p.Secret, SecretOptional: p.SecretOptional, Settings: []settingJSON{}, Methods: methods(p),
		ToleranceSeconds: seconds(p.Tolerance), DeliveryID: p.ID, DeadlineSeconds: seconds(p.Deadline),
		Retry: p.Retry, RetryForSeconds: seconds(p.RetryFor), Batch: p.Batch, Handshake: p.Handshake,
		Confidence: confidenceJSON{p.Confidence.Signature, p.Confidence.ID, p.Confidence.Deadline, p.Confidence.Retry},
		Docs:       p.Docs,
	}
	for _, s := range p.Settings {
		out.Settings = append(out.Settings, settingJSON{s.Name, s.Summary, s.Required, s.Words})
	}
	return out
}

func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
