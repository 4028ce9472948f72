#!/usr/bin/env python3
"""A connection to a workload, as davit port-forward makes one: standard input goes there, what comes goes to standard output, how
it ended to standard error. Over the broker, by mosquitto_sub and mosquitto_pub: port_forward.py broker PORT ROOT OBJECT NUMBER; or
on the device: port_forward.py socket PATH OBJECT NUMBER. With --hold the input is never at its end."""
import array
import base64
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

CHUNK = 8192
WINDOW = 8  # inputs that the node has not said to have read


def finish(result):
    print(json.dumps(result), file=sys.stderr)
    sys.exit(0 if result.get("ok") else 1)


class Broker:
    def __init__(self, port, root):
        self.id = f"f{os.getpid()}"
        self.base = ["-V", "5", "-h", "127.0.0.1", "-p", port, "-q", "1", "-t"]
        self.request = f"{root}/request/port-forward/anna"
        ready = f"{root}/ready-{self.id}"
        self.sub = subprocess.Popen(["mosquitto_sub", *self.base, f"{root}/response/anna/{self.id}", "-t", ready, "-F", "%p"],
                                    stdout=subprocess.PIPE, bufsize=0)
        os.set_blocking(self.sub.stdout.fileno(), False)
        self.rest = b""
        while b"ready\n" not in self.rest:
            subprocess.run(["mosquitto_pub", *self.base, ready, "-m", "ready"], check=True)
            time.sleep(0.1)
            self.rest += self.sub.stdout.read() or b""
        self.rest = b""
        self.pub = subprocess.Popen(["mosquitto_pub", *self.base, self.request, "-l"], stdin=subprocess.PIPE, bufsize=0)

    def say(self, **fields):
        self.pub.stdin.write(json.dumps({"id": self.id, **fields}).encode() + b"\n")

    def close(self):
        self.pub.stdin.close()
        try:
            self.pub.wait(10)
        except subprocess.TimeoutExpired:  # mosquitto_pub -l may wait forever for an acknowledgement that it has had
            self.pub.kill()
        self.sub.kill()

    def heard(self):
        data = self.sub.stdout.read()
        if data == b"":
            finish({"ok": False, "reason": "SubscriberEnded"})
        self.rest += data or b""
        *lines, self.rest = self.rest.split(b"\n")
        return [json.loads(line) for line in lines if line and line != b"ready"]


def over_broker(port, root, thing, number, hold):
    broker = Broker(port, root)
    broker.say(stream=True, object=thing, port=number)
    seq, read, acked, over = 0, 0, 0, hold
    while True:
        watched = [broker.sub.stdout] + ([sys.stdin] if not over and seq - read < WINDOW else [])
        readable = select.select(watched, [], [], 30)[0]
        if not readable:
            finish({"ok": False, "reason": "TestTimeout"})
        if sys.stdin in readable:
            data = os.read(0, CHUNK)
            seq, over = seq + 1, not data
            broker.say(seq=seq, **({"stdinBase64": base64.b64encode(data).decode()} if data else {"eof": True}))
        for chunk in broker.heard() if broker.sub.stdout in readable else []:
            if chunk["seq"] != acked + 1:
                continue
            acked, read = chunk["seq"], chunk.get("input", read)
            os.write(1, chunk.get("text", "").encode() + base64.b64decode(chunk.get("base64", "")))
            broker.say(ack=acked)
            if chunk.get("last"):
                broker.close()
                finish(chunk)


def frames(peer):  # two may come in one read
    data = b""
    while True:
        while len(data) >= 12 and len(data) >= 12 + struct.unpack("<I", data[4:8])[0]:
            size = 12 + struct.unpack("<I", data[4:8])[0]
            yield json.loads(data[12:size])
            data = data[size:]
        got = peer.recv(65536)
        if not got:
            finish({"ok": False, "reason": "Closed"})
        data += got


def on_device(path, thing, number, hold):
    control, other = socket.socketpair()
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    feed = None if not hold else os.pipe()
    text = json.dumps({"op": "port-forward", "object": thing, "port": number, "fds": ["stdin", "stdout", "control"]}).encode()
    fds = array.array("i", [feed[0] if feed else 0, 1, other.fileno()])
    peer.sendmsg([b"DVT1" + struct.pack("<II", len(text), 0) + text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds.tobytes())])
    other.close()
    for frame in frames(peer):
        if frame["op"] == "result":
            finish(frame)


def main():
    hold = "--hold" in sys.argv
    kind, *rest = [word for word in sys.argv[1:] if word != "--hold"]
    if kind == "broker":
        over_broker(rest[0], rest[1], rest[2], int(rest[3]), hold)
    on_device(rest[0], rest[1], int(rest[2]), hold)


main()
