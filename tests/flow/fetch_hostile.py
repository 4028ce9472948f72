#!/usr/bin/python3
"""A registry that lies, and davit-fetch asking it: fetch_hostile.py DAVIT-FETCH FOLDER [CASE...]

Each case is what the registry answers to a repository of its name, and what has to become of it. A line for each:
"ok NAME" or "not ok NAME: why". FOLDER has ca.crt, tls.crt/key (127.0.0.1), other.crt/key (another name), old.crt/key
(expired). Needs root: davit-fetch gives it up.
"""

import base64
import concurrent.futures
import gzip
import hashlib
import json
import os
import socket
import ssl
import sys
import threading
import time
import urllib.parse

import peer_parent

PROGRAM, FOLDER = sys.argv[1], sys.argv[2]
MANIFEST = json.dumps({"schemaVersion": 2, "note": "a manifest"}).encode()
BLOB = hashlib.sha256(b"seed").digest() * 16384  # 512 kB
KEY = ("kiosk", "s3cret")
BASIC = "Basic " + base64.b64encode(b"kiosk:s3cret").decode()
TOKEN = "tok.en-1"
seen = {}  # case: requests as (listener, path, authorization, range, body)
lock = threading.Lock()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


# ---- the registry

class Request:
    def __init__(self, listener, conn):
        self.listener, self.conn = listener, conn
        data = b""
        while b"\r\n\r\n" not in data:
            more = conn.recv(65536)
            if not more:
                raise ConnectionError
            data += more
            if data[0] == 22:  # somebody speaks TLS to a port that does not
                conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                raise ConnectionError
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = lines[0].split(" ")
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        while len(self.body) < int(self.headers.get("content-length", 0)):
            self.body += conn.recv(65536)
        self.url = urllib.parse.urlsplit(self.path)
        self.query = urllib.parse.parse_qs(self.url.query)
        self.auth = self.headers.get("authorization")
        parts = self.url.path.split("/")
        self.case = parts[2] if len(parts) > 2 else ""
        self.start = int(self.headers.get("range", "bytes=0-")[6:].split("-")[0])
        with lock:
            self.number = len(seen.setdefault(self.case, []))
            seen[self.case].append(self)

    def send(self, data):
        self.conn.sendall(data)

    def answer(self, status, body=b"", *headers, length=None):
        lines = [f"HTTP/1.1 {status} Words"] + list(headers)
        if length != "":
            lines.append(f"Content-Length: {len(body) if length is None else length}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def chunks(self, *pieces, end=True):
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces:
            self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        if end:
            self.send(b"0\r\n\r\n")

    def good(self):
        data = BLOB if "/blobs/" in self.path and digest(BLOB) in self.path else MANIFEST
        self.answer(200, data, "Content-Type: application/vnd.oci.image.manifest.v1+json")


class Listener:
    """One address. Answers by the repository's name."""

    def __init__(self, name, context=None):
        self.name, self.context = name, context
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}"

    def accept(self):
        while True:
            conn, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        try:
            conn.settimeout(20)
            if self.context:
                conn = self.context.wrap_socket(conn, server_side=True)
            while True:
                request = Request(self, conn)
                if CASES[request.case]["do"](request) is CLOSE:
                    break
        except (OSError, ConnectionError, ValueError, KeyError, StopIteration):
            pass
        finally:
            conn.close()


def tls(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{FOLDER}/{name}.crt", f"{FOLDER}/{name}.key")
    return context


CLOSE = object()
CASES = {}
LISTENERS = {"main": Listener("main"), "away": Listener("away"), "tls": Listener("tls", tls("tls")),
             "other": Listener("other", tls("other")), "old": Listener("old", tls("old"))}
MAIN, AWAY, TLS = LISTENERS["main"], LISTENERS["away"], LISTENERS["tls"]
CLOSED = "http://127.0.0.1:9"


def case(reason, kind="manifest", **more):
    """What it must end in: a reason, or "got"."""
    def add(function):
        CASES[function.__name__] = {"do": function, "reason": reason, "kind": kind, **more}
        return function
    return add


def simple(name, reason, answer, kind="manifest", **more):
    def do(request):
        return answer(request)
    do.__name__ = name
    case(reason, kind, **more)(do)


def raw(data):
    def answer(request):
        request.send(data)
        return CLOSE
    return answer


def status(code, body=b"words", *headers):
    return lambda request: request.answer(code, body, *headers)


def bearer(realm=None, more=""):
    """Asks for a token at `realm` (a function of the request), takes TOKEN."""
    def answer(request):
        if request.auth == "Bearer " + TOKEN:
            return request.good()
        where = realm(request) if realm else f"{request.listener.url}/token/{request.case}"
        return request.answer(401, b"", f'WWW-Authenticate: Bearer realm="{where}",service="r"{more}')
    return answer


def with_token(token):
    """A registry and its token service, which `token` plays."""
    ask = bearer()
    return lambda request: token(request) if request.path.startswith("/token/") else ask(request)


def give(text):
    return lambda request: request.answer(200, text if isinstance(text, bytes) else json.dumps(text).encode())


# ---- statuses
simple("not_found", "NotFound", status(404))
simple("forbidden", "Unauthorized", status(403))
simple("teapot", "BadAnswer", status(418))
simple("no_content", "BadAnswer", status(204, b""))
simple("not_modified", "BadAnswer", status(304, b""))
simple("reset_content", "BadAnswer", status(205, b""))
simple("server_error", "ServerError", status(500))
simple("busy", "TooManyRequests", status(429))
simple("busy_garbage", "TooManyRequests", status(429, b"", "Retry-After: soon, and \x01"))
simple("busy_for_ever", "TooManyRequests", status(429, b"", "Retry-After: 99999999999999999999"), most_retry=86400000)
simple("busy_until_2099", "TooManyRequests", status(429, b"", "Retry-After: Fri, 01 Jan 2099 00:00:00 GMT"),
       most_retry=86400000)
simple("busy_negative", "TooManyRequests", status(429, b"", "Retry-After: -5"))
simple("unavailable", "ServerError", status(503, b"x" * 1000000))
simple("part_unasked", "BadAnswer", status(206, MANIFEST, "Content-Range: bytes 0-3/4"))

# ---- heads that are none, or too much
simple("garbage", "BadAnswer", raw(os.urandom(64) + b"\r\n\r\n"))
simple("http_0_9", "BadAnswer", raw(MANIFEST))
simple("status_of_letters", "BadAnswer", raw(b"HTTP/1.1 abc OK\r\n\r\n"))
simple("status_of_two_digits", "BadAnswer", raw(b"HTTP/1.1 20\r\n\r\n"))
simple("two_lengths", "BadAnswer", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"))
simple("negative_length", "BadAnswer", raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"))
simple("huge_length", "BadAnswer", raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n"))
simple("hex_length", "BadAnswer", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n" + b"a" * 16))
simple("long_header", "BadAnswer", raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2000000 + b"\r\n\r\n"))
simple("many_headers", "BadAnswer", raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n"))
simple("endless_informations", "BadAnswer", raw(b"HTTP/1.1 103 Hints\r\nX: y\r\n\r\n" * 5000))
simple("nul_in_header", "BadAnswer", raw(b"HTTP/1.1 200 OK\r\nContent-Type: a\0b\r\nContent-Length: 2\r\n\r\n{}"))
simple("compressed", "BadAnswer", status(200, gzip.compress(MANIFEST), "Content-Encoding: gzip"))
simple("compressed_transfer", "BadAnswer",
       raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n" + gzip.compress(MANIFEST)))
simple("bad_chunk", "BadAnswer", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"))
simple("huge_chunk", "BadAnswer",
       raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"F" * 30 + b"\r\nabc"))
simple("closed_at_once", "Unreachable", lambda request: CLOSE)
simple("half_a_head", "Unreachable", raw(b"HTTP/1.1 200 OK\r\nContent-Le"))


@case("Unreachable")
def silence(request):
    time.sleep(3)
    return CLOSE


@case("Unreachable")
def head_that_trickles(request):
    for byte in b"HTTP/1.1 200 OK\r\n" * 20:
        request.send(bytes([byte]))
        time.sleep(0.1)
    return CLOSE


# ---- bodies that are others
simple("manifest_is_another", "WrongDigest", status(200, MANIFEST + b" "), by_digest=True)
simple("manifest_is_empty", "WrongDigest", status(200, b""), by_digest=True)
simple("manifest_too_large", "TooLarge", status(200, b"x" * 5000000))
simple("manifest_without_end", "TooLarge", lambda request: request.chunks(*[b"x" * 65536] * 200))
simple("config_is_another", "WrongDigest", status(200, b"x" * len(MANIFEST)), "blob")
simple("config_too_short", "WrongSize", status(200, MANIFEST[:-1]), "blob")
simple("config_too_long", "WrongSize", lambda request: request.chunks(MANIFEST, b"x" * 100000), "blob")
simple("layer_length_differs", "WrongSize", status(200, BLOB + b"more"), "stream", delivered=0)
simple("layer_too_long", "WrongSize", lambda request: request.chunks(BLOB, b"x" * 100000), "stream")
simple("layer_too_short", "WrongSize", lambda request: request.chunks(BLOB[:1000]), "stream")
simple("layer_empty", "WrongSize", lambda request: request.chunks(), "stream", delivered=0)


@case("WrongSize", "stream")
def layer_ends_with_the_connection(request):
    request.send(b"HTTP/1.1 200 OK\r\n\r\n" + BLOB[:1000])
    return CLOSE


@case("Unreachable", "stream")
def layer_breaks_always(request):
    request.answer(200 if request.start == 0 else 206, BLOB[request.start:][:1000],
                   f"Content-Range: bytes {request.start}-{len(BLOB) - 1}/{len(BLOB)}", length=len(BLOB) - request.start)
    return CLOSE


@case("TooSlow", "stream")
def layer_trickles(request):
    request.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BLOB))
    for byte in BLOB[:40]:
        request.send(bytes([byte]))
        time.sleep(0.05)
    return CLOSE


# ---- going on where it broke off
def breaks_then(then):
    def answer(request):
        if request.start == 0 and request.number == 0:
            request.answer(200, BLOB[:200000], length=len(BLOB))
            return CLOSE
        return then(request)
    return answer


def rest(start, total=None, body=None):
    def answer(request):
        data = BLOB[start:] if body is None else body
        request.answer(206, data, f"Content-Range: bytes {start}-{len(BLOB) - 1}/{total or len(BLOB)}")
    return answer


simple("resume_is_refused", "BadAnswer", breaks_then(status(416, b"")), "stream")
simple("resume_from_elsewhere", "BadAnswer", breaks_then(rest(100)), "stream")
simple("resume_of_another_total", "BadAnswer", breaks_then(rest(200000, total=len(BLOB) + 5)), "stream")
simple("resume_without_range", "BadAnswer", breaks_then(status(206, BLOB[200000:])), "stream")
simple("resume_in_parts", "BadAnswer", breaks_then(status(206, b"--x\r\n", "Content-Type: multipart/byteranges")), "stream")
simple("resume_too_long", "BadAnswer", breaks_then(rest(200000, body=BLOB[200000:] + b"x")), "stream")
simple("resume_is_gone", "NotFound", breaks_then(status(404)), "stream")

# ---- redirects
simple("redirect_nowhere", "BadAnswer", status(302, b""))
simple("redirect_for_ever", "BadAnswer", lambda request: request.answer(307, b"", f"Location: {request.path}"))
simple("redirect_to_a_file", "BadAnswer", status(302, b"", "Location: file:///etc/passwd"))
simple("redirect_to_gopher", "BadAnswer", status(302, b"", "Location: gopher://127.0.0.1:1/x"))
simple("redirect_with_a_user", "BadAnswer", status(302, b"", "Location: http://u:p@127.0.0.1/x"))
simple("redirect_of_nonsense", "BadAnswer", status(302, b"", "Location: http://[::bad"))
simple("redirect_too_long", "BadAnswer", status(302, b"", "Location: /" + "a" * 20000))
simple("redirect_to_nobody", "Unreachable", status(302, b"", f"Location: {CLOSED}/x"))
simple("redirect_from_tls", "BadAnswer",
       lambda request: request.answer(302, b"", f"Location: {MAIN.url}{request.path}"), at="tls")
simple("redirect_wants_a_name", "Unauthorized",
       lambda request: request.answer(302, b"", f"Location: {AWAY.url}{request.path}") if request.listener is MAIN
       else request.answer(401, b"", 'WWW-Authenticate: Basic realm="give"'), credentials=True, away_sees_no_auth=True)

# ---- names and tokens
simple("name_wanted", "Unauthorized", status(401, b"", 'WWW-Authenticate: Basic realm="x"'))
simple("name_refused", "Unauthorized", status(401, b"", 'WWW-Authenticate: Basic realm="x"'), credentials=True)
simple("challenge_missing", "BadAnswer", status(401))
simple("challenge_broken", "BadAnswer", status(401, b"", 'WWW-Authenticate: Bearer realm="http://x'))
simple("challenge_of_another_kind", "BadAnswer", status(401, b"", "WWW-Authenticate: Negotiate abc="))
simple("challenge_without_realm", "BadAnswer", status(401, b"", 'WWW-Authenticate: Bearer service="x"'))
simple("challenge_twice", "BadAnswer", status(401, b"", 'WWW-Authenticate: Bearer realm="http://a",realm="http://b"'))
simple("realm_is_a_file", "BadAnswer", bearer(lambda request: "file:///etc/passwd"), credentials=True)
simple("realm_without_tls", "BadAnswer", bearer(lambda request: f"{MAIN.url}/token/{request.case}"), at="tls",
       credentials=True, main_sees_nothing=True)
simple("realm_is_nobody", "Unreachable", bearer(lambda request: f"{CLOSED}/token/x"))
simple("token_is_html", "BadAnswer", with_token(give(b"<html>")))
simple("token_is_missing", "BadAnswer", with_token(give({"a": 1})))
simple("token_is_empty", "BadAnswer", with_token(give({"token": ""})))
simple("token_splits_headers", "BadAnswer", with_token(give({"token": "a\r\nX-Evil: 1"})))
simple("token_is_no_text", "BadAnswer", with_token(give({"token": [1]})))
simple("token_too_large", "BadAnswer", with_token(give(b"x" * 1000000)))
simple("token_without_end", "BadAnswer", with_token(lambda request: request.chunks(*[b"x" * 65536] * 50)))
simple("token_compressed", "BadAnswer",
       with_token(lambda request: request.answer(200, gzip.compress(b'{"token":"x"}'), "Content-Encoding: gzip")))
simple("token_service_down", "ServerError", with_token(status(500)))
simple("token_service_leads_away", "BadAnswer", with_token(lambda request: request.answer(302, b"", f"Location: {AWAY.url}/t")),
       credentials=True)
simple("token_service_refuses", "Unauthorized", with_token(status(401)), credentials=True)
simple("token_never_enough", "Unauthorized", with_token(give({"token": "another"})), credentials=True)

# ---- who it is at all
simple("tls_of_another_name", "Certificate", status(200), at="other")
simple("tls_expired", "Certificate", status(200), at="old")
simple("tls_of_nobody_known", "Certificate", status(200), at="tls", no_ca=True)
simple("no_tls", "Certificate", status(200), url=lambda: MAIN.url.replace("http:", "https:"))
simple("nobody_listens", "Unreachable", status(200), url=lambda: CLOSED)
simple("no_such_host", "UnknownHost", status(200), url=lambda: "http://no-such-host.invalid:5000")
simple("no_such_proxy", "Unreachable", status(200), proxy=CLOSED)
simple("proxy_refuses", "Unreachable", status(407), proxy=lambda: MAIN.url, url=lambda: "https://registry.invalid")

HOSTILE = list(CASES)

# ---- what is fine
simple("good_manifest", "got", Request.good, by_digest=True)
simple("good_config", "got", status(200, MANIFEST), "blob")
simple("good_layer", "got", Request.good, "stream")
simple("good_basic", "got", lambda request: request.good() if request.auth == BASIC
       else request.answer(401, b"", 'WWW-Authenticate: Basic realm="x"'), credentials=True)
simple("good_anonymous_token", "got", with_token(give({"token": TOKEN})), token_without_auth=True)
simple("good_token_for_a_name", "got",
       with_token(lambda request: request.answer(200, json.dumps({"access_token": TOKEN}).encode()) if request.auth == BASIC
                  else request.answer(401)), credentials=True)
simple("good_token_of_an_identity", "got",
       with_token(lambda request: request.answer(200, json.dumps({"token": TOKEN}).encode())
                  if b"refresh_token=i%26d" in request.body and b"grant_type=refresh_token" in request.body
                  else request.answer(401)), identity=True)
simple("good_scope_is_pull_alone", "got",
       lambda request: (request.answer(200, json.dumps({"token": TOKEN if request.query["scope"] ==
                                                        [f"repository:{request.case}:pull"] else "x"}).encode())
                        if request.path.startswith("/token/")
                        else bearer(more=f',scope="repository:{request.case}:push,pull"')(request)))
simple("good_redirect", "got", lambda request: request.good() if request.listener is AWAY
       else request.answer(307, b"", f"Location: {AWAY.url}{request.path}") if request.auth == BASIC
       else request.answer(401, b"", 'WWW-Authenticate: Basic realm="x"'), credentials=True, away_sees_no_auth=True)
simple("good_tls", "got", Request.good, at="tls")
simple("good_insecure", "got", Request.good, at="other", insecure=True)
simple("good_plain_where_insecure", "got", Request.good, url=lambda: MAIN.url.replace("http:", "https:"), insecure=True)
simple("good_proxy", "got", Request.good, url=lambda: "http://registry.invalid", proxy=lambda: MAIN.url, absolute=True)
simple("good_after_a_while", "got",
       lambda request: request.answer(503, b"", "Retry-After: 1") if request.number == 0 else request.good())
simple("good_resume", "got", breaks_then(rest(200000)), "stream")
simple("good_resume_from_the_start", "got", breaks_then(Request.good), "stream")
simple("good_second_mirror", "got", Request.good, mirrors=[lambda: CLOSED], index=1)
simple("good_after_a_mirror_without", "got", lambda request: request.answer(404) if request.listener is AWAY
       else request.good(), mirrors=[lambda: AWAY.url], index=1)
simple("good_after_a_lying_mirror", "got", lambda request: request.answer(200, b"lies") if request.listener is AWAY
       else request.good(), mirrors=[lambda: AWAY.url], by_digest=True, index=1)
simple("good_resume_elsewhere", "got", lambda request: (request.answer(200, BLOB[:200000], length=len(BLOB)), CLOSE)[1]
       if request.listener is AWAY and request.start == 0 else request.answer(404) if request.listener is AWAY
       else rest(200000)(request) if request.start == 200000 else request.answer(500), "stream",
       mirrors=[lambda: AWAY.url], index=0)


@case("got", "stream")
def good_though_it_breaks_often(request):
    piece = BLOB[request.start:][:70000]
    request.answer(200 if request.start == 0 else 206, piece,
                   f"Content-Range: bytes {request.start}-{len(BLOB) - 1}/{len(BLOB)}", length=len(BLOB) - request.start)
    return None if request.start + len(piece) == len(BLOB) else CLOSE


# ---- davit-fetch

def call(value):
    return value() if callable(value) else value


def endpoint(what, url):
    entry = {"url": url, "insecure": what.get("insecure", False)}
    if what.get("credentials"):
        entry["credentials"] = [{"username": KEY[0], "password": KEY[1]}]
    if what.get("identity"):
        entry["credentials"] = [{"identityToken": "i&d"}]
    if not what.get("no_ca"):
        entry["ca"] = 0
    return entry


def ask(name, what, fetch):
    url = call(what.get("url")) or LISTENERS[what.get("at", "main")].url
    endpoints = [endpoint(what, call(mirror)) for mirror in what.get("mirrors", [])] + [endpoint(what, url)]
    with open(f"{FOLDER}/ca.crt", "rb") as ca:
        fetch.say({"op": "open", "endpoints": endpoints, "minRate": 1000, "windowMs": 400, "connectMs": 2000, "delayMs": 10,
                   "proxy": {"http": call(what.get("proxy", "")), "https": call(what.get("proxy", "")), "no": ""}},
                  [ca.fileno()])
    if what["kind"] == "manifest":
        fetch.say({"op": "manifest", "id": 1, "repository": name,
                   "reference": digest(MANIFEST) if what.get("by_digest") else "latest"})
        return b""
    data = MANIFEST if what["kind"] == "blob" else BLOB
    head = {"op": "blob", "id": 1, "repository": name, "digest": digest(data), "size": len(data)}
    if what["kind"] == "blob":
        fetch.say(head)
        return b""
    reading, writing = os.pipe()
    fetch.say(head, [writing])
    os.close(writing)
    came = b""
    while piece := os.read(reading, 65536):
        came += piece
    os.close(reading)
    return came


def check(name, what, frame, body, came):
    requests = seen.get(name, [])
    ended = frame["op"] if frame["op"] == "got" else frame.get("reason")
    if ended != what["reason"]:
        return f"it ended in {ended}: {frame.get('message')}"
    if ended != "got":
        message = frame["message"]
        if len(message) < 20 or "://" not in message or not message.isascii() or not message.isprintable():
            return f"that is no help: {message!r}"
        if frame["retryAfterMs"] > what.get("most_retry", 60000) or frame["retryAfterMs"] < 0:
            return f"it is to be asked again in {frame['retryAfterMs']} ms"
    if not BLOB.startswith(came):
        return "bytes came that are none of the layer's"
    if "delivered" in what and len(came) != what["delivered"]:
        return f"{len(came)} bytes came"
    if ended == "got" and what["kind"] == "stream" and came != BLOB:
        return f"{len(came)} of {len(BLOB)} bytes came"
    if ended == "got" and what["kind"] != "stream" and body != MANIFEST:
        return "something else came"
    if frame["index"] != what.get("index", frame["index"]):
        return f"it came from endpoint {frame['index']}"
    if what.get("away_sees_no_auth") and any(one.auth for one in requests if one.listener is AWAY):
        return "the credentials went away"
    if what.get("main_sees_nothing") and any(one.listener is MAIN for one in requests):
        return "it was asked without TLS"
    if what.get("token_without_auth") and any(one.auth for one in requests if one.path.startswith("/token")):
        return "a name was told"
    if any("X-Evil".lower() in one.headers for one in requests):
        return "a header was smuggled in"
    return None


def run(name):
    what = CASES[name]
    fetch = peer_parent.Peer(PROGRAM)
    try:
        came = ask(name, what, fetch)
        frame, body = fetch.hear()
        wrong = check(name, what, frame, body, came)
    except (OSError, RuntimeError, ValueError, KeyError) as why:
        wrong = f"{type(why).__name__}: {why}"
    fetch.end()
    return f"not ok {name}: {wrong}" if wrong else f"ok {name}"


def main():
    chosen = sys.argv[3:] or list(CASES)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        lines = list(pool.map(run, chosen))
    print("\n".join(lines))
    print(f"# {len([name for name in chosen if name in HOSTILE])} hostile, {len(chosen)} in all")
    sys.stdout.flush()
    os._exit(any(line.startswith("not") for line in lines))


main()
