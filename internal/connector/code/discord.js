function handler(webhook) {
  // Nobody is mentioned, whatever a payload says.
  var body = { content: cut(message(webhook, "**{{eventType}}**\n{{payload}}"), 2000), allowed_mentions: { parse: [] } };
  var username = variable(webhook, "username", "");
  if (username !== "") body.username = cut(username, 80);
  webhook.method = "POST";
  webhook.payload = body;
  return webhook;
}
