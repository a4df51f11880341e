function handler(webhook) {
  // <users/all> in a payload must not call anybody.
  var escape = function (s) { return s.replace(/</g, "<\u200b"); };
  webhook.method = "POST";
  webhook.payload = fit(message(webhook, "*{{eventType}}*\n{{payload}}", escape), 32000, function (text) { return { text: text }; });
  if (webhook.id) webhook.url += (webhook.url.indexOf("?") < 0 ? "?" : "&") + "requestId=" + encodeURIComponent(webhook.id);
  return webhook;
}
