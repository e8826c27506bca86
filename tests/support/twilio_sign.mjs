// Signs webhooks as Twilio does, with Twilio's own library. Input: JSON lines {"token","url","params"} on stdin;
// output: one JSON line {"signature"} each.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The whole library takes a second to load; this is the part that knows signatures.
const { getExpectedTwilioSignature } = createRequire(import.meta.url)("twilio/lib/webhooks/webhooks.js");

for await (const line of createInterface({ input: process.stdin })) {
  const { token, url, params } = JSON.parse(line);
  console.log(JSON.stringify({ signature: getExpectedTwilioSignature(token, url, params) }));
}
