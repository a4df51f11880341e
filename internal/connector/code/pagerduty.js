function handler(webhook) {
  var choose = function (name, otherwise, words) {
    var value = render(webhook, variable(webhook, name, otherwise)).toLowerCase();
    if (words.indexOf(value) < 0) throw new Error("the variable " + name + " must give one of " + words.join(", "));
    return value;
  };
  var body = {
    routing_key: needed(webhook, "routingKey"),
    event_action: choose("action", "trigger", ["trigger", "acknowledge", "resolve"]),
    dedup_key: cut(render(webhook, variable(webhook, "dedupKey", "{{id}}")), 255)
  };
  if (body.event_action === "trigger") {
    body.payload = {
      summary: cut(render(webhook, variable(webhook, "summary", "{{eventType}}")).trim() || "(no summary)", 1024),
      source: render(webhook, variable(webhook, "source", "webhook")) || "webhook",
      severity: choose("severity", "error", ["critical", "error", "warning", "info"]),
      custom_details: webhook.payload
    };
    // 512 KB for the whole event: what is longer is on the message's page anyway.
    if (exceeds(JSON.stringify(body), 500000)) delete body.payload.custom_details;
  }
  webhook.method = "POST";
  webhook.payload = body;
  return webhook;
}
