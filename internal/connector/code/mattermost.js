function handler(webhook) {
  // @channel, @all and @here in a payload must not call anybody.
  var escape = function (s) { return s.replace(/@/g, "@\u200b"); };
  var body = { text: cut(message(webhook, "**{{eventType}}**\n{{payload}}", escape), 16383) };
  ["username", "channel", "icon_url"].forEach(function (name) {
    var value = variable(webhook, name, "");
    if (value !== "") body[name] = value;
  });
  webhook.method = "POST";
  webhook.payload = body;
  return webhook;
}
