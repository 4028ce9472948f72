"""davit-net, driven over its socket in a network namespace of its own: what its tests share. SCRIPT DAVIT-NET FOLDER WHAT."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer_parent import Peer

PROGRAM, FOLDER, WHAT = sys.argv[1:4]
BRIDGE, TABLE = "brhostile", "brhostile"
UID = "%08x-0000-4000-8000-000000000000"
OPEN = {"op": "open", "bridge": BRIDGE, "subnet": "10.199.0.0/22", "services": "10.199.3.0/24", "netnsDir": FOLDER + "/netns",
        "cniDir": FOLDER + "/cni"}


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, **more)


def opened(**more):
    peer = Peer(PROGRAM)
    peer.say({**OPEN, **more})
    head, _ = peer.hear()
    assert head["op"] == "opened" and head["ok"], head
    return peer


def ask(peer, head, **more):
    peer.say({**head, "id": 7, **more})
    answer, _ = peer.hear()
    assert answer["op"] == "result" and answer["id"] == 7, answer
    return answer


def address(number):
    return "10.199.0.%d" % (number + 2)


def attach(peer, number, **more):
    return ask(peer, {"op": "attach", "uid": UID % number, "addresses": [address(number)]}, **more)


def service(number, targets, **more):
    return {"id": "default/s%d/TCP/80" % number, "protocol": "TCP", "addresses": ["10.199.3.%d" % number], "port": 80,
            "targets": [{"address": a, "port": 8080} for a in targets], **more}


def table():
    return run("nft", "list", "table", "inet", TABLE).stdout


def main(cases):
    try:
        cases[WHAT]()
    finally:
        run("ip", "link", "del", BRIDGE)
        run("nft", "delete", "table", "inet", TABLE)
        run("nft", "delete", "table", "inet", "other")
