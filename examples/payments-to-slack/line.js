// An event of Stripe becomes a line of Slack's mrkdwn.
function handler(webhook) {
  const invoice = webhook.payload.data.object;
  let number = escape(invoice.number);
  if ((invoice.hosted_invoice_url || "").startsWith("https://")) {
    number = `<${escape(invoice.hosted_invoice_url)}|${number}>`;
  }
  const who = escape(invoice.customer_name || invoice.customer_email);
  webhook.payload = { text: `:moneybag: ${who} paid ${amount(invoice.amount_paid, invoice.currency)} (invoice ${number})` };
  return webhook;
}

// These have no smaller unit (docs.stripe.com/currencies, "Zero-decimal currencies").
const whole = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(" ");

// amount writes 490005 eur as "EUR 4900.05".
function amount(minor, currency) {
  return currency.toUpperCase() + " " + (whole.includes(currency) ? minor : (minor / 100).toFixed(2));
}

// escape keeps text of customers from being read as links or mentions: Slack's three
// control characters (docs.slack.dev, "Formatting message text").
function escape(text) {
  const letters = [...String(text || "")];
  const short = letters.length > 300 ? letters.slice(0, 300).join("") + "…" : letters.join("");
  return short.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\|/g, "¦");
}
