function handler(webhook) {
  var html = function (s) { return s.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;").replace(/'/g, "&#39;"); };
  var line = function (s) { return s.replace(/[\u0000-\u001f\u007f]+/g, " ").trim(); };
  var pretty = typeof webhook.payload === "string" ? webhook.payload : JSON.stringify(webhook.payload, null, 2);
  var mail = {
    subject: cut(line(render(webhook, variable(webhook, "subject", "{{eventType}}"))) || "Webhook", 200),
    text: render(webhook, variable(webhook, "text", "")) || pretty
  };
  var rich = variable(webhook, "html", "");
  if (rich !== "") mail.html = render(webhook, rich, html);
  var to = line(render(webhook, variable(webhook, "to", "")));
  if (to !== "") mail.to = to;
  webhook.payload = mail;
  return webhook;
}
