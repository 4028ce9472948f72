#!/usr/bin/python3
"""A web server with disks, which lies as its paths say: disk_server.py FOLDER [--tls CRT KEY]

Prints its port. GET /HOW/NAME serves FOLDER/NAME:

    good     as it is, with Range and an ETag
    norange  whole, whatever was asked for
    cut      breaks off after a third, each time
    changed  breaks off in the middle, and has another ETag the next time
    unmarked breaks off in the middle, without an ETag
    slow     100 bytes a second
    flip     one bit of it is another one
    endless  no length, in chunks, and no end
    untold   no length and no chunks: the end is where the connection ends
    short    says that it is longer than it is
    packed   compressed by HTTP, which nobody asked for
    password wants kiosk:s3cret
    away     redirects to the server whose port is in FOLDER/away
    plainly  redirects to http:// there
    round    redirects to itself, for ever

Each request is a line in FOLDER/requests: METHOD PATH RANGE AUTHORIZATION.
"""

import base64
import gzip
import http.server
import os
import ssl
import sys
import threading
import time

FOLDER = sys.argv[1]
KEY = "Basic " + base64.b64encode(b"kiosk:s3cret").decode()
lock = threading.Lock()
tries = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        path = self.path.split("?")[0]
        _, how, name = path.split("/", 2)
        with lock:
            self.count = tries[path] = tries.get(path, 0) + 1
            with open(f"{FOLDER}/requests", "a", encoding="ascii") as log:
                print(self.command, self.path, self.headers.get("Range", "-"), self.headers.get("Authorization", "-"), file=log)
        try:
            with open(f"{FOLDER}/{name}", "rb") as file:
                self.data = file.read()
        except OSError:
            self.data = None
        try:
            if self.data is None:
                self.send_error(404)
            else:
                getattr(self, "do_" + how)()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def head(self, status, length, *headers):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for header in headers:
            self.send_header(*header)
        self.end_headers()

    def start(self):
        return int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])

    def part(self, data, end, mark=("ETag", '"one"')):
        """From where it was asked for to `end`, as if all of it came."""
        start, headers = self.start(), [mark] if mark else []
        if start:
            headers.append(("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}"))
        self.head(206 if start else 200, len(data) - start, *headers)
        self.wfile.write(data[start:max(end, start)])
        if end < len(data):
            self.wfile.flush()
            self.close_connection = True

    def do_good(self):
        self.part(self.data, len(self.data))

    def do_norange(self):
        half = self.count == 1 and len(self.data) // 2
        self.head(200, len(self.data), ("ETag", '"one"'))
        self.wfile.write(self.data[:half or None])
        self.close_connection = bool(half)

    def do_cut(self):
        self.part(self.data, self.start() + 100000 + len(self.data) // 3)

    def do_changed(self):
        self.part(self.data, self.start() + len(self.data) // 3, ("ETag", f'"{self.count}"'))

    def do_unmarked(self):
        self.part(self.data, self.start() + 100000 + len(self.data) // 3, None)

    def do_slow(self):
        self.head(200, len(self.data))
        for at in range(0, len(self.data), 10):
            self.wfile.write(self.data[at:at + 10])
            self.wfile.flush()
            time.sleep(0.1)

    def do_flip(self):
        data = bytearray(self.data)
        data[len(data) // 2] ^= 1
        self.part(bytes(data), len(data))

    def do_endless(self):
        self.head(200, None, ("Transfer-Encoding", "chunked"))
        block = os.urandom(65536)
        while True:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))

    def do_untold(self):
        self.head(200, None, ("Connection", "close"))
        self.wfile.write(self.data)
        self.close_connection = True

    def do_short(self):
        self.head(200, len(self.data) + 1)
        self.wfile.write(self.data)
        self.close_connection = True

    def do_packed(self):
        data = gzip.compress(self.data)
        self.head(200, len(data), ("Content-Encoding", "gzip"))
        self.wfile.write(data)

    def do_password(self):
        if self.headers.get("Authorization") == KEY:
            self.do_good()
        else:
            self.head(401, 0, ("WWW-Authenticate", 'Basic realm="disks"'))

    def lead(self, scheme):
        with open(f"{FOLDER}/away", encoding="ascii") as file:
            port = file.read().strip()
        self.head(302, 0, ("Location", f"{scheme}://localhost:{port}/good/{self.path.split('/', 2)[2]}"))

    def do_away(self):
        self.lead("https")

    def do_plainly(self):
        self.lead("http")

    def do_round(self):
        self.head(302, 0, ("Location", self.path))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
