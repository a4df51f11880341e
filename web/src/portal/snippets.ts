// How a receiver verifies, in nine languages: with the libraries of Standard Webhooks where there is one that is published.

/** languages are the snippets, in the order in which they are offered. */
export const languages = ['javascript', 'python', 'go', 'java', 'kotlin', 'csharp', 'ruby', 'php', 'rust'] as const
export type Language = (typeof languages)[number]

/** names are what people call them. */
export const names: Record<Language, string> = {
  javascript: 'JavaScript', python: 'Python', go: 'Go', java: 'Java', kotlin: 'Kotlin', csharp: 'C#', ruby: 'Ruby', php: 'PHP', rust: 'Rust',
}

// quoted writes a text as a string of all nine languages: they agree on these escapes. What else could end it does not occur in a
// secret, and is written as nothing.
const quoted = (s: string) => `"${s.replace(/["\\$#{}]/g, '').replace(/[^\x20-\x7e]/g, '')}"`

const make: Record<Language, (secret: string) => string> = {
  javascript: (s) => `// npm install standardwebhooks
import express from "express"
import { Webhook } from "standardwebhooks"

const webhook = new Webhook(${s})
const app = express()

// The body as it came in: parsed and written anew it has another signature.
app.post("/webhooks", express.raw({ type: "application/json" }), (req, res) => {
  let event
  try {
    event = webhook.verify(req.body, req.headers)
  } catch {
    return res.sendStatus(400)
  }
  res.sendStatus(204) // answer first, work later
  console.log(event)
})
`,
  python: (s) => `# pip install standardwebhooks flask
from flask import Flask, request
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook(${s})
app = Flask(__name__)

@app.post("/webhooks")
def receive():
    try:
        event = webhook.verify(request.get_data(), dict(request.headers))
    except WebhookVerificationError:
        return "", 400
    print(event)
    return "", 204
`,
  go: (s) => `// go get github.com/standard-webhooks/standard-webhooks/libraries/go
package main

import (
	"io"
	"log"
	"net/http"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	webhook, err := standardwebhooks.NewWebhook(${s})
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /webhooks", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || webhook.Verify(body, r.Header) != nil {
			http.Error(w, "not genuine", http.StatusBadRequest)
			return
		}
		log.Printf("%s", body)
		w.WriteHeader(http.StatusNoContent)
	})
	log.Fatal(http.ListenAndServe(":3000", nil))
}
`,
  java: (s) => `// com.standardwebhooks:standardwebhooks
import com.standardwebhooks.Webhook;
import com.standardwebhooks.exceptions.WebhookVerificationException;
import java.net.http.HttpHeaders;

class Receiver {
    private final Webhook webhook = new Webhook(${s});

    /** Returns the status to answer with. body is the request's, as it came in. */
    int receive(String body, HttpHeaders headers) {
        try {
            webhook.verify(body, headers);
        } catch (WebhookVerificationException e) {
            return 400;
        }
        System.out.println(body);
        return 204;
    }
}
`,
  kotlin: (s) => `// com.standardwebhooks:standardwebhooks
import com.standardwebhooks.Webhook
import com.standardwebhooks.exceptions.WebhookVerificationException
import java.net.http.HttpHeaders

val webhook = Webhook(${s})

/** Returns the status to answer with. body is the request's, as it came in. */
fun receive(body: String, headers: HttpHeaders): Int =
    try {
        webhook.verify(body, headers)
        println(body)
        204
    } catch (e: WebhookVerificationException) {
        400
    }
`,
  csharp: (s) => `using System.Security.Cryptography;
using System.Text;

var key = Convert.FromBase64String(${s}.Replace("whsec_", ""));
var app = WebApplication.Create();

app.MapPost("/webhooks", async (HttpRequest request) =>
{
    using var reader = new StreamReader(request.Body);
    var body = await reader.ReadToEndAsync();
    if (!IsGenuine(request.Headers, body)) return Results.BadRequest();
    Console.WriteLine(body);
    return Results.NoContent();
});
app.Run();

bool IsGenuine(IHeaderDictionary headers, string body)
{
    if (!long.TryParse(headers["webhook-timestamp"], out var at)) return false;
    if (Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - at) > 300) return false;
    var signed = Encoding.UTF8.GetBytes(headers["webhook-id"] + "." + at + "." + body);
    var want = Encoding.ASCII.GetBytes("v1," + Convert.ToBase64String(HMACSHA256.HashData(key, signed)));
    return headers["webhook-signature"].ToString().Split(' ')
        .Any(given => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), want));
}
`,
  ruby: (s) => `# gem install standardwebhooks sinatra
require "sinatra"
require "standardwebhooks"

WEBHOOK = StandardWebhooks::Webhook.new(${s})

post "/webhooks" do
  headers = {
    "webhook-id" => request.env["HTTP_WEBHOOK_ID"],
    "webhook-timestamp" => request.env["HTTP_WEBHOOK_TIMESTAMP"],
    "webhook-signature" => request.env["HTTP_WEBHOOK_SIGNATURE"]
  }
  begin
    puts WEBHOOK.verify(request.body.read, headers)
  rescue StandardWebhooks::WebhookVerificationError
    halt 400
  end
  204
end
`,
  php: (s) => `<?php
$key = base64_decode(substr(${s}, strlen("whsec_")));
$body = file_get_contents("php://input");
$id = $_SERVER["HTTP_WEBHOOK_ID"] ?? "";
$at = $_SERVER["HTTP_WEBHOOK_TIMESTAMP"] ?? "";
$want = "v1," . base64_encode(hash_hmac("sha256", "$id.$at.$body", $key, true));

$genuine = false;
foreach (explode(" ", $_SERVER["HTTP_WEBHOOK_SIGNATURE"] ?? "") as $given) {
    $genuine = hash_equals($want, $given) || $genuine;
}
if (!$genuine || abs(time() - (int) $at) > 300) {
    http_response_code(400);
    exit;
}
error_log(print_r(json_decode($body, true), true));
http_response_code(204);
`,
  rust: (s) => `// cargo add standardwebhooks http
use http::HeaderMap;
use standardwebhooks::Webhook;

/// Returns the status to answer with. body is the request's, as it came in.
fn receive(body: &[u8], headers: &HeaderMap) -> u16 {
    let webhook = Webhook::new(${s}).expect("a secret");
    match webhook.verify(body, headers) {
        Ok(()) => 204,
        Err(_) => 400,
    }
}
`,
}

/** snippet writes a receiver that verifies with a secret. */
export const snippet = (language: Language, secret: string): string => make[language](quoted(secret))
