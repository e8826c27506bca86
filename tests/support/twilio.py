"""A stand-in for Twilio's messages API on loopback. It is stricter than the provider: whatever its documentation does not
name is refused. It keeps a ledger, misbehaves when told, and sends status callbacks and inbound messages that
Twilio's own library has signed."""

import base64
import binascii
import datetime
import hmac
import http.client
import json
import pathlib
import re
import secrets
import subprocess
import threading
import urllib.parse

from receiver import Receiver

SUPPORT = pathlib.Path(__file__).resolve().parent
ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "twilio-auth-token-example-0123456789"
KEY = "SK00000000000000000000000000000001"
KEY_SECRET = "twilio-key-secret-example-0123456789"
SERVICE = "MG00000000000000000000000000000001"
NUMBER = "+15550111000"

FIELDS = {"To", "From", "MessagingServiceSid", "Body", "StatusCallback", "ValidityPeriod", "SmartEncoded", "Attempt",
          "ProvideFeedback"}
BODY_UNITS_MAX = 1600
# The provider's published numbers for tests, and what each answers.
MAGIC = {"+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610,
         "+15005550009": 21614}
STOP_WORDS = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"}
START_WORDS = {"START", "YES", "UNSTOP"}
HELP_WORDS = {"HELP", "INFO"}
GSM = set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
          "abcdefghijklmnopqrstuvwxyzäöñüà")
GSM_TWO = set("\f^{}\\[~]|€")


def segments(text):
    """Encoding and number of parts of a text, counted apart from our own code."""
    gsm = all(c in GSM or c in GSM_TWO for c in text)
    single, part = (160, 153) if gsm else (70, 67)
    sizes = [(2 if c in GSM_TWO else 1) if gsm else len(c.encode("utf-16-be")) // 2 for c in text]
    if sum(sizes) <= single:
        return "GSM-7" if gsm else "UCS-2", 1
    count, used = 1, 0
    for size in sizes:
        if used + size > part:
            count, used = count + 1, 0
        used += size
    return "GSM-7" if gsm else "UCS-2", count


class Refused(Exception):
    def __init__(self, status, code, text):
        super().__init__(text)
        self.answer = refusal(status, code, text)


def refusal(status, code, text="Refused as the test says", headers=None):
    """The provider's error answer, for scripts too."""
    body = {"code": code, "message": text, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
    return status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(body).encode()


def only(form, name):
    values = form.get(name, [])
    if len(values) > 1:
        raise Refused(400, 20001, f"{name} stands {len(values)} times")
    return values[0] if values else None


class Twilio:
    """`script(message) -> None` takes the message as the provider does, or it answers
    `(status, headers, body)` (see `refusal`), or one of
    - "hang", "drip", "reset": nothing was taken
    - "taken-hang", "taken-drip", "taken-reset": the message goes out, and the sender does not hear so
    - "taken-broken-json", "taken-no-sid": it goes out, and the answer is not the provider's.
    `peer.interrupt` may break the connection before the body is read.
    """

    def __init__(self, script=None, numbers=(NUMBER,), tls=None):
        self.script = script or (lambda message: None)
        self.numbers = set(numbers)
        self.messages = []  # what was taken, as the ledger keeps it
        self.refusals = []  # (status, code, text) of what the stand-in itself refused
        self.opted_out = set()
        self.unreachable = dict(MAGIC)  # number -> code
        self.through = None  # (host, port) to connect to instead of a URL's own: a proxy in front of the daemon
        self.lock = threading.Lock()
        self.signer = None
        self.peer = Receiver(self._answer, tls)
        self.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{self.peer.port}"

    @property
    def requests(self):
        return self.peer.requests

    def stop(self):
        self.peer.stop()
        if self.signer is not None:
            self.signer.stdin.close()
            self.signer.wait(30)
            self.signer.stdout.close()

    # What the daemon sends.

    def _answer(self, request):
        try:
            message = self._read(request)
        except Refused as refused:
            status, _, body = refused.answer
            error = json.loads(body)
            with self.lock:
                self.refusals.append((status, error["code"], error["message"]))
            return refused.answer
        what = self.script(message)
        if what is not None and not (isinstance(what, str) and what.startswith("taken-")):
            return what
        with self.lock:
            self.messages.append(message)
        body = json.dumps(self._resource(message)).encode()
        headers = {"Content-Type": "application/json"}
        if what == "taken-broken-json":
            return 201, headers, body[: len(body) // 2]
        if what == "taken-no-sid":
            return 201, headers, b'{"status": "queued"}'
        return (201, headers, body) if what is None else what.removeprefix("taken-")

    def _read(self, request):
        self._check_access(request)
        form = self._form(request)
        to, sender, service = only(form, "To"), only(form, "From"), only(form, "MessagingServiceSid")
        body = only(form, "Body")
        self._check_parties(to, sender, service)
        self._check_body(body)
        validity = self._validity(only(form, "ValidityPeriod"))
        callback = only(form, "StatusCallback")
        if callback is not None and not re.fullmatch(r"https?://[^/?#\s]+(/[!-~]*)?", callback):
            raise Refused(400, 21609, f"The 'StatusCallback' URL {callback} is not a valid URL")
        encoding, count = segments(body)
        return {"sid": "SM" + secrets.token_hex(16), "to": to, "from": sender, "service": service, "body": body,
                "status_callback": callback, "validity": validity, "encoding": encoding, "segments": count,
                "at": request["at"], "path": request["path"]}

    def _check_access(self, request):
        if request["path"] != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
            raise Refused(404, 20404, f"The requested resource {request['path']} was not found")
        scheme, _, encoded = request["headers"].get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user, password = "", ""
        known = {ACCOUNT: TOKEN, KEY: KEY_SECRET}
        if scheme != "Basic" or not hmac.compare_digest(known.get(user, "").encode(), password.encode()) or not password:
            raise Refused(401, 20003, "Authenticate")

    @staticmethod
    def _form(request):
        kind = request["headers"].get("content-type", "").replace(" ", "").lower()
        if kind not in ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded;charset=utf-8"):
            raise Refused(415, 20001, f"Content-Type {kind}")
        text = request["body"]
        if not re.fullmatch(rb"(?:[A-Za-z0-9*\-._~+&=]|%[0-9A-Fa-f]{2})+", text):
            raise Refused(400, 20001, "The form is not url-encoded")
        try:
            form = urllib.parse.parse_qs(text.decode("ascii"), keep_blank_values=True, strict_parsing=True,
                                         encoding="utf-8", errors="strict")
        except ValueError as error:
            raise Refused(400, 20001, f"The form cannot be read: {error}") from error
        unknown = set(form) - FIELDS
        if unknown:
            raise Refused(400, 20001, f"Unknown parameters {sorted(unknown)}")
        return form

    def _check_parties(self, to, sender, service):
        if not to:
            raise Refused(400, 21604, "A 'To' phone number is required.")
        if not re.fullmatch(r"\+[1-9][0-9]{6,14}", to):
            raise Refused(400, 21211, f"Invalid 'To' Phone Number: {to}")
        if (sender is None) == (service is None):
            raise Refused(400, 21603, "One of 'From' and 'MessagingServiceSid' is required.")
        if service is not None and service != SERVICE:
            raise Refused(400, 21701, f"The Messaging Service {service} does not exist")
        alphanumeric = sender is not None and re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}", sender)
        if sender is not None and not alphanumeric and sender not in self.numbers:
            raise Refused(400, 21606, f"The From phone number {sender} is not a valid, SMS-capable number of this account")
        if to == sender:
            raise Refused(400, 21266, "'To' and 'From' number cannot be the same")
        code = 21610 if to in self.opted_out else self.unreachable.get(to)
        if code is not None:
            raise Refused(400, code, f"The number {to} cannot be served")

    @staticmethod
    def _check_body(body):
        if not body or not body.strip():
            raise Refused(400, 21602, "Message body is required.")
        if len(body.encode("utf-16-be")) // 2 > BODY_UNITS_MAX:
            raise Refused(400, 21617, "The concatenated message body exceeds the 1600 character limit")
        if any(ord(c) < 0x20 and c != "\n" or 0x7F <= ord(c) < 0xA0 for c in body):
            raise Refused(400, 20001, "The body has control characters")

    @staticmethod
    def _validity(text):
        if text is None:
            return None
        if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > 36000:
            raise Refused(400, 20001, f"ValidityPeriod {text} is not within 1..36000")
        return int(text)

    @staticmethod
    def _resource(message):
        date = datetime.datetime.fromtimestamp(message["at"], datetime.timezone.utc).strftime(
            "%a, %d %b %Y %H:%M:%S +0000")
        uri = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{message['sid']}"
        service = message["service"]
        return {"account_sid": ACCOUNT, "api_version": "2010-04-01", "body": message["body"], "date_created": date,
                "date_sent": None, "date_updated": date, "direction": "outbound-api", "error_code": None,
                "error_message": None, "from": message["from"], "messaging_service_sid": service, "num_media": "0",
                "num_segments": "0" if service else str(message["segments"]), "price": None, "price_unit": "USD",
                "sid": message["sid"], "status": "accepted" if service else "queued",
                "subresource_uris": {"media": f"{uri}/Media.json"}, "to": message["to"], "uri": f"{uri}.json"}

    # What the daemon is sent.

    def signature(self, url, params, token=TOKEN):
        """As Twilio's own library makes it; `params` is a dict of texts or lists of texts."""
        with self.lock:
            if self.signer is None:
                self.signer = subprocess.Popen(["node", SUPPORT / "twilio_sign.mjs"], stdin=subprocess.PIPE,
                                               stdout=subprocess.PIPE, text=True, cwd=SUPPORT)
            self.signer.stdin.write(json.dumps({"token": token, "url": url, "params": params}) + "\n")
            self.signer.stdin.flush()
            return json.loads(self.signer.stdout.readline())["signature"]

    def post(self, url, params, signature=None, body=None):
        """Posts a form to a webhook of ours, signed well unless told otherwise: `signature` stands as given ("" for no
        header), `body` is sent in place of the form that was signed. Returns (status, headers, body)."""
        if signature is None:
            signature = self.signature(url, params)
        parts = urllib.parse.urlsplit(url)
        secure = parts.scheme == "https" and self.through is None
        host, port = self.through or (parts.hostname, parts.port or (443 if secure else 80))
        connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(host, port, timeout=60)
        headers = {"Host": parts.netloc, "User-Agent": "TwilioProxy/1.1", "Accept": "*/*",
                   "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
                   "I-Twilio-Idempotency-Token": secrets.token_hex(16)}
        if signature:
            headers["X-Twilio-Signature"] = signature
        try:
            path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
            sent = urllib.parse.urlencode(params, doseq=True).encode() if body is None else body
            connection.request("POST", path, sent, headers)
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read()
        finally:
            connection.close()

    def status_params(self, message, status, error_code=None, **more):
        params = {"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "From": message["from"] or NUMBER,
                  "MessageSid": message["sid"], "SmsSid": message["sid"], "To": message["to"], "MessageStatus": status,
                  "SmsStatus": status}
        if message["service"]:
            params["MessagingServiceSid"] = message["service"]
        if error_code is not None:
            params["ErrorCode"] = str(error_code)
        if status == "delivered":
            params["RawDlrDoneDate"] = "2603020715"
        return {**params, **more}

    def status(self, message, status, error_code=None, url=None, signature=None, **more):
        """The callback about a message of the ledger: sent, delivered, undelivered with its error code, …"""
        return self.post(url or message["status_callback"], self.status_params(message, status, error_code, **more),
                         signature)

    def inbound_params(self, sender, text, to=NUMBER, **more):
        sid = "SM" + secrets.token_hex(16)
        word = text.strip().upper()
        params = {"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "Body": text, "From": sender, "To": to,
                  "FromCity": "", "FromCountry": "US", "FromState": "", "FromZip": "", "MessageSid": sid, "SmsSid": sid,
                  "SmsMessageSid": sid, "SmsStatus": "received", "NumMedia": "0", "NumSegments": str(segments(text)[1]),
                  "ToCity": "", "ToCountry": "US", "ToState": "", "ToZip": ""}
        for words, name in ((STOP_WORDS, "STOP"), (START_WORDS, "START"), (HELP_WORDS, "HELP")):
            if word in words:
                params["OptOutType"] = name
        return {**params, **more}

    def inbound(self, url, sender, text, signature=None, **more):
        """A message from a phone, handed to our webhook. As at the provider, STOP and its like end what may be sent
        to that phone before we hear of it, and START and its like begin it again."""
        word = text.strip().upper()
        if word in STOP_WORDS:
            self.opted_out.add(sender)
        elif word in START_WORDS:
            self.opted_out.discard(sender)
        return self.post(url, self.inbound_params(sender, text, **more), signature)
