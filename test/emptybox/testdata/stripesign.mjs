// Prints the Stripe-Signature header that Stripe's own npm package makes of a body:
//
//   node stripesign.mjs SECRET BODY-FILE [UNIX-SECONDS]
//
// The package is taken from the folder that this is run in.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const Stripe = createRequire(`${process.cwd()}/`)("stripe");
const [secret, file, unix] = process.argv.slice(2);
if (secret === undefined) {
	console.log(`the npm package stripe ${Stripe.PACKAGE_VERSION} (webhooks.generateTestHeaderString)`);
} else {
	const options = { payload: readFileSync(file, "utf8"), secret };
	if (unix) options.timestamp = Number(unix);
	console.log(`Stripe-Signature: ${Stripe.webhooks.generateTestHeaderString(options)}`);
}
