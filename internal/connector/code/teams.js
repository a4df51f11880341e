function handler(webhook) {
  var title = render(webhook, variable(webhook, "title", "{{eventType}}"));
  webhook.method = "POST";
  webhook.payload = fit(message(webhook, "{{payload}}"), 28000, function (text) {
    var blocks = [{ type: "TextBlock", text: text, wrap: true }];
    if (title !== "") blocks.unshift({ type: "TextBlock", text: cut(title, 500), weight: "Bolder", wrap: true });
    return {
      type: "message",
      attachments: [{
        contentType: "application/vnd.microsoft.card.adaptive",
        content: { $schema: "http://adaptivecards.io/schemas/adaptive-card.json", type: "AdaptiveCard", version: "1.4", body: blocks }
      }]
    };
  });
  return webhook;
}
