// A mail server on loopback (npm smtp-server) that keeps a ledger and misbehaves as told. Usage: smtp_server.mjs OPTIONS, a
// JSON object. Prints a line of JSON for its port, then one for each connection, login and message; a JSON object a line on
// stdin replaces the faults. It ends with its stdin. What the options and faults mean stands in smtp.py.
import { readFileSync } from "node:fs";
import net from "node:net";
import { createInterface } from "node:readline";
import { SMTPServer } from "smtp-server";

const options = JSON.parse(process.argv[2] || "{}");
let faults = options.faults || {};
const greylisted = new Set();
let accepted = 0;

const say = (event) => process.stdout.write(JSON.stringify({ at: Date.now() / 1000, ...event }) + "\n");

// "450 4.2.0 try again" -> the error smtp-server answers with those words.
const refusal = (text) => Object.assign(new Error(text.slice(4)), { responseCode: Number(text.slice(0, 3)) });

const socketOf = (session) => [...server.connections].find((one) => one.session === session)?._socket;

const hooks = {
  onConnect(session, done) {
    say({ event: "connect", session: session.id });
    if (faults.connect === "mute") return undefined;
    return done(faults.connect ? refusal(faults.connect) : null);
  },
  onSecure(socket, session, done) {
    say({ event: "secure", session: session.id, protocol: socket.getProtocol(), servername: session.servername || "" });
    done();
  },
  onAuth(auth, session, done) {
    const known = options.users && options.users[auth.username];
    const good = auth.validatePassword ? known && auth.validatePassword(known) : known && known === auth.password;
    say({ event: "auth", session: session.id, user: auth.username, method: auth.method, good: Boolean(good) });
    if (faults.auth) return done(refusal(faults.auth));
    return good ? done(null, { user: auth.username }) : done(refusal("535 5.7.8 authentication credentials invalid"));
  },
  onMailFrom(address, session, done) {
    if (faults.after && accepted >= faults.after.count) {
      if (faults.after.what === "drop") return socketOf(session).destroy();
      return done(refusal(faults.after.what));
    }
    return done(faults.mail ? refusal(faults.mail) : null);
  },
  onRcptTo(address, session, done) {
    const text = (faults.rcpt || {})[address.address] || (faults.rcpt || {})["*"];
    if (text) return done(refusal(text));
    if (faults.greylist && !greylisted.has(address.address)) {
      greylisted.add(address.address);
      return done(refusal("450 4.2.0 greylisted, try again later"));
    }
    return done();
  },
  onData(stream, session, done) {
    const to = session.envelope.rcptTo.map((one) => one.address);
    const fault = (faults.data || {})[to[0]] || (faults.data || {})["*"];
    const chunks = [];
    let bytes = 0;
    if (fault === "drop-before-dot") {
      stream.once("data", () => socketOf(session).destroy());
      return;
    }
    if (fault === "stop-reading") {
      socketOf(session).pause();
      return;
    }
    stream.on("data", (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
    });
    stream.on("end", () => {
      const from = session.envelope.mailFrom;
      const taken = !fault || ["drop-after-dot", "hang-after-dot"].includes(fault);
      if (taken) {
        accepted += 1;
        say({ event: "message", session: session.id, from: from.address, args: from.args || {}, to, bytes,
              user: session.user || "", secure: session.secure, hello: session.hostNameAppearsAs,
              data: Buffer.concat(chunks).toString("base64") });
      }
      if (fault === "drop-after-dot") return socketOf(session).destroy();
      if (fault === "hang-after-dot") return undefined;
      if (fault) return done(refusal(fault));
      return setTimeout(() => done(null, `2.0.0 queued as ${accepted}`), faults.delay_ms || 0);
    });
  },
};

const server = new SMTPServer({
  secure: Boolean(options.secure),
  ...(options.cert ? { cert: readFileSync(options.cert), key: readFileSync(options.key) } : {}),
  ...(options.max_version ? { maxVersion: options.max_version } : {}),
  disabledCommands: [...(options.starttls === false ? ["STARTTLS"] : []), ...(options.users ? [] : ["AUTH"])],
  authMethods: options.auth_methods || ["PLAIN", "LOGIN", "CRAM-MD5"],
  allowInsecureAuth: Boolean(options.insecure_auth),
  authOptional: !options.users || Boolean(options.auth_optional),
  hideSMTPUTF8: options.utf8 === false,
  hidePIPELINING: options.pipelining === false,
  disableReverseLookup: true,
  closeTimeout: 100,
  size: options.size || 10 * 1024 * 1024,
  logger: false,
  ...hooks,
});
server.on("error", (error) => say({ event: "error", text: String(error.message) }));

// Not SMTP at all: takes connections and says nothing, or one byte of a greeting at a time for ever, or another protocol.
const odd = net.createServer((socket) => {
  say({ event: "connect", session: "odd" });
  socket.on("error", () => {});
  if (options.odd === "drip") {
    let i = 0;
    const text = "220-" + "x".repeat(60) + "\r\n";
    const timer = setInterval(() => socket.write(text[i++ % text.length]), 50);
    socket.on("close", () => clearInterval(timer));
  } else if (options.odd === "garbage") {
    socket.end(Buffer.from([0x16, 3, 1, 0, 0, 0xff, 0, 0x0a]));
  }
});

const listener = options.odd ? odd : server;
(options.odd ? odd : server.server).on("listening", () => {
  say({ event: "listening", port: (options.odd ? odd : server.server).address().port });
});
listener.listen(options.port || 0, options.host || "127.0.0.1");

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  faults = JSON.parse(line) ?? faults; // null: only say when all before it was said
  say({ event: "faults" });
});
lines.on("close", () => process.exit(0));
