// A check becomes the status of a component; the variables say which component a check is of.
function handler(webhook) {
  const component = webhook.env[webhook.payload.check];
  if (!component) {
    webhook.cancel = true; // a check of something that is not public
    return webhook;
  }
  const status = { up: "operational", slow: "degraded_performance", down: "major_outage" }[webhook.payload.state];
  webhook.method = "PATCH";
  webhook.url += "/" + component + ".json";
  webhook.payload = { component: { status } };
  return webhook;
}
