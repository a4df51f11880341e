// Code that calls this server through the published client libraries, in nine languages and curl.
// Values are ids, uids and addresses: no character of theirs ends a string in any of the languages.

export type Snippet = { id: string; words: string; code: string }

const quoted = (s: string) => JSON.stringify(s)

type Setup = { url: string; calls: string[] }

// frame puts a call behind what makes a client; each language takes the token from HOOKLOFT_TOKEN.
const frames: Record<string, { words: string; frame: (s: Setup) => string }> = {
  javascript: {
    words: 'JavaScript',
    frame: ({ url, calls }) => `import { Svix } from "svix";

const svix = new Svix(process.env.HOOKLOFT_TOKEN, { serverUrl: ${quoted(url)} });
${calls.join('\n')}
`,
  },
  python: {
    words: 'Python',
    frame: ({ url, calls }) => `import os
from svix.api import *

svix = Svix(os.environ["HOOKLOFT_TOKEN"], SvixOptions(server_url=${quoted(url)}))
${calls.join('\n')}
`,
  },
  go: {
    words: 'Go',
    frame: ({ url, calls }) => `import (
	"context"
	"net/url"
	"os"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

server, err := url.Parse(${quoted(url)})
if err != nil {
	return err
}
client, err := svix.New(os.Getenv("HOOKLOFT_TOKEN"), &svix.SvixOptions{ServerUrl: server})
if err != nil {
	return err
}
${calls.join('\n')}
`,
  },
  java: {
    words: 'Java',
    frame: ({ url, calls }) => `import com.svix.*;
import com.svix.models.*;

SvixOptions options = new SvixOptions();
options.setServerUrl(${quoted(url)});
Svix svix = new Svix(System.getenv("HOOKLOFT_TOKEN"), options);
${calls.join('\n')}
`,
  },
  kotlin: {
    words: 'Kotlin',
    frame: ({ url, calls }) => `import com.svix.kotlin.*
import com.svix.kotlin.models.*

val svix = Svix(System.getenv("HOOKLOFT_TOKEN"), SvixOptions(${quoted(url)}))
${calls.join('\n')}
`,
  },
  ruby: {
    words: 'Ruby',
    frame: ({ url, calls }) => `require "svix"

svix = Svix::Client.new(ENV.fetch("HOOKLOFT_TOKEN"), Svix::SvixOptions.new(false, ${quoted(url)}))
${calls.join('\n')}
`,
  },
  csharp: {
    words: 'C#',
    frame: ({ url, calls }) => `using Svix;
using Svix.Models;

var svix = new SvixClient(Environment.GetEnvironmentVariable("HOOKLOFT_TOKEN")!, new SvixOptions(serverUrl: ${quoted(url)}));
${calls.join('\n')}
`,
  },
  php: {
    words: 'PHP',
    frame: ({ url, calls }) => `<?php
use Svix\\Svix;
use Svix\\SvixOptions;
use Svix\\Models\\{AppPortalAccessIn, MessageIn};

$svix = new Svix(getenv("HOOKLOFT_TOKEN"), new SvixOptions(serverUrl: ${quoted(url)}));
${calls.join('\n')}
`,
  },
  rust: {
    words: 'Rust',
    frame: ({ url, calls }) => `use svix::api::*;

let options = SvixOptions { server_url: Some(${quoted(url)}.to_string()), ..Default::default() };
let svix = Svix::new(std::env::var("HOOKLOFT_TOKEN")?, Some(options));
${calls.join('\n')}
`,
  },
}

const all = (url: string, calls: Record<string, string[]>): Snippet[] =>
  Object.entries(frames).map(([id, { words, frame }]) => ({ id, words, code: frame({ url, calls: calls[id]! }) }))

/** portalSnippets make the link with which a customer opens the portal of app. */
export function portalSnippets(url: string, app: string, capabilities: string[]): Snippet[] {
  const a = quoted(app)
  const list = capabilities.map(quoted).join(', ')
  // ViewBase is VIEW_BASE in the libraries that have an enum of them.
  const constants = capabilities.map((c) => `AppPortalCapability.${c.replace(/(?<=.)([A-Z])/g, '_$1').toUpperCase()}`).join(', ')
  return all(url, {
    javascript: [`const { url } = await svix.authentication.appPortalAccess(${a}, { capabilities: [${list}] });`],
    python: [`access = svix.authentication.app_portal_access(${a}, AppPortalAccessIn(capabilities=[${list}]))`, 'print(access.url)'],
    go: [`access, err := client.Authentication.AppPortalAccess(context.Background(), ${a}, models.AppPortalAccessIn{`, `	Capabilities: []models.AppPortalCapability{${list}},`, '}, nil)'],
    java: ['var access = svix.getAuthentication()', `        .appPortalAccess(${a}, new AppPortalAccessIn().capabilities(java.util.Set.of(${constants})));`, 'System.out.println(access.getUrl());'],
    kotlin: [`val access = svix.authentication.appPortalAccess(${a}, AppPortalAccessIn(capabilities = setOf(${constants})))`, 'println(access.url)'],
    ruby: [`access = svix.authentication.app_portal_access(${a}, { capabilities: [${list}] })`, 'puts access.url'],
    csharp: [`var access = svix.Authentication.AppPortalAccess(${a}, new AppPortalAccessIn { Capabilities = [${capabilities.map((c) => `AppPortalCapability.${c}`).join(', ')}] });`, 'Console.WriteLine(access.Url);'],
    php: [`$access = $svix->authentication->appPortalAccess(${a}, AppPortalAccessIn::create()->withCapabilities([${list}]));`, 'echo $access->url;'],
    rust: ['let access = svix.authentication()', `    .app_portal_access(${a}.to_string(), AppPortalAccessIn {`, `        capabilities: Some(vec![${capabilities.map((c) => `AppPortalCapability::${c}`).join(', ')}]),`, '        ..Default::default()', '    }, None)', '    .await?;', 'println!("{}", access.url);'],
  })
}

/** messageSnippets send a message to app. */
export function messageSnippets(url: string, app: string): Snippet[] {
  const a = quoted(app)
  return all(url, {
    javascript: [`await svix.message.create(${a}, {`, '  eventType: "invoice.paid",', '  payload: { invoice: "in_1001", amount: 4200 },', '});'],
    python: [`svix.message.create(${a}, MessageIn(`, '    event_type="invoice.paid",', '    payload={"invoice": "in_1001", "amount": 4200},', '))'],
    go: [`_, err = client.Message.Create(context.Background(), ${a}, models.MessageIn{`, '	EventType: "invoice.paid",', '	Payload:   map[string]any{"invoice": "in_1001", "amount": 4200},', '}, nil)'],
    java: [`svix.getMessage().create(${a}, new MessageIn()`, '        .eventType("invoice.paid")', '        .payload("{\\"invoice\\": \\"in_1001\\", \\"amount\\": 4200}"));'],
    kotlin: [`svix.message.create(${a}, MessageIn(`, '    eventType = "invoice.paid",', '    payload = "{\\"invoice\\": \\"in_1001\\", \\"amount\\": 4200}",', '))'],
    ruby: [`svix.message.create(${a}, {`, '  eventType: "invoice.paid",', '  payload: {"invoice" => "in_1001", "amount" => 4200}', '})'],
    csharp: [`svix.Message.Create(${a}, new MessageIn`, '{', '    EventType = "invoice.paid",', '    Payload = new Dictionary<string, object> { { "invoice", "in_1001" }, { "amount", 4200 } },', '});'],
    php: [`$svix->message->create(${a}, MessageIn::create(`, '    eventType: "invoice.paid",', '    payload: ["invoice" => "in_1001", "amount" => 4200]', '));'],
    rust: ['svix.message()', `    .create(${a}.to_string(), MessageIn {`, '        event_type: "invoice.paid".to_string(),', '        payload: serde_json::json!({ "invoice": "in_1001", "amount": 4200 }),', '        ..Default::default()', '    }, None)', '    .await?;'],
  })
}

/** messageCurl does the same in a shell. The token is in the variable, not in the command. */
export const messageCurl = (url: string, app: string): string =>
  `curl -sS ${url}/api/v1/app/${app}/msg -H "Authorization: Bearer $HOOKLOFT_TOKEN" \\
  -H 'Content-Type: application/json' -d '{"eventType":"invoice.paid","payload":{"invoice":"in_1001","amount":4200}}'
`
