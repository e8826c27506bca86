// Verifies Standard Webhooks signatures with an implementation that is not ours. Input: JSON lines
// {"secret","headers","body"} on stdin; output: one JSON line {"ok"} or {"error"} each.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(body, headers);
    console.log(JSON.stringify({ ok: true }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.message) }));
  }
}
