package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/webhook"
)

// maxFileBytes bounds a file of headers or a body: the largest body that a source takes.
const maxFileBytes = 25 << 20

// webhookFlags are those that verify and sign share: who sends what.
type webhookFlags struct {
	provider    string
	secrets     []string
	settings    []string
	url, method string
	now         int64
	headers     string
	body        string
}

func (f *webhookFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.provider, "provider", "", "Name of the provider; 'hookloft providers' lists them.")
	flags.StringArrayVar(&f.secrets, "secret", nil, "`SECRET` of the provider's webhooks, or @FILE that holds it. Repeatable.")
	flags.StringArrayVar(&f.settings, "config", nil, "`KEY=VALUE`: what else the scheme needs; 'hookloft providers NAME' lists it. Repeatable.")
	flags.StringVar(&f.url, "url", "", "URL as the provider knows it, for those that sign it or put the secret into it.")
	flags.StringVar(&f.method, "method", http.MethodPost, "Method of the request.")
	flags.Int64Var(&f.now, "now", 0, "Unix seconds to take as the time; the clock when it is not given.")
	flags.StringVar(&f.body, "body", "", "File with the body, byte for byte; - for standard input.")
}

// config makes the configuration of the provider that the flags name.
func (f *webhookFlags) config() (webhook.Config, error) {
	var c webhook.Config
	if f.provider == "" {
		return c, usagef("--provider is missing; 'hookloft providers' lists them")
	}
	if f.provider == genericSource {
		f.provider = genericProvider
	}
	if _, ok := webhook.FindPreset(f.provider); !ok {
		return c, unknownProvider(f.provider)
	}
	for _, text := range f.secrets {
		if name, isFile := strings.CutPrefix(text, "@"); isFile {
			content, err := os.ReadFile(name)
			if err != nil {
				return c, usagef("--secret: %w", err)
			}
			text = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
		}
		c.Secrets = append(c.Secrets, text)
	}
	c.Settings = map[string]string{}
	for _, pair := range f.settings {
		name, value, ok := strings.Cut(pair, "=")
		if _, twice := c.Settings[name]; !ok || name == "" || twice {
			return c, usagef("--config is KEY=VALUE, each key once")
		}
		c.Settings[name] = value
	}
	return c, nil
}

// time is the time of the request.
func (f *webhookFlags) time(cmd *cobra.Command) time.Time {
	if cmd.Flags().Changed("now") {
		return time.Unix(f.now, 0)
	}
	return time.Now()
}

// request reads the files.
func (f *webhookFlags) request(in io.Reader) (webhook.Request, error) {
	r := webhook.Request{Method: strings.ToUpper(f.method), URL: f.url, Header: http.Header{}}
	if f.body == "" {
		return r, usagef("--body is missing")
	}
	if f.body == "-" && f.headers == "-" {
		return r, usagef("only one of --body and --headers can be standard input")
	}
	var err error
	if r.Body, err = readFile(f.body, in); err != nil {
		return r, usagef("--body: %w", err)
	}
	if f.headers == "" {
		return r, nil
	}
	text, err := readFile(f.headers, in)
	if err != nil {
		return r, usagef("--headers: %w", err)
	}
	if r.Header, err = parseHeaders(text); err != nil {
		return r, usagef("--headers: %s: %w", f.headers, err)
	}
	return r, nil
}

// readFile reads a file, or in where the name is "-".
func readFile(name string, in io.Reader) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	content, err := io.ReadAll(io.LimitReader(in, maxFileBytes+1))
	if err == nil && len(content) > maxFileBytes {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxFileBytes)
	}
	return content, err
}

// parseHeaders reads lines "Name: value" that end in LF or CRLF. Empty lines are passed
// over, and so is a request line in the first.
func parseHeaders(text []byte) (http.Header, error) {
	h := http.Header{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxFileBytes+1)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if strings.TrimSpace(line) == "" || n == 1 && strings.Contains(line, " HTTP/") && !strings.Contains(strings.Fields(line)[0], ":") {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("line %d is not like 'Name: value'", n)
		}
		h.Add(name, strings.Trim(value, " \t"))
	}
	return h, lines.Err()
}

func unknownProvider(name string) error {
	var names []string
	for _, p := range webhook.Presets() {
		names = append(names, p.Name)
	}
	if near := config.Suggest(name, names); near != "" {
		return usagef("there is no provider %q; did you mean %q?", name, near)
	}
	return usagef("there is no provider %q; 'hookloft providers' lists them, and \"generic\" is for all others", name)
}

// configError sorts the errors of a configuration: what can be said of the request with
// it is "no" for an empty secret, because nothing is genuine then; all else is misuse.
func configError(c webhook.Config, err error) error {
	switch {
	case errors.Is(err, webhook.ErrInvalidKey) && len(c.Secrets) == 0:
		return usagef("--secret is missing: %s", reason(err))
	case errors.Is(err, webhook.ErrInvalidKey) && slices.Contains(c.Secrets, ""):
		return fmt.Errorf("not genuine: %s", reason(err))
	}
	return usagef("%s", reason(err))
}

// reason is the text of one of the library's errors for people.
func reason(err error) string { return strings.Replace(err.Error(), "webhook: ", "", 1) }

func (p *program) verify() *cobra.Command {
	var f webhookFlags
	var fetchKeys bool
	cmd := &cobra.Command{
		Use:   "verify --provider NAME --secret SECRET --headers FILE --body FILE [flags]",
		Short: "Check whether a provider's webhook is genuine",
		Long: `Check a received webhook as a source would, without a server.

Exits 0 when it is genuine, and prints a line for each event: its id, a tab, its type.
A request that holds a batch has a line for each event in it. A - stands for an id or
type that the provider does not send. Exits 1 when it is not genuine, with the reason on
standard error, and 2 on misuse.

A request with which the provider checks the URL (a handshake) also exits 0, and prints
the answer that a source would give: status, headers, an empty line, the body. One that
asks for a visit instead (SNS) is printed as an event.

--headers is a file of lines "Name: value". A secret on the command line is visible to
other users of the machine; --secret @FILE reads it from a file (one line end at its end
is left out). For --config, a VALUE that is a list or an object is written as JSON;
tolerance_s=SECONDS is a setting of all providers that sign a time.
Nothing is fetched unless --fetch-keys says so: for the providers that publish their keys
(PayPal, SNS, Pub/Sub, Plaid), give the certificate or key set by --config, or the flag.`,
		Example: `  hookloft verify --provider stripe --secret @stripe.secret --headers headers.txt --body body.json
  hookloft verify --provider github --secret "$OLD" --secret "$NEW" --headers headers.txt --body body.json
  hookloft verify --provider twilio --secret @token --url https://hooks.example.com/in/abc --headers headers.txt --body body.txt
  hookloft verify --provider generic --secret @key --config header=X-Signature --config prefix=sha256= --headers headers.txt --body body.json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.config()
			if err != nil {
				return err
			}
			if f.headers == "" {
				return usagef("--headers is missing")
			}
			r, err := f.request(p.In)
			if err != nil {
				return err
			}
			if fetchKeys {
				c.Keys = webhook.NewKeyCache(webhook.KeyCacheOptions{})
			}
			v, err := webhook.Provider(f.provider, c)
			if err != nil {
				return configError(c, err)
			}
			return p.judge(v, r, f.time(cmd), fetchKeys)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.headers, "headers", "", "File with the headers; - for standard input.")
	cmd.Flags().BoolVar(&fetchKeys, "fetch-keys", false, "Fetch the provider's published keys over HTTPS, from its own hosts only.")
	return cmd
}

// judge prints what a source would make of a request. fetched says that a key which is
// not known was asked for.
func (p *program) judge(v *webhook.ProviderVerifier, r webhook.Request, now time.Time, fetched bool) error {
	answer, err := v.Handshake(r, now)
	var got webhook.Verified
	if err == nil {
		got, err = v.Verify(r, now)
	}
	if answer != nil && (err != nil || answer.Visit == "") {
		return p.printAnswer(answer)
	}
	switch {
	case errors.Is(err, webhook.ErrNoMatch):
		return fmt.Errorf("not genuine: %s: the secret is another one, or what was signed is not what came (body, URL, headers)", reason(err))
	case errors.Is(err, webhook.ErrNoKey) && fetched:
		return fmt.Errorf("not known whether it is genuine: %s; try again later, or give the key by --config", reason(err))
	case errors.Is(err, webhook.ErrNoKey):
		return fmt.Errorf("not known whether it is genuine: %s; --fetch-keys fetches it, or give it by --config", reason(err))
	case err != nil:
		return fmt.Errorf("not genuine: %s", reason(err))
	}
	if answer != nil {
		fmt.Fprintln(p.Err, visitNote)
	}
	events := got.Events
	if len(events) == 0 {
		events = []webhook.Event{{ID: got.ID, Type: got.Type}}
	}
	w := bufio.NewWriter(p.Out)
	for _, e := range events {
		fmt.Fprintf(w, "%s\t%s\n", printable(e.ID), printable(e.Type))
	}
	return w.Flush()
}

// visitNote goes with a handshake of the kind of SNS, whose request is a message with id and type too.
const visitNote = "hookloft: a handshake; the provider asks for a visit to one of its URLs, which a source makes"

func (p *program) printAnswer(a *webhook.Answer) error {
	if a.Refused != "" {
		fmt.Fprintf(p.Err, "hookloft: a handshake, which a source refuses: %s\n", a.Refused)
	} else {
		fmt.Fprintln(p.Err, "hookloft: a handshake; a source answers:")
	}
	if a.Secret != "" && a.Refused == "" {
		fmt.Fprintln(p.Err, "hookloft: the provider hands over its secret, which a source keeps")
	}
	if a.Visit != "" {
		fmt.Fprintln(p.Err, visitNote)
	}
	w := bufio.NewWriter(p.Out)
	fmt.Fprintf(w, "%d %s\n", a.Status, http.StatusText(a.Status))
	printHeaders(w, a.Header)
	fmt.Fprintf(w, "\n%s\n", a.Body)
	return w.Flush()
}

// printHeaders prints headers by name.
func printHeaders(w io.Writer, h http.Header) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range h[name] {
			fmt.Fprintf(w, "%s: %s\n", name, value)
		}
	}
}

// printable is text on a line of its own with what a terminal would act on escaped, or "-" for none.
func printable(text string) string {
	if text == "" {
		return "-"
	}
	if strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return strconv.Quote(text)
	}
	return text
}
