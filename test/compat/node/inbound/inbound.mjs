// Signs and judges webhooks with the packages that the providers publish. It reads one
// JSON object a line from standard input and answers each with one line, in order:
//
//	{"do": "sign", "sdk": "stripe", "secret", "method", "url", "header": {...}, "body", "unix"}
//	  -> {"header": {...}}        what the provider adds to the request
//	{"do": "verify", ...}
//	  -> {} when the package takes the request for genuine, {"refused": "why"} when not
//
// Either may be {"error": "..."}: the package has no such function, or this script is wrong.
// Header names are in lower case; the body is text.
import { createInterface } from "node:readline";
import hubspot from "@hubspot/api-client";
import { LinearWebhookClient } from "@linear/sdk/webhooks";
import * as notion from "@notionhq/client";
import * as octokit from "@octokit/webhooks-methods";
import { Paddle } from "@paddle/paddle-node-sdk";
import sendgrid from "@sendgrid/eventwebhook";
import "@shopify/shopify-api/adapters/node";
import { shopifyApi, ApiVersion, LogSeverity } from "@shopify/shopify-api";
import bolt from "@slack/bolt/dist/receivers/verify-request.js";
import discord from "discord-interactions";
import Razorpay from "razorpay";
import { Resend } from "resend";
import { WebhooksHelper } from "square";
import { Webhook as Standard } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as Svix } from "svix";
import twilio from "twilio";

// In a verify, returning false and throwing both mean that the package refuses.
const sdks = {
  "@hubspot/api-client": {
    sign: (r) => ({
      "x-hubspot-request-timestamp": String(r.unix * 1000),
      "x-hubspot-signature-v3": hubspot.Signature.getSignature(r.method, "v3", {
        clientSecret: r.secret, requestBody: r.body, url: r.url, timestamp: r.unix * 1000 }),
    }),
    verify: (r) => hubspot.Signature.isValid({
      method: r.method, signatureVersion: "v3", signature: r.header["x-hubspot-signature-v3"], clientSecret: r.secret,
      requestBody: r.body, url: r.url, timestamp: Number(r.header["x-hubspot-request-timestamp"]) }),
  },
  "@linear/sdk": {
    verify: (r) => new LinearWebhookClient(r.secret).verify(Buffer.from(r.body), r.header["linear-signature"], JSON.parse(r.body).webhookTimestamp),
  },
  "@notionhq/client": {
    sign: async (r) => ({ "x-notion-signature": await notion.signWebhookPayload({ body: r.body, verificationToken: r.secret }) }),
    verify: (r) => notion.verifyWebhookSignature({ body: r.body, signature: r.header["x-notion-signature"], verificationToken: r.secret }),
  },
  "@octokit/webhooks-methods": {
    sign: async (r) => ({ "x-hub-signature-256": await octokit.sign(r.secret, r.body) }),
    verify: (r) => octokit.verify(r.secret, r.body, r.header["x-hub-signature-256"]),
  },
  "@paddle/paddle-node-sdk": {
    verify: (r) => new Paddle("none").webhooks.isSignatureValid(r.body, r.secret, r.header["paddle-signature"]),
  },
  "@sendgrid/eventwebhook": {
    verify: (r) => {
      const judge = new sendgrid.EventWebhook();
      return judge.verifySignature(judge.convertPublicKeyToECDSA(r.secret), r.body,
        r.header["x-twilio-email-event-webhook-signature"], r.header["x-twilio-email-event-webhook-timestamp"]);
    },
  },
  "@shopify/shopify-api": {
    verify: async (r) => {
      const shopify = shopifyApi({
        apiKey: "key", apiSecretKey: r.secret, hostName: "shop.example", apiVersion: ApiVersion.July26,
        isEmbeddedApp: false, logger: { level: LogSeverity.Error, log: () => {} } });
      const rawRequest = { method: r.method, url: r.url, headers: r.header };
      return (await shopify.webhooks.validate({ rawBody: r.body, rawRequest, rawResponse: {} })).valid;
    },
  },
  "@slack/bolt": {
    // bolt's own receivers hand over the time as a number.
    verify: (r) => bolt.verifySlackRequest({ signingSecret: r.secret, body: r.body, headers: {
      "x-slack-signature": r.header["x-slack-signature"],
      "x-slack-request-timestamp": Number(r.header["x-slack-request-timestamp"]) } }),
  },
  "discord-interactions": {
    verify: (r) => discord.verifyKey(r.body, r.header["x-signature-ed25519"], r.header["x-signature-timestamp"], r.secret),
  },
  razorpay: {
    verify: (r) => Razorpay.validateWebhookSignature(r.body, r.header["x-razorpay-signature"], r.secret),
  },
  resend: {
    verify: (r) => {
      const headers = { id: r.header["svix-id"], timestamp: r.header["svix-timestamp"], signature: r.header["svix-signature"] };
      new Resend("re_none").webhooks.verify({ payload: r.body, headers, webhookSecret: r.secret });
    },
  },
  square: {
    verify: (r) => WebhooksHelper.verifySignature({ requestBody: r.body, signatureHeader: r.header["x-square-hmacsha256-signature"],
      signatureKey: r.secret, notificationUrl: r.url }),
  },
  standardwebhooks: standardLike(Standard, "webhook"),
  svix: standardLike(Svix, "svix"),
  stripe: {
    sign: (r) => ({ "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload: r.body, secret: r.secret, timestamp: r.unix }) }),
    verify: (r) => { Stripe.webhooks.constructEvent(r.body, r.header["stripe-signature"], r.secret); },
  },
  twilio: {
    sign: (r) => ({ "x-twilio-signature": twilio.getExpectedTwilioSignature(r.secret, r.url, form(r.body)) }),
    verify: (r) => twilio.validateRequest(r.secret, r.header["x-twilio-signature"], r.url, form(r.body)),
  },
  "twilio, JSON": {
    sign: (r) => ({ "x-twilio-signature": twilio.getExpectedTwilioSignature(r.secret, r.url, {}) }),
    verify: (r) => twilio.validateRequestWithBody(r.secret, r.header["x-twilio-signature"], r.url, r.body),
  },
};

function standardLike(Webhook, prefix) {
  return {
    sign: (r) => ({
      [`${prefix}-timestamp`]: String(r.unix),
      [`${prefix}-signature`]: new Webhook(r.secret).sign(r.header[`${prefix}-id`], new Date(r.unix * 1000), r.body),
    }),
    verify: (r) => { new Webhook(r.secret).verify(r.body, r.header); },
  };
}

// form gives parameters as Express does: a repeated one is an array.
function form(body) {
  const fields = {};
  for (const [name, value] of new URLSearchParams(body)) {
    fields[name] = name in fields ? [fields[name], value].flat() : value;
  }
  return fields;
}

async function answer(r) {
  const run = sdks[r.sdk]?.[r.do];
  if (!run) return { error: `${r.sdk} has no ${r.do}` };
  if (r.do === "sign") return { header: await run(r) };
  try {
    return (await run(r)) === false ? { refused: "false" } : {};
  } catch (e) {
    return { refused: String(e?.message ?? e) };
  }
}

for (const quiet of ["log", "debug", "info", "warn"]) console[quiet] = () => {}; // packages print, and standard output is ours
for await (const line of createInterface({ input: process.stdin })) {
  let out;
  try {
    out = await answer(JSON.parse(line));
  } catch (e) {
    out = { error: String(e?.stack ?? e) };
  }
  process.stdout.write(JSON.stringify(out) + "\n");
}
