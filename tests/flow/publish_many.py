"""Publishes each line of stdin retained, QoS 1, to its own topic: PORT PREFIX. In MQTT 3.1.1 by hand, for mosquitto_pub
would need a process for each."""
import socket
import sys


def length(number):
    out = b""
    while True:
        number, digit = divmod(number, 128)
        out += bytes([digit | (128 if number else 0)])
        if not number:
            return out


def text(value):
    return len(value).to_bytes(2, "big") + value


def main(port, prefix):
    broker = socket.create_connection(("127.0.0.1", int(port)))
    hello = text(b"MQTT") + b"\x04\x02\x00\x3c" + text(b"publish-many")
    broker.sendall(b"\x10" + length(len(hello)) + hello)
    assert broker.recv(4)[:1] == b"\x20"
    for index, line in enumerate(sys.stdin.buffer):
        packet_id = index % 65535 + 1
        body = text(f"{prefix}{index}".encode()) + packet_id.to_bytes(2, "big") + line.strip()
        broker.sendall(b"\x33" + length(len(body)) + body)
        acknowledged = 0
        while acknowledged < 4:
            acknowledged += len(broker.recv(4 - acknowledged))
    broker.sendall(b"\xe0\x00")


main(*sys.argv[1:])
