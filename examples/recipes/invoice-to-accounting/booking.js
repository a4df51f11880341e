// An event of Stripe becomes a booking. The service knows a repeated request by its
// Idempotency-Key, and Stripe's id of the event is the same however often it comes.
function handler(webhook) {
  const invoice = webhook.payload.data.object;
  webhook.headers = { "Idempotency-Key": webhook.payload.id };
  webhook.payload = {
    document: invoice.number,
    debtor: invoice.customer_name || invoice.customer_email || invoice.customer,
    amount: amount(invoice.amount_paid, invoice.currency),
    currency: invoice.currency.toUpperCase(),
    bookedOn: new Date(webhook.payload.created * 1000).toISOString().slice(0, 10),
  };
  return webhook;
}

// Stripe counts in the currency's smallest unit (docs.stripe.com/currencies).
const whole = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(" ");
function amount(minor, currency) {
  return whole.includes(currency) ? String(minor) : (minor / 100).toFixed(2);
}
