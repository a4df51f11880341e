// An order of Shopify becomes a change of stock. Its id has more digits than a number of
// JavaScript keeps, so it is taken from its other form, gid://shopify/Order/...
function handler(webhook) {
  const order = webhook.payload;
  const isCancelled = webhook.request.headers["x-shopify-topic"] === "orders/cancelled";
  webhook.headers = { "Idempotency-Key": webhook.id };
  webhook.payload = {
    order: order.admin_graphql_api_id.split("/").pop(),
    change: isCancelled ? "release" : "reserve",
    items: order.line_items.map((item) => ({ sku: item.sku, quantity: item.quantity })),
  };
  return webhook;
}
