function handler(webhook) {
  webhook.method = "POST";
  webhook.payload = { type: webhook.eventType || "", timestamp: webhook.timestamp || new Date().toISOString(), data: webhook.payload };
  return webhook;
}
