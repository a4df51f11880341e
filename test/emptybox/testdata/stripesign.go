// Command stripesign prints the Stripe-Signature header that Stripe's own package for Go
// makes of a body: stripesign SECRET BODY-FILE [UNIX-SECONDS]. receive.sh builds it in
// test/compat, whose go.mod has the package; it is no part of this module.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/stripe/stripe-go/v83"
	"github.com/stripe/stripe-go/v83/webhook"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Println("the Go package stripe-go " + stripe.ClientVersion + " (webhook.GenerateTestSignedPayload)")
		return
	}
	body, err := os.ReadFile(os.Args[2])
	at := time.Now()
	if err == nil && len(os.Args) > 3 {
		var seconds int64
		seconds, err = strconv.ParseInt(os.Args[3], 10, 64)
		at = time.Unix(seconds, 0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: os.Args[1], Timestamp: at})
	fmt.Println("Stripe-Signature: " + signed.Header)
}
