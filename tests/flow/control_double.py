"""Plays davitd on its control socket (docs/wire.md). Arguments: the socket's path, a file for what it was asked."""
import array
import json
import os
import socket
import struct
import sys

ID = "sha256:0123456789abcdef" + "0" * 48
IMAGE = {"reference": "demo:1", "id": ID, "created": "2026-01-01T00:00:00Z", "size": 1234567, "layers": 2}


def frame(head):
    text = json.dumps(head).encode()
    return b"DVT1" + struct.pack("<II", len(text), 0) + text


def receive(peer):
    data, ancillary, _, _ = peer.recvmsg(65536, socket.CMSG_SPACE(32))
    fds = array.array("i")
    for _, _, content in ancillary:
        fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    while len(data) < 12 or len(data) < 12 + struct.unpack("<I", data[4:8])[0]:
        data += peer.recv(65536)
    return json.loads(data[12 : 12 + struct.unpack("<I", data[4:8])[0]]), list(fds)


def answer(request, content):
    if request["op"] == "image-list":
        return [{"op": "result", "ok": True, "images": [IMAGE]}]
    if request["op"] == "image-pull":
        if "missing" in request["reference"]:
            return [{"op": "result", "ok": False, "reason": "NotFound", "message": "there is no such tag"}]
        return [{"op": "progress", "bytes": 1000000, "total": 4000000, "rate": 500000, "layer": 1, "layers": 2},
                {"op": "result", "ok": True, "images": [{"reference": request["reference"], "id": ID}]}]
    if request["op"] == "image-inspect":
        return [{"op": "result", "ok": True, "image": {"references": ["demo:1"], "id": ID, "usedBy": ["default/pods/web"]}}]
    if request["op"] == "image-prune":
        return [{"op": "result", "ok": True, "removed": ["old:9"], "freed": 12345678}]
    if request["op"] == "image-remove":
        name = request["reference"]
        if name.startswith("old"):
            return [{"op": "result", "ok": True, "removed": [name], "freed": 1}]
        reason = "NotFound" if name.startswith("missing") else "InUse"
        return [{"op": "result", "ok": False, "reason": reason, "message": f"{name} is needed by default/pods/web"}]
    if content.startswith("bad"):
        return [{"op": "result", "ok": False, "reason": "DigestMismatch", "message": "a layer is not what it says"}]
    result = {"op": "result", "ok": True, "images": [{"reference": request["references"][0], "id": ID}]}
    return [{"op": "progress", "layer": ID, "bytes": 10}, result]


def main(path, log):
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    while True:
        peer, _ = listener.accept()
        request, fds = receive(peer)
        content = os.read(fds[0], 1000).decode() if fds else ""
        with open(log, "a") as out:
            print(json.dumps(request), content, file=out)
        for head in answer(request, content):
            peer.sendall(frame(head))
        peer.close()


main(*sys.argv[1:])
