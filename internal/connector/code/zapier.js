function handler(webhook) {
  // An array would start the Zap once for each item, so the payload goes one level down.
  webhook.method = "POST";
  webhook.payload = { id: webhook.id || "", type: webhook.eventType || "", data: webhook.payload };
  return webhook;
}
