// Sends through Twilio's own client. Input: one JSON object {"base_url","account","token","message"} on stdin; output: one
// JSON line, the message as the client understands it or {"error": {"code","status"}}.
import { readFileSync } from "node:fs";
import twilio from "twilio";

const { base_url, account, token, message } = JSON.parse(readFileSync(0, "utf8"));
const client = twilio(account, token);
client.api.baseUrl = base_url;
try {
  const { sid, status, numSegments, to, from, body, dateCreated } = await client.messages.create(message);
  console.log(JSON.stringify({ sid, status, numSegments, to, from, body, dateCreated }));
} catch ({ code, status }) {
  console.log(JSON.stringify({ error: { code, status } }));
}
