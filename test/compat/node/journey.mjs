// One customer's journey through a running Hookloft with a published Svix client:
// node journey.mjs svix-v1|svix-v2, with HOOKLOFT_URL and HOOKLOFT_TOKEN set.
// It prints a line for each step and exits 1 at the first that is not as it should be.
import assert from "node:assert/strict";
import http from "node:http";
import { Webhook as StandardWebhook } from "standardwebhooks";

const generation = process.argv[2];
const sdk = await import(generation);
const { Svix, Webhook, messageInRaw } = sdk;
const isV1 = generation === "svix-v1";
const svix = new Svix(process.env.HOOKLOFT_TOKEN, { serverUrl: process.env.HOOKLOFT_URL });

// The two generations name these differently on the wire; the server accepts both.
const put = isV1 ? "update" : "upsert";
const typesField = isV1 ? "filterTypes" : "eventTypes";
const rateField = isV1 ? "rateLimit" : "throttleRate";
const whole = { withContent: true }; // the default of the first generation, not of the second
const unique = `${generation}-${Date.now()}`;

function step(name) {
  console.log(`${generation}: ${name}`);
}

// A receiver that keeps each request and answers what it is told to.
const requests = [];
let answer = 200;
const receiver = http.createServer((req, res) => {
  const chunks = [];
  req.on("data", (c) => chunks.push(c));
  req.on("end", () => {
    requests.push({ path: req.url, headers: req.headers, body: Buffer.concat(chunks).toString(), at: Date.now() });
    res.writeHead(answer, { "content-type": "text/plain" });
    res.end(answer === 200 ? "thanks" : "not today");
  });
});
await new Promise((done) => receiver.listen(0, "127.0.0.1", done));
const hookURL = (path) => `http://127.0.0.1:${receiver.address().port}${path}`;

async function until(what, probe) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const got = await probe();
    if (got) return got;
    if (Date.now() > deadline) throw new Error(`gave up waiting for ${what}`);
    await new Promise((r) => setTimeout(r, 20));
  }
}
const received = (id, n = 1) =>
  until(`request ${n} of ${id}`, () => {
    const of = requests.filter((r) => r.headers["webhook-id"] === id);
    return of.length >= n && of[n - 1];
  });

async function fails(status, call) {
  try {
    await call();
  } catch (e) {
    assert.equal(e.code, status, `expected ${status}, got ${e.code}: ${JSON.stringify(e.body)}`);
    return e.body;
  }
  assert.fail(`expected ${status}, but the call succeeded`);
}

try {
  step("health");
  await svix.health.get();

  step("event types");
  const invoicePaid = `${unique}.invoice.paid`;
  const invoiceVoid = `${unique}.invoice.void`;
  await svix.eventType.create({ name: invoicePaid, description: "An invoice was paid", schemas: { 1: { type: "object" } } });
  await svix.eventType.create({ name: invoiceVoid, description: "An invoice was voided" });
  await fails(409, () => svix.eventType.create({ name: invoicePaid, description: "again" }));
  assert.equal((await svix.eventType.get(invoicePaid)).description, "An invoice was paid");
  await svix.eventType[put](invoiceVoid, { description: "Voided" });
  assert.equal((await svix.eventType.patch(invoiceVoid, { description: "Void" })).description, "Void");
  const types = await svix.eventType.list({ withContent: true, limit: 250 });
  assert.ok(types.data.some((t) => t.name === invoicePaid && t.schemas["1"].type === "object"));

  step("applications");
  const app = await svix.application.create({ name: "Acme", uid: unique, metadata: { plan: "gold" } });
  assert.match(app.id, /^app_[A-Za-z0-9]{27}$/);
  await fails(409, () => svix.application.create({ name: "Acme", uid: unique }));
  assert.equal((await svix.application.getOrCreate({ name: "Acme", uid: unique })).id, app.id);
  assert.equal((await svix.application.get(unique)).id, app.id);
  await svix.application[put](unique, { name: "Acme Inc", uid: unique, metadata: { plan: "gold" } });
  const patched = await svix.application.patch(unique, { name: "Acme Ltd" });
  assert.equal(patched.name, "Acme Ltd");
  assert.deepEqual(patched.metadata, { plan: "gold" });
  await fails(404, () => svix.application.get("nobody"));
  await fails(422, () => svix.application.create({ name: "x", uid: "not allowed!" }));
  let seen = 0;
  let page = await svix.application.list({ limit: 1 });
  for (;;) {
    seen += page.data.length;
    if (page.done) break;
    page = await svix.application.list({ limit: 1, iterator: page.iterator });
  }
  assert.ok(seen >= 1);

  step("endpoints");
  const ep = await svix.endpoint.create(unique, {
    url: hookURL("/main"), uid: "main", description: "all invoices",
    [typesField]: [invoicePaid, invoiceVoid], [rateField]: 100, channels: ["eu", "us"],
    headers: { "X-Team": "billing" }, metadata: { a: "b" },
  });
  assert.match(ep.id, /^ep_[A-Za-z0-9]{27}$/);
  assert.deepEqual([...ep[typesField]].sort(), [invoicePaid, invoiceVoid].sort());
  assert.equal(ep[rateField], 100);
  const other = await svix.endpoint.create(unique, { url: hookURL("/other"), [typesField]: [invoiceVoid] });
  const rejected = await fails(422, () => svix.endpoint.create(unique, { url: hookURL("/x"), [typesField]: ["no.such.type"] }));
  assert.match(rejected.detail[0].msg, /don't exist: no\.such\.type/);
  await svix.endpoint.patch(unique, "main", { [rateField]: null, channels: null });
  const cleared = await svix.endpoint.get(unique, "main");
  assert.ok(cleared.channels == null && cleared[rateField] == null);
  await svix.endpoint.patchHeaders(unique, "main", { headers: { Authorization: "Bearer t0p", "X-Team": "money" } });
  const headers = await svix.endpoint.getHeaders(unique, "main");
  assert.deepEqual(headers.headers, { "X-Team": "money" });
  assert.deepEqual([...headers.sensitive].map((h) => h.toLowerCase()), ["authorization"]);
  assert.equal((await svix.endpoint.list(unique)).data.length, 2);

  step("publish, receive, verify with both libraries");
  const payload = { amount: 12.5, id: "inv_1", nested: { b: 1, a: [1, 2, 3] } };
  assert.equal((await svix.message.precheck(unique, { eventType: invoicePaid })).active, true);
  const msg = await svix.message.create(unique, { eventType: invoicePaid, payload, eventId: `${unique}-1`, tags: ["vip"] });
  assert.match(msg.id, /^msg_[A-Za-z0-9]{27}$/);
  const first = await received(msg.id);
  const secret = (await svix.endpoint.getSecret(unique, "main")).key;
  new Webhook(secret).verify(first.body, first.headers); // throws unless genuine; only v1 returns the payload
  assert.deepEqual(new StandardWebhook(secret).verify(first.body, first.headers), payload);
  assert.equal(first.headers["x-team"], "money");
  assert.equal(first.headers.authorization, "Bearer t0p");
  assert.throws(() => new Webhook(secret).verify(first.body + " ", first.headers));
  assert.equal(requests.filter((r) => r.path === "/other").length, 0, "filtered by event type");
  await fails(409, () => svix.message.create(unique, { eventType: invoicePaid, payload, eventId: `${unique}-1` }));

  step("the same Idempotency-Key publishes once");
  const key = { idempotencyKey: `${unique}-key` };
  const once = await svix.message.create(unique, { eventType: invoicePaid, payload }, key);
  const twice = await svix.message.create(unique, { eventType: invoicePaid, payload }, key);
  assert.equal(once.id, twice.id);
  await fails(422, () => svix.message.create(unique, { eventType: invoicePaid, payload: { other: 1 } }, key));

  step("raw bodies");
  const raw = await svix.message.create(unique, messageInRaw(invoicePaid, "<paid amount='1.10'/>", "application/xml"));
  const rawRequest = await received(raw.id);
  assert.equal(rawRequest.body, "<paid amount='1.10'/>");
  assert.equal(rawRequest.headers["content-type"], "application/xml");

  step("messages and attempts are listed");
  const stored = await svix.message.get(unique, msg.id, whole);
  assert.deepEqual(stored.payload, payload);
  assert.deepEqual(stored.tags, ["vip"]);
  assert.deepEqual((await svix.message.get(unique, msg.id, { withContent: false })).payload, {});
  assert.equal((await svix.message.list(unique, { tag: "vip" })).data.length, 1);
  assert.ok((await svix.message.list(unique, { eventTypes: [invoicePaid, invoiceVoid] })).data.length >= 3);
  const attempts = await until("the attempt", async () => {
    const list = await svix.messageAttempt.listByMsg(unique, msg.id, whole);
    return list.data.length > 0 && list.data;
  });
  assert.equal(attempts[0].status, 0);
  assert.equal(attempts[0].responseStatusCode, 200);
  assert.equal(attempts[0].response, "thanks");
  assert.equal(attempts[0].endpointId, ep.id);
  assert.equal((await svix.messageAttempt.get(unique, msg.id, attempts[0].id)).id, attempts[0].id);
  const byEndpoint = await svix.messageAttempt.listByEndpoint(unique, "main", { limit: 1 });
  assert.equal(byEndpoint.data.length, 1);
  assert.equal(byEndpoint.done, false);
  const destinations = await svix.messageAttempt.listAttemptedDestinations(unique, msg.id);
  assert.deepEqual(destinations.data.map((d) => [d.id, d.status]), [[ep.id, 0]]);
  const attempted = await svix.messageAttempt.listAttemptedMessages(unique, "main");
  assert.ok(attempted.data.some((m) => m.id === msg.id && m.status === 0));

  step("rotation: both secrets sign");
  await svix.endpoint.rotateSecret(unique, "main", {});
  const fresh = (await svix.endpoint.getSecret(unique, "main")).key;
  assert.notEqual(fresh, secret);
  const rotated = await received((await svix.message.create(unique, { eventType: invoicePaid, payload })).id);
  new Webhook(fresh).verify(rotated.body, rotated.headers);
  new Webhook(secret).verify(rotated.body, rotated.headers);

  step("failure, retry is scheduled, resend, recover");
  answer = 500;
  const since = new Date(Date.now() - 1000);
  const failing = await svix.message.create(unique, { eventType: invoicePaid, payload });
  await received(failing.id);
  const retrying = await until("a scheduled retry", async () => {
    const list = await svix.messageAttempt.listAttemptedDestinations(unique, failing.id);
    return list.data[0]?.nextAttempt && list.data[0];
  });
  assert.equal(retrying.status, 3);
  answer = 200;
  await svix.messageAttempt.resend(unique, failing.id, "main");
  await received(failing.id, 2);
  await until("the resend to complete the delivery", async () => {
    const list = await svix.messageAttempt.listAttemptedDestinations(unique, failing.id);
    return list.data[0].status === 0;
  });
  const trail = await svix.messageAttempt.listByMsg(unique, failing.id);
  assert.deepEqual(trail.data.map((a) => a.triggerType), [1, 0], "newest first: the manual one");
  const task = await svix.endpoint.recover(unique, "main", { since });
  assert.match(task.id, /^qtask_[A-Za-z0-9]{27}$/);
  await until("the recover task", async () => (await svix.backgroundTask.get(task.id)).status === "finished");
  const stats = await svix.endpoint.getStats(unique, "main");
  assert.ok(stats.success >= 4 && stats.fail === 0, JSON.stringify(stats));

  step("portal token sees its own application alone");
  const access = await svix.authentication.appPortalAccess(unique, { featureFlags: [], capabilities: undefined }).catch(() =>
    svix.authentication.appPortalAccess(unique, {}));
  const portal = new Svix(access.token, { serverUrl: process.env.HOOKLOFT_URL });
  assert.equal((await portal.endpoint.list(unique)).data.length, 2);
  const stranger = await svix.application.create({ name: "Other", uid: `${unique}-other` });
  await fails(404, () => portal.endpoint.list(stranger.id));
  await fails(403, () => portal.message.create(unique, { eventType: invoicePaid, payload }));

  step("expunge");
  await svix.message.expungeContent(unique, msg.id);
  assert.deepEqual((await svix.message.get(unique, msg.id, whole)).payload, { expired: true });
  await svix.messageAttempt.expungeContent(unique, msg.id, attempts[0].id);
  assert.equal((await svix.messageAttempt.get(unique, msg.id, attempts[0].id, whole)).response, "EXPUNGED");

  step("not implemented says so");
  const missing = await fails(501, () => svix.streaming.stream.list());
  assert.match(JSON.stringify(missing), /not_implemented/); // v1 hands on the text of a 5xx, v2 the object

  step("delete");
  await svix.endpoint.delete(unique, other.id);
  await fails(404, () => svix.endpoint.get(unique, other.id));
  await svix.application.delete(unique);
  await fails(404, () => svix.application.get(unique));
  const quiet = requests.length;
  await svix.eventType.delete(invoiceVoid);
  assert.equal(requests.length, quiet);
  console.log(`${generation}: ok`);
} catch (e) {
  console.error(`${generation}: FAILED`, e?.body ?? "", e);
  process.exitCode = 1;
} finally {
  receiver.closeAllConnections();
  receiver.close();
}
