// Command hookloft is both halves of a webhook system: it sends an application's
// events to its customers' endpoints and receives the webhooks of providers.
package main

import (
	"os"

	"github.com/hookloft/hookloft/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Environ(), cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
