"""The parent's side of davit-fetch and davit-unpack: frames and descriptors (docs/wire.md)."""

import json
import socket
import struct
import subprocess


class Peer:
    def __init__(self, program, stdin=subprocess.DEVNULL):
        self.socket, child = socket.socketpair()
        self.process = subprocess.Popen(["bash", "-c", 'exec 3<&"$1" && exec "$0"', program, str(child.fileno())],
                                        stdin=stdin, stderr=subprocess.PIPE, pass_fds=[child.fileno()])
        child.close()
        self.data = b""

    def say(self, head, fds=()):
        text = json.dumps(head).encode()
        socket.send_fds(self.socket, [b"DVT1" + struct.pack("<II", len(text), 0) + text], fds)

    def hear(self):
        """The next frame that is no progress, and its body."""
        while True:
            if len(self.data) >= 12:
                head, body = struct.unpack("<II", self.data[4:12])
                if len(self.data) >= 12 + head + body:
                    frame = json.loads(self.data[12:12 + head])
                    payload = self.data[12 + head:12 + head + body]
                    self.data = self.data[12 + head + body:]
                    if frame["op"] != "progress":
                        return frame, payload
                    continue
            more = self.socket.recv(65536)
            if not more:
                raise RuntimeError("it ended: " + self.process.stderr.read().decode())
            self.data += more

    def end(self):
        self.socket.close()
        self.process.stderr.close()
        return self.process.wait()
