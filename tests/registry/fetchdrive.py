"""Plays the parent of davit-fetch: starts it over a socketpair, sends frames and reads what it answers."""

import array
import json
import os
import socket
import struct
import subprocess
import threading
import time

CHILD_FD = 3


class Fetch:
    """One davit-fetch. Frames are (head, body)."""

    def __init__(self, program, head, cas=(), env=None):
        self.socket, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        wrapper = ["/bin/sh", "-c", f'exec "$0" 3<&{child.fileno()} {child.fileno()}<&-', program]
        self.process = subprocess.Popen(
            wrapper, pass_fds=[child.fileno()], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env
        )
        child.close()
        self.buffer = b""
        self.lock = threading.Lock()
        files = [os.memfd_create("ca") for _ in cas]
        for file, pem in zip(files, cas):
            os.write(file, pem)
        self.send({"op": "open", **head}, files)
        for file in files:
            os.close(file)

    def send(self, head, fds=()):
        text = json.dumps(head).encode()
        data = b"DVT1" + struct.pack("<II", len(text), 0) + text
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([data], control)

    def receive(self, timeout):
        """The next frame, None at the end; TimeoutError."""
        end = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 12:
                head_len, body_len = struct.unpack("<II", self.buffer[4:12])
                if len(self.buffer) >= 12 + head_len + body_len:
                    head = json.loads(self.buffer[12 : 12 + head_len])
                    body = self.buffer[12 + head_len : 12 + head_len + body_len]
                    self.buffer = self.buffer[12 + head_len + body_len :]
                    return head, body
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            data = self.socket.recv(1 << 20)
            if not data:
                return None
            self.buffer += data

    def answer(self, timeout=20):
        """The next frame that is no progress."""
        while True:
            frame = self.receive(timeout)
            if frame is None or frame[0]["op"] != "progress":
                return frame

    def close(self):
        """Hangs up; the exit code, and what it wrote to stderr."""
        self.socket.close()
        _, errors = self.process.communicate(timeout=10)
        return self.process.returncode, errors.decode(errors="replace")
