"""Plays a node that has the virtual machine hmi: on davitd's control socket (docs/wire.md), or on a broker (docs/protocol.md).

vm_double.py FOLDER control SOCKET
vm_double.py FOLDER broker PORT NODE-TOPIC

What it was asked is a line of JSON in FOLDER/asked. Its serial console says in capitals what is typed, and ends at
`poweroff`; its screen gives back every byte. FOLDER/console.log* is its log, as virtlogd has it.
"""
import array
import base64
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading

FOLDER = sys.argv[1]
GREETING = {"serial": b"login: ", "vnc": b"RFB 003.008\n"}
SNAPSHOTS = [{"name": "before", "createdMs": 1795410958000}]


def note(request):
    with open(f"{FOLDER}/asked", "a") as out:
        print(json.dumps(request), file=out, flush=True)


def refusal(reason, message):
    return {"ok": False, "reason": reason, "message": message}


def answer(verb, request):
    name = request.get("object", "").rpartition("/")[2]
    if name not in ("hmi", ""):
        return refusal("NotFound", f'virtualmachines "{name}" not found in namespace "default"')
    if verb == "start":
        return refusal("AlreadyRunning", "hmi is running already")
    if verb == "snapshot":
        return {"ok": True, "name": request.get("name"), "snapshots": SNAPSHOTS}
    if verb == "top":
        use = {"name": "compute", "cpu_cores": 0.25, "memory_bytes": 268435456}
        return {"ok": True, "node": {}, "pods": [{"namespace": "default", "name": "hmi", "resource": "virtualmachines",
                                                  "cpu_cores": 0.25, "memory_bytes": 268435456, "containers": [use]}]}
    return {"ok": True}


class Guest:
    """One console: bytes in, bytes out."""

    def __init__(self, console):
        self.console = console
        self.line = b""

    def type(self, data):
        """What comes of it, and whether that was its end."""
        self.line += data
        return (data.upper() if self.console == "serial" else data), b"poweroff" in self.line


# --- the control socket


def send(peer, head, fds=()):
    text = json.dumps(head).encode()
    extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    peer.sendmsg([b"DVT1" + struct.pack("<II", len(text), 0) + text], extra)


def receive(peer):
    data, ancillary, _, _ = peer.recvmsg(65536, socket.CMSG_SPACE(32))
    fds = array.array("i")
    for _, _, content in ancillary:
        fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    return json.loads(data[12:]), list(fds)


def have_console(peer, request, fds):
    name = dict(zip(request["fds"], fds))
    guest = Guest(request["console"])
    send(peer, {"op": "begun", "container": "compute", "containers": ["compute"]})
    os.write(name["stdout"], GREETING[guest.console])
    while True:
        ready = select.select([name["stdin"], name["control"]], [], [])[0]
        if name["control"] in ready:
            note({"closed": guest.console})
            return
        data = os.read(name["stdin"], 4096)
        if data == b"":
            note({"eof": guest.console})
            return
        out, over = guest.type(data)
        os.write(name["stdout"], out)
        if over:
            send(peer, {"op": "result", "ok": True, "exitCode": 0})
            return


def send_log(peer, request):
    paths = [f"{FOLDER}/console.log{end}" for end in (".1", ".0", "")]
    fds = [os.open(path, os.O_RDONLY) for path in paths if os.path.exists(path)]
    if request.get("times"):
        send(peer, {"op": "result", **refusal("Unsupported", "the console log of a virtual machine has no times")})
    else:
        running = not os.path.exists(f"{FOLDER}/off")
        send(peer, {"op": "result", "ok": True, "uid": "u", "container": "compute", "containers": ["compute"], "attempt": 0,
                    "running": running, "format": "raw"}, fds)
    for fd in fds:
        os.close(fd)


def serve(peer):
    request, fds = receive(peer)
    note(request)
    if request["op"] == "exec" and request["pod"].endswith("/hmi"):
        have_console(peer, request, fds)
    elif request["op"] == "exec":
        send(peer, {"op": "result", **refusal("NotFound", "not found")})
    elif request["op"] == "log":
        send_log(peer, request)
    else:
        send(peer, {"op": "result", **answer(request["verb"], request)})
    for fd in fds:
        os.close(fd)
    peer.close()


def on_control(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


# --- the broker


class Stream:
    def __init__(self, say, request, console):
        self.say = lambda head: say({"id": request["id"], "input": self.taken, **head})
        self.guest = Guest(console)
        self.seq = self.taken = 0
        self.chunk({"container": "compute", "containers": ["compute"]})
        self.bytes(GREETING[console])

    def chunk(self, head):
        self.seq += 1
        self.say({"seq": self.seq, **head})

    def bytes(self, data):
        self.chunk({"stream": "stdout", "base64": base64.b64encode(data).decode()})

    def take(self, message):
        if message.get("cancel"):
            self.chunk({"last": True, **refusal("Cancelled", "the requester has ended it")})
        if message.get("seq") != self.taken + 1:
            return
        self.taken += 1
        data = message.get("stdin", "").encode() or base64.b64decode(message.get("stdinBase64", ""))
        out, over = self.guest.type(data)
        self.bytes(out)
        if over:
            self.chunk({"last": True, "ok": True, "exitCode": 0})


def on_broker(port, node):
    streams = {}
    listener = subprocess.Popen(["mosquitto_sub", "-p", port, "-q", "1", "-v", "-t", f"{node}/request/#"],
                                stdout=subprocess.PIPE, text=True)

    def end(_number, _frame):
        listener.terminate()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    for line in listener.stdout:
        topic, text = line.split(" ", 1)
        verb, who = topic.split("/")[-2:]
        request = json.loads(text)
        note({"verb": verb, **request})

        def say(head, reply=f"{node}/response/{who}/{request['id']}"):
            subprocess.run(["mosquitto_pub", "-p", port, "-q", "1", "-t", reply, "-m", json.dumps(head)], check=True)

        if request["id"] in streams:
            streams[request["id"]].take(request)
        elif verb in ("console", "vnc"):
            streams[request["id"]] = Stream(say, request, "vnc" if verb == "vnc" else "serial")
        else:
            say({"id": request["id"], **answer(verb, request)})


if sys.argv[2] == "control":
    on_control(sys.argv[3])
else:
    on_broker(*sys.argv[3:])
