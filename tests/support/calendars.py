"""A calendar's server on loopback over https: what it gives, how it answers and what it was asked."""

import datetime
import http.server
import ssl
import threading


def utc(days=0, hours=0):
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=days, hours=hours)


def stamp(at):
    return at.strftime("%Y%m%dT%H%M%SZ")


def calendar(*shifts, stamped=None):
    """An iCalendar text; a shift is (who, from, until)."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    for number, (who, begin, end) in enumerate(shifts):
        lines += ["BEGIN:VEVENT", f"UID:shift-{number}", f"DTSTAMP:{stamp(stamped or begin)}",
                  f"DTSTART:{stamp(begin)}", f"DTEND:{stamp(end)}", f"SUMMARY:On Call - {who} - Lead", "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


class CalendarServer:
    """`body` is what it gives, with an ETag of its own text; `status` answers otherwise."""

    def __init__(self, pair, body=""):
        self.body, self.status, self.headers = body, 200, {}
        self.requests = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body, tag = server.body.encode(), f'"{hash(server.body)}"'
                known = self.headers.get("If-None-Match") == tag
                status = 304 if known and server.status == 200 else server.status
                server.requests.append((self.path, status))
                self.send_response(status)
                for name, value in {"ETag": tag, **server.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0" if status == 304 else str(len(body)))
                self.end_headers()
                if status != 304:
                    self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a peer that does not trust us goes away

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        if not self.thread.is_alive():
            return
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
