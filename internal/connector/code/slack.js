function handler(webhook) {
  // Slack reads & < > in a text as its own marks, and so would read a mention out of a payload.
  var escape = function (s) { return s.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"); };
  webhook.method = "POST";
  webhook.payload = { text: cut(message(webhook, "*{{eventType}}*\n{{payload}}", escape), 4000) };
  return webhook;
}
