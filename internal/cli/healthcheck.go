package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) healthcheck() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "healthcheck URL [flags]",
		Short: "Ask a server whether it is ready, for images without a shell",
		Long:  "Ask URL, or its /readyz when URL has no path. Exits 0 on a 2xx answer, 5 when none came in time, else 1.",
		Example: `  hookloft healthcheck http://127.0.0.1:8071
  hookloft healthcheck --timeout 500ms http://127.0.0.1:8071/livez`,
		Args: arguments("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := url.Parse(args[0])
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return usagef("URL must be like http://127.0.0.1:8071")
			}
			if strings.Trim(u.Path, "/") == "" {
				u.Path = "/readyz"
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return probe(ctx, u.String())
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "How long to wait for the answer.")
	return cmd
}

// probe returns nil when url answers with a 2xx status.
func probe(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return &usageError{err}
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s: %s", url, answer.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
