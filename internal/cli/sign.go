package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/webhook"
)

func (p *program) sign() *cobra.Command {
	var f webhookFlags
	var id, bodyOut string
	var curl bool
	cmd := &cobra.Command{
		Use:   "sign --provider NAME --secret SECRET --body FILE [flags]",
		Short: "Sign a request as a provider would, for tests and demonstrations",
		Long: `Print the headers that a provider would send with a body, as lines "Name: value". Where
the provider puts something into the URL, a first line "URL: ..." has it. Where it puts
something into the body, --body-out says where to write that. With --curl, print a
command that sends it all, secrets in the URL or headers included.

For providers that sign with a private key, the secret is that key (PEM, PKCS #8). See
'hookloft verify --help' for the flags that are the same there.`,
		Example: `  hookloft sign --provider stripe --secret @stripe.secret --body body.json > headers.txt
  hookloft sign --provider github --secret @secret --body body.json --id 72d3162e-cc78-11e3 --curl --url http://127.0.0.1:8071/in/abc
  hookloft sign --provider slack --secret @secret --body body.json | hookloft verify --provider slack --secret @secret --body body.json --headers -`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.config()
			if err != nil {
				return err
			}
			r, err := f.request(p.In)
			if err != nil {
				return err
			}
			switch {
			case curl && f.url == "":
				return usagef("--curl needs --url")
			case curl && (f.body == "-" || bodyOut == "-"):
				return usagef("--curl needs a body in a file")
			}
			before := webhook.Request{URL: r.URL, Body: r.Body}
			if r.Header.Get("Content-Type") == "" && len(r.Body) > 0 {
				r.Header.Set("Content-Type", contentTypeOf(r.Body))
			}
			if id != "" {
				if err := setID(f.provider, id, r.Header); err != nil {
					return err
				}
			}
			if err := webhook.Sign(f.provider, c, &r, f.time(cmd)); err != nil {
				if errors.Is(err, webhook.ErrMissingHeader) || errors.Is(err, webhook.ErrMalformedHeader) {
					return usagef("%s", reason(err))
				}
				return configError(c, err)
			}
			bodyFile := f.body
			if !bytes.Equal(before.Body, r.Body) {
				if bodyOut == "" {
					return usagef("%s puts its signature into the body: --body-out says where to write that", f.provider)
				}
				bodyFile = bodyOut
			}
			if bodyOut != "" && bodyOut != "-" {
				if err := os.WriteFile(bodyOut, r.Body, 0o600); err != nil {
					return fmt.Errorf("write the body: %w", err)
				}
			}
			if curl {
				_, err := fmt.Fprintln(p.Out, curlCommand(&r, bodyFile))
				return err
			}
			if r.URL != before.URL {
				fmt.Fprintf(p.Out, "URL: %s\n", r.URL)
			}
			printHeaders(p.Out, r.Header)
			if bodyOut == "-" {
				_, err := fmt.Fprintf(p.Out, "\n%s", r.Body)
				return err
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.headers, "headers", "", "File with headers that are there already, for schemes that sign some; - for standard input.")
	cmd.Flags().StringVar(&id, "id", "", "Id of the delivery, for providers that send it in a header.")
	cmd.Flags().BoolVar(&curl, "curl", false, "Print a curl command instead.")
	cmd.Flags().StringVar(&bodyOut, "body-out", "", "File to write the body to that is to be sent; - prints it after the headers and an empty line.")
	return cmd
}

// idHeader reads Preset.ID, which begins with the header where the id is in one.
var idHeader = regexp.MustCompile(`^header ([A-Za-z0-9-]+)`)

func setID(provider, id string, h http.Header) error {
	preset, _ := webhook.FindPreset(provider)
	m := idHeader.FindStringSubmatch(preset.ID)
	if m == nil {
		where := "nowhere"
		if preset.ID != "" {
			where = preset.ID
		}
		return usagef("--id is for providers that send the id in a header; %s has it here: %s", provider, where)
	}
	if strings.ContainsAny(id, "\r\n\x00") {
		return usagef("--id has a control character in it")
	}
	h.Set(m[1], id)
	return nil
}

// contentTypeOf guesses what a body is. Most providers send JSON, some forms.
func contentTypeOf(body []byte) string {
	head, _, pair := bytes.Cut(body, []byte("="))
	switch {
	case json.Valid(body):
		return "application/json"
	case bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")):
		return "application/xml"
	case pair && !bytes.ContainsAny(head, " {}[]\"\n\r\t:"):
		return "application/x-www-form-urlencoded"
	}
	return "application/octet-stream"
}

// curlCommand is for a POSIX shell. --data-binary keeps line ends, which --data drops.
func curlCommand(r *webhook.Request, bodyFile string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "curl -i -X %s %s", quoteShell(r.Method), quoteShell(r.URL))
	var lines strings.Builder
	printHeaders(&lines, r.Header)
	for line := range strings.Lines(lines.String()) {
		fmt.Fprintf(&text, " \\\n  -H %s", quoteShell(strings.TrimSuffix(line, "\n")))
	}
	if len(r.Body) > 0 {
		fmt.Fprintf(&text, " \\\n  --data-binary %s", quoteShell("@"+bodyFile))
	}
	return text.String()
}

func quoteShell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
