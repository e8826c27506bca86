"""An HTTP peer on loopback that keeps a ledger of what it got and answers as it is told, also badly."""

import http.server
import socket
import struct
import threading
import time


class Receiver:
    """`script(request) -> (status, headers, body)`, or one of "hang", "reset", "drip"; default is 200. With `tls`, an
    ssl.SSLContext, it speaks https; `handshakes` counts the connections that came that far."""

    def __init__(self, script=None, tls=None):
        self.script = script or (lambda request: (200, {}, b"{}"))
        self.interrupt = lambda path: None  # answers before the body is read; None: read on
        self.requests = []
        self.handshakes = 0
        self.stopping = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                early = receiver.interrupt(self.path)
                if early is not None:
                    receiver.answer(self, early)
                    return
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:
                    self.close_connection = True  # the sender was killed half way: nothing arrived
                    return
                request = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
                           "body": body, "at": time.time()}
                receiver.requests.append(request)
                receiver.answer(self, receiver.script(request))

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def get_request(self):
                connection, address = super().get_request()
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)  # OSError: the peer went away
                    receiver.handshakes += 1
                return connection, address

            def handle_error(self, request, client_address):
                pass  # a daemon that was killed resets its connections; the ledger is what counts

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, handler, what):
        if what == "hang":
            self.stopping.wait(120)
            handler.close_connection = True
        elif what == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
        elif what == "drip":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self.stopping.wait(0.2):
                try:
                    handler.wfile.write(b"x")
                    handler.wfile.flush()
                except OSError:
                    break
            handler.close_connection = True
        else:
            status, headers, body = what
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
