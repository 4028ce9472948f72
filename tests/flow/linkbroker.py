"""A broker that does what Mosquitto cannot be made to do. linkbroker.py MODE PORT

old       answers MQTT 5 with a 3.1.1 CONNACK "unacceptable protocol version", and speaks 3.1.1
mute      closes the connection on a CONNECT of MQTT 5, and speaks 3.1.1
takeover  ends each MQTT 5 connection with DISCONNECT 142
deny      refuses subscriptions and publishes to topics that begin with "secret"
quiet     never answers a SUBSCRIBE, and closes the connection after one
brief     has small limits: session 60 s, 3 in flight, packets of 2000 bytes, a keep-alive of 2 s (then it hangs up)
garbage   answers CONNECT with bytes that are no MQTT
"""
import socket
import struct
import sys
import threading
import time


def exact(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def packet(sock):
    kind = exact(sock, 1)[0]
    length, shift = 0, 0
    while True:
        byte = exact(sock, 1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return kind, exact(sock, length)


def filters(body, v5):
    at = 2 + (1 + body[2] if v5 else 0)
    while at < len(body):
        size = struct.unpack_from(">H", body, at)[0]
        yield body[at + 2:at + 2 + size]
        at += 3 + size


def suback(body, v5, deny):
    codes = bytes((0x87 if v5 else 0x80) if deny and f.startswith(b"secret") else 1 for f in filters(body, v5))
    rest = body[:2] + (b"\0" if v5 else b"") + codes
    return bytes([0x90, len(rest)]) + rest


def puback(body, v5, deny):
    size = struct.unpack_from(">H", body)[0]
    ident = body[2 + size:4 + size]
    if deny and v5 and body[2:].startswith(b"secret"):
        return b"\x40\x03" + ident + b"\x87"
    return b"\x40\x02" + ident


def connect(sock, mode, body):
    """False: the connection is to be closed."""
    v5 = body[6] == 5
    if mode == "garbage":
        sock.sendall(b"\xff\xfe\xfd\xfc" * 64)
        return False
    if v5 and mode in ("old", "mute"):
        if mode == "old":
            sock.sendall(b"\x20\x02\x00\x01")
        return False
    if mode == "brief":
        sock.settimeout(3)
        sock.sendall(b"\x20\x13\x00\x00\x10" + b"\x11\x00\x00\x00\x3c" + b"\x21\x00\x03" + b"\x27\x00\x00\x07\xd0" + b"\x13\x00\x02")
        return True
    sock.sendall(b"\x20\x03\x00\x00\x00" if v5 else b"\x20\x02\x00\x00")
    if v5 and mode == "takeover":
        time.sleep(0.2)
        sock.sendall(b"\xe0\x02\x8e\x00")
        return False
    return True


def serve(sock, mode):
    v5 = False
    try:
        while True:
            kind, body = packet(sock)
            if kind == 0x10:
                v5 = body[6] == 5
                if not connect(sock, mode, body):
                    break
            elif kind == 0x82:
                if mode == "quiet":
                    break
                sock.sendall(suback(body, v5, mode == "deny"))
            elif kind & 0xF6 == 0x32:
                sock.sendall(puback(body, v5, mode == "deny"))
            elif kind == 0xC0:
                sock.sendall(b"\xd0\x00")
            elif kind == 0xE0:
                break
    except (EOFError, OSError):
        pass
    sock.close()


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, sys.argv[1]), daemon=True).start()


main()
