#!/usr/bin/python3
"""intake: documents a second into one davitd, with the fake runtime, whose 1000 pods are there: from the first one published to the
last one committed, as its database says. Each is a new generation, which restarts nothing; the publisher sends as fast as the
broker reads. The time until each object's status had the last generation stands beside it.

--objects N (1000), --rounds N (6): documents for each object, --runs N (3)
"""

import argparse
import contextlib
import json
import os
import re
import socket
import sqlite3
import statistics
import struct
import subprocess
import threading
import time

import common

NODE = "davit/nodes/bench"
GENERATION = re.compile(rb"/([^/ ]+) .*?\"observedGeneration\":(\d+)")


def packet(first, body):
    length, left = b"", len(body)
    while True:
        length += bytes([left & 0x7F | (0x80 if left > 0x7F else 0)])
        left >>= 7
        if not left:
            return bytes([first]) + length + body


def text(value):
    return struct.pack(">H", len(value)) + value.encode()


class Publisher:
    """MQTT 3.1.1 by hand: a library's window would be what is measured."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(packet(0x10, text("MQTT") + b"\x04\x02" + struct.pack(">H", 0) + text(f"intake-{os.getpid()}")))
        self.socket.recv(4)
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        with contextlib.suppress(OSError):
            while self.socket.recv(65536):
                pass

    @staticmethod
    def document(name, generation):
        document = common.pod(name, ["run"])
        document["metadata"]["annotations"] = {"davit/generation": str(generation), "round": str(generation)}
        body = text(f"{NODE}/desired/default/pods/{name}") + struct.pack(">H", generation % 65535 + 1) + json.dumps(document).encode()
        return packet(0x33, body)

    def send(self, data):
        begin = time.monotonic()
        self.socket.sendall(data)
        return begin


class Statuses:
    """The newest generation that each object's status named, and when all of them had one."""

    def __init__(self, port):
        self.seen = {}
        self.changed = threading.Condition()
        self.process = subprocess.Popen(["mosquitto_sub", "-p", str(port), "-q", "1", "-t", f"{NODE}/status/default/pods/+", "-F", "%t %p"],
                                        stdout=subprocess.PIPE)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            found = GENERATION.search(line)
            if found:
                with self.changed:
                    self.seen[found[1].decode()] = int(found[2])
                    self.changed.notify_all()

    def wait(self, objects, generation, timeout=120):
        end = time.monotonic() + timeout
        with self.changed:
            while sum(value >= generation for value in self.seen.values()) < objects:
                if not self.changed.wait(end - time.monotonic()):
                    raise SystemExit(f"only {len(self.seen)} of {objects} objects say generation {generation}")
            return time.monotonic()


class Database:
    """davitd's own, read beside it."""

    def __init__(self, node):
        self.path = os.path.join(node.dir, "state", "davit.db")

    def wait(self, objects, generation, timeout=120):
        reader = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        end = time.monotonic() + timeout
        while reader.execute("SELECT count(*) FROM slots WHERE generation >= ?", (generation,)).fetchone()[0] < objects:
            if time.monotonic() > end:
                raise SystemExit(f"generation {generation} was not committed within {timeout} s")
            time.sleep(0.01)
        return time.monotonic()


def one_run(publisher, statuses, database, options, generation):
    names = [f"object-{number}" for number in range(options.objects)]
    last = generation + options.rounds
    data = b"".join(publisher.document(name, number) for number in range(generation + 1, last + 1) for name in names)
    begin = publisher.send(data)
    committed = database.wait(options.objects, last)
    said = statuses.wait(options.objects, last)
    return options.objects * options.rounds / (committed - begin), said - begin, last


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with common.Node("--runtime", "fake") as node:
        node.broker.close()
        port = int(node.env["DAVIT_BROKER"].rsplit(":", 1)[1])
        publisher, statuses, database = Publisher(port), Statuses(port), Database(node)
        publisher.send(b"".join(publisher.document(f"object-{number}", 1) for number in range(options.objects)))
        statuses.wait(options.objects, 1)
        time.sleep(2)
        generation, rates, spans = 1, [], []
        for _ in range(options.runs):
            rate, span, generation = one_run(publisher, statuses, database, options, generation)
            rates.append(rate)
            spans.append(span)
            time.sleep(1)
        statuses.process.terminate()
    common.report("intake", round(statistics.median(rates)), "documents/s", f"target ≥ 3000/s committed; all statuses after "
                  f"{statistics.median(spans):.2f} s; {options.objects} objects, {options.objects * options.rounds} documents, "
                  f"{options.runs} runs", runs=[round(rate) for rate in rates])


main()
