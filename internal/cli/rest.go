package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/client"
)

// maxBodyBytes bounds what is read from a file or standard input to be sent.
const maxBodyBytes = 64 << 20

// body is what a person gives to be sent: the text itself, @FILE, or - for standard input.
func (p *program) body(what, text string) ([]byte, error) {
	name, isFile := strings.CutPrefix(text, "@")
	if !isFile && text != "-" {
		return []byte(text), nil
	}
	in := p.In
	if isFile {
		file, err := os.Open(name)
		if err != nil {
			return nil, usagef("%s: %w", what, err)
		}
		defer file.Close() // opened for reading: nothing to lose
		in = file
	}
	content, err := io.ReadAll(io.LimitReader(in, maxBodyBytes+1))
	switch {
	case err != nil:
		return nil, usagef("%s: %w", what, err)
	case len(content) > maxBodyBytes:
		return nil, usagef("%s: more than %d bytes", what, maxBodyBytes)
	}
	return content, nil
}

// api calls any operation.
func (p *program) api() *cobra.Command {
	var data string
	var query, headers []string
	var paginate bool
	cmd := &cobra.Command{
		Use:   "api METHOD PATH [flags]",
		Short: "Call an operation of the API and print its answer",
		Long: `Call an operation of the API and print its answer. GET /api/v1/openapi.json lists them.
The answer of an error is printed, too, and the exit code says what kind it is.`,
		Example: `  hookloft api GET /api/v1/app --paginate --jq '.[].name'
  hookloft api POST /api/v1/app --data '{"name": "Acme", "uid": "acme"}'
  hookloft api PUT /api/v1/event-type/invoice.paid -d @invoice.paid.json
  hookloft api GET /api/v1/app/acme/msg --query event_types=invoice.paid --query limit=10`,
		Args: arguments("METHOD", "PATH"),
		ValidArgsFunction: completeWith(func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"GET", "POST", "PUT", "PATCH", "DELETE"}, cobra.ShellCompDirectiveNoFileComp
		}),
	}
	cmd.Flags().StringVarP(&data, "data", "d", "", "`BODY` of the request: text, @FILE, or - for standard input.")
	cmd.Flags().StringArrayVar(&query, "query", nil, "`NAME=VALUE` to add to the query. Repeatable.")
	cmd.Flags().StringArrayVarP(&headers, "header", "H", nil, "`NAME: VALUE` of a header. Repeatable.")
	cmd.Flags().BoolVar(&paginate, "paginate", false, "Follow a list to its end and print all of its rows as one list.")
	return p.remote(cmd, func(r *remote, args []string) error {
		method := strings.ToUpper(args[0])
		if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, method) {
			return usagef("METHOD %q is unknown; there are GET, POST, PUT, PATCH and DELETE", args[0])
		}
		path, err := withQuery(args[1], query)
		if err != nil {
			return err
		}
		if r.out.format == formatTable || r.out.format == formatID {
			if r.out.format == formatID {
				return usagef("--output id is for lists of known things; use --jq '.id'")
			}
			r.out.format = formatJSON
		}
		if paginate {
			if method != http.MethodGet || data != "" {
				return usagef("--paginate is for GET without a body")
			}
			return printRaw(r, client.Pages[json.RawMessage](r.ctx, r.Client, path))
		}
		header := http.Header{}
		for _, h := range headers {
			name, value, ok := strings.Cut(h, ":")
			if !ok || strings.TrimSpace(name) == "" {
				return usagef("--header is NAME: VALUE, not %q", h)
			}
			header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
		var content []byte
		if cmd.Flags().Changed("data") {
			if content, err = p.body("--data", data); err != nil {
				return err
			}
		}
		answer, err := r.Do(r.ctx, method, path, header, content)
		if err != nil {
			return err
		}
		return r.printAnswer(answer)
	})
}

// withQuery adds parameters to a path, which must be one of the server's own.
func withQuery(path string, pairs []string) (string, error) {
	u, err := url.Parse(path)
	if err != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return "", usagef("PATH must be like /api/v1/app, not %q; --server says where", path)
	}
	values := u.Query()
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return "", usagef("--query is NAME=VALUE, not %q", pair)
		}
		values.Add(name, value)
	}
	if len(values) == 0 {
		return u.EscapedPath(), nil
	}
	return u.EscapedPath() + "?" + values.Encode(), nil
}

// printRaw prints a list of whatever it is of.
func printRaw(r *remote, rows iter.Seq2[json.RawMessage, error]) error {
	var all []json.RawMessage
	for raw, err := range rows {
		if err != nil {
			return err
		}
		if r.out.format == formatNDJSON {
			if err := r.out.value(raw); err != nil {
				return err
			}
			continue
		}
		all = append(all, raw)
	}
	if r.out.format == formatNDJSON {
		return nil
	}
	return r.out.value(arrayOf(all))
}

// printAnswer prints the body of an answer; what is no JSON goes out as it is, but to a terminal.
func (r *remote) printAnswer(answer *client.Answer) error {
	switch {
	case len(bytes.TrimSpace(answer.Body)) == 0:
		r.notef("%d %s", answer.Status, http.StatusText(answer.Status))
		return nil
	case json.Valid(answer.Body):
		return r.out.value(answer.Body)
	case r.out.jq != nil:
		return fmt.Errorf("the answer is not JSON, but %s", answer.Header.Get("Content-Type"))
	case isTerminal(r.Out):
		return r.out.line(string(answer.Body))
	}
	_, err := r.Out.Write(answer.Body)
	return err
}
