// An article becomes a status of at most 500 characters. Mastodon knows a repeated one by its Idempotency-Key.
function handler(webhook) {
  const article = webhook.payload.article;
  const link = " https://blog.example.com/" + article.slug;
  webhook.headers = { "Idempotency-Key": webhook.id };
  webhook.payload = { status: [...article.title].slice(0, 500 - link.length).join("") + link, visibility: "public" };
  return webhook;
}
