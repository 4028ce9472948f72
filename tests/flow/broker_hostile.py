"""A relay in front of a real broker, which misbehaves as a file says. broker_hostile.py PORT UPSTREAM FOLDER

FOLDER/mode is looked at all the time; what is about the beginning of a connection ends those
that are there, and so does the end of connack and suback:
  pass           everything goes through
  flap N         cuts each connection, early or late, until N were cut; then everything goes through
  dead           takes the connection, and never says a word
  hold           both ways stand still, and nobody hangs up
  slow N         N bytes a second each way
  nosync         the nonce on .../sync never comes back
  late           the acknowledgements of what the node publishes come 0.3 s late, and twice
  connack NAME   the broker's CONNACK is replaced (CONNACKS)
  suback NAME    the broker's SUBACK is replaced (SUBACKS)
  inject NAME    these bytes are put between two packets, once (PACKETS)
FOLDER/cuts has how many connections were cut, FOLDER/faults a line for each thing that the node did and may not: more
messages in flight or larger packets than a CONNACK allowed, or a silence longer than it asked for.
"""
import os
import random
import socket
import struct
import sys
import threading
import time

PORT, UPSTREAM, FOLDER = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
CONNECT, CONNACK, PUBLISH, PUBACK, SUBACK = 1, 2, 3, 4, 9

lock = threading.Lock()
mode = ["pass"]
live = set()
cuts = 0


def text(data):
    return struct.pack(">H", len(data)) + data


def length(count):
    out = b""
    while True:
        count, byte = divmod(count, 128)
        out += bytes([byte | (128 if count else 0)])
        if not count:
            return out


def packet(first, body):
    return bytes([first]) + length(len(body)) + body


def publish(topic, payload, flags=0, ident=None, properties=b""):
    body = text(topic) + (struct.pack(">H", ident) if ident is not None else b"")
    return packet(0x30 | flags, body + length(len(properties)) + properties + payload)


def connack(properties, code=0, session=0):
    return packet(0x20, bytes([session, code]) + length(len(properties)) + properties)


TIGHT = {"receive": 1, "size": 700, "keepalive": 2}
CONNACKS = {
    # Receive maximum, maximum packet size, server keep alive, assigned client id, topic alias maximum, maximum QoS 1,
    # a reason and a property of somebody's, no shared and no identified subscriptions.
    "tight": connack(b"\x21" + struct.pack(">H", TIGHT["receive"]) + b"\x27" + struct.pack(">I", TIGHT["size"]) +
                     b"\x13" + struct.pack(">H", TIGHT["keepalive"]) + b"\x12" + text(b"another-name") + b"\x22\xff\xff" +
                     b"\x24\x01" + b"\x1f" + text(b"be brief") + b"\x26" + text(b"k") + text(b"v") + b"\x2a\x00\x29\x00", 0, 1),
    "zeros": connack(b"\x21\0\0\x27\0\0\0\0\x13\0\0"),
    "twice": connack(b"\x21\0\x05\x21\0\x06"),
    "unknown": connack(b"\x7e\x01\x02\x03"),
    "cut": b"\x20\x0a\x00\x00\x07\x21",
    "short": b"\x20\x01\x00",
    "empty": b"\x20\x00",
    "longer": connack(b"\x1f" + b"\xff\xff" + b"x" * 20),
    "banned": connack(b"\x1f" + text(b"go away"), 0x8a),
    "busy": connack(b"", 0x89),
    "elsewhere": connack(b"\x1c" + text(b"198.51.100.9:1"), 0x9d),
    "utf8": connack(b"\x1f" + text(b"\xff\xfe\xc0\x80")),
}
SUBACKS = {
    "few": lambda ident: packet(0x90, ident + b"\0\x01"),
    "none": lambda ident: packet(0x90, ident + b"\0"),
    "many": lambda ident: packet(0x90, ident + b"\0" + b"\x01" * 500),
    "foreign": lambda ident: packet(0x90, b"\x77\x77\0\x01\x01\x01\x01\x01"),
    "refused": lambda ident: packet(0x90, ident + b"\0" + b"\x87" * 6),
    "cut": lambda ident: packet(0x90, ident[:1]),
}
D = b"davit/nodes/n/desired/default/pods/broken"
PACKETS = {
    "noise": bytes(random.Random(7).randbytes(4096)),
    "zeros": b"\0" * 512,
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "tls": b"\x15\x03\x01\x00\x02\x02\x16" * 4,
    "qos3": publish(D, b"{}", 6, 9),
    "topic-utf8": publish(b"davit/nodes/n/desired/default/pods/\xff\xfe", b"{}", 2, 10),
    "topic-nul": publish(b"davit/nodes/n/desired/default/pods/a\0b", b"{}", 2, 11),
    "topic-empty": publish(b"", b"{}", 2, 12),
    "topic-wild": publish(b"davit/nodes/+/desired/#", b"{}", 2, 13),
    "topic-long": publish(b"davit/nodes/n/desired/" + b"a/" * 30000, b"{}", 2, 14),
    "topic-over": packet(0x32, b"\xff\xffdavit"),
    "alias": publish(b"", b"{}", 2, 15, b"\x23\0\x07"),
    "unsubscribed": publish(b"plant/secret/door", b"open", 2, 16) + publish(b"davit/nodes/other/desired/default/pods/x", b"{}", 2, 17),
    "our-own": publish(b"davit/nodes/n/status/default/pods/x", b"{}", 2, 18),
    "ident-zero": publish(D, b"{", 2, 0),
    "qos2": publish(D, b"[1]", 4, 19) + publish(D, b"[2]", 12, 19) + packet(0x62, b"\0\x13") + packet(0x62, b"\0\x13"),
    "same-ident": publish(D, b"[3]", 2, 20) + publish(D, b"[4]", 2, 20) + publish(D, b"[5]", 10, 20),
    "props-over": packet(0x32, text(D) + b"\0\x15" + b"\x7f" + b"{}"),
    "props-unknown": publish(D, b"{}", 2, 22, b"\x7e\x01"),
    "props-twice": publish(D, b"{}", 2, 23, b"\x02\0\0\0\x09\x02\0\0\0\x08\x03" + text(b"a") + b"\x03" + text(b"b")),
    "props-utf8": publish(b"davit/nodes/n/request/ping/anna", b"{}", 2, 24, b"\x08" + text(b"davit/\xff\xfe") + b"\x09" + text(b"\xff\0")),
    "puback": packet(0x40, b"\x7f\xff\x00\0") + packet(0x40, b"\0\x01") + packet(0x40, b"\0\0"),
    "puback-cut": packet(0x40, b"\0"),
    "pubrec": packet(0x50, b"\x7f\xff") + packet(0x70, b"\x7f\xff") + packet(0x62, b"\x7f\xff"),
    "suback": packet(0x90, b"\x7f\xff\0\x01\x01\x01"),
    "unsuback": packet(0xb0, b"\x7f\xff\0\0"),
    "pingresp": b"\xd0\0" * 200,
    "connack": connack(b"\x21\0\x01") * 3,
    "connect": packet(0x10, text(b"MQTT") + b"\x05\x02\0\x3c\0" + text(b"me")),
    "subscribe": packet(0x82, b"\0\x01\0" + text(b"#") + b"\x01"),
    "auth": packet(0xf0, b"\x18\x06\x15" + text(b"GSS")),
    "reserved": packet(0x00, b"abc"),
    "bye": packet(0xe0, b""),
    "bye-full": packet(0xe0, b"\x97\x09\x1f" + text(b"quota!")),
    "bye-over": packet(0xe0, b"\x97\x7f\x1f\xff\xff"),
    "length-5": b"\x32\xff\xff\xff\xff\x7f" + b"x" * 64,
    "giant": b"\x32\xff\xff\xff\x7f" + text(D) + b"\0\x19\0" + b"x" * 100000,
    "big": publish(D, b"[" * 6000000, 2, 25),
}


def write(name, line):
    path = os.path.join(FOLDER, name)
    with open(path + ".py", "w", encoding="ascii") as out:
        out.write(line + "\n")
    os.rename(path + ".py", path)


def fault(line):
    with lock, open(os.path.join(FOLDER, "faults"), "a", encoding="ascii") as out:
        out.write(line + "\n")


def exact(sock, count):
    data = bytearray()
    while len(data) < count:
        part = sock.recv(min(count - len(data), 65536))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def read_packet(sock):
    head, size, shift = exact(sock, 1), 0, 0
    while True:
        byte = exact(sock, 1)
        head += byte
        size |= (byte[0] & 127) << shift
        shift += 7
        if byte[0] < 128:
            return head, exact(sock, size)


class Connection:
    def __init__(self, node):
        self.node, self.broker = node, None
        self.sending = threading.Lock()
        self.limits, self.flying, self.heard = None, set(), time.monotonic()
        # Some before the CONNACK, some in the flood, some in the middle of a packet; whoever is quiet, soon.
        self.fate, self.until = random.choice([0, 1, 2, 3, 5, 8, 13, 30]), time.monotonic() + 0.03
        self.over = self.spoke = False

    def close(self):
        for sock in (self.node, self.broker):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except (OSError, AttributeError):
                pass

    def cut(self, piece):
        global cuts
        with lock:
            if self.over or not self.spoke: # a look whether somebody listens is no connection of MQTT
                return
            self.over = True
            cuts += 1
            write("cuts", str(cuts))
            if cuts >= int(mode[1]):
                mode[:] = ["pass"]
                write("mode", "pass")
        try:
            if random.random() < 0.5:
                self.node.sendall(piece[:random.randrange(len(piece))])
        except OSError: # the node was faster
            pass
        self.close()

    def wait(self, count):
        while mode[0] == "hold":
            time.sleep(0.02)
        if mode[0] == "slow":
            time.sleep(count / int(mode[1]))

    def down(self, data):
        with self.sending:
            for at in range(0, len(data), 65536):
                self.node.sendall(data[at:at + 65536])

    def from_broker(self):
        while True:
            head, body = read_packet(self.broker)
            kind, whole = head[0] >> 4, head + body
            self.wait(len(whole))
            self.fate -= 1
            if mode[0] == "flap" and self.fate < 0:
                self.cut(whole)
                break
            if kind == CONNACK and mode[0] == "connack":
                whole = CONNACKS[mode[1]]
                self.limits = TIGHT if mode[1] == "tight" else None
            if kind == SUBACK and mode[0] == "suback":
                whole = SUBACKS[mode[1]](body[:2])
            if kind == PUBLISH and mode[0] == "nosync" and b"/sync" in body[:200]:
                continue
            if kind == PUBACK and mode[0] == "late":
                time.sleep(0.3)
                whole += whole
            if kind == PUBACK:
                self.flying.discard(body[:2])
            self.down(whole)

    def watch(self, head, body):
        self.heard = time.monotonic()
        if self.limits is None:
            return
        if len(head) + len(body) > self.limits["size"]:
            fault(f"a packet of {len(head) + len(body)} bytes")
        if head[0] >> 4 == PUBLISH and head[0] & 6:
            at = 2 + struct.unpack_from(">H", body)[0]
            self.flying.add(body[at:at + 2])
            if len(self.flying) > self.limits["receive"]:
                fault(f"{len(self.flying)} messages in flight")

    def from_node(self):
        while True:
            head, body = read_packet(self.node)
            self.spoke = True
            self.watch(head, body)
            self.wait(len(body) + 2)
            self.broker.sendall(head + body)

    def pump(self, way):
        try:
            way()
        except (EOFError, OSError):
            pass
        self.close()

    def run(self):
        if mode[0] == "dead":
            try:
                while self.node.recv(4096):
                    pass
            except OSError:
                pass
            return
        try:
            self.broker = socket.create_connection(("127.0.0.1", UPSTREAM))
        except OSError:
            self.close()
            return
        with lock:
            live.add(self)
        other = threading.Thread(target=self.pump, args=(self.from_node,), daemon=True)
        other.start()
        self.pump(self.from_broker)
        other.join()
        with lock:
            live.discard(self)
        self.node.close()
        self.broker.close()


def mode_read():
    try:
        with open(os.path.join(FOLDER, "mode"), encoding="ascii") as file:
            return file.read().split() or ["pass"]
    except FileNotFoundError:
        return ["pass"]


def inject(name):
    with lock:
        now = list(live)
    for connection in now:
        try:
            connection.down(PACKETS[name])
        except OSError:
            pass


def look():
    while True:
        new = mode_read()
        if new != mode:
            anew = {new[0], mode[0]} & {"connack", "suback"} or new[0] in ("nosync", "dead")
            mode[:] = new
            if new[0] == "inject":
                inject(new[1])
            with lock:
                now = list(live) if anew else []
            for one in now:
                one.close()
        with lock:
            now = list(live)
        for one in now:
            if mode[0] == "flap" and time.monotonic() > one.until:
                one.cut(b"\xd0\0")
            if one.limits and time.monotonic() - one.heard > 2 * one.limits["keepalive"]:
                fault("silence")
                one.heard = time.monotonic()
        time.sleep(0.02)


def main():
    if FOLDER == "list":
        print(*{"connack": CONNACKS, "suback": SUBACKS, "inject": PACKETS}[sys.argv[4]])
        return
    mode[:] = mode_read()
    threading.Thread(target=look, daemon=True).start()
    listener = socket.create_server(("127.0.0.1", PORT), backlog=64)
    while True:
        node, _ = listener.accept()
        node.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Connection(node).run, daemon=True).start()


main()
