// An order becomes a mail: {subject, text, html, to} is what an endpoint with the URL of a mail server sends.
function handler(webhook) {
  const order = webhook.payload;
  const lines = order.lines.map((line) => ({ ...line, sum: (line.cents * line.quantity) / 100 }));
  const total = lines.reduce((sum, line) => sum + line.sum, 0).toFixed(2) + " " + order.currency;
  const escape = (s) => String(s).replace(/[&<>"']/g, (c) => "&#" + c.charCodeAt(0) + ";");
  webhook.payload = {
    to: order.customer.email + ",books@example.com",
    subject: "Receipt for order " + order.id,
    text: lines.map((l) => `${l.quantity} x ${l.title}: ${l.sum.toFixed(2)}`).join("\n") + `\nTotal: ${total}\n`,
    html:
      "<table>" +
      lines.map((l) => `<tr><td>${l.quantity}</td><td>${escape(l.title)}</td><td>${l.sum.toFixed(2)}</td></tr>`).join("") +
      `</table><p>Total: ${escape(total)}</p>`,
  };
  return webhook;
}
