// Every operation of a published Svix client that Hookloft serves, called once through the
// typed client, which parses the answer: node operations.mjs svix-v1|svix-v2, with
// HOOKLOFT_URL and HOOKLOFT_TOKEN set. Exits 1 when one fails, and when the client has an
// operation that is neither called here nor known to be for later.
import assert from "node:assert/strict";
import http from "node:http";

const generation = process.argv[2];
const { Svix } = await import(generation);
const v1 = generation === "svix-v1";
const root = new Svix(process.env.HOOKLOFT_TOKEN, { serverUrl: process.env.HOOKLOFT_URL });
const put = v1 ? "update" : "upsert"; // the generations name PUT differently
const updateHeaders = v1 ? "updateHeaders" : "setHeaders";

// Those answer 501 in this version: take a line away with each.
const later = [/^streaming\./, /^endpoint\.autoConfig/i, /^autoconfig/i, /StreamPoller|^authentication\.stream/];
// Names that older callers use; the client sends the same request under another name.
const aliases = ["headersUpdate", "headersPatch", "operationalWebhookEndpoint", "transformationPartialUpdate"];

// namespaces walks the client: name of a namespace to the object that holds its calls.
function namespaces(object, prefix = "") {
  const found = new Map();
  const proto = Object.getPrototypeOf(object);
  for (const name of Object.getOwnPropertyNames(proto)) {
    const d = Object.getOwnPropertyDescriptor(proto, name);
    if (!d.get) continue;
    const path = prefix ? `${prefix}.${name}` : name;
    found.set(path, object[name]);
    for (const [p, o] of namespaces(object[name], path)) found.set(p, o);
  }
  return found;
}
const spaces = namespaces(root);
const called = new Set();
async function call(path, ...args) {
  const dot = path.lastIndexOf(".");
  const space = spaces.get(path.slice(0, dot));
  assert.ok(space && space[path.slice(dot + 1)], `${generation} has no ${path}`);
  called.add(path);
  try {
    return await space[path.slice(dot + 1)](...args);
  } catch (e) {
    throw new Error(`${path}: ${e.code} ${JSON.stringify(e.body)} ${e.message}`, { cause: e });
  }
}
// has tells whether this generation knows a call.
const has = (path) => Boolean(spaces.get(path.slice(0, path.lastIndexOf(".")))?.[path.slice(path.lastIndexOf(".") + 1)]);
// orLater is a call that another version of the server may not serve yet; it returns
// undefined then.
async function orLater(path, ...args) {
  try {
    return await call(path, ...args);
  } catch (e) {
    if (e.cause?.code !== 501) throw e;
    console.log(`${generation}: ${path} answers 501`);
  }
}

const code = "function handler(webhook) { webhook.payload.a++; return webhook }";
const bodies = [];
const receiver = http.createServer(async (req, res) => {
  let body = "";
  for await (const chunk of req) body += chunk;
  bodies.push(body);
  res.end("thanks");
});
await new Promise((done) => receiver.listen(0, "127.0.0.1", done));
const url = `http://127.0.0.1:${receiver.address().port}/`;
async function until(what, probe) {
  for (const deadline = Date.now() + 60_000; ; await new Promise((r) => setTimeout(r, 20))) {
    const got = await probe();
    if (got) return got;
    if (Date.now() > deadline) throw new Error(`gave up waiting for ${what}`);
  }
}

try {
  const app = generation;
  await call("health.get");
  await call("eventType.create", { name: "a.b", description: "d", schemas: { 1: { type: "object", examples: [{ a: 1 }] } } });
  assert.equal((await call(`eventType.${put}`, "a.b", { description: "e", schemas: { 1: { type: "object", examples: [{ a: 1 }] } } })).name, "a.b");
  await call("eventType.patch", "a.b", { groupName: "g" });
  assert.equal((await call("eventType.get", "a.b")).groupName, "g");
  assert.equal((await call("eventType.list")).data.length, 1);
  const webhooks = { "pet.new": { post: { description: "d", requestBody: { content: { "application/json": { schema: { type: "object" } } } }, responses: {} } } };
  const imported = await orLater("eventType.importOpenapi", { spec: { openapi: "3.1.0", info: { title: "t", version: "1" }, paths: {}, webhooks }, dryRun: true });
  if (imported) assert.ok(Array.isArray(imported.data.modified));
  const exported = await orLater("environment.export");
  await orLater("environment.import", exported ? { eventTypes: exported.eventTypes, settings: exported.settings, connectors: [] } : {});

  assert.match((await call("application.create", { name: "n", uid: app })).id, /^app_/);
  await call("application.getOrCreate", { name: "n", uid: app });
  await call(`application.${put}`, app, { name: "m", uid: app });
  await call("application.patch", app, { metadata: { k: "v" } });
  assert.deepEqual((await call("application.get", app)).metadata, { k: "v" });
  assert.equal((await call("application.list")).data.length, 1);

  const ep = (await call("endpoint.create", app, { url, uid: "e" })).id;
  assert.equal((await call(`endpoint.${put}`, app, "e", { url, uid: "e" })).id, ep);
  await call("endpoint.patch", app, "e", { description: "d" });
  assert.equal((await call("endpoint.get", app, "e")).description, "d");
  assert.equal((await call("endpoint.list", app)).data.length, 1);
  await call(`endpoint.${updateHeaders}`, app, "e", { headers: { "X-A": "b" } });
  await call("endpoint.patchHeaders", app, "e", { headers: { "X-B": "c" } });
  assert.deepEqual((await call("endpoint.getHeaders", app, "e")).headers, { "X-A": "b", "X-B": "c" });
  await call("endpoint.rotateSecret", app, "e", {});
  assert.match((await call("endpoint.getSecret", app, "e")).key, /^whsec_/);
  assert.equal((await call("endpoint.sendExample", app, "e", { eventType: "a.b" })).eventType, "a.b");

  const msg = (await call("message.create", app, { eventType: "a.b", payload: { a: 1 }, tags: ["t"] })).id;
  assert.equal((await call("message.precheck", app, { eventType: "a.b" })).active, true);
  assert.equal((await call("message.get", app, msg)).id, msg);
  assert.ok((await call("message.list", app, { tag: "t" })).data.length === 1);
  const attempt = await until("an attempt", async () => (await call("messageAttempt.listByMsg", app, msg)).data[0]);
  assert.equal(attempt.status, 0);
  assert.ok(attempt.timestamp instanceof Date && attempt.statusText === "success");
  assert.equal((await call("messageAttempt.get", app, msg, attempt.id)).id, attempt.id);
  assert.ok((await call("messageAttempt.listByEndpoint", app, "e", { withMsg: true })).data.some((a) => a.msg?.id === msg));
  assert.ok((await call("messageAttempt.listAttemptedMessages", app, "e")).data.some((m) => m.id === msg && m.status === 0));
  assert.equal((await call("messageAttempt.listAttemptedDestinations", app, msg)).data[0].id, ep);
  await call("messageAttempt.resend", app, msg, "e");
  assert.ok((await call("endpoint.getStats", app, "e")).success >= 1);

  const since = new Date(Date.now() - 60_000);
  const tasks = [
    await call("endpoint.recover", app, "e", { since }),
    await call("endpoint.replayMissing", app, "e", { since }),
    await call("endpoint.bulkReplay", app, "e", { since, tag: "t" }),
    await call("statistics.aggregateAppStats", { since, until: new Date() }),
    await call("statistics.aggregateEventTypes"),
    await call("message.expungeAllContents", app),
  ];
  for (const task of tasks) {
    assert.match(task.id, /^qtask_/);
    const done = await until(`task ${task.task}`, async () => {
      const got = await call("backgroundTask.get", task.id);
      return got.status !== "running" && got;
    });
    assert.equal(done.status, "finished", `${task.task}: ${JSON.stringify(done)}`);
    assert.equal(done.task, task.task);
  }
  assert.equal((await call("backgroundTask.list")).data.length, tasks.length);
  if (has("backgroundTask.listByEndpoint")) await call("backgroundTask.listByEndpoint");
  await call("messageAttempt.expungeContent", app, msg, attempt.id);
  await call("message.expungeContent", app, msg);
  if (has("message.bulkExpungeContent")) assert.ok((await call("message.bulkExpungeContent", app, { ids: [msg] })).results[msg]);

  for (const space of [...spaces.keys()].filter((s) => s === "operationalWebhook.endpoint" || s === "operationalWebhookEndpoint")) {
    const id = (await call(`${space}.create`, { url, uid: space.replace(".", "-") })).id;
    await call(`${space}.${put}`, id, { url });
    assert.equal((await call(`${space}.get`, id)).url, url);
    assert.equal((await call(`${space}.list`)).data.length, 1);
    await call(`${space}.${updateHeaders}`, id, { headers: { "X-A": "b" } });
    assert.deepEqual((await call(`${space}.getHeaders`, id)).headers, { "X-A": "b" });
    await call(`${space}.rotateSecret`, id, {});
    assert.match((await call(`${space}.getSecret`, id)).key, /^whsec_/);
    await call(`${space}.delete`, id);
  }

  const config = { type: "github", config: { secret: "0123456789abcdef0123456789abcdef" } };
  const src = (await call("ingest.source.create", { name: "GitHub", uid: "gh", ...config })).id;
  assert.equal((await call(`ingest.source.${put}`, "gh", { name: "Hub", uid: "gh", ...config })).id, src);
  assert.equal((await call("ingest.source.get", src)).type, "github");
  assert.equal((await call("ingest.source.list")).data.length, 1);
  assert.match((await call("ingest.source.rotateToken", src)).ingestUrl, /^http/);
  assert.ok((await call(v1 ? "ingest.dashboard" : "ingest.authentication.consumerPortalAccess", src, {})).url);
  const se = (await call("ingest.endpoint.create", src, { url, uid: "se" })).id;
  await call(`ingest.endpoint.${put}`, src, se, { url });
  assert.equal((await call("ingest.endpoint.get", src, se)).url, url);
  assert.equal((await call("ingest.endpoint.list", src)).data.length, 1);
  await call(`ingest.endpoint.${updateHeaders}`, src, se, { headers: { "X-A": "b" } });
  assert.deepEqual((await call("ingest.endpoint.getHeaders", src, se)).headers, { "X-A": "b" });
  await call("ingest.endpoint.rotateSecret", src, se, {});
  assert.match((await call("ingest.endpoint.getSecret", src, se)).key, /^whsec_/);
  await call(has("ingest.endpoint.setTransformation") ? "ingest.endpoint.setTransformation" : "ingest.endpoint.transformation.patch", src, se, { code, enabled: true });
  assert.equal((await call(has("ingest.endpoint.getTransformation") ? "ingest.endpoint.getTransformation" : "ingest.endpoint.transformation.get", src, se)).code, code);
  await call("ingest.endpoint.delete", src, se);
  await call("ingest.source.delete", src);

  const integration = (await call("integration.create", app, { name: "n" })).id;
  assert.equal((await call(`integration.${has("integration.update") ? "update" : put}`, app, integration, { name: "m" })).name, "m");
  assert.equal((await call("integration.get", app, integration)).id, integration);
  assert.equal((await call("integration.list", app)).data.length, 1);
  assert.ok((await call("integration.rotateKey", app, integration)).key);
  if (has("integration.getKey")) assert.ok((await call("integration.getKey", app, integration)).key);
  await call("integration.delete", app, integration);

  const connector = { name: "Own", transformation: code, allowedEventTypes: ["a.b"] };
  const template = (await call("connector.create", { ...connector, uid: "own" })).id;
  assert.match(template, /^trtmpl_/);
  assert.equal((await call(`connector.${put}`, template, connector)).id, template);
  assert.equal((await call("connector.patch", template, { description: "d" })).description, "d");
  const shown = await call("connector.get", "own");
  assert.ok(shown.transformation === code && shown.createdAt instanceof Date);
  assert.deepEqual((await call("connector.list")).data.map((c) => c.id), [template]);
  await call("connector.delete", template);

  // What came is what the script made of it, by the same client.
  await call(has("endpoint.patchTransformation") ? "endpoint.patchTransformation" : "endpoint.transformation.patch", app, "e", { code, enabled: true });
  const own = await call(has("endpoint.transformationGet") ? "endpoint.transformationGet" : "endpoint.transformation.get", app, "e");
  assert.ok(own.enabled && own.code === code);
  await call("message.create", app, { eventType: "a.b", payload: { a: 41 } });
  await until("a payload that the script made", () => bodies.includes('{"a":42}'));

  if (has("destination.create")) {
    const fifo = { type: "fifoEndpoint", config: { url } };
    const line = (await call("destination.create", app, { ...fifo, uid: "line", batchSize: 2 })).id;
    assert.match(line, /^sink_/);
    assert.equal((await call(`destination.${put}`, app, line, { ...fifo, uid: "line", batchSize: 3 })).batchSize, 3);
    assert.equal((await call("destination.patch", app, line, { type: "fifoEndpoint", batchSize: 2, config: {} })).batchSize, 2);
    assert.equal((await call("destination.get", app, "line")).config.url, url);
    assert.deepEqual((await call("destination.list", app)).data.map((d) => d.id), [line]);
    const join = 'function handler(input) { return { requestBody: input.events.map((e) => e.payload.a).join("+") } }';
    await call("destination.transformation.patch", app, line, { code: join });
    assert.equal((await call("destination.transformation.get", app, line)).code, join);
    await call("destination.delete", app, line);
  }

  if (has("message.poller.poll")) {
    const headers = { authorization: `Bearer ${process.env.HOOKLOFT_TOKEN}`, "content-type": "application/json" };
    const made = await fetch(`${process.env.HOOKLOFT_URL}/api/v1/app/${app}/destination`, { method: "POST", headers, body: '{"type":"pollingEndpoint"}' });
    const sink = (await made.json()).id;
    const { iterator } = await call("message.poller.poll", app, sink);
    const fetched = (await call("message.create", app, { eventType: "a.b", payload: { polled: 1 } })).id;
    const page = await until("a message to fetch", async () => {
      const answer = await call("message.poller.poll", app, sink, { iterator });
      return answer.data.length && answer;
    });
    assert.equal(page.data[0].id, fetched);
    assert.ok(page.data[0].timestamp instanceof Date && page.data[0].payload.polled === 1);
    if (has("message.poller.consumerPoll")) {
      assert.equal((await call("message.poller.consumerPoll", app, sink, "shop")).data[0].id, fetched);
      assert.ok((await call("message.poller.consumerSeek", app, sink, "shop", { after: new Date(Date.now() - 60_000) })).iterator);
    }
  }

  const access = await call("authentication.appPortalAccess", app, {});
  if (has("authentication.dashboardAccess")) assert.ok((await call("authentication.dashboardAccess", app)).token);
  called.add("authentication.logout");
  await new Svix(access.token, { serverUrl: process.env.HOOKLOFT_URL }).authentication.logout();
  await call("authentication.expireAll", app, {});

  await call("endpoint.delete", app, "e");
  await call("application.delete", app);
  await call("eventType.delete", "a.b");

  let left = 0;
  for (const [space, object] of spaces) {
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(object))) {
      const path = `${space}.${name}`;
      const isCall = typeof Object.getOwnPropertyDescriptor(Object.getPrototypeOf(object), name).value === "function";
      if (!isCall || name === "constructor" || called.has(path) || aliases.includes(name)) continue;
      left++;
      if (!later.some((r) => r.test(path))) assert.fail(`${path} is not called here`);
    }
  }
  console.log(`${generation}: ${called.size} operations called and parsed, ${left} are for later`);
} catch (e) {
  console.error(`${generation}: FAILED`, e);
  process.exitCode = 1;
} finally {
  receiver.closeAllConnections();
  receiver.close();
}
