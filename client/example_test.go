package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

func ExampleNew() {
	ctx := context.Background()
	c, err := client.New("https://hooks.example.com", "hl_sk_...", client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	var app api.ApplicationOut
	err = c.Call(ctx, http.MethodPost, "/api/v1/app", api.ApplicationIn{Name: "Acme"}, &app)
	var refused *client.Error
	if errors.As(err, &refused) {
		for _, f := range refused.Fields {
			fmt.Println(client.FieldName(f), f.Msg)
		}
	}
}

func ExamplePages() {
	c, err := client.New("https://hooks.example.com", "hl_sk_...", client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for app, err := range client.Pages[api.ApplicationOut](context.Background(), c, "/api/v1/app?order=descending") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(app.ID, app.Name)
	}
}

func ExampleClient_Publish() {
	c, err := client.New("https://hooks.example.com", "hl_sk_...", client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	m, err := c.Publish(context.Background(), "acme", api.MessageIn{EventType: "invoice.paid", Payload: json.RawMessage(`{"amount": 5}`)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.ID)
}

func ExamplePath() {
	fmt.Println(client.Path("/api/v1/app/{}/endpoint/{}", "acme", "ep_1"))
	// Output: /api/v1/app/acme/endpoint/ep_1
}
